"""From a picture to a file: tile after tile through the sender, chunk after chunk through the entropy coder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitstream import Box, Container, Header, Metadata, encode_chunk, serialize
from bitstream.boxes import alpha_box, form_boxes, metadata_boxes
from bitstream.container import CELL, CHUNK_LOG2
from bitstream.tables import HYPER
from codec import alpha as alpha_planes
from codec.rows import Rows
from codec.runtime import Runtime
from codec.sources import Source
from codec.tiling import ANALYSIS_HALO, CONTEXT_HALO, HYPER_HALO, TILE_CELLS, Area, Tile, grid, stride

BLOCK = CELL // HYPER
"""Pixels a side of a position of y."""
Progress = Callable[[int, int], None]
"""Told of pixels done and pixels in all."""


def boxes_of(source: Source, strip: bool = False) -> list[Box]:
    """What stands beside the picture in its file: form, transparency, and metadata unless ``strip``."""
    boxes = form_boxes(source.form)
    alpha = source.alpha()
    if alpha is not None:
        low, high = int(alpha.min()), int(alpha.max())
        boxes.append(alpha_box(low) if low == high else alpha_box(None, alpha_planes.encode(alpha)))
    return boxes + metadata_boxes(Metadata() if strip else source.metadata)


def encode(
    runtime: Runtime,
    source: Source,
    quality_index: int,
    boxes: list[Box],
    progress: Progress | None = None,
    max_tile: int = TILE_CELLS,
    chunk_log2: int = CHUNK_LOG2,
) -> bytes:
    """Code a picture; memory beside the source's own is bounded by the tile.

    Args:
        runtime: the model.
        source: the picture.
        quality_index: level of quality.
        boxes: to stand beside it.
        progress: called after each tile.
        max_tile: cells of a tile with its halo.
        chunk_log2: side of a chunk, see :class:`~bitstream.container.Header`.

    Returns:
        bytes: the file.
    """
    header = Header(source.width, source.height, runtime.model_id, quality_index, chunk_log2)
    side = 1 << header.chunk_log2
    chunks: dict[tuple[int, int], bytes] = {}
    latents = _Latents(runtime, source, quality_index, header.cells, max_tile, progress)
    for v, h, z, y in latents.symbols(side):
        for top in range(0, v.end - v.begin, side):
            for left in range(0, h.end - h.begin, side):
                z_part = z[:, top : top + side, left : left + side]
                y_part = y[:, HYPER * top :, HYPER * left :][:, : HYPER * side, : HYPER * side]
                payload = encode_chunk(runtime.tables, quality_index, z_part, y_part)
                chunks[v.begin + top, h.begin + left] = payload
    return serialize(Container(header, [chunks[at] for at in sorted(chunks)], boxes))


class _Latents:
    """The latents of a picture, tile after tile; whole rows of them wait between the networks."""

    def __init__(
        self,
        runtime: Runtime,
        source: Source,
        quality_index: int,
        cells: tuple[int, int],
        max_tile: int,
        progress: Progress | None,
    ) -> None:
        self._runtime, self._source, self._quality_index = runtime, source, quality_index
        self._cells, self._max_tile, self._progress = cells, max_tile, progress
        self._done = 0
        tables = runtime.tables
        self._y = Rows(tables.latents, cells[1], HYPER, 0, self._fill_y)
        self._z = Rows(tables.hyper_latents, cells[1], 1, 0, self._fill_z)

    def symbols(self, side: int) -> Iterator[tuple[Tile, Tile, NDArray[np.int32], NDArray[np.int32]]]:
        """Rows and columns of tiles whose sides are multiples of ``side`` cells, and their symbols of z and y."""
        area = Area(0, self._cells[0], 0, self._cells[1])
        for v, row in grid(area, self._cells, CONTEXT_HALO, side, self._max_tile):
            z_rows = self._z.get(v.low, v.high)
            y_rows = self._y.get(v.low, v.high)
            for h in row:
                z, y = _columns(z_rows, h.seen(1)), _columns(y_rows, h.seen(HYPER))
                symbols = self._runtime.quantise(y, z, self._quality_index)
                yield (
                    v,
                    h,
                    z[0, :, v.inside(1), h.inside(1)].astype(np.int32),
                    symbols[0, :, v.inside(HYPER), h.inside(HYPER)].astype(np.int32),
                )
                self._count(HYPER**2 * (v.end - v.begin) * (h.end - h.begin))
            self._z.forget(v.end - CONTEXT_HALO)
            self._y.forget(min(v.end - CONTEXT_HALO, v.high - HYPER_HALO))

    def _fill_z(self, begin: int, end: int, out: NDArray[np.float32]) -> None:
        area = Area(begin, end, 0, self._cells[1])
        for v, row in grid(area, self._cells, HYPER_HALO, stride(area, self._max_tile), self._max_tile):
            y_rows = self._y.get(v.low, v.high)
            for h in row:
                z = self._runtime.hyper_analyse(_columns(y_rows, h.seen(HYPER)), self._quality_index)
                out[:, :, v.begin - begin : v.end - begin, h.kept(1)] = z[:, :, v.inside(1), h.inside(1)]

    def _fill_y(self, begin: int, end: int, out: NDArray[np.float32]) -> None:
        """In positions, as the analysis reaches less than a cell."""
        positions = HYPER * self._cells[0], HYPER * self._cells[1]
        area = Area(HYPER * begin, HYPER * end, 0, positions[1])
        most = HYPER**2 * self._max_tile
        for v, row in grid(area, positions, ANALYSIS_HALO, stride(area, most), most):
            for h in row:
                y = self._runtime.analyse(_pixels(self._source, v, h), self._quality_index)
                out[:, :, v.begin - area.top : v.end - area.top, h.kept(1)] = y[:, :, v.inside(1), h.inside(1)]
                self._count((v.end - v.begin) * (h.end - h.begin))

    def _count(self, positions: int) -> None:
        """Every position counts twice, once it is analysed and once it is coded."""
        self._done += positions
        if self._progress:
            pixels = self._source.width * self._source.height
            self._progress(pixels * self._done // (2 * HYPER**2 * self._cells[0] * self._cells[1]), pixels)


def _columns(rows: NDArray[np.float32], columns: slice) -> NDArray[np.float32]:
    return np.ascontiguousarray(rows[:, :, :, columns])


def _pixels(source: Source, v: Tile, h: Tile) -> NDArray[np.float32]:
    """Pixels of a tile of positions and its halo, in [0, 1], the last rows and columns repeated as far as needed."""
    top, bottom, left, right = (BLOCK * edge for edge in (v.low, v.high, h.low, h.high))
    y0, x0 = min(top, source.height - 1), min(left, source.width - 1)
    part = source.crop(y0, min(bottom, source.height), x0, min(right, source.width))
    height, width = bottom - top, right - left
    if part.shape[:2] != (height, width):
        part = np.pad(part, [(0, height - part.shape[0]), (0, width - part.shape[1]), (0, 0)], mode="edge")
    x: NDArray[Any] = np.empty((1, 3, height, width), np.float32)
    unit = np.float32(1 / ((1 << source.form.depth) - 1))
    for component in range(3):
        np.multiply(part[:, :, component % part.shape[2]], unit, out=x[0, component])
    return x
