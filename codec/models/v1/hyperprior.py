"""The hyper-latent z: side information at 1/64 from which the scales and part of the means follow.

Reference:
    Ballé et al., "Variational Image Compression with a Scale Hyperprior", ICLR 2018;
    Minnen, Ballé and Toderici, "Joint Autoregressive and Hierarchical Priors for Learned Image
    Compression", NeurIPS 2018.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bitstream.geometry import HYPER_STRIDE
from codec.models.density import MIN_MASS, Cumulative, at_least
from codec.models.gains import KNOTS, QualityKnots
from codec.models.layers import Block, Pointwise, bounded, modulate

GAIN = 3.0
"""Initial scale of the hyper-encoder's layers, against what its activations take away: z starts near unit variance."""

HYPER_INPUT_BOUND = 6.0
"""Most that enters the hyper-analysis, in standard deviations of natural images: half of what other networks allow.

At 12 the hyper-latent of flat magenta reached 353, where that of photographs stays below 25. The scales and means that
follow from such values have no relation to the symbols, and the file came back as noise. Only the encoder runs this
network, so neither files nor their decoding depend on the bound.
"""


class HyperAnalysis(nn.Module):
    """Map y at 1/16 to z at 1/64.

    Scales follow magnitudes, so it sees the logarithms of magnitudes beside the values. It starts
    with about half of z not zero: where all of z rounds to zero, nothing downstream has a gradient,
    and the prior keeps it there.
    """

    scale: Tensor

    def __init__(self, latents: int, width: int, coarse_width: int, hyper_latents: int) -> None:
        super().__init__()
        self.register_buffer("scale", torch.ones(latents))
        self.enter = Pointwise(2 * latents, width, bias=True, gain=GAIN)
        self.depthwise = nn.Conv2d(width, width, 3, padding=1, groups=width)
        self.reduce = Pointwise(width, width // 2, bias=True, gain=GAIN)
        self.coarse = Pointwise(width // 2 * HYPER_STRIDE**2, coarse_width, bias=True, gain=GAIN)
        self.block = Block(coarse_width)
        self.leave = Pointwise(coarse_width, hyper_latents, gain=GAIN)

    def forward(self, y: Tensor, film: Tensor) -> Tensor:
        """Map y, float (N, latents, h, w), to z, float (N, hyper_latents, h / 4, w / 4)."""
        values = bounded(y / self.scale[:, None, None], HYPER_INPUT_BOUND)
        seen = torch.cat([values, torch.log1p(4 * values.abs())], dim=1)
        h = F.silu(self.depthwise(F.silu(modulate(self.enter(seen), film))))
        h = F.silu(self.reduce(h))
        return self.leave(self.block(self.coarse(F.pixel_unshuffle(h, HYPER_STRIDE))))


class HyperSynthesis(nn.Module):
    """Map z_hat to features at 1/16 for the prediction of means."""

    def __init__(self, hyper_latents: int, features: int) -> None:
        super().__init__()
        self.enter = Pointwise(hyper_latents, features * HYPER_STRIDE**2, bias=True)
        self.block = Block(features, first=True)

    def forward(self, z_hat: Tensor) -> Tensor:
        """Map z_hat, float (N, hyper_latents, h / 4, w / 4), to float (N, features, h, w)."""
        return self.block(F.pixel_shuffle(self.enter(z_hat), HYPER_STRIDE))


class FactorizedPrior(Cumulative):
    """Fully factorised density for z, with a width per channel that depends on quality.

    z is coded on the integers themselves: no medians are subtracted, so the decoder needs nothing
    but the table.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.log_width = QualityKnots(torch.zeros(KNOTS, channels))

    def likelihood(self, z: Tensor, t: Tensor) -> Tensor:
        """Probability of the unit interval around each value.

        Args:
            z: float (N, channels, h, w).
            t: float (N,), quality in [0, 1].

        Returns:
            Tensor: float (N, channels, h, w), at least 1e-9.
        """
        inverse = torch.exp(-self.log_width(t))[:, :, None, None]
        edges = torch.stack([(z - 0.5) * inverse, (z + 0.5) * inverse])
        flat = edges.permute(2, 0, 1, 3, 4).reshape(z.shape[1], 1, -1)
        lower, upper = self.logits(flat).reshape(z.shape[1], 2, z.shape[0], *z.shape[2:]).permute(1, 2, 0, 3, 4)
        # On the side where both are far from saturation, so that the difference keeps its digits.
        sign = torch.where(lower + upper > 0, -1.0, 1.0)
        mass = (torch.sigmoid(sign * upper) - torch.sigmoid(sign * lower)).abs()
        return at_least(mass, MIN_MASS)


SCALES = 64
SCALE_MIN = 0.11
SCALE_MAX = 256.0
LOG_SCALE_STEP = math.log(SCALE_MAX / SCALE_MIN) / (SCALES - 1)
INDEX_SHIFT = 4
"""Fractional bits of the integer map from z_hat to the scale's index."""


class ScaleIndex(nn.Module):
    """Index of each latent's scale in the table, by one integer linear map of z_hat.

    ``index = clip((W z_hat + b(t) + half) >> INDEX_SHIFT, 0, SCALES - 1)`` with W of int8. In
    training the map is evaluated in floats on the rounded W, without rounding the index.
    """

    def __init__(self, hyper_latents: int, latents: int) -> None:
        super().__init__()
        self.latents = latents
        # One unit of the parameter is 8 steps of index, which sets its speed under Adam.
        self.unit = 8.0
        self.weight = nn.Parameter(torch.randn(latents * HYPER_STRIDE**2, hyper_latents) * 0.03)
        self.log_scale = QualityKnots(torch.zeros(KNOTS, latents), reach=6.0)

    def integer_weight(self) -> Tensor:
        """W on its integer grid, float (latents * 16, hyper_latents), in [-127, 127]."""
        fixed = self.weight * (self.unit * 2**INDEX_SHIFT)
        return fixed.clamp(-127, 127).round()

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
        moved = F.linear(z_hat.permute(0, 2, 3, 1), weight).permute(0, 3, 1, 2)
        index = F.pixel_shuffle(moved, HYPER_STRIDE) + self.bias(t, log_gain)[:, :, None, None]
        return SCALE_MIN * torch.exp(at_least(index, 0.0).clamp(max=SCALES - 1) * LOG_SCALE_STEP)
