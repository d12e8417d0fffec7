"""The rate-distortion objective over all qualities at once."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from codec.models.architecture import Coded
from codec.models.distortion import distortion, squared_error
from codec.models.gains import LmbdaRange

OUTLIER = 6.0
"""Times the median of a batch, beyond which an image's objective is tempered."""


@dataclass
class RateDistortion:
    """Objective of a batch and its parts.

    Attributes:
        loss: float (), what is minimised.
        level: float (), the same with outliers held at their limit, which tells whether the model has gone astray.
        mse: float (N,), squared error of pixels in [0, 255].
        y_bpp: float (N,), bits per pixel in the symbols.
        z_bpp: float (N,), bits per pixel in z.
    """

    loss: Tensor
    level: Tensor
    mse: Tensor
    y_bpp: Tensor
    z_bpp: Tensor


def rate_weight(t: Tensor, lmbdas: LmbdaRange) -> Tensor:
    """Weight of a rate, float (N,), at qualities t, float (N,), so that none dominates a mean: rates grow like
    sqrt(lmbda)."""
    return torch.sqrt((lmbdas.low * lmbdas.high) ** 0.5 / lmbdas.lmbda(t))


def tempered(objectives: Tensor) -> tuple[Tensor, Tensor]:
    """Let what is far above the others of a batch grow as its logarithm only.

    A graphic in saturated colours can make the networks answer with pixels in the thousands. Its gradient would drown
    those of all other images, or the whole batch would be skipped, and such images would never be learned.

    Args:
        objectives: float (N,), of each image, above zero.

    Returns:
        tuple[Tensor, Tensor]: float (N,), the same up to a limit, :data:`OUTLIER` times their median; and without
        gradient, what is beyond the limit held at it.
    """
    values = objectives.detach()
    limit = OUTLIER * values.median()
    beyond = limit * (1 + (objectives / limit).clamp(min=1).log())
    return torch.where(objectives <= limit, objectives, beyond), values.clamp(max=limit)


def rate_distortion(x: Tensor, t: Tensor, coded: Coded, lmbdas: LmbdaRange, metric: str = "psnr") -> RateDistortion:
    """``lmbda D + R`` of each image, weighted so that no quality dominates the mean.

    At the optimum both terms grow like sqrt(lmbda), so each image is weighted by its inverse. Outliers are
    :func:`tempered`.

    Args:
        x: float (N, 3, H, W), in [0, 1], the originals.
        t: float (N,), quality in [0, 1].
        coded: what the model made of them.
        lmbdas: what the qualities stand for.
        metric: of the distortion, see :func:`~codec.models.distortion.distortion`.

    Returns:
        RateDistortion: objective and parts.
    """
    pixels = x.shape[2] * x.shape[3]
    mse = squared_error(x, coded.x_hat)
    error = mse if metric == "psnr" else distortion(x, coded.x_hat, metric)
    y_bpp, z_bpp = coded.y_bits / pixels, coded.z_bits / pixels
    lmbda = lmbdas.lmbda(t)
    objectives, held = tempered(rate_weight(t, lmbdas) * (lmbda * error + y_bpp + z_bpp))
    return RateDistortion(objectives.mean(), held.mean(), mse.detach(), y_bpp.detach(), z_bpp.detach())
