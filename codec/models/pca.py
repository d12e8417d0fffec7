"""Start of training: the linear path from the principal components of image blocks.

After this the untrained model is a working transform codec, and every step of training improves on
it; from random weights it takes over a thousand steps to get there.

Reference:
    Hotelling, "Analysis of a complex of statistical variables into principal components", 1933.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from bitstream.geometry import BLOCK

SCALE_FLOOR = 0.02
"""Smallest standard deviation to whiten with: below it is mostly noise."""


def block_statistics(images: Iterable[Tensor]) -> tuple[Tensor, Tensor]:
    """Mean and covariance of all 16x16 blocks of some images, which are looked at one after the other.

    Args:
        images: each float (N, 3, H, W), in [0, 1], sides multiples of 16.

    Returns:
        tuple[Tensor, Tensor]: float64 (768,) and (768, 768), on the CPU.
    """
    count, sums, products = 0, torch.zeros(3 * BLOCK**2).double(), torch.zeros(3 * BLOCK**2, 3 * BLOCK**2).double()
    for x in images:
        rows = F.pixel_unshuffle(x.cpu(), BLOCK).permute(0, 2, 3, 1).reshape(-1, 3 * BLOCK**2).double()
        count += len(rows)
        sums += rows.sum(dim=0)
        products += rows.T @ rows
    mean = sums / count
    return mean, (products - count * torch.outer(mean, mean)) / (count - 1)


class Components(NamedTuple):
    """Principal components of blocks of pixels, the largest first.

    Attributes:
        basis: float (components, 3 BLOCK ** 2), orthonormal rows.
        mean: float (3 BLOCK ** 2,), of the blocks.
        scale: float (components,), standard deviation of each, at least :data:`SCALE_FLOOR`.
    """

    basis: Tensor
    mean: Tensor
    scale: Tensor


def principal_components(images: Iterable[Tensor], count: int) -> Components:
    """The components of all 16x16 blocks of some images.

    Args:
        images: each float (N, 3, H, W), in [0, 1], sides multiples of 16; several thousand blocks.
        count: how many.
    """
    mean, covariance = block_statistics(images)
    variance, vectors = torch.linalg.eigh(covariance)
    scale = variance.flip(0)[:count].clamp(min=0).sqrt().clamp(min=SCALE_FLOOR)
    return Components(vectors.flip(1)[:, :count].T, mean, scale)
