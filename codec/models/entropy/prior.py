"""The density of the hyper-latent z before anything is known.

Reference:
    Ballé et al., "Variational Image Compression with a Scale Hyperprior", ICLR 2018, appendix 6.1.
"""

from __future__ import annotations

import torch
from torch import Tensor

from codec.models.entropy.density import MIN_MASS, Cumulative, at_least
from codec.models.gains import KNOTS, QualityKnots


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
