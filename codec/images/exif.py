"""EXIF as far as the codec needs it: how an image is to be turned, and the same EXIF of the upright image."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import NamedTuple

from PIL import Image, ImageFile

from codec.images.metadata import EXIF_PREFIX

ORIENTATION = 0x0112
_ORDERS = {b"II*\0": "<", b"MM\0*": ">", b"II\0*": "<", b"MM*\0": ">"}
"""Byte order by the first bytes of a TIFF structure, including malformed ones that readers accept."""
_INTEGERS = {1: "B", 3: "H", 4: "I", 6: "B", 8: "H", 9: "I"}
"""Types of a TIFF field that may hold an orientation."""

Corners = tuple[int, int, int, int]
"""Left, top, right and bottom in pixels."""
# By EXIF orientation: how Pillow makes the image upright, and where a box (left, top, right, bottom) of the upright
# image lies in the stored one, of width w and height h.
ORIENTATIONS: dict[int, tuple[Image.Transpose, Callable[[Corners, int, int], Corners]]] = {
    2: (Image.Transpose.FLIP_LEFT_RIGHT, lambda b, w, h: (w - b[2], b[1], w - b[0], b[3])),
    3: (Image.Transpose.ROTATE_180, lambda b, w, h: (w - b[2], h - b[3], w - b[0], h - b[1])),
    4: (Image.Transpose.FLIP_TOP_BOTTOM, lambda b, w, h: (b[0], h - b[3], b[2], h - b[1])),
    5: (Image.Transpose.TRANSPOSE, lambda b, w, h: (b[1], b[0], b[3], b[2])),
    6: (Image.Transpose.ROTATE_270, lambda b, w, h: (b[1], h - b[2], b[3], h - b[0])),
    7: (Image.Transpose.TRANSVERSE, lambda b, w, h: (w - b[3], h - b[2], w - b[1], h - b[0])),
    8: (Image.Transpose.ROTATE_90, lambda b, w, h: (w - b[3], b[0], w - b[1], b[2])),
}


def find_orientation(image: Image.Image) -> int:
    """How an image as it came from its file is to be turned, as EXIF says it; 1 is not at all.

    An image that was made from another keeps that one's EXIF, though it may have been turned since; Pillow's own
    writers take its pixels as they are, too.
    """
    if not isinstance(image, ImageFile.ImageFile):
        return 1
    try:
        value = image.getexif().get(ORIENTATION, 1)
        return value if isinstance(value, int) else 1
    except Exception:  # it is not what the image is read for, and what it raises is not documented
        return 1


def read(exif: bytes) -> Image.Exif | None:
    """EXIF as Pillow makes sense of it; None if it does not."""
    found = Image.Exif()
    try:
        found.load(exif)
    except Exception:  # what it raises of odd bytes is not documented
        return None
    return found


def is_rewritable(exif: bytes) -> bool:
    """Whether Pillow can read EXIF and take the orientation out of it, as its writer of AVIF does."""
    found = read(exif)
    if found is None:
        return False
    try:
        if ORIENTATION not in found:
            return True  # it stays as it is
        turn = found[ORIENTATION]
        found.tobytes()
    except Exception:  # of tags of odd types, and what it raises is not documented
        return False
    return isinstance(turn, int) and 0 <= turn < 1 << 16


def orientation(exif: bytes) -> int:
    """How EXIF says that an image is to be turned, as Pillow reads it; 1, not at all, if it cannot be read."""
    found = read(exif)
    try:
        value = 1 if found is None else found.get(ORIENTATION, 1)
    except Exception:  # of a tag of an odd type, and what it raises is not documented
        return 1
    return value if isinstance(value, int) else 1


def upright(exif: bytes) -> bytes:
    """The same EXIF, its orientation set to upright, without a thumbnail that would have to be turned as well; all else
    stays byte for byte, if it is not stored too oddly.

    Args:
        exif: a TIFF structure.

    Returns:
        bytes: the argument itself if it is not a TIFF structure; empty if it cannot be made upright.
    """
    fixed = _with_upright_field(exif)
    if fixed != exif or orientation(exif) != 1:
        fixed = _without_thumbnail(fixed)
    found = read(fixed)
    if found is None or orientation(fixed) == 1:
        return fixed
    found[ORIENTATION] = 1  # Pillow finds one where we did not: it is to write all of it anew
    try:
        return found.tobytes().removeprefix(EXIF_PREFIX)
    except Exception:  # of tags of odd types, and what it raises is not documented
        return b""


class _Directory(NamedTuple):
    """The first directory of a TIFF structure.

    Attributes:
        order: of bytes, as :mod:`struct` names it.
        entries: places of its entries, of 12 bytes each.
        link: place of the number that says where the second directory begins.
    """

    order: str
    entries: range
    link: int


def _first_directory(exif: bytes) -> _Directory | None:
    """Where the first directory lies; None if there is none."""
    order = _ORDERS.get(exif[:4])
    if order is None:
        return None
    try:
        (at,) = struct.unpack_from(order + "I", exif, 4)
        (count,) = struct.unpack_from(order + "H", exif, at)
    except struct.error:
        return None
    link = at + 2 + 12 * count
    return _Directory(order, range(at + 2, link, 12), link)


def _with_upright_field(exif: bytes) -> bytes:
    directory = _first_directory(exif)
    if directory is None:
        return exif
    order = directory.order
    try:
        for entry in directory.entries:
            tag, kind = struct.unpack_from(order + "HH", exif, entry)
            if tag == ORIENTATION and kind in _INTEGERS:
                value = struct.pack(order + _INTEGERS[kind], 1)
                return exif[: entry + 8] + value + exif[entry + 8 + len(value) :]
    except struct.error:
        pass
    return exif


_THUMBNAIL = 0x0201
"""Where a thumbnail begins, in the second directory; the field after it says how long it is."""


def _without_thumbnail(exif: bytes) -> bytes:
    """EXIF whose first directory is the last, and which ends where the thumbnail began if nothing came after it."""
    directory = _first_directory(exif)
    if directory is None:
        return exif
    order, link = directory.order, directory.link
    try:
        (second,) = struct.unpack_from(order + "I", exif, link)
        if not second:
            return exif
        (fields,) = struct.unpack_from(order + "H", exif, second)
        entries = [struct.unpack_from(order + "HHII", exif, second + 2 + 12 * i) for i in range(fields)]
    except struct.error:
        return exif
    values = {tag: value for tag, _, _, value in entries}
    begin, length = values.get(_THUMBNAIL, 0), values.get(_THUMBNAIL + 1, 0)
    is_last = link + 4 <= begin and begin + length == len(exif)
    return (exif[:link] + bytes(4) + exif[link + 4 :])[: begin if is_last else None]
