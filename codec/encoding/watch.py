"""Coordinates beyond those of photographs: a sign that the networks may not bring an image back.

Networks answer for what they were trained on. Far outside of it, as on smooth ramps of saturated colours, what they
predict may be wrong by many times the image itself. The integers say so, as they hold what was not predicted.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitstream.geometry import HYPER_STRIDE
from codec.engine.runtime import Runtime

MOST = 20.0
"""Symbols are natural up to so many times the gain of the coarsest patterns. None of 147 photographs has one above 17
times."""
LEADING = 8
"""Latents whose step is taken to be the model's: those of the coarsest patterns, which hold most of an image."""


def leading_gain(runtime: Runtime, quality_index: int) -> float:
    """Gain of a model's coarsest patterns: what its step is the inverse of, in units of an image's range."""
    return float(runtime.gains(quality_index)[0, :LEADING].mean())


class SymbolWatch:
    """Notes which blocks have coordinates beyond those of photographs.

    Args:
        runtime: the model.
        quality_index: level of quality.
        cells: rows and columns of the image in cells.

    Attributes:
        doubtful: bool (4 rows, 4 columns), those blocks.
    """

    def __init__(self, runtime: Runtime, quality_index: int, cells: tuple[int, int]) -> None:
        self._most = MOST * leading_gain(runtime, quality_index)
        self.doubtful = np.zeros([HYPER_STRIDE * side for side in cells], bool)

    def look(self, rows: slice, columns: slice, y: NDArray[Any]) -> None:
        """Look at the symbols of y, int32 (channels, 4 h, 4 w), of some of the blocks."""
        self.doubtful[rows, columns] = np.maximum(y.max(axis=0), -y.min(axis=0)) > self._most
