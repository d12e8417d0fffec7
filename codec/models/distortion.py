"""How far images are from their originals, in the units that the multipliers of all models are of."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from pytorch_msssim import ms_ssim
from torch import Tensor

from codec.metrics import SMALLEST_SIDE
from codec.models.contrast import contrast_distance
from codec.models.structure import structural_distance

SMALLEST_SIDES = {"psnr": 1, "ms-ssim": SMALLEST_SIDE, "visual": SMALLEST_SIDE}
"""The metrics that a model can be trained for, and the pixels a side from which on each is defined."""
MS_SSIM_WEIGHT = 1270.0
"""Weight of 1 - MS-SSIM where the squared error has weight 1. Equal multipliers then give about equal rates; it is also
the ratio between the multipliers of CompressAI's two families of models."""
STRUCTURE_WEIGHT = 613.0
"""How much the distance of structure counts: the same as the squared error, in the mean at the quality t = 0.45 of the
model that is trained for PSNR."""
CONTRAST_WEIGHT = 14.0
"""How much the distance of contrast counts, likewise."""
VISUAL_SHARES = (0.2, 0.35, 0.05, 0.5)
"""Of the distance of structure, MS-SSIM, the squared error and the distance of contrast, in ``"visual"``;
``benchmarks/EXPERIMENTS.md`` has what they were chosen by."""


def squared_error(x: Tensor, x_hat: Tensor) -> Tensor:
    """Mean squared error of pixels in [0, 255], float (N,), of float images (N, 3, H, W) in [0, 1]."""
    # As rows of pixels, which is how they lie in memory.
    error = F.mse_loss(x_hat.permute(0, 2, 3, 1).float(), x.permute(0, 2, 3, 1), reduction="none")
    return error.flatten(1).mean(dim=1) * 255**2


@torch.compiler.disable  # torch 2.14 compiles the gradient of its windows for another layout than they are in
def distortion(x: Tensor, x_hat: Tensor, metric: str) -> Tensor:
    """Distortion of each image.

    Args:
        x: float (N, 3, H, W), in [0, 1], the originals; sides of at least :data:`SMALLEST_SIDES`.
        x_hat: like ``x``, not necessarily in range.
        metric: ``"psnr"`` for the squared error of pixels in [0, 255], ``"ms-ssim"`` for :data:`MS_SSIM_WEIGHT` times
            1 - MS-SSIM, ``"visual"`` for a mixture of both and the distances of structure and contrast.

    Returns:
        Tensor: float (N,).
    """
    if metric == "psnr":
        return squared_error(x, x_hat)
    dissimilarity: Tensor = MS_SSIM_WEIGHT * (1 - ms_ssim(x_hat.float(), x, data_range=1.0, size_average=False))
    if metric == "ms-ssim":
        return dissimilarity
    structure = STRUCTURE_WEIGHT * structural_distance(x, x_hat.float())
    contrast = CONTRAST_WEIGHT * contrast_distance(x, x_hat.float())
    parts = (structure, dissimilarity, squared_error(x, x_hat), contrast)
    return sum((share * part for share, part in zip(VISUAL_SHARES, parts, strict=True)), x.new_zeros(len(x)))
