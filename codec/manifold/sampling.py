"""Points drawn from the model's own distributions: what it takes for likely, as a file like any other.

Symbols are drawn in the order in which they are coded, from the very integer tables that code them.
Around an image, its z stays and some symbols of y are drawn anew. No network runs until somebody looks at the file.
Draws are NumPy's legacy ones, whose stream is frozen: the same seed gives the same file with every version of NumPy.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitstream import Box, Container, Header, encode_chunk, serialize
from bitstream.boxes import form_boxes
from bitstream.container import MAX_PIXELS
from bitstream.errors import LimitError
from bitstream.frequency_tables import FrequencyTables
from bitstream.stages import coding_stages, empty_latents
from bitstream.tables import Tables
from codec.api import DEFAULT_QUALITY
from codec.engine.registry import shipped
from codec.engine.tiling import Area
from codec.manifold.loading import AnyImage, named, open_coded

Ints = NDArray[np.int32]


def _draw(counts: NDArray[np.int64], size: int, rng: np.random.RandomState) -> Ints:
    """Values of a table, -limit .. limit, by their counts; escapes, which stand for anything else, are not drawn."""
    ends = np.cumsum(counts[:-1])
    slots = np.searchsorted(ends, rng.randint(0, ends[-1], size, np.int64), side="right")
    return slots.astype(np.int32) - np.int32(len(counts) // 2 - 1)


def _draw_each(tables: FrequencyTables, index: NDArray[np.integer[Any]], rng: np.random.RandomState) -> Ints:
    """Values, each of the table of its number; like ``index`` in shape."""
    values = np.empty(index.shape, np.int32)
    for table in np.unique(index):
        here = index == table
        values[here] = _draw(tables.frequencies[table], int(here.sum()), rng)
    return values


def draw(
    tables: Tables, quality_index: int, rows: int, columns: int, rng: np.random.RandomState, z: Ints | None = None
) -> tuple[Ints, Ints]:
    """Symbols of so many cells, stage by stage, each from the distributions that what was drawn before it gives.

    Args:
        tables: of the model.
        quality_index: level of quality.
        rows: of the cells.
        columns: of the cells.
        rng: what draws.
        z: int32 (channels of z, rows, columns), kept as it is; None draws it, too.

    Returns:
        tuple: z, int32 (channels of z, rows, columns), and y, int32 (channels of y, 4 rows, 4 columns).
    """
    latents = empty_latents(tables, rows, columns)
    if z is not None:
        latents["z"] = z
    for stage in coding_stages(tables, quality_index, rows, columns):
        if stage.latent == "z" and z is not None:
            continue
        prediction = stage.predict(latents["z"])
        values = _draw_each(stage.tables, prediction.table, rng)
        stage.place(latents[stage.latent], values if prediction.offset is None else values + prediction.offset)
    return latents["z"], latents["y"]


def sample(
    width: int, height: int, quality: float = DEFAULT_QUALITY, *, seed: int = 0, max_pixels: int = MAX_PIXELS
) -> bytes:
    """Draw an image from the prior.

    Args:
        width: pixels, 1 to 65,535.
        height: pixels, 1 to 65,535.
        quality: 0 to 100; of which level's distributions.
        seed: the same seed gives the same file on every machine.
        max_pixels: larger images are refused.

    Returns:
        bytes: an ``.lmc`` file.

    Raises:
        BitstreamError: a side or the size is out of range.
        ValueError: the quality is out of range.
    """
    runtime = shipped()
    level = runtime.scale.level(quality)
    header = Header(width, height, runtime.model_id, level)
    if width * height > max_pixels:
        raise LimitError(f"size: {width} x {height} pixels, limit is {max_pixels}")
    rng = np.random.RandomState(seed)

    def symbols() -> Iterator[tuple[Ints, Ints]]:
        for _, _, rows, columns in header.chunk_cells():
            yield draw(runtime.tables, level, rows, columns, rng)

    return _file(runtime.tables, header, symbols(), [])


def sample_near(image: AnyImage, strength: float = 0.3, *, seed: int = 0, max_pixels: int = MAX_PIXELS) -> bytes:
    """Draw an image around another.

    Args:
        image: a path, the bytes of a file, or a Pillow image; coded first if it is not an ``.lmc`` file of a model that
            ships, or has exact blocks.
        strength: share of the symbols of y that are drawn anew, given the file's z; 0 is the coded image, at 1
            nothing but z is left of it.
        seed: the same seed gives the same file, on every machine if the image need not be coded first.
        max_pixels: larger images are refused.

    Returns:
        bytes: an ``.lmc`` file, without metadata and transparency.

    Raises:
        CodecError: the file is damaged, or needs a model that is not here.
        ValueError: the strength is out of range.
    """
    if not 0 <= strength <= 1:
        raise ValueError(f"strength: found {strength}, expected 0 to 1")
    rng = np.random.RandomState(seed)
    with named(image), open_coded(image, tune=None, max_pixels=max_pixels) as source:
        source.verify()
        tables, header = source.runtime.tables, source.header

        def symbols() -> Iterator[tuple[Ints, Ints]]:
            for top, left, rows, columns in header.chunk_cells():
                z, y = source.symbols(Area(top, top + rows, left, left + columns), keep=1)
                anew = rng.random_sample(y.shape) < strength
                yield z, np.where(anew, draw(tables, header.quality_index, rows, columns, rng, z)[1], y)

        return _file(tables, header, symbols(), form_boxes(source.form))


def _file(tables: Tables, header: Header, symbols: Iterator[tuple[Ints, Ints]], boxes: list[Box]) -> bytes:
    chunks = [encode_chunk(tables, header.quality_index, z, y) for z, y in symbols]
    return serialize(Container(header, chunks, boxes))
