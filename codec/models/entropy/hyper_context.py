"""Context model for half of z, as training sees it; :mod:`bitstream.z_context` is the one that files use.

Reference:
    He et al., "Checkerboard Context Model for Efficient Learned Image Compression", CVPR 2021.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bitstream.z_context import NEIGHBOURS, PHASES
from codec.models.entropy.density import MIN_MASS, at_least
from codec.models.entropy.prior import FactorizedPrior
from codec.models.gains import KNOTS, QualityKnots

SHIFT = 3
"""Fractional bits of the integer map from neighbours to the mean in eighths."""

WIDEST = 64
"""Magnitude beyond which z is as good as never found."""


class HyperContext(nn.Module):
    """Logistic distributions of z whose means are one integer linear map of four neighbours.

    Args:
        channels: of z.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(channels, len(NEIGHBOURS) * channels))
        self.log_scale = QualityKnots(torch.full((KNOTS, channels), -1.0), reach=3.0)

    def integer_weight(self) -> Tensor:
        """The map on its integer grid, float (channels, 4 channels), in [-127, 127]."""
        return (self.weight * (PHASES * 2**SHIFT)).clamp(-127, 127).round()

    @torch.no_grad()
    def match(self, prior: FactorizedPrior) -> None:
        """Take the spreads of the prior, as those of distributions whose neighbours say nothing yet."""
        values = torch.arange(-WIDEST, WIDEST + 1.0)
        z = values[:, None].expand(KNOTS, len(self.weight), -1, 1)
        mass = prior.likelihood(z, torch.linspace(0, 1, KNOTS))[..., 0]
        variance = (mass * values**2).sum(-1) / mass.sum(-1)
        # Of a logistic distribution; rounding to integers has added a twelfth.
        scale = ((variance - 1 / 12).clamp(min=1e-3) * 3).sqrt() / math.pi
        self.log_scale.start.copy_(scale.log())

    @staticmethod
    def neighbours(z_hat: Tensor) -> Tensor:
        """The four neighbours of each position, zero beyond the edge.

        Args:
            z_hat: float (N, channels, h, w).

        Returns:
            Tensor: float (N, 4 channels, h, w).
        """
        padded = F.pad(z_hat, (1, 1, 1, 1))
        rows, columns = z_hat.shape[2:]
        return torch.cat([padded[:, :, v : v + rows, h : h + columns] for v, h in NEIGHBOURS], dim=1)

    def likelihood(self, z: Tensor, known: Tensor, t: Tensor) -> Tensor:
        """Probability of the unit interval around each value, given its neighbours.

        Args:
            z: float (N, channels, h, w), which need not be integers.
            known: float (N, 4 channels, h, w), integers, see :meth:`neighbours`.
            t: float (N,), quality in [0, 1].

        Returns:
            Tensor: float like ``z``, at least 1e-9.
        """
        weight = self.weight + (self.integer_weight() / (PHASES * 2**SHIFT) - self.weight).detach()
        mean = F.linear(known.permute(0, 2, 3, 1), weight).permute(0, 3, 1, 2)
        if not self.training:  # as files do; while it trains, most of the gradient would be that of the rounding
            mean = torch.floor(PHASES * mean + 0.5) / PHASES
        inverse = torch.exp(-self.log_scale(t))[:, :, None, None]
        far = (z - mean).abs()
        # Below the mean, where a difference of tails keeps its digits.
        mass = torch.sigmoid((0.5 - far) * inverse) - torch.sigmoid((-0.5 - far) * inverse)
        return at_least(mass, MIN_MASS)
