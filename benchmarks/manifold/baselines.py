"""What embeddings are compared with: colours and small pixels, no learning beyond a PCA."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE = 32
BINS = 8
Floats = NDArray[np.float32]


def colour_histogram(picture: Image.Image) -> Floats:
    """Square roots of the shares of 8 x 8 x 8 colours, so that a product is the Bhattacharyya coefficient."""
    pixels = np.asarray(picture.convert("RGB")).reshape(-1, 3) // (256 // BINS)
    counts = np.bincount(pixels @ np.array([BINS * BINS, BINS, 1]), minlength=BINS**3)
    roots: Floats = np.sqrt(counts / counts.sum()).astype(np.float32)
    return roots


def small_pixels(picture: Image.Image) -> Floats:
    """32 x 32 pixels, float32 (3072,) in [0, 1]."""
    small = picture.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BOX)
    return (np.asarray(small, np.float32) / 255).ravel()


class PixelPca:
    """PCA of small pixels.

    Args:
        images: small pixels of the images it is fitted to, float32 (N, 3072).
        dimensions: kept, at most.
        scaled: whether coordinates are scaled to length 1.
    """

    def __init__(self, pictures: Sequence[Floats], dimensions: int, scaled: bool = True) -> None:
        from sklearn.decomposition import PCA

        self._scaled = scaled
        data = np.stack(pictures)
        self._pca = PCA(min(dimensions, *data.shape), random_state=0).fit(data)

    def __call__(self, pictures: Sequence[Floats]) -> Floats:
        """Coordinates, float32 (N, dimensions)."""
        coordinates: Floats = self._pca.transform(np.stack(pictures)).astype(np.float32)
        return unit(coordinates) if self._scaled else coordinates


def unit(vectors: Floats) -> Floats:
    """Rows scaled to length 1."""
    scaled: Floats = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    return scaled
