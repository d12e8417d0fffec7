"""Prediction of the latent's mean in two passes over a three-dimensional checkerboard.

The first pass predicts from the hyper-latent alone. The second also sees the half of y that is
known by then: at each position every other channel, and the other channels of its neighbours. Only
the mean is refined; the scale comes from integers elsewhere, so a float that differs by a rounding
error between machines moves a pixel by a millionth and cannot desynchronise the stream.

Reference:
    He et al., "Checkerboard Context Model for Efficient Learned Image Compression", CVPR 2021.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from codec.models.layers import OUTPUT_UNIT, Block, Pointwise, bounded, modulate


def checkerboard(y: Tensor) -> Tensor:
    """Mask of the first pass: 1 where channel + row + column is even.

    Args:
        y: float (N, C, h, w), of which only the shape is used.

    Returns:
        Tensor: float (1, C, h, w) of zeros and ones.
    """
    # As a product of signs, so that a deployed graph works on whole maps only once.
    c, h, w = ((1 - 2 * (torch.arange(n, device=y.device) % 2)).to(y.dtype) for n in y.shape[1:])
    return 0.5 * (1 + c[:, None, None] * (h[:, None] * w))[None]


class Context(nn.Module):
    """Mean of y from the hyper-latent's features and, in the second pass, from half of y_hat.

    Args:
        latents: channels of y.
        features: channels of the hyper-latent's features.
        width: channels of the stream of the second pass.
        kernel: depthwise kernel of the second pass.
    """

    scale: Tensor

    def __init__(self, latents: int, features: int, width: int, kernel: int = 5) -> None:
        super().__init__()
        self.register_buffer("scale", torch.ones(latents))
        self.first = Pointwise(features, latents, bias=True, gain=0.1)
        self.enter_features = Pointwise(features, width, bias=True)
        self.enter_latent = Pointwise(latents, width)
        self.block = Block(width, kernel, first=True)
        self.second = Pointwise(width, latents, bias=True, gain=0.1)

    def forward(
        self, features: Tensor, film: Tensor, decode: Callable[[Tensor], tuple[Tensor, Tensor]]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Run both passes.

        Args:
            features: float (N, features, h, w).
            film: float (N, 2 width), modulation by quality.
            decode: gives symbols and y_hat for a mean mu, all float (N, latents, h, w); the encoder quantises y
                around mu, the decoder adds the symbols it read.

        Returns:
            tuple[Tensor, Tensor, Tensor]: mu, symbols and y_hat, float (N, latents, h, w) each.
        """
        scale = self.scale[:, None, None]
        # The root: large coefficients need large means, but no channel may be moved too fast.
        unit = 2 * OUTPUT_UNIT * scale.sqrt()
        mu_first = self.first(features) * unit
        mask = checkerboard(mu_first)
        known = bounded(decode(mu_first)[1] * mask / scale)
        h = self.block(modulate(self.enter_features(features) + self.enter_latent(known), film))
        mu = mu_first + (1 - mask) * self.second(h) * unit
        return mu, *decode(mu)
