"""From a file to pixels: all of them, any part, or a fraction of the size."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bitstream.container import CELL
from bitstream.tables import HYPER
from codec.decoding.reader import LmcReader
from codec.engine.row_buffer import Rows
from codec.engine.tiling import BLOCK, CONTEXT_HALO, SYNTHESIS_HALO, TILE_CELLS, Area, Tile, grid, stride
from codec.images import sinks
from codec.util.progress import Progress

PREVIEW = 8
"""The preview network gives one pixel for this many a side."""
SCALES = (1, 2, 4, 8, 16)


class LmcFile(LmcReader):
    """An ``.lmc`` file and its pixels; see :class:`~codec.decoding.reader.LmcReader` for how it is opened."""

    def strips(
        self,
        box: tuple[int, int, int, int] | None = None,
        scale: int = 1,
        progress: Progress | None = None,
        max_tile: int = TILE_CELLS,
    ) -> Iterator[tuple[int, NDArray[Any]]]:
        """Pixels from top to bottom, in bounded memory.

        Args:
            box: left, top, right and bottom in pixels; None for the whole picture.
            scale: 1, or 2, 4, 8 or 16 for the mean of so many pixels a side, 8 and 16 by the faster preview.
            progress: called after each tile.
            max_tile: cells of a tile with its halo.

        Yields:
            tuple[int, NDArray]: the row, counted from the box's top, and pixels, uint8 or uint16
            (h, width, components), both at the scale.

        Raises:
            ValueError: there is no such scale, or the box does not begin at a multiple of it.
            BitstreamError: a chunk is damaged, and damage is not to be filled.
            ModelError: the file needs a model that is not here.
        """
        self.scaled_size(scale)
        left, top, right, bottom = box = box or (0, 0, *self.size)
        if left % scale or top % scale:
            raise ValueError(f"box: {left}, {top} is no multiple of the scale {scale}")
        preview = scale >= PREVIEW
        positions = HYPER * self.header.cells[0], HYPER * self.header.cells[1]
        area = Area(top // BLOCK, -(-bottom // BLOCK), left // BLOCK, -(-right // BLOCK))
        done, total = 0, (area.bottom - area.top) * (area.right - area.left)
        halo = 0 if preview else SYNTHESIS_HALO
        first_column, latents = self._latents(area, halo, max_tile)
        most, ratio = HYPER**2 * max_tile, PREVIEW if preview else 1
        for v, row in grid(area, positions, halo, stride(area, most), most):
            # A pixel that lies only in part within the picture or box belongs to it.
            y0, y1 = (_edge(v.begin, top, bottom) - top) // scale, -(-(_edge(v.end, top, bottom) - top) // scale)
            strip = np.empty((y1 - y0, -(-(right - left) // scale), self.form.components), f"u{self.form.depth // 8}")
            low = v.low // HYPER
            rows = latents.get(low, -(-v.high // HYPER))[:, :, v.low - HYPER * low :][:, :, : v.high - v.low]
            for h in row:
                y_hat = np.ascontiguousarray(rows[..., h.low - first_column : h.high - first_column])
                if preview:
                    x = self.runtime.preview(y_hat)
                else:
                    x = self.runtime.synthesise(y_hat, self.header.quality_index)
                part = x[0, :, v.inside(BLOCK // ratio), h.inside(BLOCK // ratio)]
                self._place(strip, part, v, h, box, scale, ratio)
                done += (v.end - v.begin) * (h.end - h.begin)
                if progress:
                    progress(done * BLOCK**2, total * BLOCK**2)
            latents.forget((v.end - halo) // HYPER)
            yield y0, strip

    def latents(self, max_tile: int = TILE_CELLS, progress: Progress | None = None) -> Iterator[NDArray[np.float32]]:
        """The picture's coordinates from top to bottom, in bounded memory; no synthesis runs.

        Args:
            max_tile: cells of a tile with its halo.
            progress: called before each part.

        Yields:
            NDArray: y_hat, float32 (channels, rows, columns) in positions of 16 pixels, both multiples of 4 and as many
            columns as the whole picture has; in units of an orthonormal basis of pixels in [0, 1].
        """
        rows, columns = self.header.cells
        _, latents = self._latents(Area(0, HYPER * rows, 0, HYPER * columns), 0, max_tile)
        step = max(1, max_tile // columns)
        for top in range(0, rows, step):
            if progress:
                progress(top * columns * CELL**2, rows * columns * CELL**2)
            yield latents.get(top, min(rows, top + step))[0]
            latents.forget(top + step)

    def _latents(self, area: Area, halo: int, max_tile: int) -> tuple[int, Rows]:
        """The latent of an area of positions and its halo, and the first column of the rows it comes in."""
        rows, columns = self.header.cells
        top = max(0, area.top - halo) // HYPER
        left, right = max(0, area.left - halo) // HYPER, min(columns, -(-(area.right + halo) // HYPER))
        side = 1 << self.header.chunk_log2
        level = self.header.quality_index

        def fill(begin: int, end: int, out: NDArray[np.float32]) -> None:
            for v, row in grid(Area(begin, end, left, right), (rows, columns), CONTEXT_HALO, 1, max_tile):
                keep = ((v.high - v.low) // side + 2) * ((right - left) // side + 2)
                for h in row:
                    z, y = self.symbols(Area(v.low, v.high, h.low, h.high), keep)
                    y_hat = self.runtime.reconstruct(z[None].astype(np.float32), y[None].astype(np.float32), level)
                    out[
                        :, :, HYPER * (v.begin - begin) : HYPER * (v.end - begin),
                        HYPER * (h.begin - left) : HYPER * (h.end - left),
                    ] = y_hat[:, :, v.inside(HYPER), h.inside(HYPER)]  # fmt: skip

        return HYPER * left, Rows(self.runtime.tables.latents, right - left, HYPER, top, fill)

    def _place(
        self, strip: NDArray[Any], part: NDArray[np.float32], v: Tile, h: Tile, box: tuple[int, int, int, int],
        scale: int, ratio: int,
    ) -> None:  # fmt: skip
        """Round a tile's pixels, each ``ratio`` of the picture's a side, and put them where they belong in a strip."""
        left, top, right, bottom = box
        if scale > ratio:
            part = _mean(part, scale // ratio)
        y0, y1 = _edge(v.begin, top, bottom), _edge(v.end, top, bottom)
        x0, x1 = _edge(h.begin, left, right), _edge(h.end, left, right)
        part = part[
            :,
            (y0 - v.begin * BLOCK) // scale : -(-(y1 - v.begin * BLOCK) // scale),
            (x0 - h.begin * BLOCK) // scale : -(-(x1 - h.begin * BLOCK) // scale),
        ]
        if self.form.components == 1:
            part = part.mean(axis=0, keepdims=True)
        # A hostile file can drive the networks out of the range of floats. Any pixel is as good then, and
        # these two, other than clip, turn what is not a number into one.
        part = np.fmin(np.fmax(part, 0, out=part), 1, out=part)
        part *= (1 << self.form.depth) - 1
        np.rint(part, out=part)
        column = (x0 - left) // scale
        target = strip[: part.shape[1], column : column + part.shape[2]]
        for component in range(len(part)):  # one transposed copy of all three is several times slower
            target[:, :, component] = part[component]

    def array(self, progress: Progress | None = None) -> NDArray[Any]:
        """All pixels with full depth: uint8 or uint16, (H, W) or (H, W, 2 to 4), transparency last."""
        return sinks.to_array(self.strips(progress=progress), *self.size, self.form, self.alpha())

    def load(self, progress: Progress | None = None) -> Image.Image:
        """The whole picture: L, LA, RGB, RGBA, or I;16."""
        return sinks.to_image(self.strips(progress=progress), *self.size, self.form, self.alpha(), self.metadata)

    def region(self, x: int, y: int, width: int, height: int) -> Image.Image:
        """A part of the picture, for which only the chunks it needs are read.

        Args:
            x: left side.
            y: upper side.
            width: pixels.
            height: pixels.

        Raises:
            ValueError: it does not lie within the picture.
            TypeError: one is no whole number.
        """
        box = self.box(x, y, width, height)
        return sinks.to_image(self.strips(box), width, height, self.form, self.alpha(box), self.metadata)

    def box(self, x: int, y: int, width: int, height: int) -> tuple[int, int, int, int]:
        """Left, top, right and bottom of a region.

        Raises:
            ValueError: it does not lie within the picture.
            TypeError: one is no whole number.
        """
        x, y, width, height = map(operator.index, (x, y, width, height))
        if min(x, y) < 0 or min(width, height) < 1 or x + width > self.size[0] or y + height > self.size[1]:
            raise ValueError(f"region {x},{y},{width},{height}: not within {self.size[0]} x {self.size[1]} pixels")
        return x, y, x + width, y + height

    def scaled_size(self, scale: int) -> tuple[int, int]:
        """Width and height at a scale of :data:`SCALES`.

        Raises:
            ValueError: there is no such scale.
        """
        if scale not in SCALES:
            raise ValueError(f"scale: found {scale}, expected one of {SCALES}")
        return -(-self.size[0] // scale), -(-self.size[1] // scale)

    def scaled_alpha(self, scale: int) -> NDArray[Any] | None:
        """Transparency at a scale, each the mean of its pixels; None if there is none.

        Raises:
            ValueError: there is no such scale.
        """
        width, height = self.scaled_size(scale)
        plane = self._alpha_plane()
        if isinstance(plane, int):
            return self.alpha((0, 0, width, height))
        if plane is None or scale == 1:
            return plane
        scaled = np.empty((height, width), plane.dtype)
        for top in range(0, height, BLOCK):  # parts, so that no whole plane of floats is held
            part = plane[scale * top : scale * (top + BLOCK)].astype(np.float32)
            scaled[top : top + BLOCK] = np.rint(_mean(part[None], scale)[0])
        return scaled

    def preview(self, scale: int = PREVIEW, progress: Progress | None = None) -> Image.Image:
        """The picture at a fraction of its size.

        Args:
            scale: one of :data:`SCALES`; at 8 and 16 a smaller network gives it in a fraction of the time.
            progress: called after each tile.

        Raises:
            ValueError: there is no such scale.
        """
        size = self.scaled_size(scale)
        return sinks.to_image(
            self.strips(scale=scale, progress=progress), *size, self.form, self.scaled_alpha(scale), self.metadata
        )


def _edge(position: int, low: int, high: int) -> int:
    """Pixel at which a position begins, within a box."""
    return min(max(position * BLOCK, low), high)


def _mean(planes: NDArray[np.float32], factor: int) -> NDArray[np.float32]:
    """Means of ``factor`` x ``factor`` values of (C, H, W); the last rows and columns are repeated up to whole ones."""
    height, width = planes.shape[1:]
    pad = [(0, 0), (0, -height % factor), (0, -width % factor)]
    if pad[1][1] or pad[2][1]:
        planes = np.pad(planes, pad, mode="edge")
    blocks = planes.reshape(len(planes), planes.shape[1] // factor, factor, planes.shape[2] // factor, factor)
    means: NDArray[np.float32] = blocks.mean(axis=(2, 4))
    return means
