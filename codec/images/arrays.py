"""Decoded pixels, which come in strips, as arrays."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitstream.boxes import PixelFormat

Strips = Iterable[tuple[int, NDArray[Any]]]
"""Row of the image at which each part begins, and its pixels, (h, W, components), from top to bottom."""


def to_array(strips: Strips, width: int, height: int, form: PixelFormat, alpha: NDArray[Any] | None) -> NDArray[Any]:
    """All pixels as an array.

    Returns:
        NDArray: uint8 or uint16, (H, W) for gray, else (H, W, C), the last channel being transparency if any.
    """
    channels = form.components + (alpha is not None)
    pixels = np.empty((height, width, channels), f"u{form.depth // 8}")
    for top, strip in strips:
        pixels[top : top + len(strip), :, : form.components] = strip
    if alpha is not None:
        pixels[:, :, -1] = alpha
    return pixels[:, :, 0] if channels == 1 else pixels


def eight_bits(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """The nearest levels of 8 bits, of uint8 or uint16."""
    if pixels.dtype == np.uint8:
        return pixels
    return ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)
