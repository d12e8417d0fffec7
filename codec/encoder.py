"""From a picture to a file: tile after tile through the sender, chunk after chunk through the entropy coder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitstream import Box, Container, Header, Metadata, encode_chunk, serialize
from bitstream.boxes import alpha_box, form_boxes, metadata_boxes
from bitstream.container import CELL, CHUNK_LOG2
from bitstream.tables import HYPER
from codec import alpha as alpha_planes
from codec.runtime import Runtime
from codec.sources import Source
from codec.tiling import ANALYSIS_CELLS, ANALYSIS_HALO, SENDER_CELLS, SENDER_HALO, STRIDE, Area, Tile, grid

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
    max_tiles: tuple[int, int] = (ANALYSIS_CELLS, SENDER_CELLS),
    chunk_log2: int = CHUNK_LOG2,
) -> bytes:
    """Code a picture; memory beside the source's own is bounded by the tile.

    Args:
        runtime: the model.
        source: the picture.
        quality_index: level of quality.
        boxes: to stand beside it.
        progress: called after each tile.
        max_tiles: cells of a tile with its halo, of the analysis and of the sender.
        chunk_log2: side of a chunk, see :class:`~bitstream.container.Header`.

    Returns:
        bytes: the file.
    """
    header = Header(source.width, source.height, runtime.model_id, quality_index, chunk_log2)
    rows, columns = header.cells
    side = 1 << header.chunk_log2
    chunks: dict[tuple[int, int], bytes] = {}
    done, pixels = 0, source.width * source.height

    def count(cells: int) -> None:
        """Every cell counts twice, once it is analysed and once it is coded."""
        nonlocal done
        done += cells
        if progress:
            progress(pixels * done // (2 * rows * columns), pixels)

    latents = _Latents(runtime, source, quality_index, header.cells, max_tiles[0], count)
    for v, row in grid(Area(0, rows, 0, columns), (rows, columns), SENDER_HALO, side, max_tiles[1]):
        y_rows = latents.rows(v.low, v.high)
        for h in row:
            z_hat, symbols = runtime.send(np.ascontiguousarray(y_rows[:, :, :, h.seen(HYPER)]), quality_index)
            z = z_hat[0, :, v.inside(1), h.inside(1)].astype(np.int32)
            y = symbols[0, :, v.inside(HYPER), h.inside(HYPER)].astype(np.int32)
            for top in range(0, v.end - v.begin, side):
                for left in range(0, h.end - h.begin, side):
                    z_part = z[:, top : top + side, left : left + side]
                    y_part = y[:, HYPER * top :, HYPER * left :][:, : HYPER * side, : HYPER * side]
                    payload = encode_chunk(runtime.tables, quality_index, z_part, y_part)
                    chunks[v.begin + top, h.begin + left] = payload
            count((v.end - v.begin) * (h.end - h.begin))
    return serialize(Container(header, [chunks[at] for at in sorted(chunks)], boxes))


class _Latents:
    """The latent y of a picture, row of cells after row, so that only the cheaper sender runs on wide halos."""

    def __init__(
        self,
        runtime: Runtime,
        source: Source,
        quality_index: int,
        cells: tuple[int, int],
        max_tile: int,
        count: Callable[[int], None],
    ) -> None:
        self._runtime, self._source, self._quality_index = runtime, source, quality_index
        self._cells, self._max_tile, self._count = cells, max_tile, count
        self._low = self._high = 0
        self._y = np.empty((1, runtime.tables.latents, 0, HYPER * cells[1]), np.float32)

    def rows(self, low: int, high: int) -> NDArray[np.float32]:
        """y of rows of cells ``[low, high)``, (1, channels, 4 (high - low), 4 columns); both may only grow."""
        kept = self._y[:, :, HYPER * (low - self._low) :]
        if high > self._high:
            area = Area(self._high, high, 0, self._cells[1])
            y = np.empty((1, self._y.shape[1], HYPER * (high - low), self._y.shape[3]), np.float32)
            y[:, :, : kept.shape[2]] = kept
            new = y[:, :, kept.shape[2] :]
            unit = STRIDE if (high - self._high) * self._cells[1] > self._max_tile else 1
            for v, row in grid(area, self._cells, ANALYSIS_HALO, unit, self._max_tile):
                for h in row:
                    part = self._runtime.analyse(_blocks(self._source, v, h), self._quality_index)
                    top, bottom = HYPER * (v.begin - self._high), HYPER * (v.end - self._high)
                    new[:, :, top:bottom, h.kept(HYPER)] = part[:, :, v.inside(HYPER), h.inside(HYPER)]
                    self._count((v.end - v.begin) * (h.end - h.begin))
            kept = y
        self._y, self._low, self._high = kept, low, high
        return kept


def _blocks(source: Source, v: Tile, h: Tile) -> NDArray[np.float32]:
    """Pixels of a tile and its halo in [0, 1], the last rows and columns repeated up to whole cells."""
    top, left = v.low * CELL, h.low * CELL
    part = source.crop(top, min(v.high * CELL, source.height), left, min(h.high * CELL, source.width))
    height, width = (v.high - v.low) * CELL, (h.high - h.low) * CELL
    if part.shape[:2] != (height, width):
        part = np.pad(part, [(0, height - part.shape[0]), (0, width - part.shape[1]), (0, 0)], mode="edge")
    x: NDArray[Any] = np.empty((1, 3, height, width), np.float32)
    unit = np.float32(1 / ((1 << source.form.depth) - 1))
    for component in range(3):
        np.multiply(part[:, :, component % part.shape[2]], unit, out=x[0, component])
    return x
