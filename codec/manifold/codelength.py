"""What a picture's symbols cost, and what the model expected them to cost, symbol by symbol.

The table that codes a symbol has an entropy: what the symbol is expected to cost. A picture of the kind that the model
was made for costs about that; one that costs much more or less is not what the model takes it for.

Reference:
    Nalisnick et al., "Detecting Out-of-Distribution Inputs to Deep Generative Models Using Typicality", 2019.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bitstream.tables import HYPER, TOTAL, Tables

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]


class _Costs:
    """Costs of the slots of some tables: counts of -limit .. limit, then of the escape."""

    def __init__(self, rows: list[NDArray[np.int64]]) -> None:
        bits = [np.log2(TOTAL / row) for row in rows]
        sizes = np.array([len(row) for row in rows], np.int64)
        self.limits = sizes // 2 - 1
        self.zeros = np.cumsum(sizes) - sizes + self.limits
        self.bits = np.concatenate(bits).astype(np.float32)
        self.entropies = np.array([(row / TOTAL * b).sum() for row, b in zip(rows, bits, strict=True)], np.float32)

    def __call__(self, table: NDArray[np.int64], values: Ints) -> Floats:
        """Bits of values, each under the table of its number; of an escape also what follows it."""
        limits = self.limits[table]
        beyond = np.abs(values) - limits
        slots = np.where(beyond > 0, limits + 1, values)
        costs: Floats = self.bits[self.zeros[table] + slots]
        escaped = beyond > 0
        # A class of five bits, and within it as many as it says; see FORMAT.md section 6.
        costs[escaped] += 5 + np.floor(np.log2(2 * beyond[escaped] - 1 + (values[escaped] < 0)))
        return costs


class CodeLength:
    """Actual and expected bits of symbols, at one level of quality.

    Args:
        tables: of the model.
        quality_index: level of quality.
    """

    def __init__(self, tables: Tables, quality_index: int) -> None:
        self.tables, self.quality_index = tables, quality_index
        ends = np.cumsum(2 * tables.y_limits.astype(np.int64) + 2)
        self._y = _Costs(np.split(tables.y_counts.astype(np.int64), ends[:-1]))
        self._z = _Costs(list(tables.z_counts[tables.bank(quality_index)].astype(np.int64)))

    def y(self, z: Ints, y: Ints) -> tuple[Floats, Floats]:
        """Of y given z.

        Args:
            z: int32 (channels of z, h, w).
            y: int32 (channels of y, 4 h, 4 w).

        Returns:
            tuple: actual and expected bits, float32 (channels of y, h, w) each, sums over the 16 positions of a cell.
        """
        index = self.tables.scale_index(z, self.quality_index).astype(np.int64)

        def cells(bits: Floats) -> Floats:
            channels, rows, columns = bits.shape
            sums: Floats = bits.reshape(channels, rows // HYPER, HYPER, columns // HYPER, HYPER).sum(axis=(2, 4))
            return sums

        return cells(self._y(index, y)), cells(self._y.entropies[index])

    def z(self, z: Ints) -> tuple[Floats, Floats]:
        """Of z: actual and expected bits, float32 (channels of z, h, w) each."""
        table = np.broadcast_to(np.arange(len(z))[:, None, None], z.shape)
        return self._z(table, z), np.broadcast_to(self._z.entropies[:, None, None], z.shape)
