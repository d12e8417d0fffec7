"""Rate control: the level of quality that meets a target, found by coding as few times as possible."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

TOLERANCE = 0.01
"""A search ends once the file is within this share of a target size, or within a quarter of it of one in dB."""


@dataclass(frozen=True)
class Target:
    """What a file is to meet.

    Attributes:
        kind: ``"bytes"`` (at most), ``"psnr"`` or ``"ms-ssim"`` (at least, in dB), or ``"ssimulacra2"`` (at least,
            below 100; needs the extra ``[metrics]``).
        value: the target.
    """

    kind: str
    value: float

    def __post_init__(self) -> None:
        if self.kind not in ("bytes", "psnr", "ms-ssim", "ssimulacra2") or not 0 < self.value < math.inf:
            raise ValueError(
                f"target: found {self.kind} {self.value}, expected bytes, psnr, ms-ssim or ssimulacra2 above 0"
            )


def search(
    measure: Callable[[int], float],
    target: float,
    levels: int,
    *,
    at_most: bool,
    guess: float,
    slope: float,
    tolerance: float,
) -> int | None:
    """Find the level whose value is nearest to a target without being on its wrong side.

    Values rise with the level. Each measurement narrows a bracket; the next level is where a line through the ends
    of the bracket meets the target, or one of the given slope while only one end is known.

    Args:
        measure: value of a level.
        target: to be met.
        levels: how many there are.
        at_most: whether values above the target are the wrong side, rather than values below.
        guess: level to begin with.
        slope: expected change of the value from one level to the next.
        tolerance: a value this near the target, on the right side, ends the search.

    Returns:
        int | None: the level; None if no level is on the right side.
    """
    low, high = -1, levels  # exclusive ends of what is still open
    known: dict[int, float] = {}
    best: int | None = None
    at, width, slow = guess, levels, 0
    while high - low > 1:
        # Towards the right side of a guess, and never to an end of the bracket that is known already.
        within = min(max(at, low + 1), high - 1)  # a target beyond all levels may be anywhere
        level = math.floor(within) if at_most else math.ceil(within)
        value = known[level] = min(measure(level), 1e6)  # a lossless copy has no end of decibels
        right_side = value <= target if at_most else value >= target
        if right_side:
            best = level
            if abs(value - target) <= tolerance:
                break
        if value <= target if at_most else value < target:
            low = level
        else:
            high = level
        aim = target - tolerance / 2 if at_most else target + tolerance / 2
        if low in known and high in known:
            # A line through a curve can creep along it: after two steps that did not halve the bracket, the next does.
            slow, width = slow + 1 if high - low > width / 2 else 0, high - low
            share = 0.5 if slow > 1 else (aim - known[low]) / max(known[high] - known[low], 1e-12)
            at = low + width * min(max(share, 0.1), 0.9)
        else:
            at = level + (aim - value) / slope
            # So can a slope that is far too steep: from the third step towards the unknown end on, each is four times
            # the last at least.
            reach = 4 ** max(0, len(known) - 2)
            at = min(at, level - reach) if low not in known else max(at, level + reach)
    return best
