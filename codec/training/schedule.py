"""Learning rate over steps: warm up, stay constant for as long as it takes, decay in a branch.

Reference:
    Hägele et al., "Scaling Laws and Compute-Optimal Training Beyond Fixed Training Durations",
    NeurIPS 2024.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class WarmupStableDecay:
    """Learning rate as a pure function of the step.

    Attributes:
        peak: the constant rate.
        warmup: steps of linear rise.
        decay_start: step at which the decay begins; None: never, the run is open-ended.
        decay_steps: length of the decay, as 1 - sqrt, down to zero.
    """

    peak: float
    warmup: int
    decay_start: int | None = None
    decay_steps: int = 0

    @property
    def end(self) -> float:
        """The step at which training is over."""
        return math.inf if self.decay_start is None else self.decay_start + self.decay_steps

    def __call__(self, step: int) -> float:
        """Learning rate of a step."""
        rate = self.peak * min(1.0, (step + 1) / max(1, self.warmup))
        if self.decay_start is None or step < self.decay_start:
            return rate
        return rate * max(0.0, 1 - math.sqrt((step - self.decay_start) / self.decay_steps))


class SpikeGuard:
    """Keeps one bad step from spoiling a run.

    A step whose loss is far above its running mean, or whose loss or gradient is not finite, is skipped; large
    gradients are clipped elsewhere. If too many in a row are skipped, the weights themselves have gone astray, and the
    run steps back to their running average. If most of the last steps were skipped, that has not helped either, and the
    run has diverged.

    Args:
        factor: how many times the running mean is too much.
        patience: skipped steps in a row before stepping back.
        window: how many of the last steps are looked at to tell whether the run has diverged.
    """

    def __init__(self, factor: float = 4.0, patience: int = 5, window: int = 50) -> None:
        self.factor = factor
        self.patience = patience
        self.window = window
        self._accepted: deque[bool] = deque(maxlen=window)
        self.mean: float | None = None
        self.in_a_row = 0
        self.skipped = 0

    def accepts(self, loss: float, gradient_norm: float) -> bool:
        """Whether to take the step; counts those that are not."""
        sound = math.isfinite(loss) and math.isfinite(gradient_norm)
        accepted = sound and (self.mean is None or loss < self.factor * self.mean)
        self._accepted.append(accepted)
        if accepted:
            self.mean = loss if self.mean is None else 0.99 * self.mean + 0.01 * loss
            self.in_a_row = 0
            return True
        self.skipped += 1
        self.in_a_row += 1
        return False

    def is_astray(self) -> bool:
        """Whether to step back to the running average; resets the count if so."""
        if self.in_a_row < self.patience:
            return False
        self.in_a_row = 0
        return True

    def skipped_lately(self) -> int:
        """How many of the last steps, of which a window is full, were skipped; 0 before there are as many."""
        full = len(self._accepted) == self._accepted.maxlen
        return self._accepted.count(False) if full else 0

    def has_diverged(self) -> bool:
        """Whether most of the last steps were skipped."""
        return 2 * self.skipped_lately() > len(self._accepted)

    def state(self) -> dict[str, Any]:
        """Plain values to resume from."""
        return {"mean": self.mean, "in_a_row": self.in_a_row, "skipped": self.skipped, "accepted": list(self._accepted)}

    def resume(self, state: dict[str, Any]) -> None:
        """Continue from :meth:`state`."""
        self.mean = state["mean"]
        self.in_a_row = int(state["in_a_row"] or 0)
        self.skipped = int(state["skipped"] or 0)
        self._accepted.extend(state.get("accepted", []))
