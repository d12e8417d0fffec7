"""Prediction of the latent's mean and step size in four passes, one for each place in a square of 2 x 2 positions.

The first pass predicts from the hyper-latent alone. The later ones also see the nearest neighbours that are known by
then: the four diagonal ones, the four beside, and all eight. Means and steps are floats that move pixels only; the
tables follow from integers, so a rounding error on another machine cannot make its decoder lose track of the stream.

Reference:
    Lu et al., "High-Efficiency Lossy Image Coding Through Adaptive Neighborhood Information Aggregation", 2022
    (arXiv:2204.11448), for the four passes.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from codec.models.architecture import CodedLatent, Select, SymbolsAt
from codec.models.layers import OUTPUT_UNIT, Pointwise, bounded, modulate

PASSES = ((0, 0), (1, 1), (0, 1), (1, 0))
"""Row and column, in a square of 2 x 2 positions, of each pass."""
RASTER = tuple(sorted(range(len(PASSES)), key=lambda k: PASSES[k]))
"""Passes in the order of their places."""
LARGEST_LOG_STEP = 1.5
"""Bound of the logarithm of a predicted step."""


def place(row: int, column: int) -> Select:
    """Of a map, the positions at one place of each square of 2 x 2."""
    return lambda x: x[:, :, row::2, column::2]


def interleave(parts: list[Tensor]) -> Tensor:
    """A map from its positions at each place, in the order of :data:`PASSES`."""
    n, channels, h, w = parts[0].shape
    stacked = torch.stack([parts[k] for k in RASTER], dim=2)
    return F.pixel_shuffle(stacked.reshape(n, channels * len(PASSES), h, w), 2)


class Neighbours(nn.Module):
    """A convolution of each channel on its own, from positions at one place to those at another, nearest ones alone.

    Args:
        channels: in and out.
        known: place of the input.
        wanted: place of the output.
    """

    def __init__(self, channels: int, known: tuple[int, int], wanted: tuple[int, int]) -> None:
        super().__init__()
        sides = [1 if a == b else 2 for a, b in zip(known, wanted, strict=True)]
        # An odd row lies between its own and the next even one, an even row between the odd one before and its own.
        rows, columns = ((0, 0) if a == b else ((0, 1) if b else (1, 0)) for a, b in zip(known, wanted, strict=True))
        self.channels, self.padding = channels, [*columns, *rows]
        spread = (sides[0] * sides[1]) ** -0.5
        self.weight = nn.Parameter(torch.empty(channels, 1, *sides).uniform_(-spread, spread))

    def forward(self, x: Tensor) -> Tensor:
        """Map float (N, channels, h, w) to the same shape."""
        return F.conv2d(F.pad(x, self.padding), self.weight, groups=self.channels)


def predictor(inputs: int, latents: int) -> Pointwise:
    """A layer that predicts means, small at first, and logarithms of steps, zero at first."""
    layer = Pointwise(inputs, 2 * latents, bias=True, gain=0.1)
    with torch.no_grad():
        layer.weight[latents:].zero_()
    return layer


class Pass(nn.Module):
    """One of the later passes: corrections of mean and step from features and known neighbours.

    Args:
        number: of the pass, from 1 on.
        features: channels of the hyper-latent's features.
        width: channels of the stream.
        latents: channels of y.
    """

    def __init__(self, number: int, features: int, width: int, latents: int) -> None:
        super().__init__()
        self.enter = Pointwise(features, width, bias=True)
        self.neighbours = nn.ModuleList(Neighbours(width, known, PASSES[number]) for known in PASSES[:number])
        self.value = Pointwise(width, width)
        self.gate = Pointwise(width, width, bias=True)
        self.output = Pointwise(width, width, gain=0.1)
        self.leave = predictor(width, latents)

    def forward(self, features: Tensor, known: list[Tensor], film: Tensor) -> Tensor:
        """Corrections of means, then of logarithms of steps, float (N, 2 latents, h, w).

        Args:
            features: float (N, features, h, w), at this pass' positions.
            known: float (N, width, h, w) each, what is known of the earlier passes' positions.
            film: float (N, 2 width), modulation by quality.
        """
        h = self.enter(features)
        for convolution, part in zip(self.neighbours, known, strict=True):
            h = h + convolution(part)
        h = F.silu(modulate(h, film))
        h = h + self.output(self.value(h) * torch.sigmoid(self.gate(h)))
        return self.leave(h)


class Context(nn.Module):
    """Means and steps of y in four passes.

    Args:
        latents: channels of y.
        features: channels of the hyper-latent's features.
        width: channels of the streams.
    """

    scale: Tensor

    def __init__(self, latents: int, features: int, width: int) -> None:
        super().__init__()
        self.register_buffer("scale", torch.ones(latents))
        self.first = predictor(features, latents)
        later = range(1, len(PASSES))
        self.embed = nn.ModuleList(Pointwise(latents, width) for _ in later)
        self.passes = nn.ModuleList(Pass(number, features, width, latents) for number in later)

    def forward(self, features: Tensor, film: Tensor, gain: Tensor, step: Tensor, symbols_at: SymbolsAt) -> CodedLatent:
        """Run all passes.

        Args:
            features: float (N, features, h, w), h and w even.
            film: float (N, 2 width), modulation by quality.
            gain: float (N, latents, 1, 1), of the quality, before a step is predicted.
            step: float (N, latents, 1, 1), about its inverse.
            symbols_at: see :meth:`codec.models.architecture.Architecture.code_latent`.
        """
        scale = self.scale[:, None, None]
        # The root: large coefficients need large means, but no channel may be moved too fast.
        unit = 2 * OUTPUT_UNIT * scale.sqrt()
        coded: list[CodedLatent] = []
        known: list[Tensor] = []
        for number, where in enumerate(PASSES):
            at = place(*where)
            predicted = self.first(at(features))
            if number:
                known.append(self.embed[number - 1](bounded(coded[-1].y_hat / scale)))
                predicted = predicted + self.passes[number - 1](at(features), known, film)
            mean, log_step = predicted.chunk(2, dim=1)
            mean = unit * mean
            factor = torch.exp(LARGEST_LOG_STEP * torch.tanh(2 * OUTPUT_UNIT / LARGEST_LOG_STEP * log_step))
            symbols = symbols_at(mean, gain / factor, at)
            coded.append(CodedLatent(mean, gain / factor, symbols, mean + step * factor * symbols))
        return CodedLatent(*(interleave(list(parts)) for parts in zip(*coded, strict=True)))
