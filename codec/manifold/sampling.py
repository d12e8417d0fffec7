"""Points drawn from the model's own distributions: what it takes for likely, as a file like any other.

z is drawn from its prior, then y given z, from the very integer tables that code them. Around a picture, its z stays
and some symbols of y are drawn anew. No network runs until somebody looks at the file. Draws are NumPy's legacy ones,
whose stream is frozen: the same seed gives the same file with every version of NumPy.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from bitstream import Box, Container, Header, encode_chunk, serialize
from bitstream.boxes import form_boxes
from bitstream.container import MAX_PIXELS
from bitstream.errors import LimitError
from bitstream.tables import Tables
from codec.api import QUALITY, level_of
from codec.manifold.coordinates import Pictured, named, open_coded
from codec.runtime import shipped
from codec.tiling import Area

Ints = NDArray[np.int32]


def _draw(counts: NDArray[np.int64], size: int, rng: np.random.RandomState) -> Ints:
    """Values of a table, -limit .. limit, by their counts; escapes, which stand for anything else, are not drawn."""
    ends = np.cumsum(counts[:-1])
    slots = np.searchsorted(ends, rng.randint(0, ends[-1], size, np.int64), side="right")
    return slots.astype(np.int32) - np.int32(len(counts) // 2 - 1)


def draw_z(tables: Tables, quality_index: int, rows: int, columns: int, rng: np.random.RandomState) -> Ints:
    """z of cells, int32 (channels of z, rows, columns), from its prior at a level of quality."""
    counts = tables.z_counts[tables.bank(quality_index)].astype(np.int64)
    return np.stack([_draw(c, rows * columns, rng) for c in counts]).reshape(-1, rows, columns)


def draw_y(tables: Tables, quality_index: int, z: Ints, rng: np.random.RandomState) -> Ints:
    """Symbols of y given z, int32 (channels of y, 4 rows, 4 columns)."""
    index = tables.scale_index(z, quality_index)
    y = np.empty(index.shape, np.int32)
    ends = np.cumsum(2 * tables.y_limits.astype(np.int64) + 2)
    for table in np.unique(index):
        counts = tables.y_counts[ends[table] - 2 * tables.y_limits[table] - 2 : ends[table]].astype(np.int64)
        here = index == table
        y[here] = _draw(counts, int(here.sum()), rng)
    return y


def sample(width: int, height: int, quality: float = QUALITY, *, seed: int = 0, max_pixels: int = MAX_PIXELS) -> bytes:
    """Draw a picture from the prior.

    Args:
        width: pixels, 1 to 65,535.
        height: pixels, 1 to 65,535.
        quality: 0 to 100; of which level's distributions.
        seed: the same seed gives the same file on every machine.
        max_pixels: larger pictures are refused.

    Returns:
        bytes: an ``.lmc`` file.

    Raises:
        BitstreamError: a side or the size is out of range.
        ValueError: the quality is out of range.
    """
    runtime = shipped()
    level = level_of(quality, runtime.tables.levels)
    header = Header(width, height, runtime.model_id, level)
    if width * height > max_pixels:
        raise LimitError(f"size: {width} x {height} pixels, limit is {max_pixels}")
    rng = np.random.RandomState(seed)

    def symbols() -> Iterator[tuple[Ints, Ints]]:
        for _, _, rows, columns in header.chunk_cells():
            z = draw_z(runtime.tables, level, rows, columns, rng)
            yield z, draw_y(runtime.tables, level, z, rng)

    return _file(runtime.tables, header, symbols(), [])


def sample_near(picture: Pictured, strength: float = 0.3, *, seed: int = 0) -> bytes:
    """Draw a picture around another.

    Args:
        picture: a path, the bytes of a file, or a Pillow image; coded first if it is no ``.lmc`` file.
        strength: share of the symbols of y that are drawn anew, given the file's z; 0 is the picture itself, at 1
            nothing but z is left of it.
        seed: the same seed gives the same file on every machine.

    Returns:
        bytes: an ``.lmc`` file, without metadata and transparency.

    Raises:
        CodecError: the file is damaged, or needs a model that is not here.
        ValueError: the strength is out of range.
    """
    if not 0 <= strength <= 1:
        raise ValueError(f"strength: found {strength}, expected 0 to 1")
    rng = np.random.RandomState(seed)
    with named(picture), open_coded(picture) as source:
        source.verify()
        tables, header = source.runtime.tables, source.header

        def symbols() -> Iterator[tuple[Ints, Ints]]:
            for top, left, rows, columns in header.chunk_cells():
                z, y = source.symbols(Area(top, top + rows, left, left + columns), keep=1)
                anew = rng.random_sample(y.shape) < strength
                yield z, np.where(anew, draw_y(tables, header.quality_index, z, rng), y)

        return _file(tables, header, symbols(), form_boxes(source.form))


def _file(tables: Tables, header: Header, symbols: Iterator[tuple[Ints, Ints]], boxes: list[Box]) -> bytes:
    chunks = [encode_chunk(tables, header.quality_index, z, y) for z, y in symbols]
    return serialize(Container(header, chunks, boxes))
