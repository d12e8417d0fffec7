"""The whole model: analysis, hyper-latent, context, scales and synthesis, for every quality.

::

    x --Analysis--> y --minus mu, gain, round--> symbols --step, plus mu--> y_hat --Synthesis--> x_hat
                    |                              |  ^
                    +--HyperAnalysis--> z --round--+  +-- Context(features(z_hat), half of y_hat)
                                                   +-- ScaleIndex(z_hat): integers only
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from bitstream.geometry import BLOCK
from bitstream.z_context import second_half
from codec.models.density import gaussian_mass
from codec.models.distortion import SMALLEST_SIDES
from codec.models.gains import KNOTS, Gains, LmbdaRange, QualityKnots
from codec.models.v1.analysis import Analysis
from codec.models.v1.context import Context
from codec.models.v1.hyper_context import HyperContext
from codec.models.v1.hyperprior import FactorizedPrior, HyperAnalysis, HyperSynthesis, ScaleIndex
from codec.models.v1.shapes import SymbolShapes
from codec.models.v1.synthesis import Synthesis


@dataclass(frozen=True)
class ModelConfig:
    """Sizes of model v1, widths in channels and depths in residual blocks; the range of its qualities, and the metric
    of distortion that they are of, see :func:`codec.models.distortion.distortion`; whether half of z is coded given the
    other half."""

    latents: int = 320
    hyper_latents: int = 96
    analysis_width: int = 384
    analysis_depth: int = 3
    hyper_width: int = 192
    hyper_coarse_width: int = 384
    feature_width: int = 96
    context_width: int = 256
    synthesis_width: int = 320
    synthesis_depth: int = 2
    fine_width: int = 128
    fine_depth: int = 2
    lmbda_min: float = 0.00027
    lmbda_max: float = 0.28
    metric: str = "psnr"
    hyper_context: bool = True

    def check(self) -> None:
        """Find out whether such networks can be built.

        Raises:
            ValueError: they cannot.
        """
        sizes = {name: value for name, value in self.as_dict().items() if type(value) is int}
        small = [name for name, value in sizes.items() if value < (2 if name == "hyper_width" else 1)]
        if small:
            raise ValueError(f"too small: {', '.join(small)}")
        if not self.latents <= self.analysis_width <= 3 * BLOCK**2:
            raise ValueError(f"analysis_width {self.analysis_width}: expected {self.latents} to {3 * BLOCK**2}")
        if not 0 < self.lmbda_min < self.lmbda_max < math.inf:
            raise ValueError(f"lmbda_min {self.lmbda_min}, lmbda_max {self.lmbda_max}: expected 0 < min < max")
        if self.metric not in SMALLEST_SIDES:
            raise ValueError(f"metric {self.metric}: expected one of {', '.join(SMALLEST_SIDES)}")

    @classmethod
    def stored(cls, values: dict[str, Any]) -> ModelConfig:
        """Of what :meth:`as_dict` gave, now or before there was a context for z."""
        return cls(**{"hyper_context": False, **values})

    @property
    def lmbdas(self) -> LmbdaRange:
        """What the qualities stand for."""
        return LmbdaRange(self.lmbda_min, self.lmbda_max)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as stored in checkpoints."""
        return asdict(self)


@dataclass
class Coded:
    """What the model gives for a batch of images.

    Attributes:
        x_hat: float (N, 3, H, W), reconstruction, not clipped.
        symbols: float (N, latents, H/16, W/16), y around its mean: integers, or in training as rated, under noise.
        z_hat: float (N, hyper_latents, H/64, W/64), integers.
        y_bits: float (N,), estimated bits of the symbols.
        z_bits: float (N,), estimated bits of z_hat, or in training of z under noise.
    """

    x_hat: Tensor
    symbols: Tensor
    z_hat: Tensor
    y_bits: Tensor
    z_bits: Tensor


def round_straight_through(x: Tensor) -> Tensor:
    """Round to the nearest integer; the gradient passes as if it were the identity."""
    return x + (torch.round(x) - x).detach()


