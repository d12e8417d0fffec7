"""Maps of an image's cells, (r, c), of its blocks, (4 r, 4 c), and of its pixels, and how one follows from another."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitstream.geometry import BLOCK, CELL, HYPER_STRIDE


def block_sums(values: NDArray[Any]) -> NDArray[np.float64]:
    """Sums over the blocks of a map of pixels (h, w), for all blocks of the cells that it reaches into.

    Blocks beyond the map have 0.
    """
    height, width = values.shape
    values = np.pad(values, [(0, -height % CELL), (0, -width % CELL)])
    cut = values.reshape(values.shape[0] // BLOCK, BLOCK, values.shape[1] // BLOCK, BLOCK)
    sums: NDArray[np.float64] = cut.sum(axis=(1, 3), dtype=np.float64)
    return sums


def block_sizes(height: int, width: int) -> NDArray[np.float64]:
    """Pixels of each block of an image, float (4 r, 4 c); 0 of blocks beyond its edge."""
    cells = [-(-side // CELL) for side in (height, width)]
    starts = (BLOCK * np.arange(HYPER_STRIDE * count, dtype=np.float64) for count in cells)
    down, across = (np.clip(side - start, 0, BLOCK) for side, start in zip((height, width), starts, strict=True))
    return np.outer(down, across)


def novel_pixels(pixels: NDArray[Any]) -> NDArray[np.float64]:
    """How many pixels of each block equal neither the one to the left nor the one above: few in flat graphics.

    Args:
        pixels: uint8 or uint16 (h, w, 1 or 3).

    Returns:
        NDArray: float (4 r, 4 c) of the cells.
    """
    packed = _packed(pixels)
    new = np.ones(packed.shape, bool)
    new[:, 1:] &= packed[:, 1:] != packed[:, :-1]
    new[1:] &= packed[1:] != packed[:-1]
    new[0, 0] = False  # it has neither
    return block_sums(new)


def of_cells(cells: NDArray[Any]) -> NDArray[Any]:
    """A map of cells as one of their blocks."""
    return cells.repeat(HYPER_STRIDE, axis=0).repeat(HYPER_STRIDE, axis=1)


def cell_means(blocks: NDArray[Any]) -> NDArray[np.float64]:
    """Mean of a map of blocks in each cell."""
    cut = blocks.reshape(len(blocks) // HYPER_STRIDE, HYPER_STRIDE, -1, HYPER_STRIDE)
    means: NDArray[np.float64] = cut.mean(axis=(1, 3))
    return means


def neighbours(wanted: NDArray[np.bool_], reach: int) -> NDArray[np.int64]:
    """How many positions of a map are wanted in the square around each, itself included.

    Args:
        wanted: bool (h, w).
        reach: positions to each side.
    """
    height, width = wanted.shape
    padded = np.pad(wanted, reach)
    shifts = range(2 * reach + 1)
    count: NDArray[np.int64] = sum(
        (padded[y : y + height, x : x + width].astype(np.int64) for y in shifts for x in shifts),
        np.zeros((height, width), np.int64),
    )
    return count


def _packed(pixels: NDArray[Any]) -> NDArray[Any]:
    """Pixels (h, w, 1 or 3) as one number each, which is several times faster to compare."""
    height, width, components = pixels.shape
    if components == 1:
        return pixels[:, :, 0]
    narrow = pixels.dtype.itemsize == 1
    words = np.zeros((height, width, 4), pixels.dtype)
    words[:, :, :3] = pixels
    return words.view(np.uint32 if narrow else np.uint64)[:, :, 0]
