"""Everything that depends on quality: gains, step sizes and modulations, log-linear between knots.

One model serves all rates. The quality is a number ``t`` in [0, 1]; it stands for the Lagrange
multiplier ``lmbda(t)``, and every table here is piecewise linear in ``t``, hence in log lambda.

Reference:
    Cui et al., "Asymmetric Gained Deep Image Compression with Continuous Rate Adaptation",
    CVPR 2021.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

LMBDA_MIN = 0.0006
LMBDA_MAX = 0.16
KNOTS = 9
STEP_RATIO = math.sqrt(18 / math.log(2))
"""Best uniform step at high rate is this over sqrt(lmbda), for pixels in [0, 255].

From d(lmbda * step**2 / 12) = 3 bits per pixel * d(log2 step): three components share a pixel's rate.
"""


def lmbda_of(t: Tensor) -> Tensor:
    """Lagrange multiplier on the squared error of pixels in [0, 255], of quality ``t`` in [0, 1]."""
    return LMBDA_MIN * (LMBDA_MAX / LMBDA_MIN) ** t


def base_log_gain(t: Tensor) -> Tensor:
    """Log of the gain on an orthonormal coefficient of pixels in [0, 1] before rounding."""
    return 0.5 * torch.log(lmbda_of(t)) + math.log(255 / STEP_RATIO)


def knot_weights(t: Tensor, knots: int = KNOTS) -> Tensor:
    """Weights of linear interpolation between equidistant knots.

    Args:
        t: float (N,), in [0, 1].
        knots: how many.

    Returns:
        Tensor: float (N, knots), rows summing to one.
    """
    at = torch.arange(knots, dtype=t.dtype, device=t.device)
    return (1 - (t[:, None] * (knots - 1) - at).abs()).clamp(min=0)


class QualityKnots(nn.Module):
    """A vector that depends on quality: fixed start plus a bounded, learned deviation at each knot.

    Bounded so that no single bad step can blow up a gain, which is an exponential of it.

    Args:
        start: float (KNOTS, C), the values at the knots before training.
        reach: largest deviation from the start.
    """

    start: Tensor

    def __init__(self, start: Tensor, reach: float = 2.0) -> None:
        super().__init__()
        self.reach = reach
        self.register_buffer("start", start.clone())
        self.deviation = nn.Parameter(torch.zeros_like(start))

    def knots(self) -> Tensor:
        """Values at the knots, float (KNOTS, C)."""
        return self.start + self.reach * torch.tanh(self.deviation / self.reach)

    def forward(self, t: Tensor) -> Tensor:
        """Interpolate at qualities ``t``, float (N,) in [0, 1]; returns float (N, C)."""
        return knot_weights(t) @ self.knots()


class Gains(nn.Module):
    """All float vectors that the networks take from quality, in one flat vector ``gains``.

    Args:
        latents: channels of y.
        films: widths of the streams to modulate, by name.
    """

    def __init__(self, latents: int, films: dict[str, int]) -> None:
        super().__init__()
        self.sizes = {"gain": latents, "step": latents, **{k: 2 * c for k, c in films.items()}}
        start = base_log_gain(torch.linspace(0, 1, KNOTS))[:, None].repeat(1, latents)
        self.log_gain = QualityKnots(start)
        self.log_step = QualityKnots(-start)
        self.film = QualityKnots(torch.zeros(KNOTS, 2 * sum(films.values())))

    def knots(self) -> Tensor:
        """The flat vector at the knots, in the domain in which it is interpolated: (KNOTS, G)."""
        return torch.cat([self.log_gain.knots(), self.log_step.knots(), self.film.knots()], dim=1)

    def forward(self, t: Tensor) -> Tensor:
        """Gains of qualities ``t``, float (N,) in [0, 1]; returns float (N, G)."""
        flat = knot_weights(t) @ self.knots()
        latents = self.sizes["gain"]
        return torch.cat([flat[:, : 2 * latents].exp(), flat[:, 2 * latents :]], dim=1)

    def split(self, gains: Tensor) -> dict[str, Tensor]:
        """Name the parts of a flat vector, float (N, G); each part is float (N, size)."""
        return dict(zip(self.sizes, gains.split(list(self.sizes.values()), dim=1), strict=True))
