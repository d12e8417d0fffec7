"""How far a decoded picture is from its original: PSNR and MS-SSIM, from NumPy alone.

Reference:
    Wang, Simoncelli and Bovik, "Multiscale structural similarity for image quality assessment", Asilomar 2003.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

WINDOW = 11
SIGMA = 1.5
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
SMALLEST_SIDE = (WINDOW - 1) * 2 ** (len(SCALE_WEIGHTS) - 1) + 1
"""Pictures with a smaller side have no MS-SSIM."""


def psnr_db(pairs: Iterable[tuple[NDArray[Any], NDArray[Any]]], depth: int) -> float:
    """Peak signal-to-noise ratio in dB of a picture given as pairs of parts, of one shape each.

    Args:
        pairs: parts of original and decoded picture.
        depth: bits of a component.
    """
    error, count = 0.0, 0
    for original, decoded in pairs:
        difference = original.astype(np.float32) - decoded
        error += float(np.square(difference, out=difference).sum(dtype=np.float64))
        count += difference.size
    return 10 * math.log10(((1 << depth) - 1) ** 2 * count / error) if error else math.inf


def ms_ssim_db(original: NDArray[Any], decoded: NDArray[Any], depth: int) -> float:
    """Multi-scale structural similarity, as -10 log10(1 - value), mean over components.

    Args:
        original: (H, W, components), sides at least :data:`SMALLEST_SIDE`.
        decoded: of the same shape.
        depth: bits of a component.

    Raises:
        ValueError: a side is too small.
    """
    if min(original.shape[:2]) < SMALLEST_SIDE:
        raise ValueError(f"MS-SSIM needs sides of at least {SMALLEST_SIDE} pixels, found {original.shape[:2]}")
    values = [_ms_ssim(original[..., i], decoded[..., i], float((1 << depth) - 1)) for i in range(original.shape[2])]
    value = float(np.mean(values))
    return -10 * math.log10(1 - value) if value < 1 else math.inf


def _ms_ssim(original: NDArray[Any], decoded: NDArray[Any], peak: float) -> float:
    x, y = original.astype(np.float32), decoded.astype(np.float32)
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    product = 1.0
    for scale, weight in enumerate(SCALE_WEIGHTS):
        mx, my = _blur(x), _blur(y)
        vx, vy, cov = _blur(x * x) - mx * mx, _blur(y * y) - my * my, _blur(x * y) - mx * my
        structure = (2 * cov + c2) / (vx + vy + c2)
        if scale == len(SCALE_WEIGHTS) - 1:
            structure *= (2 * mx * my + c1) / (mx * mx + my * my + c1)
        product *= max(float(structure.mean(dtype=np.float64)), 0.0) ** weight
        x, y = _half(x), _half(y)
    return product


def _blur(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    """Gaussian window over all positions at which it fits."""
    taps = np.exp(-((np.arange(WINDOW) - WINDOW // 2) ** 2) / (2 * SIGMA**2))
    taps = (taps / taps.sum()).astype(np.float32)
    for axis in (0, 1):
        length = plane.shape[axis] - WINDOW + 1
        total = np.zeros([length if a == axis else n for a, n in enumerate(plane.shape)], np.float32)
        for i, tap in enumerate(taps):
            total += tap * (plane[i : i + length] if axis == 0 else plane[:, i : i + length])
        plane = total
    return plane


def _half(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    """Means of 2 x 2; odd sides are padded with half a zero, as the usual implementation does."""
    pad = [(n % 2, n % 2) for n in plane.shape]
    padded = np.pad(plane, pad)
    h, w = (n // 2 * 2 for n in padded.shape)
    means: NDArray[np.float32] = padded[:h, :w].reshape(h // 2, 2, w // 2, 2).mean(axis=(1, 3))
    return means
