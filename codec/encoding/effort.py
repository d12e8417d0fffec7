"""How long the sender may look for a smaller file; the receiver takes no notice."""

from __future__ import annotations

import math
from dataclasses import dataclass

ITERATIONS = (0, 10, 20, 40, 60, 100, 150, 230, 350, 500)
"""Of annealing, at each level of effort."""


@dataclass(frozen=True)
class Effort:
    """What is done beyond one pass of the networks.

    Attributes:
        iterations: of annealing, see :mod:`codec.encoding.sga`.
        seconds: to be done by then, with fewer iterations if need be; None is no limit.
    """

    iterations: int
    seconds: float | None = None


ONE_PASS = Effort(0)


def effort_of(level: int | None, budget: float | None) -> Effort:
    """The effort that a user asks for.

    Args:
        level: 0 to 9; None is 0, or 9 if there is a budget.
        budget: seconds, or None for as long as it takes.

    Raises:
        ValueError: one of them is out of range, or there is a budget for no effort.
    """
    if level is None:
        level = 0 if budget is None else len(ITERATIONS) - 1
    if not 0 <= level < len(ITERATIONS):
        raise ValueError(f"effort: found {level}, expected 0 to {len(ITERATIONS) - 1}")
    if budget is not None and not 0 < budget < math.inf:
        raise ValueError(f"budget: found {budget}, expected seconds above 0")
    if budget is not None and level == 0:
        raise ValueError("budget: effort 0 spends none; leave it out, or ask for 1 to 9")
    return Effort(ITERATIONS[level], budget)
