"""The layers everything else is made of: pointwise projection, depthwise convolution, and the residual block.

Most of the work happens in wide pointwise layers on small maps, which run near a CPU's peak rate.
Tensors are (N, C, H, W) in channels-last memory, so that a pointwise layer is one plain matrix
product over a view.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn

OUTPUT_UNIT = 0.1
"""Unit of what a network adds to a latent or to pixels.

An optimiser like Adam moves every weight by the learning rate whatever its effect, and hundreds of
weights that move together would shift a pixel by more than the whole quantisation error.
"""


INPUT_BOUND = 12.0
"""Most that enters a network, in standard deviations of natural images.

Blocks are about linear in what they are given, each with a gain of its own, so a dithered image, at hundreds of
standard deviations, would leave three of them at millions. Natural images reach 12 once in many images.
"""


NORM_FLOOR = 1e-4
"""Mean square below which a position is not brought to unit size: nothing but noise would be left of it."""


def bounded(x: Tensor, bound: float = INPUT_BOUND) -> Tensor:
    """What enters a network, within ``bound`` standard deviations of natural images."""
    return x.clamp(-bound, bound)


SMALLEST_SQUARE = 1e-12
_all_believed = False


def believed(correction: Tensor, unit: Tensor | float, bound: float) -> Tensor:
    """What a network adds to a linear transform, as far as it can be believed.

    Where the root mean square over channels is above the bound, the correction fades; from twice the bound on it is
    left out. A network that has seen nothing like its input may answer with anything, and the linear transform alone is
    good for any input. Up to the bound nothing changes, not by a bit.

    Args:
        correction: float (N, C, h, w).
        unit: that it is measured in; float (C, 1, 1), or one number.
        bound: in that unit.

    Returns:
        Tensor: like ``correction``.
    """
    if _all_believed:
        return correction
    # Above zero, where the root has a gradient: a network whose last layer begins at zero adds nothing at first.
    size = (correction / unit).square().mean(dim=1, keepdim=True).clamp(min=SMALLEST_SQUARE).sqrt()
    return correction * (2 - size / bound).clamp(0, 1)


@contextmanager
def all_believed() -> Iterator[None]:
    """Have :func:`believed` leave everything as it is: for measuring on random input what a network depends on."""
    global _all_believed
    before, _all_believed = _all_believed, True
    try:
        yield
    finally:
        _all_believed = before


class Pointwise(nn.Module):
    """A 1x1 convolution, computed as one matrix product.

    As a matrix product it trains up to twice as fast on a CPU as a convolution; for export
    :attr:`as_conv` is set, because inference engines optimise the convolution better.

    Args:
        inputs: channels in.
        outputs: channels out.
        bias: whether a bias is added; it costs a pass over memory, so only where it matters.
        gain: factor on the usual initial scale, U(-1, 1) / sqrt(inputs).
    """

    as_conv = False

    def __init__(self, inputs: int, outputs: int, bias: bool = False, gain: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outputs, inputs).uniform_(-1, 1) * gain / inputs**0.5)
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None

    def forward(self, x: Tensor, bias: Tensor | None = None) -> Tensor:
        """Map float (N, inputs, H, W) to (N, outputs, H, W), with another bias, (outputs,), if one is given."""
        bias = self.bias if bias is None else bias
        if Pointwise.as_conv:
            return F.conv2d(x, self.weight[:, :, None, None], bias)
        return F.linear(x.permute(0, 2, 3, 1), self.weight, bias).permute(0, 3, 1, 2)


class Depthwise(nn.Conv2d):
    """A convolution of each channel on its own.

    In float32 where the kernel is large: the gradient of such weights takes three times as long in bfloat16.

    Args:
        channels: in and out.
        kernel: side of the kernel, odd.
    """

    def __init__(self, channels: int, kernel: int = 3) -> None:
        super().__init__(channels, channels, kernel, padding=kernel // 2, groups=channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map float (N, channels, H, W) to the same shape."""
        if self.kernel_size[0] > 3 and torch.is_autocast_enabled(x.device.type):
            with torch.autocast(x.device.type, enabled=False):
                return super().forward(x.float())
        return super().forward(x)


