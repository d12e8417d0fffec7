"""The latents of an image on their way to the entropy coder, tile after tile.

Whole rows of them wait between the networks, so that each network has only its own, narrow halo.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitstream.geometry import BLOCK, HYPER_STRIDE
from codec.encoding.block_maps import cell_means, neighbours
from codec.encoding.prefilter import attenuated
from codec.engine.row_buffer import RowBuffer
from codec.engine.runtime import Runtime
from codec.engine.tiling import Area, Tile, grid, stride
from codec.images.source import Source
from codec.util.progress import Progress

MOST_PASSES = 4
"""Of a model's context: in how many steps the means of y may be found."""
TileSymbols = tuple[Tile, Tile, NDArray[np.int32], NDArray[np.int32]]
"""Rows and columns of a tile, and the integers of its z and y."""


class AnalysisPass:
    """The latents of an image, each row computed when it is first asked for.

    Attributes:
        y: of the analysis.
        z: of the hyper-analysis, rounded.
        coded: bool (4 rows, 4 columns), the blocks whose y is coded.
        coded_cells: bool (rows, columns), the cells with such blocks.

    Args:
        runtime: the model.
        source: the image.
        quality_index: level of quality.
        cells: rows and columns of the image in cells.
        max_tile: cells of a tile with its halo.
        progress: called with pixels done and pixels in total.
        coding_work: what coding a position takes, where analysing it takes 1.
        coded: bool (4 rows, 4 columns) of the cells, the blocks that are coded; all other symbols are 0. None for all.
    """

    def __init__(
        self,
        runtime: Runtime,
        source: Source,
        quality_index: int,
        cells: tuple[int, int],
        max_tile: int,
        progress: Progress | None = None,
        coding_work: float = 1.0,
        coded: NDArray[np.bool_] | None = None,
    ) -> None:
        self.runtime, self.source, self.quality_index = runtime, source, quality_index
        self.cells, self.max_tile, self._progress = cells, max_tile, progress
        self.coded = np.ones([HYPER_STRIDE * side for side in cells], bool) if coded is None else coded
        self.coded_cells = cell_means(self.coded) > 0
        self._done, self._all = 0.0, (1 + coding_work) * HYPER_STRIDE**2 * cells[0] * cells[1]
        tables, halos = runtime.tables, runtime.geometry.halos
        self._analysis_halo = halos.analysis
        self.hyper_halo = runtime.geometry.cells(halos.hyper_analysis)
        self.context_halo = runtime.geometry.cells(halos.context)
        # What no coded cell looks into is not analysed: most of a long page may be exact.
        self._seen = neighbours(self.coded_cells, max(self.hyper_halo, self.context_halo)) > 0
        self.y = RowBuffer(tables.latents, cells[1], HYPER_STRIDE, 0, self._fill_y)
        self.z = RowBuffer(tables.hyper_latents, cells[1], 1, 0, self._fill_z)

    def symbols(self, side: int) -> Iterator[TileSymbols]:
        """Rows and columns of tiles whose sides are multiples of ``side`` cells, and their symbols of z and y."""
        area = Area(0, self.cells[0], 0, self.cells[1])
        for v, row in grid(area, self.cells, self.context_halo, side, self.max_tile):
            z_rows = self.z.get(v.low, v.high)
            y_rows = self.y.get(v.low, v.high)
            for h in row:
                z, y = columns(z_rows, h.seen(1)), columns(y_rows, h.seen(HYPER_STRIDE))
                symbols = self._quantised(y, z, self.coded[v.seen(HYPER_STRIDE), h.seen(HYPER_STRIDE)])
                yield (
                    v,
                    h,
                    z[0, :, v.inside(1), h.inside(1)].astype(np.int32),
                    symbols[0, :, v.inside(HYPER_STRIDE), h.inside(HYPER_STRIDE)].astype(np.int32),
                )
                self.count(HYPER_STRIDE**2 * (v.end - v.begin) * (h.end - h.begin))
            self.z.forget(v.end - self.context_halo)
            self.y.forget(min(v.end - self.context_halo, v.high - self.hyper_halo))

    def _quantised(
        self, y: NDArray[np.float32], z: NDArray[np.float32], coded: NDArray[np.bool_]
    ) -> NDArray[np.float32]:
        """Symbols of y, with none but 0 where nothing is coded.

        Decoders have the mean there. Means of what is coded depend on it, so that is rounded again with it in place,
        once for each pass of the context at the most.
        """
        if not coded.any():
            return np.zeros_like(y)
        symbols = self.runtime.quantise(y, z, self.quality_index)
        for _ in range(0 if coded.all() else MOST_PASSES):
            kept = symbols * coded
            decoded = self.runtime.reconstruct(z, kept, self.quality_index)
            symbols = self.runtime.quantise(np.where(coded, y, decoded), z, self.quality_index)
            if (symbols * coded == kept).all():
                break
        return symbols * coded

    def _fill_z(self, begin: int, end: int, out: NDArray[np.float32]) -> None:
        area = Area(begin, end, 0, self.cells[1])
        for v, row in grid(area, self.cells, self.hyper_halo, stride(area, self.max_tile), self.max_tile):
            y_rows = self.y.get(v.low, v.high)
            for h in row:
                part = out[:, :, v.begin - begin : v.end - begin, h.kept(1)]
                coded = self.coded_cells[v.kept(1), h.kept(1)]
                part[:] = 0  # where nothing is coded, as decoders have it
                if coded.any():
                    z = self.runtime.hyper_analyse(columns(y_rows, h.seen(HYPER_STRIDE)), self.quality_index)
                    np.copyto(part, z[:, :, v.inside(1), h.inside(1)], where=coded)

    def _fill_y(self, begin: int, end: int, out: NDArray[np.float32]) -> None:
        """In positions, as the analysis reaches less than a cell."""
        positions = HYPER_STRIDE * self.cells[0], HYPER_STRIDE * self.cells[1]
        area = Area(HYPER_STRIDE * begin, HYPER_STRIDE * end, 0, positions[1])
        most = HYPER_STRIDE**2 * self.max_tile
        for v, row in grid(area, positions, self._analysis_halo, stride(area, most), most):
            for h in row:
                part = out[:, :, v.begin - area.top : v.end - area.top, h.kept(1)]
                if self._seen[cells_of(v), cells_of(h)].any():
                    y = self.runtime.analyse(attenuated(pixels(self.source, v, h)), self.quality_index)
                    part[:] = y[:, :, v.inside(1), h.inside(1)]
                else:
                    part[:] = 0
                self.count((v.end - v.begin) * (h.end - h.begin))

    def count(self, work: float) -> None:
        """Tell of progress, in positions analysed or their equivalent."""
        self._done += work
        if self._progress:
            pixels = self.source.width * self.source.height
            self._progress(min(pixels, round(pixels * self._done / self._all)), pixels)


def cells_of(positions: Tile) -> slice:
    """Cells that a tile of positions reaches into, without its halo."""
    return slice(positions.begin // HYPER_STRIDE, -(-positions.end // HYPER_STRIDE))


def columns(rows: NDArray[np.float32], columns: slice) -> NDArray[np.float32]:
    """Columns of whole rows, as one block of memory."""
    return np.ascontiguousarray(rows[:, :, :, columns])


def pixels(source: Source, v: Tile, h: Tile) -> NDArray[np.float32]:
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
