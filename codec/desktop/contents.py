"""The files that tell a desktop of ``.lmc``, by where they lie below a data folder of the XDG standards.

Reference:
    Shared MIME-info Database, Desktop Entry and Thumbnail Managing Standard, freedesktop.org; magic(5).
"""

from __future__ import annotations

MEDIA_TYPE = "image/x-lmc"
MIME_FILE = "mime/packages/manifold-codec.xml"
APPLICATION_FILE = "applications/manifold-codec.desktop"
THUMBNAILER_FILE = "thumbnailers/manifold-codec.thumbnailer"
ICON_FILE = "icons/hicolor/scalable/mimetypes/image-x-lmc.svg"
TIME_LIMIT = 10
"""Seconds of processor time for a thumbnail."""
_MAGIC = r"\x89LMC\r\n\x1a\n"

_MIME = f"""<?xml version="1.0" encoding="UTF-8"?>
<mime-info xmlns="http://www.freedesktop.org/standards/shared-mime-info">
  <mime-type type="{MEDIA_TYPE}">
    <comment>LMC image</comment>
    <icon name="image-x-lmc"/>
    <generic-icon name="image-x-generic"/>
    <magic priority="60"><match type="string" offset="0" value="{_MAGIC}"/></magic>
    <glob pattern="*.lmc"/>
  </mime-type>
</mime-info>
"""
_ICON = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64">
<path d="M12 4h28l12 12v44H12z" fill="#fff" stroke="#456" stroke-width="2"/>
<path d="M40 4v12h12" fill="#dde6ee" stroke="#456" stroke-width="2"/>
<path d="M17 45c6-20 12 6 17-9s8-9 13 3" fill="none" stroke="#2a7ab8" stroke-width="4" stroke-linecap="round"/>
<circle cx="22" cy="24" r="4" fill="#e8a33d"/>
<text x="32" y="57" font-family="sans-serif" font-weight="bold" font-size="9" text-anchor="middle" fill="#456"
>LMC</text>
</svg>
"""
MAGIC_BLOCK = f"""# manifold-codec begins
0\tstring\t{_MAGIC}\tLMC image
!:mime\t{MEDIA_TYPE}
# manifold-codec ends
"""
"""Lines for file(1)."""


def quoted(argument: str) -> str:
    """An argument of a command in a desktop entry, where also ``%`` means something."""
    escaped = "".join(f"\\{letter}" if letter in '"`$\\' else letter for letter in argument).replace("%", "%%")
    # A string of a desktop entry takes back one level of backslashes first.
    return '"' + escaped.replace("\\", "\\\\") + '"'


def quoted_for_shell(argument: str) -> str:
    """An argument of a thumbnailer's command, which is split as a shell does, after ``%`` was replaced."""
    return "'" + argument.replace("'", "'\\''").replace("%", "%%").replace("\\", "\\\\") + "'"


def contents(python: str) -> dict[str, str]:
    """All files by their place.

    Args:
        python: path of the interpreter that this package is installed for.
    """
    # Not with -m: that would look for modules in the folder that a file manager starts programs in, beside the image.
    start = "import sys; sys.path[:] = [p for p in sys.path if p]; from codec.cli import program; program()"
    application = f"""[Desktop Entry]
Type=Application
Name=LMC Viewer
Comment=View .lmc images in the browser
Exec={quoted(python)} -c {quoted(start)} view --until-closed %F
Icon=image-x-lmc
MimeType={MEDIA_TYPE};
Categories=Graphics;Viewer;
Terminal=false
NoDisplay=true
"""
    options = f"-f --threads 1 --time-limit {TIME_LIMIT} --size %s"
    thumbnailer = f"""[Thumbnailer Entry]
TryExec={python}
Exec={quoted_for_shell(python)} -c {quoted_for_shell(start)} preview {options} -- %i %o
MimeType={MEDIA_TYPE};
"""
    return {MIME_FILE: _MIME, APPLICATION_FILE: application, THUMBNAILER_FILE: thumbnailer, ICON_FILE: _ICON}
