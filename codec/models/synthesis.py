"""What syntheses share: a linear transform from the latent to blocks of pixels, and the network that corrects it."""

from __future__ import annotations

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bitstream.geometry import BLOCK
from codec.models.layers import Block, Pointwise, bounded, modulate
from codec.models.pca import Components


class SynthesisTrunk(nn.Module):
    """The linear path, and the network at 1/16 and 1/8. A subclass makes pixels of both.

    Args:
        latents: channels of y.
        width: channels of the stream at 1/16.
        depth: residual blocks at 1/16.
        fine_width: channels of the stream at 1/8.
        fine_depth: residual blocks at 1/8.
    """

    ground: ClassVar[float] = 0.0
    """Level of pixels that the linear path counts from. At mid-gray, 16 bits round them less."""
    scale: Tensor

    def __init__(self, latents: int, width: int, depth: int, fine_width: int, fine_depth: int) -> None:
        super().__init__()
        self.linear = Pointwise(latents, 3 * BLOCK**2, bias=True)
        self.register_buffer("scale", torch.ones(latents))
        self.enter = Pointwise(latents, width, bias=True)
        self.blocks = nn.Sequential(*(Block(width, first=k == 0) for k in range(depth)))
        self.refine = Pointwise(width, 4 * fine_width, bias=True)
        self.fine_blocks = nn.Sequential(*(Block(fine_width, first=k == 0) for k in range(fine_depth)))

    def start_from(self, components: Components) -> None:
        """Set the linear path to the principal components of blocks."""
        assert self.linear.bias is not None
        self.linear.weight.copy_(self._ordered(components.basis[: self.linear.weight.shape[1]].T))
        self.linear.bias.copy_(self._ordered(components.mean - self.ground))

    def _ordered(self, rows: Tensor) -> Tensor:
        """Rows in the order of a block's pixels, (768, ...), as the linear path has them."""
        return rows

    def _means(self, rows: Tensor) -> Tensor:
        """Rows in the order of the linear path, as means over 8 x 8 pixels: (12, ...)."""
        half = BLOCK // 2
        return rows.reshape(3, 2, half, 2, half, *rows.shape[1:]).mean(dim=(2, 4)).reshape(12, *rows.shape[1:])

    def features(self, y_hat: Tensor, film: Tensor) -> Tensor:
        """What the network makes of the latent at 1/8.

        Args:
            y_hat: float (N, latents, h, w).
            film: float (N, 2 width), modulation by quality.

        Returns:
            Tensor: float (N, fine_width, 2 h, 2 w).
        """
        h = self.blocks(modulate(self.enter(bounded(y_hat / self.scale[:, None, None])), film))
        fine: Tensor = self.fine_blocks(F.pixel_shuffle(self.refine(h), 2))
        return fine

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
        weight, bias = self._means(self.linear.weight), self._means(self.linear.bias)
        return F.pixel_shuffle(F.conv2d(y_hat, weight[:, :, None, None], bias), 2) + self.ground
