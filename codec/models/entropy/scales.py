"""Scales of the symbols of y, by a map of integers that every machine evaluates alike.

Reference:
    Ballé et al., "Variational Image Compression with a Scale Hyperprior", ICLR 2018.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bitstream.geometry import HYPER_STRIDE
from codec.models.entropy.density import at_least
from codec.models.gains import KNOTS, QualityKnots

SCALES = 64
SCALE_MIN = 0.11
SCALE_MAX = 256.0
LOG_SCALE_STEP = math.log(SCALE_MAX / SCALE_MIN) / (SCALES - 1)
INDEX_SHIFT = 4
"""Fractional bits of the integer map from z_hat to the scale's index."""


class ScaleIndex(nn.Module):
    """Index of each latent's scale in the table, by one integer linear map of z_hat.

    ``index = clip((W z_hat + b(t) + p + half) >> INDEX_SHIFT, 0, SCALES - 1)`` with W of int8, and p for each of the 16
    positions of a cell. In training the map is evaluated in floats on the rounded W, without rounding the index.

    Args:
        hyper_latents: channels of z.
        latents: channels of y.
        position_bias: whether there is p. Positions that are coded later are predicted better, so scales are smaller
            there.
    """

    def __init__(self, hyper_latents: int, latents: int, position_bias: bool = False) -> None:
        super().__init__()
        self.latents = latents
        # One unit of a parameter is 8 steps of index, which sets its speed under Adam.
        self.unit = 8.0
        self.weight = nn.Parameter(torch.randn(latents * HYPER_STRIDE**2, hyper_latents) * 0.03)
        self.log_scale = QualityKnots(torch.zeros(KNOTS, latents), reach=6.0)
        self.position = nn.Parameter(torch.zeros(latents * HYPER_STRIDE**2)) if position_bias else None

    def integer_weight(self) -> Tensor:
        """W on its integer grid, float (latents * 16, hyper_latents), in [-127, 127]."""
        fixed = self.weight * (self.unit * 2**INDEX_SHIFT)
        return fixed.clamp(-127, 127).round()

    def integer_position(self) -> Tensor | None:
        """p on its integer grid, float (latents * 16,); None if there is none."""
        return None if self.position is None else (self.position * (self.unit * 2**INDEX_SHIFT)).round()

    def bias(self, t: Tensor, log_gain: Tensor) -> Tensor:
        """b(t) in steps of the index, not yet on its grid.

        Args:
            t: float (N,), quality.
            log_gain: float (N, latents), log of the gain before rounding.

        Returns:
            Tensor: float (N, latents).
        """
        return (log_gain + self.log_scale(t) - math.log(SCALE_MIN)) / LOG_SCALE_STEP

    def forward(self, z_hat: Tensor, t: Tensor, log_gain: Tensor) -> Tensor:
        """Scales of the symbols of y.

        Args:
            z_hat: float (N, hyper_latents, h / 4, w / 4) of integers.
            t: float (N,), quality.
            log_gain: float (N, latents).

        Returns:
            Tensor: sigma, float (N, latents, h, w), in [SCALE_MIN, SCALE_MAX].
        """
        fixed = self.weight * (self.unit * 2**INDEX_SHIFT)
        fixed = fixed + (self.integer_weight() - fixed).detach()
        weight = fixed / 2**INDEX_SHIFT
        position = None if self.position is None else self.unit * self.position
        moved = F.linear(z_hat.permute(0, 2, 3, 1), weight, position).permute(0, 3, 1, 2)
        index = F.pixel_shuffle(moved, HYPER_STRIDE) + self.bias(t, log_gain)[:, :, None, None]
        most = float(SCALES - 1)
        within = most - at_least(most - at_least(index, 0.0), 0.0)  # with a way back at both ends
        return SCALE_MIN * torch.exp(within * LOG_SCALE_STEP)
