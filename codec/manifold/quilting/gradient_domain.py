"""An image from its gradients: what joins pieces of different brightness without a seam.

Pieces that lie side by side have their own gradients, and at their seam the gradient that fits best. The image that has
nearly these gradients, and is not far from the pieces themselves, spreads a step in brightness over a wide area, where
nobody sees it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
REACH = 100
"""Pixels over which a step in brightness is spread, about."""
_LINES = 256
"""Lines that are transformed at a time, which bounds the memory that it takes."""


def integrate(image: Floats, right: Floats, down: Floats) -> Floats:
    """The image whose gradients are nearest to given ones, while its values stay near to those of another.

    It minimises the sum of squares of what the gradients are off, and 1 / REACH^2 times that of the values. At the
    border it has no gradient outwards.

    Args:
        image: float32 (height, width, channels), what it stays near to.
        right: float32, likewise; at each pixel what its right neighbour is to have more. The last column is not used.
        down: float32, likewise, for the neighbour below. The last row is not used.

    Returns:
        NDArray: float32 (height, width, channels), in the units of ``image``.

    Reference:
        P. Bhat, C. L. Zitnick, M. Cohen, B. Curless, "GradientShop: A Gradient-Domain Optimization Framework for
        Image and Video Filtering", ACM TOG 29(2), 2010; solved by the cosine transform, which has these borders.
    """
    height, width, channels = image.shape
    nearness = 1 / REACH**2
    scale = _eigenvalues(height)[:, None] + _eigenvalues(width) + nearness
    result = np.empty_like(image)
    for c in range(channels):
        target = nearness * image[..., c].astype(np.float64)
        target[:, :-1] -= right[:, :-1, c]
        target[:, 1:] += right[:, :-1, c]
        target[:-1] -= down[:-1, :, c]
        target[1:] += down[:-1, :, c]
        _cosine_transform(target)
        _cosine_transform(target.T)
        target /= scale
        _inverse_cosine_transform(target.T)
        _inverse_cosine_transform(target)
        result[..., c] = target
    return result


def _eigenvalues(length: int) -> Doubles:
    """Of the second difference, negated, of so many values with mirrored borders: one for each cosine."""
    values: Doubles = 2 - 2 * np.cos(np.pi * np.arange(length) / length)
    return values


def _turns(length: int) -> NDArray[np.complex128]:
    turns: NDArray[np.complex128] = np.exp(0.5j * np.pi * np.arange(length) / length)
    return turns


def _cosine_transform(x: Doubles) -> None:
    """Replace each line by its cosine transform (DCT-II)."""
    length = x.shape[1]
    turns = _turns(length).conj()
    for start in range(0, len(x), _LINES):
        lines = x[start : start + _LINES]
        spectrum = np.fft.rfft(np.concatenate([lines, lines[:, ::-1]], axis=1))
        lines[:] = (spectrum[:, :length] * turns).real


def _inverse_cosine_transform(x: Doubles) -> None:
    """Undo :func:`_cosine_transform`."""
    length = x.shape[1]
    turns = _turns(length)
    for start in range(0, len(x), _LINES):
        lines = x[start : start + _LINES]
        spectrum = np.concatenate([lines * turns, np.zeros((len(lines), 1))], axis=1)
        lines[:] = np.fft.irfft(spectrum, 2 * length)[:, :length]