class Block(nn.Module):
    """Residual block: depthwise mixing in space, then a gated mixing of channels.

    ``x + B(D(silu(A x)))``, then ``x + O(a * sigmoid(b))`` with ``a = F x`` and ``b = G x``. Nothing
    here grows faster than its input: with ``a * silu(b)``, which is quadratic, an unusual crop or one
    bad step can blow up by 1e24 over a few blocks. The layers B and O, which write to the residual
    stream, start at a tenth of their usual scale.

    Args:
        channels: width of the stream.
        kernel: size of the depthwise kernel; reaches ``kernel // 2`` positions to each side.
        first: of its stream, entered by something else than a convolution. Inference engines keep
            convolutions and what joins them in a layout of their own, but only where all operands
            come from convolutions; so a graph for deployment starts with a depthwise identity, or
            every layer of the stream would convert its map to that layout and back.
    """

    def __init__(self, channels: int, kernel: int = 3, first: bool = False) -> None:
        super().__init__()
        self.channels, self.first = channels, first
        self.expand = Pointwise(channels, channels, bias=True)
        self.depthwise = Depthwise(channels, kernel)
        self.project = Pointwise(channels, channels, gain=0.1)
        self.value = Pointwise(channels, channels)
        self.gate = Pointwise(channels, channels, bias=True)
        self.output = Pointwise(channels, channels, gain=0.1)

    def _in_layout(self, x: Tensor) -> Tensor:
        if self.first and Pointwise.as_conv:
            x = F.conv2d(x, torch.ones(self.channels, 1, 1, 1), groups=self.channels)
        return x

    def forward(self, x: Tensor) -> Tensor:
        """Map float (N, channels, H, W) to the same shape."""
        x = self._in_layout(x)
        x = x + self.project(self.depthwise(F.silu(self.expand(x))))
        return x + self.output(self.value(x) * torch.sigmoid(self.gate(x)))


class RMSNorm(nn.Module):
    """Divide each position by the root mean square of its channels; then a learned factor for each channel.

    Args:
        channels: of the stream.

    Reference:
        Zhang and Sennrich, "Root Mean Square Layer Normalization", NeurIPS 2019.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Map float (N, channels, H, W) to the same shape."""
        factor = torch.rsqrt(x.square().mean(dim=1, keepdim=True) + NORM_FLOOR)
        return x * factor * self.weight.to(x.dtype)[:, None, None]


class NormBlock(Block):
    """A residual block each half of which sees its input normalised, so that nothing can blow up however deep.

    For encoders: a network that the decoder runs would pay for it with two more passes over its map.
    """

    def __init__(self, channels: int, kernel: int = 3, first: bool = False) -> None:
        super().__init__(channels, kernel, first)
        self.norm_space, self.norm_channels = RMSNorm(channels), RMSNorm(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map float (N, channels, H, W) to the same shape."""
        x = self._in_layout(x)
        x = x + self.project(self.depthwise(F.silu(self.expand(self.norm_space(x)))))
        seen = self.norm_channels(x)
        return x + self.output(self.value(seen) * F.silu(self.gate(seen)))


def modulate(x: Tensor, film: Tensor) -> Tensor:
    """Scale and shift each channel as the quality asks (feature-wise linear modulation).

    Args:
        x: float (N, C, H, W).
        film: float (N, 2 C), first the scales minus one, then the shifts.

    Returns:
        Tensor: float (N, C, H, W).

    Reference:
        Perez et al., "FiLM: Visual Reasoning with a General Conditioning Layer", AAAI 2018.
    """
    scale, shift = film.to(x.dtype)[:, :, None, None].chunk(2, dim=1)
    return x * (1 + scale) + shift
