"""What an image's symbols cost, and what the model expected them to cost, symbol by symbol.

The table that codes a symbol has an entropy: what the symbol is expected to cost. An image of the kind that the model
was made for costs about that; one that costs much more or less is not what the model takes it for.

Reference:
    Nalisnick et al., "Detecting Out-of-Distribution Inputs to Deep Generative Models Using Typicality", 2019.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitstream.frequency_tables import TOTAL, FrequencyTables
from bitstream.stages import coding_stages
from bitstream.tables import Tables

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]


class _Costs:
    """Costs of the slots of some tables."""

    def __init__(self, tables: FrequencyTables) -> None:
        rows = tables.frequencies
        bits = [np.log2(TOTAL / row) for row in rows]
        sizes = np.array([len(row) for row in rows], np.int64)
        self.limits = tables.max_magnitudes.astype(np.int64)
        self.zeros = np.cumsum(sizes) - sizes + self.limits
        self.bits = np.concatenate(bits).astype(np.float32)
        self.entropies = np.array([(row / TOTAL * b).sum() for row, b in zip(rows, bits, strict=True)], np.float32)

    def __call__(self, table: NDArray[np.integer[Any]], values: NDArray[np.integer[Any]]) -> Floats:
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
        self._costs: dict[int, _Costs] = {}

    def bits(self, z: Ints, y: Ints) -> dict[str, tuple[Floats, Floats]]:
        """Bits of the symbols of some cells.

        Args:
            z: int32 (channels of z, h, w).
            y: int32 (channels of y, 4 h, 4 w).

        Returns:
            dict: of ``"z"`` and of ``"y"`` the actual and the expected bits, float32 in the shape of the symbols.
        """
        latents = {"z": z, "y": y}
        empty = {name: np.empty((2, *values.shape), np.float32) for name, values in latents.items()}
        found = {name: (actual, expected) for name, (actual, expected) in empty.items()}
        for stage in coding_stages(self.tables, self.quality_index, z.shape[1], z.shape[2]):
            prediction = stage.predict(z)
            values = stage.select(latents[stage.latent])
            if prediction.offset is not None:
                values = values - prediction.offset
            costs = self._cost_table(stage.tables)
            actual, expected = found[stage.latent]
            stage.place(actual, costs(prediction.table, values))
            stage.place(expected, costs.entropies[prediction.table])
        return found

    def _cost_table(self, tables: FrequencyTables) -> _Costs:
        if id(tables) not in self._costs:  # the model holds the tables as long as it lives
            self._costs[id(tables)] = _Costs(tables)
        return self._costs[id(tables)]
