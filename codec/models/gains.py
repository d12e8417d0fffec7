"""Everything that depends on quality: gains, step sizes and modulations, log-linear between knots.

One model serves all rates. The quality is a number ``t`` in [0, 1]; it stands for a Lagrange
multiplier, see :class:`LmbdaRange`, and every table here is piecewise linear in ``t``, hence in log lambda.

Reference:
    Cui et al., "Asymmetric Gained Deep Image Compression with Continuous Rate Adaptation",
    CVPR 2021.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

KNOTS = 9
STEP_RATIO = math.sqrt(18 / math.log(2))
"""Best uniform step at high rate is this over sqrt(lmbda), for pixels in [0, 255].

From d(lmbda * step**2 / 12) = 3 bits per pixel * d(log2 step): three components share a pixel's rate.
"""


@dataclass(frozen=True)
class LmbdaRange:
    """Lagrange multipliers on :func:`codec.models.distortion.distortion`, of qualities ``t`` in [0, 1].

    Attributes:
        low: of quality 0.
        high: of quality 1.
    """

    low: float
    high: float

    def lmbda(self, t: Tensor) -> Tensor:
        """The multiplier of each quality."""
        return self.low * (self.high / self.low) ** t

    def quality(self, lmbda: Tensor) -> Tensor:
        """The quality of each multiplier, outside of [0, 1] if that is outside of the range."""
        return torch.log(lmbda / self.low) / math.log(self.high / self.low)


def base_log_gain(lmbda: Tensor) -> Tensor:
    """Log of the gain on an orthonormal coefficient of pixels in [0, 1] before rounding."""
    return 0.5 * torch.log(lmbda) + math.log(255 / STEP_RATIO)


def knot_weights(t: Tensor) -> Tensor:
    """Weights of linear interpolation between equidistant knots.

    Args:
        t: float (N,), in [0, 1].

    Returns:
        Tensor: float (N, KNOTS), rows summing to one.
    """
    at = torch.arange(KNOTS, dtype=t.dtype, device=t.device)
    return (1 - (t[:, None] * (KNOTS - 1) - at).abs()).clamp(min=0)


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

    @torch.no_grad()
    def move(self, t: Tensor, start: Tensor) -> None:
        """Let the values at qualities ``t`` be the knots from now on, deviations from another start.

        Args:
            t: float (KNOTS,); beyond [0, 1] the outermost pieces go on.
            start: float (KNOTS, C).
        """
        at = t * (KNOTS - 1)
        low = at.floor().clamp(0, KNOTS - 2).long()
        share, knots = (at - low)[:, None], self.knots()
        values = knots[low] * (1 - share) + knots[low + 1] * share
        self.start.copy_(start)
        self.deviation.copy_(self.reach * torch.atanh(((values - start) / self.reach).clamp(-0.999, 0.999)))

    def forward(self, t: Tensor) -> Tensor:
        """Interpolate at qualities ``t``, float (N,) in [0, 1]; returns float (N, C)."""
        return knot_weights(t) @ self.knots()


class Gains(nn.Module):
    """All float vectors that the networks take from quality, in one flat vector ``gains``.

    Args:
        latents: channels of y.
        films: widths of the streams to modulate, by name.
        lmbdas: what the qualities stand for.
    """

    def __init__(self, latents: int, films: dict[str, int], lmbdas: LmbdaRange) -> None:
        super().__init__()
        self.sizes = {"gain": latents, "step": latents, **{k: 2 * c for k, c in films.items()}}
        start = base_log_gain(lmbdas.lmbda(torch.linspace(0, 1, KNOTS)))[:, None].repeat(1, latents)
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
