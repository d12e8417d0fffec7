"""Tables of counts that symbols of one kind choose from."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitstream import ans
from bitstream.ans_python import PRECISION

TOTAL = 1 << PRECISION
"""What the counts of a table sum to."""


class Family:
    """Tables, each of counts of -limit .. limit, then of the escape.

    Attributes:
        rows: int64 counts of each table.
        limits: int32, the largest magnitude each codes without escape.

    Args:
        rows: as above.
    """

    def __init__(self, rows: list[NDArray[np.int64]]) -> None:
        self.rows = rows
        self.limits = np.array([len(row) // 2 - 1 for row in rows], np.int32)

    @cached_property
    def models(self) -> list[Any]:
        """Entropy coder's model of each table."""
        return [ans.categorical(counts) for counts in self.rows]
