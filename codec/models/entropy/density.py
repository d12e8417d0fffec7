"""Probabilities of unit intervals, as training sees them: of a Gaussian, and of a density learned for each channel.

Reference:
    Ballé et al., "Variational Image Compression with a Scale Hyperprior", ICLR 2018, appendix 6.1 for the learned one.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

MIN_MASS = 1e-9
"""Probability that nothing falls below, so that no symbol costs without end."""
WIDTHS = (1, 3, 3, 3, 3, 1)
"""Of the layers of a learned cumulative."""


class _Bounded(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, x: Tensor, bound: float) -> Tensor:
        context.save_for_backward(x)
        context.bound = bound
        return x.clamp(min=bound)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        (x,) = context.saved_tensors
        return gradient * ((x >= context.bound) | (gradient < 0)), None


def at_least(x: Tensor, bound: float) -> Tensor:
    """The larger of a value and a bound; below it only a gradient passes that raises the value.

    A plain clamp has none there, and leaves what fell below the bound without a way back.
    """
    bounded: Tensor = _Bounded.apply(x, bound)  # type: ignore[no-untyped-call]
    return bounded


def gaussian_mass(x: Tensor, sigma: Tensor) -> Tensor:
    """Probability of the unit interval around each value under a Gaussian of mean zero, at least :data:`MIN_MASS`.

    Args:
        x: float, any shape.
        sigma: float like ``x``, above zero.
    """
    # Below the mean, where a difference of tails keeps its digits.
    far = x.abs()
    upper, lower = ((side - far) / sigma for side in (0.5, -0.5))
    return at_least(0.5 * (torch.erfc(-math.sqrt(0.5) * upper) - torch.erfc(-math.sqrt(0.5) * lower)), MIN_MASS)


class Cumulative(nn.Module):
    """A cumulative for each channel: a small network that can only rise, of which a sigmoid is taken.

    Args:
        channels: how many.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.matrices, self.biases, self.factors = nn.ParameterList(), nn.ParameterList(), nn.ParameterList()
        for i, (inputs, outputs) in enumerate(pairwise(WIDTHS)):
            # So that all of it begins as the identity.
            matrix = torch.full((channels, outputs, inputs), math.log(math.expm1(1 / outputs)))
            self.matrices.append(nn.Parameter(matrix))
            self.biases.append(nn.Parameter(torch.empty(channels, outputs, 1).uniform_(-0.5, 0.5)))
            if i < len(WIDTHS) - 2:
                self.factors.append(nn.Parameter(torch.zeros(channels, outputs, 1)))

    def logits(self, x: Tensor) -> Tensor:
        """Logits of the cumulative at each value, float like ``x``, (channels, 1, values)."""
        for i, (matrix, bias) in enumerate(zip(self.matrices, self.biases, strict=True)):
            x = F.softplus(matrix) @ x + bias
            if i < len(self.factors):
                x = x + torch.tanh(self.factors[i]) * torch.tanh(x)
        return x
