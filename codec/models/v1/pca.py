"""Start of training: the linear path from the principal components of image blocks.

After this the untrained model is a working transform codec, and every step of training improves on
it; from random weights it takes over a thousand steps to get there.

Reference:
    Hotelling, "Analysis of a complex of statistical variables into principal components", 1933.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from bitstream.geometry import BLOCK

if TYPE_CHECKING:
    from codec.models.v1.network import V1

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


@torch.no_grad()
def initialise(model: V1, images: Iterable[Tensor]) -> None:
    """Set the linear path of analysis and synthesis, and the scales that networks and entropy model measure y by.

    Args:
        model: changed in place.
        images: each float (N, 3, H, W), in [0, 1], sides multiples of 16; several thousand blocks.
    """
    mean, covariance = block_statistics(images)
    variance, vectors = torch.linalg.eigh(covariance)
    width, latents = model.config.analysis_width, model.config.latents
    basis = vectors.flip(1)[:, :width].T
    scale = variance.flip(0)[:width].clamp(min=0).sqrt().clamp(min=SCALE_FLOOR)

    model.analysis.stem.weight.copy_(basis)
    model.analysis.stem.bias.copy_(-basis @ (mean - 0.5))  # type: ignore[union-attr]
    model.analysis.scale.copy_(scale)
    model.synthesis.linear.weight.copy_(basis[:latents].T)
    model.synthesis.linear.bias.copy_(mean)  # type: ignore[union-attr]
    model.synthesis.scale.copy_(scale[:latents])
    model.hyper_analysis.scale.copy_(scale[:latents])
    model.context.scale.copy_(scale[:latents])
    model.scale_index.log_scale.start.copy_(scale[:latents].log())
