"""How far pictures are from their originals, in the units that the multipliers of all models are of."""

from __future__ import annotations

import torch.nn.functional as F
from pytorch_msssim import ms_ssim
from torch import Tensor

MS_SSIM_WEIGHT = 1270.0
"""How much 1 - MS-SSIM counts where the squared error counts 1: about the same rates for the same multipliers, and what
the multipliers of CompressAI's two families of models are apart."""


def distortion(x: Tensor, x_hat: Tensor, metric: str) -> Tensor:
    """Distortion of each picture.

    Args:
        x: float (N, 3, H, W), in [0, 1], the originals.
        x_hat: like ``x``.
        metric: ``"psnr"`` for the squared error of pixels in [0, 255], ``"ms-ssim"`` for :data:`MS_SSIM_WEIGHT` times
            1 - MS-SSIM (sides of at least 161 pixels).

    Returns:
        Tensor: float (N,).
    """
    if metric == "ms-ssim":
        return MS_SSIM_WEIGHT * (1 - ms_ssim(x_hat.float(), x, data_range=1.0, size_average=False))
    # As rows of pixels, which is how they lie in memory.
    error = F.mse_loss(x_hat.permute(0, 2, 3, 1).float(), x.permute(0, 2, 3, 1), reduction="none")
    return error.flatten(1).mean(dim=1) * 255**2
