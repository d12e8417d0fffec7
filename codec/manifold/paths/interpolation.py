"""Ways between two images: points of a path on the manifold, straight in its coordinates or the shortest there is.

A straight line in the coordinates is all numpy and ONNX. The shortest way, see
:mod:`codec.manifold.paths.geodesic`, needs torch.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from bitstream.errors import LimitError
from codec.api import DEFAULT_QUALITY, encode_at_level
from codec.decoding.lmc_file import LmcFile
from codec.engine.registry import DEFAULT_TUNE
from codec.engine.runtime import Runtime
from codec.images.pillow_compat import as_rgb
from codec.manifold.loading import AnyImage, at_rest, named, open_coded, own_tune

Floats = NDArray[np.float32]
USUAL_PIXELS = 1 << 20
"""Larger images are made smaller unless a size is given: a path is for looking at."""
MAX_MORPHED = 1 << 22
"""Pixels of a morph, which takes some 300 MB a megapixel."""
MAX_PIXELS = 1 << 24
"""Points are synthesised whole, and those of a geodesic are all in memory at once."""


class Endpoints:
    """Two images brought to one size and quality, as coordinates.

    Args:
        one: a path, the bytes of a file, or a Pillow image.
        other: likewise; both are filled into the size, and cut to it.
        size: width and height; None takes those of the first, made smaller to a megapixel at most.
        threads: for the networks.

    Attributes:
        size: width and height of all images of the path.
        quality_index: level of quality at which points are synthesised.
        y: float32 (2, channels, rows, columns), coordinates of the two ends.

    Raises:
        CodecError: one is damaged, or not an image.
        LimitError: the size is too large.
    """

    def __init__(
        self,
        one: AnyImage,
        other: AnyImage,
        *,
        size: tuple[int, int] | None = None,
        threads: int | None = None,
    ) -> None:
        if size is not None and size[0] * size[1] > MAX_PIXELS:
            raise LimitError(f"size: {size[0]} x {size[1]} pixels, limit is {MAX_PIXELS}")
        with named(one):
            one = at_rest(one)
        with named(other):
            other = at_rest(other)
        tunes = [tune for tune in (own_tune(one), own_tune(other)) if tune is not None]
        tune = tunes[0] if len(set(tunes)) == 1 else DEFAULT_TUNE
        with ExitStack() as files:
            with named(one):
                first = files.enter_context(open_coded(one, tune=tune, threads=threads))
                self.runtime: Runtime = first.runtime
            with named(other):
                second = files.enter_context(open_coded(other, tune=tune, threads=threads))
            self.size = size or _within(first.size)
            # Of an ordinary image it is that at which it was coded in passing.
            self.quality_index = max(
                first.header.quality_index, second.header.quality_index, self.runtime.scale.level(DEFAULT_QUALITY)
            )
            with named(one):
                y = self._coordinates(first)
            with named(other):
                self.y = np.stack([y, self._coordinates(second)])

    def _coordinates(self, file: LmcFile) -> Floats:
        """Coordinates of a file at our size: its own if the size is its, else those of its pixels made to fit.

        Its own know nothing of transparency, which is shown on white.
        """
        if file.size == self.size and not file.has_alpha:
            return np.concatenate(list(file.latents()), axis=1)
        image = ImageOps.fit(as_rgb(file.load()), self.size, Image.Resampling.LANCZOS)
        data = encode_at_level(self.runtime, np.asarray(image), self.quality_index)
        with LmcFile(data, runtime=self.runtime) as fitted:
            return np.concatenate(list(fitted.latents()), axis=1)

    def linear(self, steps: int) -> Iterator[Floats]:
        """Coordinates of equally spaced points on the straight line, float32 (channels, rows, columns) each.

        Args:
            steps: points, both ends included.
        """
        if steps < 2:
            raise ValueError(f"steps: found {steps}, expected at least 2")
        return ((1 - t) * self.y[0] + t * self.y[1] for t in np.linspace(0, 1, steps, dtype=np.float32))

    def images(self, path: Iterable[Floats]) -> Iterator[Image.Image]:
        """The images of points, float32 (channels, rows, columns) each."""
        width, height = self.size
        for y in path:
            x = self.runtime.synthesise(y[None], self.quality_index)[0, :, :height, :width]
            yield Image.fromarray(np.rint(np.clip(x, 0, 1) * 255).astype(np.uint8).transpose(1, 2, 0))


def _within(size: tuple[int, int]) -> tuple[int, int]:
    """A size of the same shape, and a megapixel at most."""
    width, height = size
    if width * height <= USUAL_PIXELS:
        return size
    factor = (USUAL_PIXELS / (width * height)) ** 0.5
    return max(1, int(width * factor)), max(1, int(height * factor))
