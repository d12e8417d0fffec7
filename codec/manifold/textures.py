"""New images from the coordinates of others: textures, skies, foliage, whatever looks alike from place to place.

They are put together by :mod:`codec.manifold.quilting.quilt`, and coded like any image.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from bitstream.container import MAX_PIXELS, MAX_SIDE
from bitstream.errors import CodecError, CorruptError, ImageError, LimitError
from bitstream.geometry import BLOCK
from codec.api import DEFAULT_QUALITY, encode_at_level
from codec.decoding.lmc_file import LmcFile
from codec.engine.registry import shipped
from codec.images.arrays import eight_bits
from codec.manifold.collection import image_files, without_copies
from codec.manifold.loading import most_common_tune, named, open_coded
from codec.manifold.quilting.canvas import SIDE, Source
from codec.manifold.quilting.quilt import Quilt
from codec.util.progress import Progress

MAX_DRAWN = 1 << 24
"""Largest image that is drawn: it is in memory whole, at some 100 bytes a pixel."""
IMAGES = 64
"""Most images that one draw uses."""
POSITIONS = 1 << 15
"""Most positions of all of them together, of 16 pixels a side: 2,800 x 2,800 pixels, and some 80 MB."""
LARGEST = 1e4
"""Larger coordinates are no image's: those of pixels from 0 to 1 stay below 30."""


class TooSmallError(ImageError):
    """An image is smaller than a block."""


def _raise(path: Path, error: Exception) -> None:
    raise error


def sample_like(
    paths: Sequence[Path],
    width: int,
    height: int,
    quality: float = DEFAULT_QUALITY,
    *,
    seed: int = 0,
    threads: int | None = None,
    max_pixels: int = MAX_PIXELS,
    progress: Progress | None = None,
    failed: Callable[[Path, Exception], None] = _raise,
) -> bytes:
    """Draw an image from blocks of others, so that it looks like them everywhere and is none of them.

    Blocks of 96 x 96 pixels come from all images. Each is drawn among those that fit best what is there already, and
    joined to it where they differ least. Steps in brightness between blocks are spread out.

    Memory is bounded. Of each image a part is used, at its own scale, and all parts together have :data:`POSITIONS`
    positions at most. Of more than :data:`IMAGES` images, so many are drawn. To these some 80 MB come about 100 bytes
    for each pixel of the result, and what it takes to read one image.

    Args:
        paths: images, coded or not, and folders of them; ``.lmc`` files beside the images they were made from are left
            out. Ordinary images are coded in memory first. Transparency is not looked at.
        width: pixels, 1 to 65,535.
        height: pixels, 1 to 65,535.
        quality: 0 to 100, at which the result is coded.
        seed: 0 to 2^32 - 1; the same seed gives the same image from the same files, on the same machine.
        threads: for the networks; None takes ``CODEC_THREADS`` or else all cores.
        max_pixels: larger images are refused, those that are read and the one that is drawn, which never has more than
            :data:`MAX_DRAWN`.
        progress: called with steps done and steps in all: images that are read, and blocks that are drawn.
        failed: called with each image that cannot be used, and why: a CodecError, a :class:`TooSmallError` if it is
            smaller than a block, or an OSError. The default raises the error.

    Returns:
        bytes: an ``.lmc`` file of 8 bits, gray if all images are, of the model that most of the ``.lmc`` files are of.

    Raises:
        CodecError: no image can be used.
        LimitError: the size is out of range.
        OSError: a path is not there, or a folder cannot be read.
        ValueError: the quality is out of range.

    Reference:
        A. A. Efros, W. T. Freeman, "Image Quilting for Texture Synthesis and Transfer", SIGGRAPH 2001.
    """
    if not (1 <= width <= MAX_SIDE and 1 <= height <= MAX_SIDE):
        raise LimitError(f"size: {width} x {height} pixels, sides are 1 to {MAX_SIDE}")
    if width * height > min(max_pixels, MAX_DRAWN):
        raise LimitError(f"size: {width} x {height} pixels, limit is {min(max_pixels, MAX_DRAWN)}")
    images = without_copies(image_files(paths))
    runtime = shipped(threads, tune := most_common_tune(images))
    level, rng = runtime.scale.level(quality), np.random.RandomState(seed)
    reads = min(len(images), IMAGES)
    sources: list[Source] = []
    for k in rng.permutation(len(images)):
        try:
            with named(images[k]), open_coded(images[k], tune=tune, threads=threads, max_pixels=max_pixels) as file:
                sources.append(_part(file, POSITIONS // reads, rng))
        except (CodecError, OSError) as error:
            failed(images[k], error)
        if progress:
            progress(len(sources), 2 * reads)
        if len(sources) == reads:
            break
    if not sources:
        raise CodecError(f"{len(images)} images found, none of which can be drawn from")

    def drawn(done: int, blocks: int) -> None:
        if progress:  # reading is taken for half of the work
            progress(blocks + done, 2 * blocks)

    x = Quilt(sources, runtime, level, rng).draw(width, height, drawn)
    pixels = np.rint(np.clip(x, 0, 1) * 255).astype(np.uint8)
    if all((source.pixels == source.pixels[..., :1]).all() for source in sources):
        pixels = pixels[..., 0]
    return encode_at_level(runtime, pixels, level)


def _part(file: LmcFile, positions: int, rng: np.random.RandomState) -> Source:
    """A part of an image, about square if it can be, with so many positions at most, where the random numbers say.

    Raises:
        TooSmallError: the image is smaller than a block.
        CorruptError: the coordinates are none of an image, as a hostile file can make them.
    """
    file.verify()
    columns, rows = (side // BLOCK for side in file.size)  # positions that reach beyond the image are of no use
    if min(rows, columns) < SIDE:
        width, height = file.size
        raise TooSmallError(f"{width} x {height} pixels, smaller than a block of {SIDE * BLOCK} x {SIDE * BLOCK}")
    height = min(rows, max(math.isqrt(positions), positions // columns))
    width = min(columns, positions // height)
    top, left = rng.randint(rows - height + 1), rng.randint(columns - width + 1)
    box = (left * BLOCK, top * BLOCK, (left + width) * BLOCK, (top + height) * BLOCK)
    pixels = np.concatenate([eight_bits(strip) for _, strip in file.strips(box)])
    pixels = np.broadcast_to(pixels, (*pixels.shape[:2], 3))  # of gray, which has but one component
    parts, row = [], 0
    for part in file.latents():
        parts.append(part[:, max(0, top - row) : max(0, top + height - row), left : left + width].transpose(1, 2, 0))
        row += part.shape[1]
        if row >= top + height:
            break
    y = np.concatenate(parts)
    if not (np.abs(y) < LARGEST).all():
        raise CorruptError("coordinates: beyond the range of those of images")
    return Source(y, pixels)
