"""Synthesis: from the latent back to pixels, a learned correction on top of a linear transform.

Three scales: wide blocks at 1/16 carry most of the work, a stage at 1/8 says how the last one at 1/4 is to work, and
that stage, narrow and pointwise but for one small kernel, corrects what the linear path gives, 4 x 4 pixels a position.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bitstream.geometry import BLOCK
from codec.models.layers import OUTPUT_UNIT, Depthwise, Pointwise, believed, bounded
from codec.models.synthesis import SynthesisTrunk

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


class Synthesis(SynthesisTrunk):
    """Map a decoded latent to an image; see :class:`~codec.models.synthesis.SynthesisTrunk` for the other sizes.

    The linear path has its rows by patches: pixels of a patch first, then patches.

    Args:
        render_width: channels of the stream at 1/4.
    """

    ground = 0.5

    def __init__(
        self, latents: int, width: int, depth: int, fine_width: int, fine_depth: int, render_width: int
    ) -> None:
        super().__init__(latents, width, depth, fine_width, fine_depth)
        self.renderer = Renderer(fine_width, render_width)

    def _ordered(self, rows: Tensor) -> Tensor:
        blocks = rows.reshape(3, BLOCK // PATCH, PATCH, BLOCK // PATCH, PATCH, *rows.shape[1:])
        return blocks.transpose(1, 2).transpose(2, 4).transpose(3, 4).reshape(rows.shape)

    def _means(self, rows: Tensor) -> Tensor:
        patches = rows.reshape(3, PATCH, PATCH, 2, 2, 2, 2, *rows.shape[1:])  # rows and columns of patches in halves
        return patches.mean(dim=(1, 2, 4, 6)).reshape(12, *rows.shape[1:])

    def forward(self, y_hat: Tensor, film: Tensor) -> Tensor:
        """Synthesise pixels.

        Args:
            y_hat: float (N, latents, h, w).
            film: float (N, 2 width), modulation by quality.

        Returns:
            Tensor: x_hat, float (N, 3, 16 h, 16 w), near [0, 1] and not clipped.
        """
        patches = F.pixel_shuffle(self.linear(y_hat), BLOCK // PATCH)
        return F.pixel_shuffle(self.renderer(patches, self.features(y_hat, film)), PATCH) + self.ground
