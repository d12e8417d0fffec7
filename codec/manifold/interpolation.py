"""Ways between two pictures: points of a path on the manifold, straight in its coordinates or the shortest there is.

A straight line in the coordinates is all numpy and ONNX. The shortest way, a geodesic under the metric that pixels
induce, is found by gradient descent on the energy of the path, see :mod:`codec.manifold.geodesic`, and needs torch.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from bitstream.errors import ImageError
from bitstream.tables import HYPER
from codec.api import QUALITY, compress_pixels, level_of
from codec.decoder import LmcFile
from codec.manifold.coordinates import Pictured, open_coded
from codec.runtime import Runtime
from codec.tiling import BLOCK

Floats = NDArray[np.float32]
MAX_PIXELS = 1 << 20
"""A path is computed whole, so larger pictures are made smaller unless a size is given."""
CELL = BLOCK * HYPER


class Ends:
    """Two pictures brought to one size and quality, as coordinates.

    Args:
        one: a path, the bytes of a file, or a Pillow image.
        other: likewise; filled into the size of the first, and cut to it.
        size: width and height; None takes those of the first, made smaller to a megapixel at most.
        threads: for the networks.

    Attributes:
        size: width and height of all pictures of the path.
        quality_index: level of quality at which points are synthesised.
        y: float32 (2, channels, rows, columns), coordinates of the two ends.

    Raises:
        CodecError: one is damaged, or no picture.
    """

    def __init__(
        self,
        one: Pictured,
        other: Pictured,
        *,
        size: tuple[int, int] | None = None,
        threads: int | None = None,
    ) -> None:
        with open_coded(one, threads=threads) as first, open_coded(other, threads=threads) as second:
            self.runtime: Runtime = first.runtime
            self.size = size or _within(first.size)
            # Of an ordinary picture it is that at which it was coded in passing.
            self.quality_index = max(
                first.header.quality_index, second.header.quality_index, level_of(QUALITY, self.runtime.tables.levels)
            )
            self.y = np.stack([self._coordinates(file) for file in (first, second)])

    def _coordinates(self, file: LmcFile) -> Floats:
        """Coordinates of a file at our size: its own if the size is its, else those of its pixels made to fit."""
        if file.size == self.size:
            return np.concatenate(list(file.latents()), axis=1)
        image = ImageOps.fit(file.load().convert("RGB"), self.size, Image.Resampling.LANCZOS)
        data = compress_pixels(self.runtime, np.asarray(image), self.quality_index)
        with LmcFile(data, runtime=self.runtime) as fitted:
            return np.concatenate(list(fitted.latents()), axis=1)

    def linear(self, steps: int) -> Floats:
        """Coordinates of equally spaced points on the straight line, float32 (steps, channels, rows, columns)."""
        if steps < 2:
            raise ValueError(f"steps: found {steps}, expected at least 2")
        t = np.linspace(0, 1, steps, dtype=np.float32)[:, None, None, None]
        path: Floats = (1 - t) * self.y[0] + t * self.y[1]
        return path

    def pictures(self, path: Floats) -> Iterator[Image.Image]:
        """The pictures of points.

        Args:
            path: float32 (steps, channels, rows, columns).
        """
        width, height = self.size
        for y in path:
            x = self.runtime.synthesise(y[None], self.quality_index)[0, :, :height, :width]
            yield Image.fromarray(np.rint(np.clip(x, 0, 1) * 255).astype(np.uint8).transpose(1, 2, 0))


def _within(size: tuple[int, int]) -> tuple[int, int]:
    """A size of the same shape, and a megapixel at most."""
    width, height = size
    if width * height <= MAX_PIXELS:
        return size
    factor = (MAX_PIXELS / (width * height)) ** 0.5
    if min(width, height) * factor < 1:
        raise ImageError(f"size: {width} x {height} pixels cannot be made smaller to a megapixel; give a size")
    return int(width * factor), int(height * factor)
