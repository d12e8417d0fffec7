"""The hyper-latent z: side information at 1/64 from which the scales and part of the means follow.

Reference:
    Ballé et al., "Variational Image Compression with a Scale Hyperprior", ICLR 2018;
    Minnen, Ballé and Toderici, "Joint Autoregressive and Hierarchical Priors for Learned Image
    Compression", NeurIPS 2018.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bitstream.geometry import HYPER_STRIDE
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

    Args:
        latents: channels of y.
        width: channels of the stream at 1/16, an even number.
        coarse_width: channels of the stream at 1/64.
        hyper_latents: channels of z.
        block: kind of the residual block.
    """

    scale: Tensor

    def __init__(
        self, latents: int, width: int, coarse_width: int, hyper_latents: int, block: type[Block] = Block
    ) -> None:
        super().__init__()
        self.register_buffer("scale", torch.ones(latents))
        self.enter = Pointwise(2 * latents, width, bias=True, gain=GAIN)
        self.depthwise = nn.Conv2d(width, width, 3, padding=1, groups=width)
        self.reduce = Pointwise(width, width // 2, bias=True, gain=GAIN)
        self.coarse = Pointwise(width // 2 * HYPER_STRIDE**2, coarse_width, bias=True, gain=GAIN)
        self.block = block(coarse_width)
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
