"""Pages of results: one HTML file each that needs nothing but itself."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from codec.files import replacing


def _embedded(jpeg: bytes) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii")


def render(template: str, **content: Any) -> str:
    """A page.

    Args:
        template: name of a template beside this module, without its suffixes.
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
    environment.filters["uri"] = lambda path: Path(path).absolute().as_uri()
    return environment.get_template(f"{template}.html.j2").render(**content)


def write(path: Path, template: str, overwrite: bool, **content: Any) -> None:
    """Write a page, see :func:`render`."""
    page = render(template, **content)
    with replacing(path, overwrite) as temporary:
        # Names that are no text are shown as well as they can be.
        temporary.write_text(page, encoding="utf-8", errors="replace")