class ManifoldCodec(nn.Module):
    """Model v1.

    Args:
        config: sizes.
    """

    def __init__(self, config: ModelConfig = ModelConfig()) -> None:
        super().__init__()
        c = self.config = config
        self.analysis = Analysis(c.latents, c.analysis_width, c.analysis_depth)
        self.hyper_analysis = HyperAnalysis(c.latents, c.hyper_width, c.hyper_coarse_width, c.hyper_latents)
        self.hyper_synthesis = HyperSynthesis(c.hyper_latents, c.feature_width)
        self.context = Context(c.latents, c.feature_width, c.context_width)
        self.synthesis = Synthesis(c.latents, c.synthesis_width, c.synthesis_depth, c.fine_width, c.fine_depth)
        self.gains = Gains(
            c.latents,
            {
                "analysis": c.analysis_width,
                "hyper": c.hyper_width,
                "context": c.context_width,
                "synthesis": c.synthesis_width,
            },
            c.lmbdas,
        )
        self.scale_index = ScaleIndex(c.hyper_latents, c.latents)
        self.prior_z = FactorizedPrior(c.hyper_latents)
        self.hyper_context = HyperContext(c.hyper_latents) if c.hyper_context else None
        self.shapes = SymbolShapes()

    def with_range(self, lmbdas: LmbdaRange) -> ManifoldCodec:
        """A copy whose qualities stand for another range of multipliers, what depends on them moved along.

        Beyond the old range it is an extrapolation that wants training.
        """
        model = ManifoldCodec(replace(self.config, lmbda_min=lmbdas.low, lmbda_max=lmbdas.high))
        starts = {k: m.start.clone() for k, m in model.named_modules() if isinstance(m, QualityKnots)}
        model.load_state_dict(self.state_dict())
        if lmbdas != self.config.lmbdas:
            t = self.config.lmbdas.quality(lmbdas.lmbda(torch.linspace(0, 1, KNOTS)))
            for name, start in starts.items():
                knots = model.get_submodule(name)
                assert isinstance(knots, QualityKnots)
                knots.move(t, start)
        return model

    def with_hyper_context(self) -> ManifoldCodec:
        """A copy that has a context for z, one that predicts nothing yet if there was none."""
        model = ManifoldCodec(replace(self.config, hyper_context=True))
        model.load_state_dict(self.state_dict(), strict=self.hyper_context is not None)
        if self.hyper_context is None and model.hyper_context is not None:
            model.hyper_context.match(model.prior_z)
        return model.train(self.training)

    def send(self, x: Tensor, gains: Tensor) -> tuple[Tensor, Tensor]:
        """The sender: everything up to the integers that are coded.

        Args:
            x: float (N, 3, H, W), in [0, 1], H and W multiples of 64.
            gains: float (N, G).

        Returns:
            tuple[Tensor, Tensor]: z_hat (N, hyper_latents, H/64, W/64) and symbols
            (N, latents, H/16, W/16), floats that are integers.
        """
        y = self.analyse(x, gains)
        z_hat = self.hyper_analyse(y, gains)
        return z_hat, self.quantise(y, z_hat, gains)

    def analyse(self, x: Tensor, gains: Tensor) -> Tensor:
        """The latent y, float (N, latents, H/16, W/16), of pixels as in :meth:`send`."""
        y: Tensor = self.analysis(x, self.gains.split(gains)["analysis"])
        return y

    def hyper_analyse(self, y: Tensor, gains: Tensor) -> Tensor:
        """The integers of the hyper-latent, z_hat, of a latent."""
        return torch.round(self.hyper_analysis(y, self.gains.split(gains)["hyper"]))

    def quantise(self, y: Tensor, z_hat: Tensor, gains: Tensor) -> Tensor:
        """The integers of a latent, its symbols, given those of its hyper-latent."""
        parts = self.gains.split(gains)
        gain, step = parts["gain"][:, :, None, None], parts["step"][:, :, None, None]
        mu, _ = self.context(
            self.hyper_synthesis(z_hat),
            parts["context"],
            lambda mean: mean + step * torch.round(gain * (y - mean)),
        )
        return torch.round(gain * (y - mu))

    def receive(self, z_hat: Tensor, symbols: Tensor, gains: Tensor) -> Tensor:
        """The receiver: everything after the integers are read.

        Args:
            z_hat: float (N, hyper_latents, h, w), integers.
            symbols: float (N, latents, 4 h, 4 w), integers.
            gains: float (N, G).

        Returns:
            Tensor: x_hat, float (N, 3, 64 h, 64 w), not clipped.
        """
        return self.synthesise(self.reconstruct(z_hat, symbols, gains), gains)

    def reconstruct(self, z_hat: Tensor, symbols: Tensor, gains: Tensor) -> Tensor:
        """The latent y_hat, float (N, latents, 4 h, 4 w), of integers as in :meth:`receive`."""
        parts = self.gains.split(gains)
        step = parts["step"][:, :, None, None]
        return self.context(self.hyper_synthesis(z_hat), parts["context"], lambda mean: mean + step * symbols)[1]

    def synthesise(self, y_hat: Tensor, gains: Tensor) -> Tensor:
        """Pixels, float (N, 3, 16 h, 16 w) and not clipped, of a latent (N, latents, h, w)."""
        x_hat: Tensor = self.synthesis(y_hat, self.gains.split(gains)["synthesis"])
        return x_hat

    def preview(self, y_hat: Tensor) -> Tensor:
        """About the means of 8x8 pixels, float (N, 3, 2 h, 2 w), by the linear path alone."""
        return self.synthesis.preview(y_hat)

    def forward(self, x: Tensor, t: Tensor) -> Coded:
        """Code and decode a batch, differentiably while training.

        In training the rates are those of y and z under uniform noise, the networks see values that
        are rounded with a straight-through gradient. In evaluation both see rounded values.

        Args:
            x: float (N, 3, H, W), in [0, 1], H and W multiples of 64.
            t: float (N,), quality in [0, 1].

        Returns:
            Coded: reconstruction, integers and bits.
        """
        # In full precision: steps that differ from 1 / gain would misplace large symbols.
        with torch.autocast(x.device.type, enabled=False):
            parts = self.gains.split(self.gains(t))
        gain, step = parts["gain"][:, :, None, None], parts["step"][:, :, None, None]
        y = self.analysis(x, parts["analysis"])
        z = self.hyper_analysis(y, parts["hyper"])
        z_hat = round_straight_through(z)
        mu, y_hat = self.context(
            self.hyper_synthesis(z_hat),
            parts["context"],
            lambda mean: mean + step * round_straight_through(gain * (y - mean)),
        )
        x_hat = self.synthesis(y_hat, parts["synthesis"])

        # Rates in full precision whatever the networks run in: they are differences of tails.
        with torch.autocast(x.device.type, enabled=False):
            residual, z = (gain * (y - mu)).float(), z.float()
            if self.training:
                symbols = residual + torch.empty_like(residual).uniform_(-0.5, 0.5)
                z_rated = z + torch.empty_like(z).uniform_(-0.5, 0.5)
            else:
                symbols, z_rated = torch.round(residual), z_hat
            sigma = self.scale_index(z_hat.float(), t, parts["gain"].log())
            y_bits = self.symbol_bits(symbols, sigma).sum(dim=(1, 2, 3))
            z_bits = self.z_bits(z_rated.float(), z_hat.float(), t)
        return Coded(x_hat, symbols, z_hat, y_bits, z_bits)

    def z_bits(self, z: Tensor, z_hat: Tensor, t: Tensor) -> Tensor:
        """Estimated bits of z.

        Args:
            z: float (N, hyper_latents, h, w), which need not be integers.
            z_hat: float like ``z``, the integers that neighbours are known by.
            t: float (N,), quality in [0, 1].

        Returns:
            Tensor: float (N,).
        """
        likelihood = self.prior_z.likelihood(z, t)
        if self.hyper_context is not None:
            later = torch.from_numpy(second_half(*z.shape[2:])).to(z.device)
            known = self.hyper_context.neighbours(z_hat)
            likelihood = torch.where(later, self.hyper_context.likelihood(z, known, t), likelihood)
        return -likelihood.log2().sum(dim=(1, 2, 3))

    def symbol_bits(self, symbols: Tensor, sigma: Tensor) -> Tensor:
        """Estimated bits of each symbol, which need not be integers, for its scale; all of one shape."""
        return -gaussian_mass(symbols, sigma).log2()
