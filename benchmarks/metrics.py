"""Distances between an image and its reconstruction, and what each is good for.

Reference:
    Wang, Simoncelli and Bovik, "Multi-scale structural similarity for image quality assessment", 2003. Others are in
    :mod:`benchmarks.perceptual`.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks import perceptual
from benchmarks.perceptual import Pixels, judges


@dataclass(frozen=True)
class Metric:
    """What a metric is.

    Attributes:
        label: for axes and tables.
        weakness: known, in one line.
        is_distance: whether smaller is better.
    """

    label: str
    weakness: str
    is_distance: bool = False

    def quality(self, value: float) -> float:
        """A value as one that is larger for better images."""
        return -value if self.is_distance else value


METRICS: dict[str, Metric] = {
    "psnr-rgb": Metric("PSNR-RGB (dB)", "Blind to what people see: texture that is smoothed away costs it little."),
    "psnr-y": Metric("PSNR-Y (dB)", "As PSNR-RGB, and blind to colour."),
    "psnr-hvs": Metric("PSNR-HVS (dB)", "Luma alone; still prefers smooth to textured where both are wrong."),
    "ms-ssim-db": Metric("MS-SSIM (dB)", "Hardly sees colour, contrast and brightness of large areas."),
    "ssimulacra2": Metric("SSIMULACRA 2", "Tuned on high and medium qualities; below 0 its order means little."),
    "cvvdp": Metric(
        "CVVDP (JOD)",
        "Depends on the assumed display and distance; a difference too small to be seen there costs nothing.",
    ),
    "butteraugli": Metric(
        "Butteraugli, 3-norm", "Made for nearly lossless images: overrates single errors at low rates.", True
    ),
    "features": Metric(
        "feature distance",
        "Forgives texture that is invented; not independent of a loss on features of EfficientNet-Lite0, its kin.",
        True,
    ),
}
"""Metrics that curves are drawn and BD-rates computed for."""

MS_SSIM_SMALLEST = 161
"""Smallest side for MS-SSIM: four halvings must leave its window of 11 pixels."""


def array_psnr_db(a: NDArray[np.generic], b: NDArray[np.generic]) -> float:
    """Peak signal-to-noise ratio over all components, dB.

    Args:
        a: any shape, values 0 to 255.
        b: the same shape.

    Returns:
        float: infinite for equal arrays.
    """
    mse = float(np.mean((a.astype(np.float64) - b.astype(np.float64)) ** 2))
    return 10 * math.log10(255**2 / mse) if mse else math.inf


def luma(pixels: Pixels) -> NDArray[np.float64]:
    """Luma of BT.601, full range, not rounded: float64 (H, W), 0 to 255."""
    values: NDArray[np.float64] = pixels.astype(np.float64) @ np.array([0.299, 0.587, 0.114])
    return values


def ms_ssim(a: Pixels, b: Pixels) -> float | None:
    """MS-SSIM, mean over the components R, G and B; None where a side is below 161 pixels."""
    if min(a.shape[:2]) < MS_SSIM_SMALLEST:
        return None
    import torch
    from pytorch_msssim import ms_ssim as reference

    x, y = (torch.from_numpy(p.copy()).permute(2, 0, 1)[None].float() for p in (a, b))
    return float(reference(x, y, data_range=255))


def ms_ssim_to_db(similarity: float) -> float:
    """MS-SSIM in decibels, infinite for 1."""
    return -10 * math.log10(1 - similarity) if similarity < 1 else math.inf


def known_metrics(names: str) -> list[str]:
    """Names of a comma-separated list; ``all`` is every one.

    Raises:
        ValueError: a name is unknown.
    """
    wanted = list(METRICS) if names == "all" else [name.strip() for name in names.split(",") if name.strip()]
    unknown = [name for name in wanted if name not in METRICS]
    if unknown or not wanted:
        raise ValueError(f"unknown metrics {unknown}; known are {', '.join(METRICS)}")
    return wanted


def measure(original: Pixels, decoded: Pixels, names: Collection[str] = tuple(METRICS)) -> dict[str, float | None]:
    """Metrics of one image.

    Args:
        original: uint8 (H, W, 3).
        decoded: the same shape.
        names: which of :data:`METRICS`.

    Returns:
        dict[str, float | None]: by name, and ``ms-ssim`` itself beside ``ms-ssim-db``; None where a metric is not
        defined.

    Raises:
        ValueError: the shapes differ.
    """
    if original.shape != decoded.shape:
        raise ValueError(f"decoded: found shape {decoded.shape}, expected {original.shape}")
    similarity = ms_ssim(original, decoded) if "ms-ssim-db" in names else None
    ways = {
        "psnr-rgb": array_psnr_db,
        "psnr-y": lambda a, b: array_psnr_db(luma(a), luma(b)),
        "psnr-hvs": perceptual.psnr_hvs,
        "ms-ssim-db": lambda a, b: None if similarity is None else ms_ssim_to_db(similarity),
        "ssimulacra2": perceptual.ssimulacra2,
        "cvvdp": perceptual.cvvdp,
        "butteraugli": perceptual.butteraugli,
        "features": perceptual.feature_distance,
    }
    values = {name: ways[name](original, decoded) for name in METRICS if name in names}
    return {**values, "ms-ssim": similarity} if "ms-ssim-db" in names else values


__all__ = [
    "METRICS",
    "Metric",
    "Pixels",
    "array_psnr_db",
    "judges",
    "known_metrics",
    "luma",
    "measure",
    "ms_ssim",
    "ms_ssim_to_db",
]
