"""What training, export, refinement and the manifold ask of a model, whatever its networks are.

::

    x --analyse--> y --minus mean, gain, round--> symbols --step, plus mean--> y_hat --synthesise--> x_hat
                   |                               |  ^
                   +--hyper_analyse--> z --round---+--+-- code_latent: means from z_hat and from the symbols so far
                                                   +-- scales(z_hat): integers only

An architecture is a subclass in a folder of its own, with a name in :mod:`codec.models.registry`. It says what its
networks compute; what follows from that for every architecture stands here.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from bitstream.tables import Tables
from codec.models.distortion import SMALLEST_SIDES
from codec.models.entropy.density import gaussian_mass
from codec.models.gains import LmbdaRange


@dataclass(frozen=True)
class ModelConfig:
    """Sizes of an architecture's networks, which subclasses add, and what its qualities stand for.

    Attributes:
        architecture: its name.
        lmbda_min: Lagrange multiplier of quality 0, see :class:`~codec.models.gains.LmbdaRange`.
        lmbda_max: of quality 1.
        metric: of the distortion they are of, see :func:`codec.models.distortion.distortion`.
    """

    architecture: ClassVar[str]
    lmbda_min: float = 0.00027
    lmbda_max: float = 0.28
    metric: str = "psnr"

    def check(self) -> None:
        """Find out whether such networks can be built.

        Raises:
            ValueError: they cannot.
        """
        if not 0 < self.lmbda_min < self.lmbda_max < math.inf:
            raise ValueError(f"lmbda_min {self.lmbda_min}, lmbda_max {self.lmbda_max}: expected 0 < min < max")
        if self.metric not in SMALLEST_SIDES:
            raise ValueError(f"metric {self.metric}: expected one of {', '.join(SMALLEST_SIDES)}")

    @property
    def lmbdas(self) -> LmbdaRange:
        """What the qualities stand for."""
        return LmbdaRange(self.lmbda_min, self.lmbda_max)

    def as_dict(self) -> dict[str, Any]:
        """Plain values with the architecture's name, as stored in checkpoints and weights."""
        return {"architecture": self.architecture, **asdict(self)}

    @classmethod
    def stored(cls, values: dict[str, Any]) -> ModelConfig:
        """Of what :meth:`as_dict` gave, now or in an earlier version."""
        return cls(**{name: value for name, value in values.items() if name != "architecture"})


