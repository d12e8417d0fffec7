"""Several modules of JavaScript as one plain script, for where modules do not work: workers of pages that were opened
from a disk, and service workers in some browsers.

It knows the forms of ``import`` and ``export`` that this project's modules use, and refuses others.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable

from bitstream.errors import CodecError

_IMPORT = re.compile(r'^import\s+(?:\{([^}]*)\}|\*\s+as\s+(\w+))\s+from\s+"([^"]+)";\n', re.MULTILINE)
_EXPORT_ALL = re.compile(r'^export \* from "([^"]+)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export ((?:async )?(?:function|class|const|let) (\w+))", re.MULTILINE)
_EXPORT_LIST = re.compile(r"export\s*\{([^}]*)\};?(?!\s*from)")
_OTHER = re.compile(
    r"^(?:import|export|await)\b.*|\bexport\s*\{.*|import\.meta\b(?!\.url).*"
    r"|^(?:const|let) \w+ = [^;{(\[]*, \w+ = .*",
    re.MULTILINE,
)
"""Forms that are not known: other imports and exports, waiting at the top, several names declared at once."""

_START = """const modules = {};
// Where a module would be; what asks for it knows a better place if it is nowhere.
const addressOf = (place) => {
  try { return new URL(place, globalThis.document?.currentScript?.src || location.href).href; }
  catch { return location.href; }
};
"""


def bundle(entry: str, read: Callable[[str], str]) -> str:
    """One script that does what a module and those that it imports do.

    Args:
        entry: place of the module, such as ``src/worker.js``.
        read: gives the source at a place.

    Returns:
        str: a script that is not a module.

    Raises:
        CodecError: a module imports or exports in a form that is not known.
    """
    order: dict[str, str] = {}

    def add(place: str, within: tuple[str, ...] = ()) -> None:
        if place in within:
            raise CodecError(f"{place}: cannot be bundled: it imports itself by {' and '.join(within)}")
        if place not in order:
            source = read(place)
            for said in [*(match[3] for match in _IMPORT.finditer(source)), *_EXPORT_ALL.findall(source)]:
                add(_beside(place, said), (*within, place))
            order[place] = source

    add(entry)
    parts = [f'modules["{place}"] = (() => {{\n{_wrapped(place, source)}}})();\n' for place, source in order.items()]
    return f"(() => {{\n'use strict';\n{_START}{''.join(parts)}}})();\n"


def _beside(place: str, said: str) -> str:
    """The place of a module as another one says it."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(place), said))


def _pairs(names: str) -> dict[str, str]:
    """Names within braces: what each is called where it comes from, and where it goes."""
    found = {}
    for name in filter(None, (part.strip() for part in names.split(","))):
        origin, _, target = name.partition(" as ")
        found[origin.strip()] = (target or origin).strip()
    return found


def _wrapped(place: str, source: str) -> str:
    """The body of a function that returns what a module exports."""
    exported: list[str] = []

    def imported(match: re.Match[str]) -> str:
        module = f'modules["{_beside(place, match[3])}"]'
        names = match[2] or "{ " + ", ".join(f"{a}: {b}" for a, b in _pairs(match[1]).items()) + " }"
        return f"const {names} = {module};\n"

    def passed_on(match: re.Match[str]) -> str:
        exported.append(f'...modules["{_beside(place, match[1])}"]')
        return ""

    def declared(match: re.Match[str]) -> str:
        exported.append(match[2])
        return match[1]

    def listed(match: re.Match[str]) -> str:
        exported.extend(f"{target}: {origin}" for origin, target in _pairs(match[1]).items())
        return ""

    body = _IMPORT.sub(imported, source)
    body = _EXPORT_ALL.sub(passed_on, body)
    body = _EXPORT.sub(declared, body)
    body = _EXPORT_LIST.sub(listed, body)
    other = None if place.endswith(".mjs") else _OTHER.search(body)  # those are of others, and made small
    if other:
        raise CodecError(f"{place}: cannot be bundled: {other[0][:80]}")
    body = body.replace("import.meta.url", f'addressOf("{place}")')
    return f"{body}\nreturn {{ {', '.join(exported)} }};\n"
