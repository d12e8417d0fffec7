"""Where in an image it is odd, for people to see."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bitstream.geometry import BLOCK
from codec.decoding.lmc_file import LmcFile
from codec.images.pillow_compat import as_rgb

USUAL, ODD = 1.0, 2.0
"""Oddness at which red begins to show, and at which it covers three quarters."""
SCALE = 8
"""Of the preview that is shown."""
TINT = np.array([220, 20, 40], np.float32)


def heat_map(file: LmcFile, heat: NDArray[np.float32]) -> Image.Image:
    """An image's preview in gray, the more red the odder.

    Args:
        file: of the image.
        heat: float32 (rows, columns), of positions, see
            :meth:`codec.manifold.anomaly.calibration.Collection.heat`.
    """
    gray = np.asarray(as_rgb(file.preview(SCALE)).convert("L"), np.float32)
    side = BLOCK // SCALE
    rows, columns = heat.shape
    grown = Image.fromarray(heat).resize((side * columns, side * rows), Image.Resampling.BICUBIC)
    cover = np.clip((np.asarray(grown)[: gray.shape[0], : gray.shape[1]] - USUAL) / (ODD - USUAL), 0, 1)[..., None]
    mixed = (1 - 0.75 * cover) * gray[..., None] + 0.75 * cover * TINT
    image = Image.fromarray(np.rint(mixed).astype(np.uint8))
    factor = max(1, round(512 / max(image.size)))
    return image.resize((factor * image.width, factor * image.height), Image.Resampling.BICUBIC)
