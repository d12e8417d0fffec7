"""What a training crop is: which image, where, at which scale, how it is turned and recoloured.

Drawn apart from the pixels, so that every device trains on the same crops.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bitstream.geometry import BLOCK

GRAPHICS_SHARE = 0.07
"""Of the crops, those that show a graphic which the trainer draws itself."""
ALIGNED_SHARE = 0.5
"""Of those that are not scaled, the share that begins at a block of the latent, as drawings of programs often do: at
random places it would be one in 256. A model that had not seen flat blocks side by side answered them with noise."""
RECOLORED_SHARE = 0.08
"""Of the photographs' crops, those that are turned in hue and saturation."""
SCALED_SHARE = 0.6
"""Of the photographs' crops, those that are scaled down by 1.5 or more where the image is large enough.

Photographs reach a codec at every scale, and most that there are to train on have been through a lossy codec, which
took their finest texture; scaling down brings it back.
"""
SCALES = (1.5, 1.75, 2.0, 2.5, 3.0)
"""Factors to scale down by. A few only, so that a GPU scales many crops at once."""
SLIGHT = 1.25
"""A factor for a part of the crops that are not scaled down further."""


@dataclass(frozen=True)
class Crop:
    """A square part of an image.

    Attributes:
        image: its index; beyond the last file, a graphic's seed is added to the number of files.
        side: pixels of the image, before scaling.
        top: row of the first pixel.
        left: column of the first pixel.
        turn: quarter turns.
        flip: whether it is then mirrored left to right.
        color: float32 (3, 3), what each pixel is multiplied by; None leaves colours as they are.
    """

    image: int
    side: int
    top: int
    left: int
    turn: int
    flip: bool
    color: NDArray[np.float32] | None


def color_turn(hue: float, saturation: float) -> NDArray[np.float32]:
    """A linear map of RGB that turns hue and scales saturation, and leaves BT.601 luma and grays as they are.

    Args:
        hue: radians, around the axis of grays.
        saturation: factor.

    Returns:
        NDArray[np.float32]: (3, 3).
    """
    luma = np.array([0.299, 0.587, 0.114])
    axis = np.ones(3) / np.sqrt(3)
    across = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    turn = np.eye(3) + np.sin(hue) * across + (1 - np.cos(hue)) * (across @ across)
    gray = np.outer(np.ones(3), luma)
    return (gray + saturation * (np.eye(3) - gray) @ turn).astype(np.float32)


def _scale(most: float, graphic: bool, rng: np.random.Generator) -> float:
    """Factor to scale down by, at most ``most`` or 1."""
    possible = [scale for scale in SCALES if scale <= most]
    draw = rng.random()
    if possible and draw < (0.3 if graphic else SCALED_SHARE):
        return float(rng.choice(possible))
    return SLIGHT if most >= SLIGHT and not graphic and draw < 0.8 else 1.0


def draw_crop(
    weights: NDArray[np.float64], shape: Callable[[int], tuple[int, int]], size: int, rng: np.random.Generator
) -> Crop:
    """Draw one crop.

    Args:
        weights: (files,), how often each is to be drawn, with sum 1.
        shape: height and width of an image, by index.
        size: pixels a side once it is scaled down.
        rng: source of randomness.
    """
    graphic = rng.random() < GRAPHICS_SHARE
    image = len(weights) + int(rng.integers(1 << 31)) if graphic else int(rng.choice(len(weights), p=weights))
    height, width = shape(image)
    side = round(size * _scale(min(height, width) / size, graphic, rng))
    top, left = (int(rng.integers(max(0, length - side) + 1)) for length in (height, width))
    if graphic and side == size and rng.random() < ALIGNED_SHARE:
        top, left = top // BLOCK * BLOCK, left // BLOCK * BLOCK
    recolored = rng.random() < (0.5 if graphic else RECOLORED_SHARE)
    color = color_turn(rng.uniform(-np.pi, np.pi), rng.uniform(0.5, 2.0)) if recolored else None
    return Crop(image, side, top, left, int(rng.integers(4)), bool(rng.integers(2)), color)


def draw_qualities(batch: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Qualities t of a batch, float32 (N,), in [0, 1).

    Stratified: each crop draws its own from another part of the range, in random order, so that every step sees low and
    high rates and its gradient varies less.
    """
    return (rng.permutation(batch).astype(np.float32) + rng.random(batch, dtype=np.float32)) / np.float32(batch)
