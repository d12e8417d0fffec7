"""Distances between a picture and its reconstruction.

The perceptual metric is SSIMULACRA 2: made for compression artefacts, it follows human judgements of them
better than MS-SSIM does, and its package needs neither downloads nor a GPU.

Reference:
    Wang, Simoncelli and Bovik, "Multi-scale structural similarity for image quality assessment", 2003;
    Sneyers, "SSIMULACRA 2", Cloudinary, 2022.
"""

from __future__ import annotations

import io
import math
from functools import cache
from importlib.metadata import version

import numpy as np
from numpy.typing import NDArray
from PIL import Image

METRICS: dict[str, str] = {
    "psnr-rgb": "PSNR-RGB (dB)",
    "psnr-y": "PSNR-Y (dB)",
    "ms-ssim-db": "MS-SSIM (dB)",
    "ssimulacra2": "SSIMULACRA 2",
}
"""Metrics that curves are drawn and BD-rates computed for, with their axis labels. Larger is better in all."""

MS_SSIM_SMALLEST = 161
"""Smallest side for MS-SSIM: four halvings must leave its window of 11 pixels."""

Pixels = NDArray[np.uint8]


@cache
def judges() -> str:
    """The packages that two of the metrics are of, and their versions: another may give other figures."""
    return ", ".join(f"{name} {version(name)}" for name in ("pytorch-msssim", "ssimulacra2"))


def psnr_db(a: NDArray[np.generic], b: NDArray[np.generic]) -> float:
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
    return pixels.astype(np.float64) @ np.array([0.299, 0.587, 0.114])


def ms_ssim(a: Pixels, b: Pixels) -> float | None:
    """MS-SSIM, mean over the components R, G and B; None where a side is below 161 pixels."""
    if min(a.shape[:2]) < MS_SSIM_SMALLEST:
        return None
    import torch
    from pytorch_msssim import ms_ssim as reference

    x, y = (torch.from_numpy(p.copy()).permute(2, 0, 1)[None].float() for p in (a, b))
    return float(reference(x, y, data_range=255))


def ssimulacra2(a: Pixels, b: Pixels) -> float:
    """SSIMULACRA 2: 100 is identical, 90 visually lossless, 50 medium, below 0 very poor."""
    from ssimulacra2 import compute_ssimulacra2

    files = []
    for pixels in (a, b):
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "BMP")
        files.append(buffer)
    return float(compute_ssimulacra2(*files))


def ms_ssim_db(similarity: float) -> float:
    """MS-SSIM in decibels, infinite for 1."""
    return -10 * math.log10(1 - similarity) if similarity < 1 else math.inf


def measure(original: Pixels, decoded: Pixels) -> dict[str, float | None]:
    """All metrics of one picture.

    Args:
        original: uint8 (H, W, 3).
        decoded: the same shape.

    Returns:
        dict[str, float | None]: by the names in :data:`METRICS`, and ``ms-ssim`` itself; None where a
        metric is not defined.

    Raises:
        ValueError: the shapes differ.
    """
    if original.shape != decoded.shape:
        raise ValueError(f"decoded: found shape {decoded.shape}, expected {original.shape}")
    similarity = ms_ssim(original, decoded)
    return {
        "psnr-rgb": psnr_db(original, decoded),
        "psnr-y": psnr_db(luma(original), luma(decoded)),
        "ms-ssim": similarity,
        "ms-ssim-db": None if similarity is None else ms_ssim_db(similarity),
        "ssimulacra2": ssimulacra2(original, decoded),
    }
