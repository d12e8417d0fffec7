"""The running average of the weights, which is what ships."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Weights = tuple[Tensor, ...] | list[Tensor]


def warm_average(decay: float) -> Callable[[Weights, Weights, Tensor | int], None]:
    """Exponential running average that forgets its start: without this, a thousand steps at 0.999 still
    hold a third of the initial weights.

    Args:
        decay: of the average once it is warm.

    Returns:
        Callable: as :class:`AveragedModel` takes it for all weights at once.
    """

    def update(average: Weights, current: Weights, count: Tensor | int) -> None:
        warm = min(decay, (1 + int(count)) / (10 + int(count)))
        torch._foreach_lerp_(average, current, 1 - warm)

    return update
