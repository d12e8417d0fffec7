"""Synthesis: from the latent back to pixels, a learned correction on top of a linear transform.

Two scales: wide blocks at 1/16 carry most of the work, a light stage at 1/8 finishes.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bitstream.geometry import BLOCK
from codec.models.layers import OUTPUT_UNIT, Block, Pointwise, believed, bounded, modulate
from codec.models.pca import Components

CORRECTION_BOUND = 0.3
"""Root mean square over 8 x 8 pixels, where 1 is the range from black to white, up to which a correction is believed.

Photographs have at most 0.14; mosaics of flat blocks had up to 200. Decoders of 0.1.0 have no bound: they show noise
where this one shows the image, and the same pixels everywhere else.
"""


class Synthesis(nn.Module):
    """Map a decoded latent to an image.

    Args:
        latents: channels of y.
        width: channels of the stream at 1/16.
        depth: residual blocks at 1/16.
        fine_width: channels of the stream at 1/8.
        fine_depth: residual blocks at 1/8.
    """

    scale: Tensor

    def __init__(self, latents: int, width: int, depth: int, fine_width: int, fine_depth: int) -> None:
        super().__init__()
        self.linear = Pointwise(latents, 3 * BLOCK**2, bias=True)
        self.register_buffer("scale", torch.ones(latents))
        self.enter = Pointwise(latents, width, bias=True)
        self.blocks = nn.Sequential(*(Block(width, first=k == 0) for k in range(depth)))
        self.refine = Pointwise(width, 4 * fine_width, bias=True)
        self.fine_blocks = nn.Sequential(*(Block(fine_width, first=k == 0) for k in range(fine_depth)))
        self.leave = Pointwise(fine_width, 3 * (BLOCK // 2) ** 2, gain=0.0)

    def start_from(self, components: Components) -> None:
        """Set the linear path to the principal components of blocks."""
        assert self.linear.bias is not None
        self.linear.weight.copy_(components.basis[: self.linear.weight.shape[1]].T)
        self.linear.bias.copy_(components.mean)

    def forward(self, y_hat: Tensor, film: Tensor) -> Tensor:
        """Synthesise pixels.

        Args:
            y_hat: float (N, latents, h, w).
            film: float (N, 2 width), modulation by quality.

        Returns:
            Tensor: x_hat, float (N, 3, 16 h, 16 w), near [0, 1] and not clipped.
        """
        h = self.blocks(modulate(self.enter(bounded(y_hat / self.scale[:, None, None])), film))
        fine = self.fine_blocks(F.pixel_shuffle(self.refine(h), 2))
        correction = believed(OUTPUT_UNIT * self.leave(fine), 1.0, CORRECTION_BOUND)
        return F.pixel_shuffle(self.linear(y_hat), BLOCK) + F.pixel_shuffle(correction, BLOCK // 2)

    def preview(self, y_hat: Tensor) -> Tensor:
        """Synthesise an eighth of the size by the linear path alone.

        Each output is the mean of 8x8 pixels, whose filters are the means of the linear path's. The
        network adds mostly detail, so that little is lost.

        Args:
            y_hat: float (N, latents, h, w).

        Returns:
            Tensor: float (N, 3, 2 h, 2 w), near [0, 1] and not clipped.
        """
        assert self.linear.bias is not None
        half = BLOCK // 2
        means = self.linear.weight.reshape(3, 2, half, 2, half, -1).mean(dim=(2, 4)).reshape(12, -1)
        bias = self.linear.bias.reshape(3, 2, half, 2, half).mean(dim=(2, 4)).reshape(12)
        return F.pixel_shuffle(F.conv2d(y_hat, means[:, :, None, None], bias), 2)
