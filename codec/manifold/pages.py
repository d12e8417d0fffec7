"""Pages of results: one HTML file each that needs nothing but itself."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined

from codec.util.files import replacing


def _embedded(jpeg: bytes) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii")


def _link(path: Path, page: Path) -> str:
    """A link from a page to a file, which holds as long as they move together."""
    try:
        relative = os.path.relpath(path, page.parent)
    except ValueError:  # another drive
        return path.absolute().as_uri()
    return quote(os.fsencode(Path(relative).as_posix()))


def render(template: str, page: Path, **content: Any) -> str:
    """A page.

    Args:
        template: name of a template beside this module, without its suffixes.
        page: where it will be.
        content: what it shows; everything but thumbnails is escaped.
    """
    environment = Environment(
        loader=PackageLoader("codec.manifold"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["embedded"] = _embedded
    environment.filters["link"] = lambda path: _link(path, page)
    return environment.get_template(f"{template}.html.j2").render(**content)


def write(path: Path, template: str, overwrite: bool, **content: Any) -> None:
    """Write a page, see :func:`render`."""
    text = render(template, path, **content)
    with replacing(path, overwrite) as temporary:
        # Names that cannot be decoded are shown as well as they can be.
        temporary.write_text(text, encoding="utf-8", errors="replace")
