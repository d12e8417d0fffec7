"""What a picture's symbols cost, and what the model expected them to cost, symbol by symbol.

The table that codes a symbol has an entropy: what the symbol is expected to cost. A picture of the kind that the model
was made for costs about that; one that costs much more or less is not what the model takes it for.

Reference:
    Nalisnick et al., "Detecting Out-of-Distribution Inputs to Deep Generative Models Using Typicality", 2019.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitstream.family import TOTAL, Family
from bitstream.tables import HYPER, Tables
from bitstream.z_context import second_half

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]


class _Costs:
    """Costs of the slots of some tables."""

    def __init__(self, family: Family) -> None:
        rows = family.rows
        bits = [np.log2(TOTAL / row) for row in rows]
        sizes = np.array([len(row) for row in rows], np.int64)
        self.limits = family.limits.astype(np.int64)
        self.zeros = np.cumsum(sizes) - sizes + self.limits
        self.bits = np.concatenate(bits).astype(np.float32)
        self.entropies = np.array([(row / TOTAL * b).sum() for row, b in zip(rows, bits, strict=True)], np.float32)

    def __call__(self, table: NDArray[np.int64], values: NDArray[np.integer[Any]]) -> Floats:
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
        self._y = _Costs(tables.y_family)
        self._z = _Costs(tables.z_family(quality_index))
        if tables.z_context:
            self._z_later = _Costs(tables.z_context.family)

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
        actual, expected = self._z(table, z), self._z.entropies[table]
        if self.tables.z_context:
            later = second_half(*z.shape[1:])
            mean, table = self.tables.z_context.predict(z, self.tables.bank(self.quality_index))
            actual[:, later] = self._z_later(table, z[:, later] - mean)
            expected[:, later] = self._z_later.entropies[table]
        return actual, expected
