"""Detail finer than any photograph's, attenuated before the analysis.

Networks that have only seen photographs answer black and white noise, or a dithered image, with latents a
thousand times beyond natural ones: the file is larger than the pixels, and what is decoded of it worse than plain gray.
Attenuated to what the networks can follow, such a block is decoded as itself with less contrast, from fewer bytes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitstream.geometry import BLOCK

MAX_DETAIL = 80 / 255
"""Largest detail of a block, as the standard deviation of equivalent white noise. Nothing in 1,376 photographs has
more, nor has smooth print."""


def block_detail(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """The finest detail of each block, from the mean square of its mixed second differences.

    Args:
        x: float32 (1, 3, 16 h, 16 w), in [0, 1].

    Returns:
        NDArray: float32 (h, w), the standard deviation of the white noise that has as much.
    """
    height, width = x.shape[2:]
    blocks = x.reshape(3, height // BLOCK, BLOCK, width // BLOCK, BLOCK)
    rows = blocks[:, :, 1:] - blocks[:, :, :-1]
    both = rows[..., 1:] - rows[..., :-1]
    power: NDArray[np.float32] = np.einsum("chiwj,chiwj->hw", both, both)
    detail: NDArray[np.float32] = np.sqrt(power / np.float32(3 * 4 * (BLOCK - 1) ** 2))
    return detail


def attenuated(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Pixels with no block's detail above :data:`MAX_DETAIL`; blocks that exceed it are drawn towards their mean.

    Block by block, so it does not depend on the tile that a block is in.

    Args:
        x: float32 (1, 3, 16 h, 16 w), in [0, 1].

    Returns:
        NDArray: the same, ``x`` itself where there is nothing to attenuate.
    """
    detail = block_detail(x)
    if detail.max() <= MAX_DETAIL:
        return x
    scale = np.float32(MAX_DETAIL) / np.maximum(detail, np.float32(MAX_DETAIL))
    height, width = x.shape[2:]
    blocks: NDArray[Any] = x.reshape(3, height // BLOCK, BLOCK, width // BLOCK, BLOCK)
    mean = blocks.mean(axis=(2, 4), keepdims=True)
    result: NDArray[np.float32] = np.where(
        scale[None, :, None, :, None] < 1, mean + scale[None, :, None, :, None] * (blocks - mean), blocks
    )
    return result.reshape(x.shape)
