"""Blocks that a lossless coder may code better than the networks, found from their pixels alone, in little time.

For each block two costs are estimated. A lossless coder takes about the entropy of the residuals of its prediction. The
networks take about what a transform code takes for as much power at their step, and leave an error. Photographs cost a
lossless coder far more, flat graphics the networks.

Reference:
    Weinberger, Seroussi and Sapiro, "The LOCO-I lossless image compression algorithm", 2000, for the prediction.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitstream.geometry import BLOCK, CELL
from codec.encoding.block_maps import block_sizes, novel_pixels
from codec.encoding.prefilter import MAX_DETAIL

NOVEL_SHARE = 0.7
"""Most of a block's pixels that may equal neither the one to the left nor the one above, for it to be looked at
further. Blocks of colour photographs have more."""
ADVANTAGE = 1.5
"""Times the estimated cost of the networks that a lossless coder may seem to take: both estimates are rough."""
FINE_STEP = 12.0
"""At which graphics are told from photographs, whatever the quality asked for."""
FEW_VALUES = 4
PATTERN_GAIN = 4
"""A block with at most so many residuals a component is likely to be a pattern, of which a lossless coder takes a
fraction of what its residuals do one by one."""
_POSITIONS = BLOCK * BLOCK
_AT_ONCE = 1024
_SMALL = 31
"""Residuals of at most this magnitude are told apart."""


@dataclass(frozen=True)
class Candidates:
    """What is known of the blocks of a part of an image before anything is coded, (4 r, 4 c) of its r x c cells.

    Attributes:
        worth: bool, blocks that a lossless coder may win at this step.
        likely: bool, blocks that it would win at a fine step: graphics, whatever the quality.
        networks: float, bits that the networks may take, their error included; 0 where nobody looked, as in most of a
            photograph.
        novel: float, pixels that equal neither the one to the left nor the one above.
        inside: bool, blocks with pixels; all others are beyond the image's edge.
        gain: float, bits that a lossless coder may save in all.
    """

    worth: NDArray[np.bool_]
    likely: NDArray[np.bool_]
    networks: NDArray[np.float64]
    novel: NDArray[np.float64]
    inside: NDArray[np.bool_]
    gain: float

    @property
    def flat(self) -> NDArray[np.bool_]:
        """Blocks without a new pixel."""
        flat: NDArray[np.bool_] = (self.novel == 0) & self.inside
        return flat

    def part(self, rows: slice, columns: slice) -> Candidates:
        """Some of the blocks, with the gain of all."""
        at = rows, columns
        return Candidates(
            self.worth[at], self.likely[at], self.networks[at], self.novel[at], self.inside[at], self.gain
        )


def candidates(pixels: NDArray[Any], step: float, multiplier: float) -> Candidates:
    """Find the blocks of a part of an image that are worth a trial.

    Args:
        pixels: uint8 or uint16 (h, w, 1 or 3), the part; its upper left corner is that of a block.
        step: of the model's quantisation, in levels of 255.
        multiplier: bits a pixel that a squared error of one level is worth.
    """
    height, width = pixels.shape[:2]
    novel, inside = novel_pixels(pixels), block_sizes(height, width) > 0
    pixels = np.pad(pixels, [(0, -height % CELL), (0, -width % CELL), (0, 0)], mode="edge")
    fine = _detail(pixels) > MAX_DETAIL * 255
    worth, likely, networks = fine.copy(), fine.copy(), np.zeros(fine.shape)
    gain = float(fine.sum()) * _POSITIONS
    looked_at, views = np.argwhere(inside & (novel <= NOVEL_SHARE * _POSITIONS)), _views(pixels)
    for begin in range(0, len(looked_at), _AT_ONCE):
        rows, columns = looked_at[begin : begin + _AT_ONCE].T
        lossless, power = _lossless_bits(*(view[rows, :, columns] for view in views))
        theirs = _networks_bits(power, step, multiplier)
        worth[rows, columns] |= lossless < ADVANTAGE * theirs
        likely[rows, columns] |= lossless < ADVANTAGE * _networks_bits(power, FINE_STEP, 0)
        networks[rows, columns] = theirs
        gain += float(np.maximum(ADVANTAGE * theirs - lossless, 0).sum())
    return Candidates(worth, likely | worth, networks, novel, inside, gain)


def _networks_bits(power: NDArray[np.float64], step: float, multiplier: float) -> NDArray[np.float64]:
    """Bits of a transform code for blocks of so much power (n, components): half a bit a value for each doubling of
    what exceeds the step's own error, and what is left of the power as an error."""
    error = step**2 / 12
    values = np.log2(1 + power / error).sum(axis=1) / 2
    bits: NDArray[np.float64] = _POSITIONS * (values + multiplier * np.minimum(power, error).mean(axis=1))
    return bits


