"""How far a decoded image is from its original: PSNR and MS-SSIM from NumPy alone, SSIMULACRA 2 by its package.

Reference:
    Wang, Simoncelli and Bovik, "Multiscale structural similarity for image quality assessment", Asilomar 2003;
    Sneyers, "SSIMULACRA 2", Cloudinary, 2022.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bitstream.errors import CodecError

WINDOW = 11
SIGMA = 1.5
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
SMALLEST_SIDE = (WINDOW - 1) * 2 ** (len(SCALE_WEIGHTS) - 1) + 1
"""Images with a smaller side have no MS-SSIM."""
SSIMULACRA2_SMALLEST_SIDE = 8
PART_SIDE, PART_PIXELS = 1024, 1 << 21
"""Side of the parts that SSIMULACRA 2 judges larger images in, and the pixels from which on it does."""


def psnr_db(pairs: Iterable[tuple[NDArray[Any], NDArray[Any]]], depth: int) -> float:
    """Peak signal-to-noise ratio in dB of an image given as pairs of parts, of one shape each.

    Args:
        pairs: parts of original and decoded image.
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


def ssimulacra2(original: NDArray[Any], decoded: NDArray[Any], depth: int) -> float:
    """SSIMULACRA 2: 100 is identical, 90 looks lossless, 70 good, 50 medium; it can fall far below 0.

    It takes half a gigabyte a megapixel, so images of more than :data:`PART_PIXELS` are judged in parts, and the mean
    of those by their pixels is taken.

    Args:
        original: uint8 or uint16 (H, W, 1 or 3), judged with 8 bits.
        decoded: of the same shape.
        depth: bits of a component.

    Raises:
        CodecError: the extra ``[metrics]`` is not installed.
        ValueError: a side is below :data:`SSIMULACRA2_SMALLEST_SIDE`.
    """
    try:
        from ssimulacra2 import compute_ssimulacra2
    except ImportError as error:
        raise CodecError("SSIMULACRA 2 needs the extra [metrics], see the README on how to install it") from error
    height, width = original.shape[:2]
    if min(height, width) < SSIMULACRA2_SMALLEST_SIDE:
        raise ValueError(f"SSIMULACRA 2 needs sides of at least {SSIMULACRA2_SMALLEST_SIDE} pixels")
    side = PART_SIDE if height * width > PART_PIXELS else max(height, width)
    total = 0.0
    for rows in _spans(height, side):
        for columns in _spans(width, side):
            files = []
            for pixels in (original[rows, columns], decoded[rows, columns]):
                levels = pixels if depth == 8 else (pixels.astype(np.uint32) + 128) // 257
                file = io.BytesIO()
                Image.fromarray(np.broadcast_to(levels, (*levels.shape[:2], 3)).astype(np.uint8)).save(file, "BMP")
                files.append(file)
            share = (rows.stop - rows.start) * (columns.stop - columns.start) / (height * width)
            total += share * float(compute_ssimulacra2(*files))
    return total


def _spans(length: int, side: int) -> list[slice]:
    """A length in nearly equal spans of about ``side``."""
    count = max(1, round(length / side))
    edges = [length * i // count for i in range(count + 1)]
    return [slice(a, b) for a, b in pairwise(edges)]


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
