"""How far an image came back from what it was, block by block, and what other codecs make of it in as many bytes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.codecs import CODECS
from benchmarks.codecs.base import Codec, Pixels
from bitstream.geometry import BLOCK

NOISE_ERROR = 40.0
"""Mean absolute error of a block from which on it may be noise."""
NOISE_RATIO = 1.5
"""And how many times that of the block's own mean colour it must be, or its squared error: of black and white detail
that is lost both have 1, of noise in its place the error has 1 and the squared error 2."""
TOLERATED = 20.0
"""Error of a block that is no fault, however good another codec is."""
WORSE = 2.0
"""How many times the error of JPEG's worst block is no fault."""


@dataclass(frozen=True)
class Blocks:
    """Errors of an image's blocks of 16 x 16 pixels, in levels of 8 bits.

    Attributes:
        worst: largest mean absolute error of a block, over its pixels and components.
        noisy: blocks that came back as noise.
        at: row and column of the worst block's first pixel.
    """

    worst: float
    noisy: int
    at: tuple[int, int]


def _block_means(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Means over blocks and components of (H, W, C); blocks at the edge may be smaller."""
    rows, columns = (np.arange(0, side, BLOCK) for side in x.shape[:2])
    sums = np.add.reduceat(np.add.reduceat(x.mean(axis=2), rows, axis=0), columns, axis=1)
    sizes = np.outer(np.diff(np.append(rows, x.shape[0])), np.diff(np.append(columns, x.shape[1])))
    means: NDArray[np.float64] = sums / sizes
    return means


def compare_blocks(original: NDArray[Any], decoded: NDArray[Any]) -> Blocks:
    """Compare an image with what it was.

    Args:
        original: uint8 or uint16, (H, W) or (H, W, C).
        decoded: like it.
    """
    unit = 257 if original.dtype == np.uint16 else 1
    x, y = (np.atleast_3d(image).astype(np.float64) / unit for image in (original, decoded))
    error, squares = _block_means(np.abs(x - y)), _block_means(np.square(x - y))
    flat = np.stack([_block_means(x[..., c : c + 1]) for c in range(x.shape[2])], axis=2)
    flat = flat.repeat(BLOCK, axis=0).repeat(BLOCK, axis=1)[: x.shape[0], : x.shape[1]]
    contrast, power = _block_means(np.abs(x - flat)), _block_means(np.square(x - flat))
    noisy = (error > NOISE_ERROR) & ((error > NOISE_RATIO * contrast) | (squares > NOISE_RATIO * power))
    row, column = np.unravel_index(error.argmax(), error.shape)
    return Blocks(float(error.max()), int(noisy.sum()), (BLOCK * int(row), BLOCK * int(column)))


def largest_within(encode: Callable[[int], bytes], low: int, high: int, most: int) -> bytes:
    """The file of the largest quality that takes no more than so many bytes, or of the lowest if none does."""
    best = encode(low)
    while low < high and len(best) <= most:
        middle = (low + high + 1) // 2
        data = encode(middle)
        if len(data) <= most:
            low, best = middle, data
        else:
            high = middle - 1
    return best


def at_size(name: str, pixels: Pixels, most: int) -> tuple[int, Blocks]:
    """What another codec makes of an image in at most so many bytes, or in as few as it can.

    Args:
        name: of :data:`~benchmarks.codecs.CODECS`.
        pixels: uint8 (H, W, 3).
        most: bytes.

    Returns:
        tuple[int, Blocks]: bytes taken, and errors.
    """
    codec: Codec = CODECS[name]
    low, high = codec.quality_range
    data = largest_within(lambda quality: codec.encode(pixels, quality, 1), int(low), int(high), most)
    return len(data), compare_blocks(pixels, codec.decode(data, 1))


def is_fault(worst: float, jpeg_worst: float) -> bool:
    """Whether a worst block is far worse than JPEG's of the same size."""
    return worst > max(TOLERATED, WORSE * jpeg_worst)