def _detail(pixels: NDArray[Any]) -> NDArray[np.float32]:
    """As :func:`~codec.encoding.prefilter.block_detail`, in levels of 255, from every second pair of rows."""
    height, width, components = pixels.shape
    unit = 1 if pixels.dtype.itemsize == 1 else 1 / 257
    pairs = pixels.reshape(height // 2, 2, width, components)
    dtype = np.int16 if pixels.dtype.itemsize == 1 else np.int32
    rows = np.subtract(pairs[:, 1], pairs[:, 0], dtype=dtype).reshape(-1, BLOCK // 2, width // BLOCK, BLOCK, components)
    both = np.subtract(rows[:, :, :, 1:], rows[:, :, :, :-1], dtype=np.float32)
    power = np.einsum("hiwjc,hiwjc->hw", both, both)
    detail: NDArray[np.float32] = unit * np.sqrt(power / (components * 2 * BLOCK * (BLOCK - 1)))
    return detail


def _views(pixels: NDArray[Any]) -> list[NDArray[Any]]:
    """Every second row of each block, which says as much as all of them, what stands above, to the left, and above to
    the left of each of its pixels; (h / 16, 8, w / 16, 16, components)."""
    padded = np.pad(pixels, [(1, 0), (1, 0), (0, 0)], mode="edge")
    height, width, components = pixels.shape
    parts = padded[1::2, 1:], padded[:-1:2, 1:], padded[1::2, :-1], padded[:-1:2, :-1]
    return [part.reshape(height // BLOCK, BLOCK // 2, width // BLOCK, BLOCK, components) for part in parts]


def _lossless_bits(*views: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Bits that the residuals of blocks take by their own entropy, and mean squares of the steps from pixel to pixel.

    Args:
        views: of blocks, see :func:`_views`, uint8 or uint16 (n, 8, 16, components) each.

    Returns:
        tuple: bits (n,), and squares (n, components) in levels of 255, of green and of the differences from it.
    """
    narrow = views[0].dtype.itemsize == 1
    here, above, left, corner = (_decorrelated(view, np.int16 if narrow else np.int32) for view in views)
    residual = here - np.clip(left + above - corner, np.minimum(left, above), np.maximum(left, above))
    count, positions = len(here), residual.shape[1] * residual.shape[2]
    unit = 1 if narrow else 1 / 257
    steps = (np.square((here - other).astype(np.float32) * unit) for other in (above, left))
    power = sum(squares.mean(axis=(1, 2), dtype=np.float64) for squares in steps) / 2
    # A value that comes n times takes log2(positions / n) bits each time; of large ones only their size is a value.
    small = np.clip(residual, -_SMALL, _SMALL).astype(np.int32) + _SMALL
    first = np.arange(count * residual.shape[3]).reshape(count, 1, 1, -1) * (2 * _SMALL + 1)
    times = np.bincount((small + first).ravel(), minlength=first.size * (2 * _SMALL + 1)).reshape(count, -1)
    bits = (times * np.log2(positions / np.maximum(times, 1))).sum(axis=1)
    few = (times > 0).sum(axis=1) <= FEW_VALUES * residual.shape[3]
    bits = np.where(few, bits / PATTERN_GAIN, bits)
    large = np.abs(residual) > _SMALL
    if large.any():
        bits += (large * np.log2(2 / _SMALL * np.maximum(np.abs(residual), 1))).sum(axis=(1, 2, 3))
    return bits * _POSITIONS / positions, power


def _decorrelated(pixels: NDArray[Any], dtype: type[np.signedinteger[Any]]) -> NDArray[Any]:
    """Green, and red and blue as differences from it."""
    values = pixels.astype(dtype)
    if values.shape[-1] == 3:
        values[..., ::2] -= values[..., 1:2]
    return values
