"""What Pillow's readers do not say of a picture, or say otherwise than its pixels are."""

from __future__ import annotations

from typing import Any

from PIL import Image

_GRAY_LEVELS = {"L;2": 3, "L;4": 15}
"""Of what Pillow calls grays of fewer than 8 bits, the largest."""


def is_wide(image: Image.Image) -> bool:
    """Whether a reader of Pillow says it cuts pixels to 8 bits: by a raw mode, or for pixmaps by their maximum."""
    if image.mode not in ("L", "LA", "RGB", "RGBA"):
        return False
    for tile in getattr(image, "tile", ()):
        parts = tile[3] if isinstance(tile[3], tuple) else (tile[3],)
        if any(isinstance(part, str) and ";16" in part for part in parts[:2]):
            return True
        # Elsewhere a number may be anything, such as the length of a row.
        if image.format == "PPM" and any(isinstance(part, int) and part > 255 for part in parts[:2]):
            return True
    return False


def frames_of(image: Image.Image) -> tuple[int, bool]:
    """How many frames a picture file has, at least, and whether all of them can be read."""
    try:
        return getattr(image, "n_frames", 1), True
    except Exception:  # readers of many formats, each with errors of its own
        image.seek(0)
        return 2, False


def clear_of(image: Image.Image) -> tuple[Any, bool]:
    """The level or colour that stands for transparency, on the scale of the pixels, and whether it is exact.

    Of an image that was loaded by others, nothing says what scale it is on; what we load is told of it.
    """
    clear, tile = image.info.get("transparency"), getattr(image, "tile", None)
    raw = tile[0][3] if tile and isinstance(tile[0][3], str) else ""
    if image.format != "PNG":
        return clear, True
    if isinstance(clear, int) and raw in _GRAY_LEVELS:  # pixels are scaled to 8 bits, this is not
        return clear * 255 // _GRAY_LEVELS[raw], True
    if isinstance(clear, tuple) and raw.startswith("RGB;16"):
        return tuple(level >> 8 for level in clear), False
    return clear, True
