"""Analysis: from pixels to the latent y, a learned correction on top of a linear transform.

The stem is a bank of 16x16 block filters that start as the principal components of the training
data. The first ``latents`` of its outputs are the latent of a classical transform codec;
the network adds to them, with a last layer that starts at zero.

Reference:
    Ballé, Laparra and Simoncelli, "End-to-end Optimized Image Compression", ICLR 2017.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bitstream.geometry import BLOCK
from codec.models.layers import OUTPUT_UNIT, Block, Pointwise, believed, bounded, modulate
from codec.models.pca import Components

CORRECTION_BOUND = 5.0
"""Root mean square over channels, in standard deviations of natural images, up to which a correction is believed.

No block of 42 photographs has more than 3.1, at three qualities. The network has seen nothing like line art, halftones
or mosaics of flat blocks. It answered with up to 20,000, and they came back as noise. Only the encoder runs this
network, so neither files nor their decoding depend on the bound.
"""


class Analysis(nn.Module):
    """Map an image to its latent at 1/16 resolution.

    The filters of the stem start as an orthonormal basis, and y stays in its units, so that an error
    in any channel weighs the same in pixels. ``scale``, fixed before training, is the standard
    deviation of each coefficient: what enters a network is divided by it.

    Args:
        latents: channels of y.
        width: channels of the stream, at least ``latents``.
        depth: residual blocks.
        block: kind of them.
    """

    scale: Tensor

    def __init__(self, latents: int, width: int, depth: int, block: type[Block] = Block) -> None:
        super().__init__()
        self.latents = latents
        self.stem = Pointwise(3 * BLOCK**2, width, bias=True)
        self.register_buffer("scale", torch.ones(width))
        self.enter = Pointwise(width, width, bias=True)
        self.blocks = nn.Sequential(*(block(width, first=k == 0) for k in range(depth)))
        self.leave = Pointwise(width, latents, gain=0.0)

    def start_from(self, components: Components) -> None:
        """Set the stem to the principal components of blocks."""
        assert self.stem.bias is not None
        self.stem.weight.copy_(components.basis)
        self.stem.bias.copy_(-components.basis @ (components.mean - 0.5))

    def forward(self, x: Tensor, film: Tensor) -> Tensor:
        """Analyse pixels.

        Args:
            x: float (N, 3, H, W), in [0, 1], H and W multiples of 16.
            film: float (N, 2 width), modulation by quality.

        Returns:
            Tensor: y, float (N, latents, H / 16, W / 16), in units of an orthonormal basis.
        """
        coefficients = self._coefficients(F.pixel_unshuffle(x, BLOCK))
        h = self.blocks(modulate(self.enter(bounded(coefficients / self.scale[:, None, None])), film))
        scale = self.scale[: self.latents, None, None]
        return coefficients[:, : self.latents] + believed(OUTPUT_UNIT * self.leave(h), scale, CORRECTION_BOUND)

    def _coefficients(self, blocks: Tensor) -> Tensor:
        """The stem on blocks of pixels, (N, 3 BLOCK ** 2, h, w), as if mid-gray were zero.

        Mid-gray is taken from the bias, which saves a pass over the largest map of all.
        """
        assert self.stem.bias is not None
        return self.stem(blocks, self.stem.bias - 0.5 * self.stem.weight.sum(dim=1))
