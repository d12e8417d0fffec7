"""An image's coordinates as one array, for training on latents."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from codec.manifold.loading import open_coded

if TYPE_CHECKING:
    from codec.manifold.loading import AnyImage


def latents(image: AnyImage, *, tune: str | None = None, threads: int | None = None) -> NDArray[np.float32]:
    """Coordinates of an image; of an ``.lmc`` file without exact blocks no pixel is decoded.

    Any other image is coded in memory first, at the default quality and without exact blocks, which have no
    coordinates.

    Args:
        image: a path, the bytes of a file, or a Pillow image.
        tune: of the model; coordinates of different tunes do not compare. None takes that of an ``.lmc`` file, else
            the default.
        threads: for the networks; None takes ``CODEC_THREADS`` or else all cores.

    Returns:
        NDArray: y_hat, float32 (channels, rows, columns), one position for each 16 pixels and rounded up to a
        multiple of 4, as the file has them; in units of an orthonormal basis of pixels in [0, 1].

    Raises:
        CodecError: it is damaged, or not an image.
        ModelError: the file needs a model that is not here.
    """
    with open_coded(image, tune=tune, threads=threads) as file:
        return np.concatenate(list(file.latents()), axis=1)
