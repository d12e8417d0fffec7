"""Pixels of any form as a picture of 8 bits that a lossless coder takes, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitstream.boxes import PixelFormat
from bitstream.exact_blocks import ExactPicture
from bitstream.turned_lines import Picture, turn_back, turned_size
from codec.images import vp8l


def to_picture(pixels: NDArray[Any]) -> Picture:
    """Pixels as red, green and blue of 8 bits. Of 16, the lower bytes stand below the upper ones, as differences from
    them: images that had 8 bits once have zeros there.

    Args:
        pixels: uint8 or uint16 (h, w, 1 or 3).

    Returns:
        NDArray: uint8 (h, w, 3), twice as high for 16 bits.
    """
    if pixels.dtype.itemsize == 2:
        upper = (pixels >> 8).astype(np.uint8)
        pixels = np.concatenate([upper, pixels.astype(np.uint8) - upper])
    return np.ascontiguousarray(np.broadcast_to(pixels, (*pixels.shape[:2], 3)))


def decode(coded: ExactPicture, size: tuple[int, int], form: PixelFormat) -> NDArray[Any]:
    """The pixels of a chunk.

    Args:
        coded: its picture.
        size: height and width in pixels.
        form: of the pixels.

    Returns:
        NDArray: uint8 or uint16 (height, width, components).

    Raises:
        CorruptError: a part is not a picture that can be read, or has another size.
        CodecError: Pillow was built without WebP.
    """
    height, width = size
    picture = vp8l.decode(coded.rest, height * form.depth // 8, width)
    if len(coded.lines):
        picture = picture.copy()
        turn_back(vp8l.decode(coded.turned, *turned_size(coded.lines)), coded.lines, picture)
    return _to_pixels(picture, form)


def _to_pixels(picture: Picture, form: PixelFormat) -> NDArray[Any]:
    pixels = np.array(picture[:, :, : form.components])  # a copy: of gray, two thirds would be kept for nothing
    if form.depth == 8:
        return pixels
    upper, difference = np.split(pixels, 2)
    together: NDArray[np.uint16] = upper.astype(np.uint16) << 8 | (difference + upper)
    return together
