"""From symbols to pixels: all of them, any part, or a fraction of the size, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitstream import Header, PixelFormat
from codec.decoding.exact_reader import ExactReader
from codec.engine.row_buffer import RowBuffer
from codec.engine.runtime import Runtime
from codec.engine.tiling import TILE_CELLS, Area, Tile, grid, stride
from codec.images.arrays import means
from codec.util.progress import Progress

Box = tuple[int, int, int, int]
"""Left, top, right and bottom in pixels."""
ReadSymbols = Callable[[Area, int], tuple[NDArray[np.int32], NDArray[np.int32]]]
"""Gives z and y of an area of cells, keeping so many chunks for the next call."""


class PixelDecoder:
    """Decodes the pixels of an image, tile after tile.

    Args:
        runtime: the model.
        header: of the file.
        form: of the pixels.
        symbols: of any part.
        exact: pixels that need no network.
        max_tile: cells of a tile with its halo.
    """

    def __init__(
        self,
        runtime: Runtime,
        header: Header,
        form: PixelFormat,
        symbols: ReadSymbols,
        exact: ExactReader,
        max_tile: int = TILE_CELLS,
    ) -> None:
        self._runtime, self._header, self._form, self._symbols, self._exact = runtime, header, form, symbols, exact
        self._max_tile, self._geometry = max_tile, runtime.geometry

    def strips(self, box: Box, scale: int = 1, progress: Progress | None = None) -> Iterator[tuple[int, NDArray[Any]]]:
        """Pixels from top to bottom.

        Args:
            box: of the part; its upper left corner is at multiples of the scale.
            scale: 1, 2, 4, 8 or 16: pixels a side of which the mean is taken; where the preview is fine enough, it is
                used instead of the synthesis.
            progress: called after each tile.

        Yields:
            tuple[int, NDArray]: the row, counted from the box's top, and pixels, uint8 or uint16
            (h, width, components), both at the scale.
        """
        left, top, right, bottom = box
        geometry, block = self._geometry, self._geometry.block
        preview = scale >= geometry.preview_factor
        ratio = geometry.preview_factor if preview else 1
        halo = geometry.halos.preview if preview else geometry.halos.synthesis
        positions = geometry.hyper_stride * self._header.cells[0], geometry.hyper_stride * self._header.cells[1]
        area = Area(top // block, -(-bottom // block), left // block, -(-right // block))
        done, total = 0, (area.bottom - area.top) * (area.right - area.left)
        first_column, latents = self._latents(area, halo)
        most = geometry.hyper_stride**2 * self._max_tile
        for v, row in grid(area, positions, halo, stride(area, most), most):
            # A scaled pixel that lies only partly within the image or box is kept.
            y0, y1 = ((self._edge(edge, top, bottom) - top) for edge in (v.begin, v.end))
            y0, y1 = y0 // scale, -(-y1 // scale)
            strip = np.zeros((y1 - y0, -(-(right - left) // scale), self._form.components), f"u{self._form.depth // 8}")
            for h in row:
                sides = [self._edge(edge, top, bottom) for edge in (v.begin, v.end)]
                sides += [self._edge(edge, left, right) for edge in (h.begin, h.end)]
                if not self._exact.covers(*sides):
                    y_hat = _positions(
                        latents, geometry.hyper_stride, v, slice(h.low - first_column, h.high - first_column)
                    )
                    if preview:
                        x = self._runtime.preview(y_hat)
                    else:
                        x = self._runtime.synthesise(y_hat, self._header.quality_index)
                    part = x[0, :, v.inside(block // ratio), h.inside(block // ratio)]
                    self._place(strip, part, v, h, box, scale, ratio)
                done += (v.end - v.begin) * (h.end - h.begin)
                if progress:
                    progress(done * block**2, total * block**2)
            latents.forget((v.end - halo) // geometry.hyper_stride)
            self._exact.paste(strip, top + scale * y0, left, min(bottom, top + scale * y1), right, scale)
            yield y0, strip

    def latents(self, progress: Progress | None = None) -> Iterator[NDArray[np.float32]]:
        """The image's coordinates from top to bottom; no synthesis runs.

        Args:
            progress: called before each part.

        Yields:
            NDArray: y_hat, float32 (channels, rows, columns) in positions of 16 pixels, both multiples of 4 and as many
            columns as the whole image has; in units of an orthonormal basis of pixels in [0, 1].
        """
        (rows, columns), unit = self._header.cells, self._geometry.hyper_stride
        _, latents = self._latents(Area(0, unit * rows, 0, unit * columns), 0)
        step = max(1, self._max_tile // columns)
        for top in range(0, rows, step):
            if progress:
                progress(top * columns * self._geometry.cell**2, rows * columns * self._geometry.cell**2)
            yield latents.get(top, min(rows, top + step))[0]
            latents.forget(top + step)

    def _latents(self, area: Area, halo: int) -> tuple[int, RowBuffer]:
        """The latent of an area of positions and its halo, and the first column of the rows it comes in."""
        (rows, columns), unit = self._header.cells, self._geometry.hyper_stride
        top = max(0, area.top - halo) // unit
        left, right = max(0, area.left - halo) // unit, min(columns, -(-(area.right + halo) // unit))
        side = 1 << self._header.chunk_log2
        context_halo = self._geometry.cells(self._geometry.halos.context)

        def fill(begin: int, end: int, out: NDArray[np.float32]) -> None:
            for v, row in grid(Area(begin, end, left, right), (rows, columns), context_halo, 1, self._max_tile):
                keep = ((v.high - v.low) // side + 2) * ((right - left) // side + 2)
                for h in row:
                    z, y = self._symbols(Area(v.low, v.high, h.low, h.high), keep)
                    y_hat = self._runtime.reconstruct(
                        z[None].astype(np.float32), y[None].astype(np.float32), self._header.quality_index
                    )
                    to_rows = slice(unit * (v.begin - begin), unit * (v.end - begin))
                    to_columns = slice(unit * (h.begin - left), unit * (h.end - left))
                    out[:, :, to_rows, to_columns] = y_hat[:, :, v.inside(unit), h.inside(unit)]

        return unit * left, RowBuffer(self._runtime.tables.latents, right - left, unit, top, fill)

    def _edge(self, position: int, low: int, high: int) -> int:
        """Pixel at which a position begins, within a box."""
        return min(max(position * self._geometry.block, low), high)

    def _place(
        self, strip: NDArray[Any], part: NDArray[np.float32], v: Tile, h: Tile, box: Box, scale: int, ratio: int
    ) -> None:
        """Round a tile's pixels, each ``ratio`` of the image's a side, and put them where they belong in a strip."""
        left, top, right, bottom = box
        block = self._geometry.block
        if scale > ratio:
            part = means(part, scale // ratio)
        y0, y1 = self._edge(v.begin, top, bottom), self._edge(v.end, top, bottom)
        x0, x1 = self._edge(h.begin, left, right), self._edge(h.end, left, right)
        part = part[
            :,
            (y0 - v.begin * block) // scale : -(-(y1 - v.begin * block) // scale),
            (x0 - h.begin * block) // scale : -(-(x1 - h.begin * block) // scale),
        ]
        if self._form.components == 1:
            part = part.mean(axis=0, keepdims=True)
        # A hostile file can drive the networks out of the range of floats. Any pixel is as good then, and
        # these two, other than clip, turn what is not a number into one.
        part = np.fmin(np.fmax(part, 0, out=part), 1, out=part)
        part *= (1 << self._form.depth) - 1
        np.rint(part, out=part)
        column = (x0 - left) // scale
        target = strip[: part.shape[1], column : column + part.shape[2]]
        for component in range(len(part)):  # one transposed copy of all three is several times slower
            target[:, :, component] = part[component]


def _positions(latents: RowBuffer, unit: int, v: Tile, columns: slice) -> NDArray[np.float32]:
    """A tile of positions with its halo, from rows of cells, as one block of memory."""
    low = v.low // unit
    rows = latents.get(low, -(-v.high // unit))
    return np.ascontiguousarray(rows[:, :, v.low - unit * low : v.high - unit * low, columns])
