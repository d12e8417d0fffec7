"""What lies between two networks: a map whose rows are computed once, from top to bottom, as they are needed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray


class RowBuffer:
    """A map that is computed from top to bottom, and forgotten again from the top.

    Args:
        channels: of the map.
        columns: of the map, in cells.
        unit: positions of the map to a side of a cell.
        first: row of cells it begins with.
        compute: given rows of cells ``[begin, end)``, fills float32 (1, channels, unit (end - begin), unit columns).
    """

    def __init__(
        self,
        channels: int,
        columns: int,
        unit: int,
        first: int,
        compute: Callable[[int, int, NDArray[np.float32]], None],
    ) -> None:
        self._unit, self._compute = unit, compute
        self._low = self._high = first
        self._map = np.empty((1, channels, 0, unit * columns), np.float32)

    def get(self, low: int, high: int) -> NDArray[np.float32]:
        """Rows of cells ``[low, high)``, float32 (1, channels, unit (high - low), unit columns)."""
        if not self._low <= low <= high:
            raise ValueError(f"rows {low} to {high}: those above {self._low} are forgotten")
        if high > self._high:
            size = list(self._map.shape)
            size[2] = self._unit * (high - self._low)
            grown = np.empty(size, np.float32)
            grown[:, :, : self._map.shape[2]] = self._map
            self._compute(self._high, high, grown[:, :, self._map.shape[2] :])
            self._map, self._high = grown, high
        return self._map[:, :, self._unit * (low - self._low) : self._unit * (high - self._low)]

    def forget(self, low: int) -> None:
        """Let go of rows of cells above ``low``; those that nobody asked for are never computed."""
        if low > self._low:
            self._map = self._map[:, :, self._unit * (low - self._low) :].copy()
            self._low, self._high = low, max(low, self._high)
