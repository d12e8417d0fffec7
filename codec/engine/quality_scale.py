"""What the numbers from 0 to 100 mean: which level of a model each quality is.

A model's manifest may say at which levels images look about as good as at those of other models. Without, quality is
linear in the level, and so in the logarithm of the Lagrange multiplier.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from numbers import Real
from typing import Any

import numpy as np

POINTS = 11
"""Qualities 0, 10, 20 to 100, whose levels a manifest gives."""


@dataclass(frozen=True)
class QualityScale:
    """A monotone map between qualities and levels, both ends of which meet.

    Attributes:
        levels: how many the model has.
        at: levels of the qualities 0, 10, 20 to 100, ascending from 0 to ``levels - 1``; they need not be whole.
    """

    levels: int
    at: tuple[float, ...]

    @classmethod
    def linear(cls, levels: int) -> QualityScale:
        """The scale of a model that says nothing."""
        return cls(levels, tuple(np.linspace(0, levels - 1, POINTS).tolist()))

    @classmethod
    def stored(cls, levels: int, values: Any) -> QualityScale:
        """Of a manifest's ``quality_scale``; linear if that is None.

        Raises:
            ValueError: it is not a valid scale for this number of levels.
        """
        if values is None:
            return cls.linear(levels)
        at = tuple(float(value) for value in values)
        if len(at) != POINTS or at[0] != 0 or at[-1] != levels - 1 or any(not a < b for a, b in pairwise(at)):
            raise ValueError(f"quality_scale: expected {POINTS} ascending levels from 0 to {levels - 1}")
        return cls(levels, at)

    def level(self, quality: float) -> int:
        """The level nearest to a quality of 0 to 100.

        Raises:
            ValueError: the quality is out of range.
            TypeError: it is not a number.
        """
        if not isinstance(quality, Real):
            raise TypeError(f"quality: expected a number, found {quality!r}")
        if not 0 <= quality <= 100:  # also refuses NaN
            raise ValueError(f"quality: found {quality}, expected 0 to 100")
        level = float(np.interp(float(quality) / 10, np.arange(POINTS), self.at))
        return round(round(level, 6))  # the inner one mends float errors: 0.29 * 400 is just below 116

    def quality(self, level: int) -> float:
        """The quality of a level: a whole number if one stands for it, else to a hundredth."""
        exact = 10 * float(np.interp(level, self.at, np.arange(POINTS)))
        return float(round(exact)) if self.level(round(exact)) == level else round(exact, 2)
