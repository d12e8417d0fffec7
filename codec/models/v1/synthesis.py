"""Synthesis: from the latent back to pixels, a learned correction on top of a linear transform.

Two scales: wide blocks at 1/16 carry most of the work, a light stage at 1/8 finishes.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from bitstream.geometry import BLOCK
from codec.models.layers import OUTPUT_UNIT, Pointwise, believed
from codec.models.synthesis import SynthesisTrunk

CORRECTION_BOUND = 0.3
"""Root mean square over 8 x 8 pixels, where 1 is the range from black to white, up to which a correction is believed.

Photographs have at most 0.14; mosaics of flat blocks had up to 200. Decoders of 0.1.0 have no bound: they show noise
where this one shows the image, and the same pixels everywhere else.
"""


class Synthesis(SynthesisTrunk):
    """Map a decoded latent to an image; see :class:`~codec.models.synthesis.SynthesisTrunk` for the sizes."""

    def __init__(self, latents: int, width: int, depth: int, fine_width: int, fine_depth: int) -> None:
        super().__init__(latents, width, depth, fine_width, fine_depth)
        self.leave = Pointwise(fine_width, 3 * (BLOCK // 2) ** 2, gain=0.0)

    def forward(self, y_hat: Tensor, film: Tensor) -> Tensor:
        """Synthesise pixels.

        Args:
            y_hat: float (N, latents, h, w).
            film: float (N, 2 width), modulation by quality.

        Returns:
            Tensor: x_hat, float (N, 3, 16 h, 16 w), near [0, 1] and not clipped.
        """
        correction = believed(OUTPUT_UNIT * self.leave(self.features(y_hat, film)), 1.0, CORRECTION_BOUND)
        return F.pixel_shuffle(self.linear(y_hat), BLOCK) + F.pixel_shuffle(correction, BLOCK // 2)
