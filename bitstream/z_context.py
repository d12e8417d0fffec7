"""Context model for half of z: each cell is predicted from its decoded neighbours. ``FORMAT.md`` sections 5 and 6.

Cells are a checkerboard. Those of the first half are read with the tables of their channel; each of the others then
has up to four neighbours that are known, and an integer linear map of them gives its mean in eighths. Its table
is chosen by the fraction of that mean and by a scale that depends on channel and quality.

Reference:
    He et al., "Checkerboard Context Model for Efficient Learned Image Compression", CVPR 2021.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitstream.errors import ModelError
from bitstream.frequency_tables import TOTAL, FrequencyTables

PHASES = 8
"""Fractions of a mean that are told apart."""
NEIGHBOURS = ((0, 1), (1, 0), (1, 2), (2, 1))
"""Above, left, right, below: row and column in a grid with a border of one."""
Z_BOUND = 1 << 20
"""No |z| may exceed this, so that maps of it are exact in float64; means beyond it are cut to it."""
MAX_SCALES = 256
"""As many as a byte tells apart."""


@dataclass(frozen=True)
class ZContext:
    """The integers that a context for z consists of.

    Attributes:
        weight: int8 (channels of z, 4 * channels of z): the map from the neighbours above, left, right and below,
            all channels of each.
        shift: fractional bits of the map, whose result is in eighths.
        scales: uint8 (banks, channels of z): number of the scale.
        counts: uint32 (scales, 8, 2 limit + 2): for each scale and each fraction of the mean, counts of
            -limit .. limit, then of the escape; each row sums to 2 ** 24.
    """

    weight: NDArray[np.int8]
    shift: int
    scales: NDArray[np.uint8]
    counts: NDArray[np.uint32]

    def __post_init__(self) -> None:
        if self.counts.ndim != 3 or self.counts.shape[1] != PHASES or self.counts.shape[2] % 2 or not self.counts.size:
            raise ModelError(f"z_context_counts: found shape {self.counts.shape}")
        if self.weight.ndim != 2 or self.weight.shape[1] != len(NEIGHBOURS) * self.weight.shape[0]:
            raise ModelError(f"z_context_weight: found shape {self.weight.shape}")
        if self.scales.ndim != 2 or self.scales.shape[1] != len(self.weight) or not self.scales.size:
            raise ModelError(f"z_context_scales: found shape {self.scales.shape}")
        if int(self.scales.max()) >= len(self.counts):
            raise ModelError(f"z_context_scales: found {self.scales.max()}, there are {len(self.counts)}")
        if len(self.counts) > MAX_SCALES:
            raise ModelError(f"z_context_counts: found {len(self.counts)} scales, expected at most {MAX_SCALES}")
        counts = self.counts.astype(np.int64)
        if not 0 <= self.shift < 16 or (counts < 1).any() or (counts.sum(axis=-1) != TOTAL).any():
            raise ModelError(f"z_context: counts must be at least 1 and sum to {TOTAL}")

    @cached_property
    def tables(self) -> FrequencyTables:
        """Tables in order: the eight fractions of scale 0, of scale 1, and so on."""
        return FrequencyTables(list(self.counts.reshape(-1, self.counts.shape[2]).astype(np.int64)))

    def predict(
        self, z: NDArray[Any], bank: int, cells: NDArray[np.bool_]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Tables and means of cells of the second half.

        Args:
            z: integers (channels of z, h, w) of magnitude up to 2 ** 20, of which only the first half is looked at.
            bank: of the scales.
            cells: bool (h, w), which cells of the second half.

        Returns:
            tuple: numbers of tables, and what to subtract from z; int64 (channels of z, cells).
        """
        rows, columns = np.nonzero(cells)
        padded = np.pad(z, [(0, 0), (1, 1), (1, 1)])
        known = np.concatenate([padded[:, rows + v, columns + h] for v, h in NEIGHBOURS])
        # Exact in any order: every partial sum is an integer below 2 ** 53.
        moved = (self.weight.astype(np.float64) @ known.astype(np.float64)).astype(np.int64)
        eighths = (moved + (1 << self.shift >> 1)) >> self.shift
        eighths = np.clip(eighths, -PHASES * Z_BOUND, PHASES * Z_BOUND)
        return self.scales[bank].astype(np.int64)[:, None] * PHASES + eighths % PHASES, eighths // PHASES


def second_half(rows: int, columns: int) -> NDArray[np.bool_]:
    """Cells that are read after their neighbours: those whose row + column is odd."""
    half: NDArray[np.bool_] = (np.arange(rows)[:, None] + np.arange(columns)) % 2 == 1
    return half
