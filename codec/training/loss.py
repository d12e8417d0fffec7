"""The rate-distortion objective over all qualities at once."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from codec.model.distortion import distortion, squared_error
from codec.model.gains import LmbdaRange
from codec.model.network import Coded


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


def rate_weight(t: Tensor, lmbdas: LmbdaRange) -> Tensor:
    """Weight of a rate, float (N,), at qualities t, float (N,), so that none dominates a mean: rates grow like
    sqrt(lmbda)."""
    return torch.sqrt((lmbdas.low * lmbdas.high) ** 0.5 / lmbdas.lmbda(t))


def rate_distortion(x: Tensor, t: Tensor, coded: Coded, lmbdas: LmbdaRange, metric: str = "psnr") -> RateDistortion:
    """``lmbda D + R`` of each image, weighted so that no quality dominates the mean.

    At the optimum both terms grow like sqrt(lmbda), so each image is weighted by its inverse.

    Args:
        x: float (N, 3, H, W), in [0, 1], the originals.
        t: float (N,), quality in [0, 1].
        coded: what the model made of them.
        lmbdas: what the qualities stand for.
        metric: of the distortion, see :func:`~codec.model.distortion.distortion`.

    Returns:
        RateDistortion: objective and parts.
    """
    pixels = x.shape[2] * x.shape[3]
    mse = squared_error(x, coded.x_hat)
    error = mse if metric == "psnr" else distortion(x, coded.x_hat, metric)
    y_bpp, z_bpp = coded.y_bits / pixels, coded.z_bits / pixels
    lmbda = lmbdas.lmbda(t)
    loss = (rate_weight(t, lmbdas) * (lmbda * error + y_bpp + z_bpp)).mean()
    return RateDistortion(loss, mse.detach(), y_bpp.detach(), z_bpp.detach())
