"""The rate-distortion objective over all qualities at once."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from pytorch_msssim import ms_ssim
from torch import Tensor

from codec.model.gains import LmbdaRange
from codec.model.network import Coded

MS_SSIM_WEIGHT = 1270.0
"""How much 1 - MS-SSIM counts where the squared error counts 1: about the same rates for the same multipliers, and what
the multipliers of CompressAI's two families of models are apart."""


@dataclass
class RateDistortion:
    """Objective of a batch and its parts.

    Attributes:
        loss: float (), what is minimised.
        mse: float (N,), squared error of pixels in [0, 255].
        y_bpp: float (N,), bits per pixel in the symbols.
        z_bpp: float (N,), bits per pixel in z.
    """

    loss: Tensor
    mse: Tensor
    y_bpp: Tensor
    z_bpp: Tensor


def rate_distortion(x: Tensor, t: Tensor, coded: Coded, lmbdas: LmbdaRange, metric: str = "psnr") -> RateDistortion:
    """``lmbda D + R`` of each image, weighted so that no quality dominates the mean.

    At the optimum both terms grow like sqrt(lmbda), so each image is weighted by its inverse.

    Args:
        x: float (N, 3, H, W), in [0, 1], the originals.
        t: float (N,), quality in [0, 1].
        coded: what the model made of them.
        lmbdas: what the qualities stand for.
        metric: ``"psnr"`` for the squared error, ``"ms-ssim"`` for 1 - MS-SSIM (sides of at least 161 pixels).

    Returns:
        RateDistortion: objective and parts.
    """
    pixels = x.shape[2] * x.shape[3]
    # As rows of pixels, which is how they lie in memory.
    error = F.mse_loss(coded.x_hat.permute(0, 2, 3, 1).float(), x.permute(0, 2, 3, 1), reduction="none")
    mse = error.flatten(1).mean(dim=1) * 255**2
    if metric == "ms-ssim":
        similarity = ms_ssim(coded.x_hat.float(), x, data_range=1.0, size_average=False)
        distortion = MS_SSIM_WEIGHT * (1 - similarity)
    else:
        distortion = mse
    y_bpp, z_bpp = coded.y_bits / pixels, coded.z_bits / pixels
    lmbda = lmbdas.lmbda(t)
    weight = torch.sqrt((lmbdas.low * lmbdas.high) ** 0.5 / lmbda)
    loss = (weight * (lmbda * distortion + y_bpp + z_bpp)).mean()
    return RateDistortion(loss, mse.detach(), y_bpp.detach(), z_bpp.detach())
