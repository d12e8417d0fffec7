"""Synthesis: from the latent back to pixels, a learned correction on top of a linear transform.

Three scales: wide blocks at 1/16 carry most of the work, a stage at 1/8 says how the last one at 1/4 is to work, and
that stage, narrow and pointwise but for one small kernel, corrects what the linear path gives, 4 x 4 pixels a position.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bitstream.geometry import BLOCK
from codec.models.layers import OUTPUT_UNIT, Block, Depthwise, Pointwise, believed, bounded, modulate
from codec.models.pca import Components

PATCH = 4
"""Pixels a side of a position of the last stage."""
CORRECTION_BOUND = 0.4
"""Root mean square over a patch, where 1 is the range from black to white, up to which a correction is believed."""
PIXEL_SCALE = 0.25
"""About the standard deviation of pixels around mid-gray."""


class Renderer(nn.Module):
    """The last stage: a correction of patches of pixels, steered by features.

    Args:
        features: channels of what steers it, at half of its resolution.
        width: channels of its stream.
    """

    def __init__(self, features: int, width: int) -> None:
        super().__init__()
        self.enter = Pointwise(3 * PATCH**2, width, bias=True)
        self.steer = Pointwise(features, 4 * 2 * width, bias=True, gain=0.5)
        self.depthwise = Depthwise(width)
        self.value = Pointwise(width, width)
        self.gate = Pointwise(width, width, bias=True)
        self.leave = Pointwise(width, 3 * PATCH**2, gain=0.0)

    def forward(self, patches: Tensor, features: Tensor) -> Tensor:
        """Corrected patches.

        Args:
            patches: float (N, 48, 2 h, 2 w), pixels around mid-gray.
            features: float (N, features, h, w).

        Returns:
            Tensor: float like ``patches``.
        """
        scale, shift = F.pixel_shuffle(self.steer(features), 2).chunk(2, dim=1)
        h = self.enter(bounded(patches / PIXEL_SCALE)) * (1 + scale) + shift
        h = h + self.depthwise(F.silu(h))
        correction = OUTPUT_UNIT * self.leave(self.value(h) * torch.sigmoid(self.gate(h)))
        # In full precision: 16 bits would round pixels by more than the best qualities err.
        return patches.float() + believed(correction.float(), 1.0, CORRECTION_BOUND)


class Synthesis(nn.Module):
    """Map a decoded latent to an image.

    Args:
        latents: channels of y.
        width: channels of the stream at 1/16.
        depth: residual blocks at 1/16.
        fine_width: channels of the stream at 1/8.
        fine_depth: residual blocks at 1/8.
        render_width: channels of the stream at 1/4.
    """

    scale: Tensor

    def __init__(
        self, latents: int, width: int, depth: int, fine_width: int, fine_depth: int, render_width: int
    ) -> None:
        super().__init__()
        self.linear = Pointwise(latents, 3 * BLOCK**2, bias=True)
        self.register_buffer("scale", torch.ones(latents))
        self.enter = Pointwise(latents, width, bias=True)
        self.blocks = nn.Sequential(*(Block(width, first=k == 0) for k in range(depth)))
        self.refine = Pointwise(width, 4 * fine_width, bias=True)
        self.fine_blocks = nn.Sequential(*(Block(fine_width, first=k == 0) for k in range(fine_depth)))
        self.renderer = Renderer(fine_width, render_width)

    def start_from(self, components: Components) -> None:
        """Set the linear path to the principal components of blocks."""
        assert self.linear.bias is not None
        self.linear.weight.copy_(_by_patch(components.basis[: self.linear.weight.shape[1]].T))
        self.linear.bias.copy_(_by_patch(components.mean - 0.5))

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
        patches = F.pixel_shuffle(self.linear(y_hat), BLOCK // PATCH)
        return F.pixel_shuffle(self.renderer(patches, fine), PATCH) + 0.5

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
        weight, bias = (_means(values) for values in (self.linear.weight, self.linear.bias))
        return F.pixel_shuffle(F.conv2d(y_hat, weight[:, :, None, None], bias), 2) + 0.5


def _by_patch(rows: Tensor) -> Tensor:
    """Rows in the order of a block's pixels, brought to that of patches: pixels of a patch first, then patches."""
    blocks = rows.reshape(3, BLOCK // PATCH, PATCH, BLOCK // PATCH, PATCH, *rows.shape[1:])
    return blocks.transpose(1, 2).transpose(2, 4).transpose(3, 4).reshape(rows.shape)


def _means(rows: Tensor) -> Tensor:
    """Rows in the order of patches, as means over 8 x 8 pixels: (12, ...)."""
    patches = rows.reshape(3, PATCH, PATCH, 2, 2, 2, 2, *rows.shape[1:])  # rows and columns of patches in halves
    return patches.mean(dim=(1, 2, 4, 6)).reshape(12, *rows.shape[1:])
