"""Decoded pixels, which come in strips, as arrays."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
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


def flattened(
    strips: Strips, alpha: NDArray[Any], background: tuple[int, int, int], form: PixelFormat
) -> tuple[Strips, PixelFormat]:
    """An image laid over a colour.

    Args:
        strips: of its pixels.
        alpha: its transparency, (H, W).
        background: red, green and blue, 0 to 255.
        form: of the pixels.

    Returns:
        tuple[Strips, PixelFormat]: opaque pixels, and their form: with three components if either has colours.

    Raises:
        ValueError: there is no such colour.
    """
    if len(background) != 3 or not all(0 <= level <= 255 for level in background):
        raise ValueError(f"background: found {background}, expected three numbers from 0 to 255")
    most = (1 << form.depth) - 1
    components = 3 if form.components == 3 or len(set(background)) > 1 else 1
    colour = np.array(background[:components], np.float32) * (most // 255)

    def lay(strips: Strips) -> Iterator[tuple[int, NDArray[Any]]]:
        for top, strip in strips:
            share = alpha[top : top + len(strip), :, None] / np.float32(most)
            yield top, np.rint(strip * share + colour * (1 - share)).astype(strip.dtype)

    return lay(strips), PixelFormat(components, form.depth)


def means(planes: NDArray[np.float32], factor: int) -> NDArray[np.float32]:
    """Means of ``factor`` x ``factor`` values of (C, H, W); the last rows and columns are repeated up to whole ones."""
    height, width = planes.shape[1:]
    pad = [(0, 0), (0, -height % factor), (0, -width % factor)]
    if pad[1][1] or pad[2][1]:
        planes = np.pad(planes, pad, mode="edge")
    blocks = planes.reshape(len(planes), planes.shape[1] // factor, factor, planes.shape[2] // factor, factor)
    found: NDArray[np.float32] = blocks.mean(axis=(2, 4))
    return found
