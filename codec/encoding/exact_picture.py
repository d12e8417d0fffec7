"""The picture of a chunk's exact pixels, coded as short as a lossless coder can."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from bitstream.exact_blocks import ExactPicture
from bitstream.turned_lines import turn
from codec.encoding.text_lines import find_lines
from codec.images import vp8l
from codec.images.exact_pixels import to_picture

FAST = 90
"""Quality of the lossless coder that costs are estimated with: at 100 it takes twice as long, and finds 1% more."""


def encode_exact(pixels: NDArray[Any], estimate: bool = False) -> ExactPicture:
    """Code pixels, lines of text on their side where that takes less.

    Args:
        pixels: uint8 or uint16 (h, w, 1 or 3).
        estimate: whether only the number of bytes matters, and may be some percent too large; lines are turned in any
            case.
    """
    quality = FAST if estimate else 100
    picture = to_picture(pixels)
    found = find_lines(picture).to_turn(*picture.shape[:2])
    if not len(found.lines):
        return ExactPicture(vp8l.encode(picture, quality))
    rest = picture.copy()
    for (top, left, height, width), ground in zip(found.lines, found.grounds, strict=True):
        rest[top : top + height, left : left + width] = ground
    turned = vp8l.encode(turn(picture, found.lines, found.grounds), quality)
    coded = ExactPicture(vp8l.encode(rest, quality), found.lines, turned)
    if estimate:
        return coded
    plain = ExactPicture(vp8l.encode(picture, quality))
    return min(plain, coded, key=lambda way: way.size)
