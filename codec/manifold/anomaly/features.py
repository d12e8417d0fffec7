"""What is known of an image when its normality is to be judged: from its coordinates, and if there are pixels the
error as well."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bitstream.geometry import CELL, HYPER_STRIDE
from codec.decoding.lmc_file import LmcFile
from codec.engine.code_length import CodeLength
from codec.engine.tiling import Area
from codec.images.sources import open_source
from codec.manifold.embedding import EmbeddingHead, pooled
from codec.manifold.loading import AnyImage, at_rest, is_coded, named, open_coded
from codec.util.progress import Progress

Floats = NDArray[np.float32]
MIN_BITS = 1e-3
"""Added to bits a position before their logarithm is taken."""
MIN_ERROR = 1e-3
"""Added to a mean squared error, in levels, likewise."""
SAMPLED_CELLS = 32
"""Of an image, for the distribution of cells."""


@dataclass(frozen=True)
class ImageFeatures:
    """What is known of an image.

    Attributes:
        costs: float32 (3,): logarithms of expected bits of y a position, of actual over expected bits of y, and of z.
        statistics: float32 (4 F,), of the embedding's head.
        embedding: float32 (D,).
        cells: float32 (rows, columns, F + 2), of each cell what the head sees in it, and the logarithms of expected
            bits of y, and of actual over expected ones.
        error: logarithm of the mean squared error of the reconstruction, in levels; None without pixels.
    """

    costs: Floats
    statistics: Floats
    embedding: Floats
    cells: Floats
    error: float | None

    def cell_sample(self) -> Floats:
        """Some of the cells, drawn at random but always the same, float32 (SAMPLED_CELLS at most, F + 2)."""
        flat = self.cells.reshape(-1, self.cells.shape[-1])
        return flat[np.sort(np.random.default_rng(0).permutation(len(flat))[:SAMPLED_CELLS])]

    def condensed(self) -> ImageFeatures:
        """The same, of the cells only the sample: what a collection is learned from."""
        return replace(self, cells=self.cell_sample()[None])


def image_features(
    image: AnyImage, head: EmbeddingHead, *, threads: int | None = None, progress: Progress | None = None
) -> ImageFeatures:
    """Find out about an image.

    Args:
        image: a path, the bytes of a file, or a Pillow image; coded in memory first if it is not an ``.lmc`` file of
            the head's model, and if it is not an ``.lmc`` file at all, also decoded, to know the error.
        head: of the model.
        threads: for the networks; None takes ``CODEC_THREADS`` or else all cores.
        progress: of each step of the work.

    Raises:
        CodecError: it is damaged, or not an image.
    """
    with named(image):
        held = at_rest(image)
        with open_coded(held, tune=head.tune, threads=threads, progress=progress) as file:
            return file_features(file, head, None if is_coded(held) else held, progress)


def file_features(
    file: LmcFile, head: EmbeddingHead, original: AnyImage | None = None, progress: Progress | None = None
) -> ImageFeatures:
    """Find out about the image of an open file, see :func:`image_features`.

    Args:
        file: an ``.lmc`` file.
        head: of the model.
        original: the image it was made from, if it is to be decoded to know the error.
        progress: of each step of the work.

    Raises:
        ModelError: the head reads the coordinates of another model.
    """
    head.check(file)
    error = None if original is None else _error(original, file, progress)
    seen: list[Floats] = []
    statistics = pooled(_kept(map(head.features, file.latents(progress=progress)), seen))
    (actual, expected), z_bits = _bits(file, progress)
    ratio = np.log((actual + MIN_BITS) / (expected + MIN_BITS))
    cells = np.concatenate([np.concatenate(seen), np.log(expected + MIN_BITS)[..., None], ratio[..., None]], axis=-1)
    costs = [
        np.log(expected.mean() + MIN_BITS),
        np.log((actual.mean() + MIN_BITS) / (expected.mean() + MIN_BITS)),
        np.log((z_bits[0] + MIN_BITS) / (z_bits[1] + MIN_BITS)),
    ]
    embedding = head.project(statistics)
    return ImageFeatures(np.array(costs, np.float32), statistics, embedding, cells.astype(np.float32), error)


def _kept(features: Iterator[tuple[Floats, Floats]], cells: list[Floats]) -> Iterator[tuple[Floats, Floats]]:
    """Pass features on, and keep those of cells."""
    for part in features:
        cells.append(part[1])
        yield part


def _bits(file: LmcFile, progress: Progress | None) -> tuple[Floats, Floats]:
    """Actual and expected bits a position: of y, (2, rows, columns) by cell, and of z, (2,)."""
    length = CodeLength(file.runtime.tables, file.header.quality_index)
    rows, columns = file.header.cells
    y_bits, z_bits = np.empty((2, rows, columns), np.float32), np.zeros(2, np.float64)
    side = 1 << file.header.chunk_log2
    for top in range(0, rows, side):
        for left in range(0, columns, side):
            if progress:
                progress((top * columns + left) * CELL**2, rows * columns * CELL**2)
            area = Area(top, min(top + side, rows), left, min(left + side, columns))
            z, y = file.symbols(area)
            bits = length.bits(z, y)
            here = y_bits[:, area.top : area.bottom, area.left : area.right]
            for kind, (of_z, of_y) in enumerate(zip(bits["z"], bits["y"], strict=True)):
                z_bits[kind] += of_z.sum()
                by_cell = of_y.reshape(-1, z.shape[1], HYPER_STRIDE, z.shape[2], HYPER_STRIDE)
                here[kind] = by_cell.sum(axis=(0, 2, 4))
    return y_bits / HYPER_STRIDE**2, (z_bits / (rows * columns * HYPER_STRIDE**2)).astype(np.float32)


def _error(image: AnyImage, file: LmcFile, progress: Progress | None) -> float:
    """Logarithm of the mean squared error of a file against its image, in levels of 0 to 255."""
    source = open_source(io.BytesIO(image) if isinstance(image, bytes) else image)
    total = 0.0
    for top, strip in file.strips(progress=progress):
        wanted = source.crop(top, top + len(strip), 0, source.width)
        total += float(np.square(strip.astype(np.float32) - wanted).sum(dtype=np.float64))
    levels = ((1 << source.form.depth) - 1) / 255
    return float(np.log(total / (source.width * source.height * source.form.components) / levels**2 + MIN_ERROR))
