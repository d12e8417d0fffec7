"""How EXIF says that a stored picture is to be turned, so that it is upright."""

from __future__ import annotations

from collections.abc import Callable

from PIL import Image, ImageFile

from codec import metadata

Corners = tuple[int, int, int, int]
"""Left, top, right and bottom in pixels."""
# By EXIF orientation: how Pillow makes the picture upright, and where a box (left, top, right, bottom) of the upright
# picture lies in the stored one, of width w and height h.
ORIENTATIONS: dict[int, tuple[Image.Transpose, Callable[[Corners, int, int], Corners]]] = {
    2: (Image.Transpose.FLIP_LEFT_RIGHT, lambda b, w, h: (w - b[2], b[1], w - b[0], b[3])),
    3: (Image.Transpose.ROTATE_180, lambda b, w, h: (w - b[2], h - b[3], w - b[0], h - b[1])),
    4: (Image.Transpose.FLIP_TOP_BOTTOM, lambda b, w, h: (b[0], h - b[3], b[2], h - b[1])),
    5: (Image.Transpose.TRANSPOSE, lambda b, w, h: (b[1], b[0], b[3], b[2])),
    6: (Image.Transpose.ROTATE_270, lambda b, w, h: (b[1], h - b[2], b[3], h - b[0])),
    7: (Image.Transpose.TRANSVERSE, lambda b, w, h: (w - b[3], h - b[2], w - b[1], h - b[0])),
    8: (Image.Transpose.ROTATE_90, lambda b, w, h: (w - b[3], b[0], w - b[1], b[2])),
}


def orientation_of(image: Image.Image) -> int:
    """How a picture as it came from its file is to be turned, as EXIF says it; 1 is not at all.

    An image that was made from another keeps that one's EXIF, though it may have been turned since; Pillow's own
    writers take its pixels as they are, too.
    """
    if not isinstance(image, ImageFile.ImageFile):
        return 1
    try:
        value = image.getexif().get(metadata.ORIENTATION, 1)
        return value if isinstance(value, int) else 1
    except Exception:  # it is not what the picture is read for, and what it raises is not documented
        return 1
