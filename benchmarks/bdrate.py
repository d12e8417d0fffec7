"""Bjøntegaard delta rate: the mean difference in rate between two curves at equal quality.

Reference:
    Bjøntegaard, "Calculation of average PSNR differences between RD-curves", VCEG-M33, 2001;
    Herglotz et al., "The Bjøntegaard Bible: Why your Way of Comparing Video Codecs May Be Wrong", 2023.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import bjontegaard
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import Akima1DInterpolator


@dataclass(frozen=True)
class Curve:
    """Rate against quality, ascending in both.

    Attributes:
        rate: bits per pixel, float64 (n,).
        quality: of some metric, larger is better, float64 (n,).
    """

    rate: NDArray[np.float64]
    quality: NDArray[np.float64]


def curve(rate: Sequence[float], quality: Sequence[float]) -> Curve:
    """Order points by rate and drop those that cost more than another and are no better.

    Such points occur where a codec is measured by a metric that it does not aim at; interpolation needs a
    function of quality.
    """
    points = sorted(zip(rate, quality, strict=True), key=lambda point: (point[0], -point[1]))
    kept: list[tuple[float, float]] = []
    for point in points:
        if math.isfinite(point[1]) and (not kept or (point[1] > kept[-1][1] and point[0] > kept[-1][0])):
            kept.append(point)
    columns = np.array(kept, np.float64).reshape(-1, 2)
    return Curve(columns[:, 0], columns[:, 1])


@dataclass(frozen=True)
class BdRate:
    """Result of a comparison.

    Attributes:
        percent: how much more rate the tested codec takes than the anchor; negative is better.
        low: quality at which the overlap of the curves begins.
        high: quality at which it ends.
        overlap: its share of the tested curve's own range.
    """

    percent: float
    low: float
    high: float
    overlap: float


def bd_rate_within(anchor: Curve, tested: Curve, low: float, high: float) -> float | None:
    """BD-rate in percent from one quality to another: Akima, logarithm of the rate.

    Args:
        anchor: what is compared with.
        tested: what is judged.
        low: quality at which the comparison begins.
        high: quality at which it ends.

    Returns:
        float | None: None where a curve has fewer than four points, or does not cover the range.
    """
    logs = []
    for one in (anchor, tested):
        if len(one.rate) < 4 or one.quality[0] > low or one.quality[-1] < high:
            return None
        logs.append(Akima1DInterpolator(one.quality, np.log(one.rate)).integrate(low, high) / (high - low))
    return 100 * math.expm1(float(logs[1] - logs[0]))


def bd_rate(anchor: Curve, tested: Curve) -> BdRate | None:
    """BD-rate over the range of quality that both curves cover: Akima, logarithm of the rate.

    Args:
        anchor: what is compared with.
        tested: what is judged.

    Returns:
        BdRate | None: None where a curve has fewer than four points, or they do not overlap.
    """
    if min(len(anchor.rate), len(tested.rate)) < 4:
        return None
    low = float(max(anchor.quality[0], tested.quality[0]))
    high = float(min(anchor.quality[-1], tested.quality[-1]))
    if high <= low:
        return None
    percent = bjontegaard.bd_rate(
        anchor.rate, anchor.quality, tested.rate, tested.quality,
        method="akima", require_matching_points=False, min_overlap=0,
    )  # fmt: skip
    return BdRate(float(percent), low, high, (high - low) / float(tested.quality[-1] - tested.quality[0]))
