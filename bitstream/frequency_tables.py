"""Tables of frequencies that symbols of one kind choose from."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitstream import ans
from bitstream.ans_python import PRECISION

TOTAL = 1 << PRECISION
"""What the frequencies of a table sum to."""


class FrequencyTables:
    """Tables, each of the frequencies of -max_magnitude .. max_magnitude, then of the escape.

    Attributes:
        frequencies: int64, one array for each table.
        max_magnitudes: int32, the largest magnitude that each table codes without escape.

    Args:
        frequencies: as above.
    """

    def __init__(self, frequencies: list[NDArray[np.int64]]) -> None:
        self.frequencies = frequencies
        self.max_magnitudes = np.array([len(row) // 2 - 1 for row in frequencies], np.int32)

    def __len__(self) -> int:
        return len(self.frequencies)

    @cached_property
    def models(self) -> list[Any]:
        """The entropy coder's model of each table."""
        return [ans.categorical(row) for row in self.frequencies]