@dataclass
class Coded:
    """What a model gives for a batch of images.

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


class CodedLatent(NamedTuple):
    """What the coding step gives; float (N, latents, h, w) each, or of a shape that broadcasts to it.

    Attributes:
        mean: of y.
        gain: units of y that make a symbol, inverted.
        symbols: y around its mean, in units of a symbol.
        y_hat: the latent that the decoder sees.
    """

    mean: Tensor
    gain: Tensor
    symbols: Tensor
    y_hat: Tensor


Select = Callable[[Tensor], Tensor]
"""Of a map (N, C, h, w), the positions that one pass of the prediction is about."""
SymbolsAt = Callable[[Tensor, Tensor, Select], Tensor]
"""Symbols for a mean and a gain at the positions that are selected: the encoder rounds y around the mean, the decoder
gives what it has read."""


def everywhere(x: Tensor) -> Tensor:
    """All positions of a map, see :data:`Select`."""
    return x


def round_straight_through(x: Tensor) -> Tensor:
    """Round to the nearest integer; the gradient passes as if it were the identity."""
    return x + (torch.round(x) - x).detach()


class Architecture(nn.Module, ABC):
    """A model in torch.

    Attributes:
        config: sizes.
        gains: maps qualities, float (N,) in [0, 1], to all float vectors that the networks take from them,
            float (N, G).

    Args:
        config: sizes.
    """

    Config: ClassVar[type[ModelConfig]]
    gains: nn.Module
    scale_tolerance: ClassVar[float]
    """How far the number of a symbol's table may be from what :meth:`scale_numbers` says, as the tables round."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config: Any = config

    # What the networks compute.

    @abstractmethod
    def analyse(self, x: Tensor, gains: Tensor) -> Tensor:
        """The latent y, float (N, latents, H/16, W/16), in units of an orthonormal basis of pixels.

        Args:
            x: float (N, 3, H, W), in [0, 1], H and W multiples of 16.
            gains: float (N, G).
        """

    @abstractmethod
    def hyper_analyse(self, y: Tensor, gains: Tensor) -> Tensor:
        """The hyper-latent z, float (N, hyper_latents, h, w), of y (N, latents, 4 h, 4 w), not yet rounded."""

    @abstractmethod
    def hyper_features(self, z_hat: Tensor) -> Tensor:
        """What :meth:`code_latent` takes from the hyper-latent, float (N, features, 4 h, 4 w)."""

    @abstractmethod
    def code_latent(self, features: Tensor, gains: Tensor, symbols_at: SymbolsAt) -> CodedLatent:
        """The coding step: predict means, ask for symbols around them, and say what the decoder makes of those.

        Args:
            features: of :meth:`hyper_features`.
            gains: float (N, G).
            symbols_at: asked once in each pass of the prediction; of a position, the last answer counts.
        """

    @abstractmethod
    def symbol_gain(self, gains: Tensor) -> Tensor:
        """What brings coordinates of y to units of about a symbol, float (N, latents, 1, 1)."""

    @abstractmethod
    def synthesise(self, y_hat: Tensor, gains: Tensor) -> Tensor:
        """Pixels, float (N, 3, 16 h, 16 w) and not clipped, of a latent (N, latents, h, w)."""

    @abstractmethod
    def preview(self, y_hat: Tensor) -> Tensor:
        """About the means of 8x8 pixels, float (N, 3, 2 h, 2 w), of a latent (N, latents, h, w)."""

    # What the entropy model says.

    @abstractmethod
    def scales(self, z_hat: Tensor, t: Tensor, gains: Tensor) -> Tensor:
        """Standard deviation of each symbol, float (N, latents, 4 h, 4 w), of z_hat (N, hyper_latents, h, w)."""

    @abstractmethod
    def scale_numbers(self, sigma: Tensor) -> Tensor:
        """Number of the table that stands for a standard deviation, not rounded; float like ``sigma``."""

    @abstractmethod
    def z_bits(self, z: Tensor, z_hat: Tensor, t: Tensor) -> Tensor:
        """Estimated bits of z.

        Args:
            z: float (N, hyper_latents, h, w), which need not be integers.
            z_hat: float like ``z``, the integers that neighbours are known by.
            t: float (N,), quality in [0, 1].

        Returns:
            Tensor: float (N,).
        """

    @abstractmethod
    def tables(self) -> Tables:
        """The integer tables that files are coded with, rounded once and for all."""

    @abstractmethod
    def gain_knots(self) -> tuple[Tensor, int]:
        """The gains at equidistant qualities, float (knots, G), in the domain in which they are interpolated, and how
        many of them, from the first on, are logarithms there."""

    # What training asks.

    @property
    @abstractmethod
    def latent_scale(self) -> Tensor:
        """Standard deviation of each channel of y on natural images, float (latents,)."""

    @abstractmethod
    def initialise(self, images: Iterable[Tensor]) -> None:
        """Set what a new run starts from, in place, from images, each float (N, 3, H, W) in [0, 1], sides multiples of
        16; several thousand blocks."""

    @abstractmethod
    def continued(self, config: Any) -> Architecture:
        """A copy for a new run: of another range of multipliers, with parts that this one has not if the config asks
        for them, and without what was counted for weights that are about to change.

        Args:
            config: of the same architecture; sizes stay those of this model.
        """

    @abstractmethod
    def linear_parameters(self) -> list[nn.Parameter]:
        """Parameters of the linear path, which start near their goal and are moved slowly."""

    @abstractmethod
    def entropy_parameters(self) -> list[nn.Parameter]:
        """Parameters of the entropy model alone: of distributions and of what predicts them from integers."""

    @abstractmethod
    def distribution_parameters(self) -> list[nn.Parameter]:
        """Those of :meth:`entropy_parameters` that are refitted in the end."""

    @abstractmethod
    def count_symbols(self, symbols: Tensor, sigma: Tensor) -> Tensor:
        """Counts of symbols, integers, by their scale; float64, on the CPU, to be added up for :meth:`fit_symbols`."""

    @abstractmethod
    def fit_symbols(self, counts: Tensor) -> None:
        """Have the tables follow counts of symbols, in place."""

    # What follows for every architecture.

    def hyper_round(self, y: Tensor, gains: Tensor) -> Tensor:
        """The integers of the hyper-latent, z_hat, of a latent."""
        return torch.round(self.hyper_analyse(y, gains))

    def quantise(self, y: Tensor, z_hat: Tensor, gains: Tensor) -> Tensor:
        """The integers of a latent, its symbols, given those of its hyper-latent."""
        features = self.hyper_features(z_hat)
        return self.code_latent(features, gains, lambda mean, gain, at: torch.round(gain * (at(y) - mean))).symbols

    def reconstruct(self, z_hat: Tensor, symbols: Tensor, gains: Tensor) -> Tensor:
        """The latent y_hat, float (N, latents, 4 h, 4 w), of integers as in :meth:`decode`."""
        return self.code_latent(self.hyper_features(z_hat), gains, lambda mean, gain, at: at(symbols)).y_hat

    def encode(self, x: Tensor, gains: Tensor) -> tuple[Tensor, Tensor]:
        """Everything up to the integers that are coded.

        Args:
            x: float (N, 3, H, W), in [0, 1], H and W multiples of 64.
            gains: float (N, G).

        Returns:
            tuple[Tensor, Tensor]: z_hat (N, hyper_latents, H/64, W/64) and symbols
            (N, latents, H/16, W/16), floats that are integers.
        """
        y = self.analyse(x, gains)
        z_hat = self.hyper_round(y, gains)
        return z_hat, self.quantise(y, z_hat, gains)

    def decode(self, z_hat: Tensor, symbols: Tensor, gains: Tensor) -> Tensor:
        """Everything after the integers are read.

        Args:
            z_hat: float (N, hyper_latents, h, w), integers.
            symbols: float (N, latents, 4 h, 4 w), integers.
            gains: float (N, G).

        Returns:
            Tensor: x_hat, float (N, 3, 64 h, 64 w), not clipped.
        """
        return self.synthesise(self.reconstruct(z_hat, symbols, gains), gains)

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
            gains = self.gains(t)
        y = self.analyse(x, gains)
        z = self.hyper_analyse(y, gains)
        z_hat = round_straight_through(z)
        coded = self.code_latent(
            self.hyper_features(z_hat), gains, lambda mean, gain, at: round_straight_through(gain * (at(y) - mean))
        )
        x_hat = self.synthesise(coded.y_hat, gains)

        # Rates in full precision whatever the networks run in: they are differences of tails.
        with torch.autocast(x.device.type, enabled=False):
            residual, z = (coded.gain * (y - coded.mean)).float(), z.float()
            if self.training:
                symbols = residual + torch.empty_like(residual).uniform_(-0.5, 0.5)
                z_rated = z + torch.empty_like(z).uniform_(-0.5, 0.5)
            else:
                symbols, z_rated = torch.round(residual), z_hat
            sigma = self.scales(z_hat.float(), t, gains)
            y_bits = self.symbol_bits(symbols, sigma).sum(dim=(1, 2, 3))
            z_bits = self.z_bits(z_rated.float(), z_hat.float(), t)
        return Coded(x_hat, symbols, z_hat, y_bits, z_bits)

    def symbol_bits(self, symbols: Tensor, sigma: Tensor) -> Tensor:
        """Estimated bits of each symbol, which need not be integers, for its scale; all of one shape."""
        return -gaussian_mass(symbols, sigma).log2()
