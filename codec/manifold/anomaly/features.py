"""What is known of an image when its normality is to be judged: from its coordinates, and if there are pixels the
error as well."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bitstream.geometry import BLOCK, CELL, HYPER_STRIDE
from codec.decoding.lmc_file import LmcFile
from codec.engine.code_length import CodeLength
from codec.engine.tiling import Area
from codec.images.sources import open_source
from codec.manifold.anomaly import orientation
from codec.manifold.anomaly.orientation import OrientationNet
from codec.manifold.embedding import EmbeddingHead, pooled
from codec.manifold.loading import AnyImage, at_rest, is_coded, named, open_coded
from codec.util.progress import Progress

Floats = NDArray[np.float32]
MIN_BITS = 1e-3
"""Added to bits a position before their logarithm is taken."""
MIN_ERROR = 1e-3
"""Added to a mean squared error, in levels, likewise."""
SAMPLED = 64
"""Positions of an image that the distribution of all positions is learned from."""


@dataclass(frozen=True)
class ImageFeatures:
    """What is known of an image.

    Attributes:
        costs: float32 (3,): logarithms of expected bits of y a position, of actual over expected bits of y, and of z.
        statistics: float32 (4 F,), of the embedding's head.
        embedding: float32 (D,).
        positions: float16 (SAMPLED at most, channels of y), coordinates at positions drawn at random but always the
            same, on the scale of :func:`coordinates`.
        orientation: float32 (5,), logarithms of how likely each of
            :data:`~codec.manifold.anomaly.orientation.STATES` is; None if no network ships for the model.
        error: logarithm of the mean squared error of the reconstruction, in levels; None without pixels.
    """

    costs: Floats
    statistics: Floats
    embedding: Floats
    positions: NDArray[np.float16]
    orientation: Floats | None
    error: float | None


def coordinates(part: Floats, head: EmbeddingHead) -> Floats:
    """Coordinates of each position on a scale that outliers do not dominate, float32 (rows, columns, channels).

    Args:
        part: y_hat, float32 (channels, rows, columns).
        head: of the model, which knows how large each coordinate usually is.
    """
    scaled: Floats = np.arcsinh(part / head.scale[:, None, None]).transpose(1, 2, 0)
    return scaled


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
    # Not of those beyond the image's edge, which repeat its last row and column.
    across = HYPER_STRIDE * file.header.cells[1]
    columns, rows = (-(-side // BLOCK) for side in file.size)
    inside = np.sort(np.random.default_rng(0).permutation(rows * columns)[:SAMPLED])
    chosen = inside // columns * across + inside % columns
    sample: list[NDArray[np.float16]] = []
    seen: list[NDArray[np.float16]] = []
    net = orientation.shipped_for(head.model_id)
    latents = _sampled(file.latents(progress=progress), head, chosen, sample)
    if net is not None:
        latents = _seen(latents, net, seen)
    statistics = pooled(map(head.features, latents))
    (actual, expected), z_bits = _bits(file, progress)
    costs = [
        np.log(expected + MIN_BITS),
        np.log((actual + MIN_BITS) / (expected + MIN_BITS)),
        np.log((z_bits[0] + MIN_BITS) / (z_bits[1] + MIN_BITS)),
    ]
    embedding = head.project(statistics)
    return ImageFeatures(
        costs=np.array(costs, np.float32),
        statistics=statistics,
        embedding=embedding,
        positions=np.concatenate(sample),
        orientation=None if net is None else net.log_probabilities(seen, file.size),
        error=error,
    )


def _sampled(
    latents: Iterable[Floats], head: EmbeddingHead, chosen: NDArray[np.int64], sample: list[NDArray[np.float16]]
) -> Iterator[Floats]:
    """Pass latents on, and keep the coordinates of the chosen positions, which are numbered row by row."""
    done = 0
    for part in latents:
        count = part.shape[1] * part.shape[2]
        here = chosen[(chosen >= done) & (chosen < done + count)] - done
        flat = part.reshape(len(part), 1, count)[:, :, here]
        sample.append(coordinates(flat, head)[0].astype(np.float16))
        done += count
        yield part


def _seen(latents: Iterable[Floats], net: OrientationNet, seen: list[NDArray[np.float16]]) -> Iterator[Floats]:
    """Pass latents on, and keep what the network sees."""
    for part in latents:
        seen.append(net.seen(part))
        yield part


def _bits(file: LmcFile, progress: Progress | None) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Actual and expected bits a position, mean over the image: of y, (2,), and of z, (2,)."""
    length = CodeLength(file.runtime.tables, file.header.quality_index)
    rows, columns = file.header.cells
    y_bits, z_bits = np.zeros(2), np.zeros(2)
    side = 1 << file.header.chunk_log2
    for top in range(0, rows, side):
        for left in range(0, columns, side):
            if progress:
                progress((top * columns + left) * CELL**2, rows * columns * CELL**2)
            area = Area(top, min(top + side, rows), left, min(left + side, columns))
            z, y = file.symbols(area)
            bits = length.bits(z, y)
            for kind, (of_z, of_y) in enumerate(zip(bits["z"], bits["y"], strict=True)):
                z_bits[kind] += of_z.sum()
                y_bits[kind] += of_y.sum()
    positions = rows * columns * HYPER_STRIDE**2
    return y_bits / positions, z_bits / positions


def _error(image: AnyImage, file: LmcFile, progress: Progress | None) -> float:
    """Logarithm of the mean squared error of a file against its image, in levels of 0 to 255."""
    source = open_source(io.BytesIO(image) if isinstance(image, bytes) else image)
    total = 0.0
    for top, strip in file.strips(progress=progress):
        wanted = source.crop(top, top + len(strip), 0, source.width)
        total += float(np.square(strip.astype(np.float32) - wanted).sum(dtype=np.float64))
    levels = ((1 << source.form.depth) - 1) / 255
    return float(np.log(total / (source.width * source.height * source.form.components) / levels**2 + MIN_ERROR))
