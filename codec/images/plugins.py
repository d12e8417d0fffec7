"""Formats that Pillow reads by plugins of other packages, which are used if they are installed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec


@dataclass(frozen=True)
class Plugin:
    """A package that makes Pillow read a format.

    Attributes:
        package: by its name on PyPI.
        module: to import.
        register: function of it to call; None if importing it is enough.
        suffixes: of the format, lower-case.
    """

    package: str
    module: str
    register: str | None
    suffixes: tuple[str, ...]


PLUGINS = (
    Plugin("pillow-heif", "pillow_heif", "register_heif_opener", (".heic", ".heif", ".hif")),
    Plugin("pillow-jxl-plugin", "pillow_jxl", None, (".jxl",)),
)


def _is_installed(plugin: Plugin) -> bool:
    return find_spec(plugin.module) is not None


def installed_suffixes() -> set[str]:
    """Suffixes of the formats whose plugins are installed."""
    return {suffix for plugin in PLUGINS if _is_installed(plugin) for suffix in plugin.suffixes}


def missing_for(suffix: str) -> str | None:
    """The package that would read files of a suffix, if it is not installed."""
    return next((p.package for p in PLUGINS if suffix.lower() in p.suffixes and not _is_installed(p)), None)


@cache
def load() -> bool:
    """Make Pillow read what it can by the plugins that are installed; whether there are any. They take a while to
    import, so this is for when Pillow alone does not know an image."""
    loaded = False
    for plugin in filter(_is_installed, PLUGINS):
        try:
            module = import_module(plugin.module)
            if plugin.register:
                getattr(module, plugin.register)()
        except Exception:  # of an installation that is broken, which must not keep other images from being read
            continue
        loaded = True
    return loaded
