"""From a file to pixels: all of them, any part, or a fraction of the size."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bitstream.container import CELL
from codec import sinks
from codec.encoder import Progress
from codec.reader import LmcReader
from codec.tiling import RECEIVER_CELLS, RECEIVER_HALO, STRIDE, Area, Tile, grid

PREVIEW = 8
"""The preview network gives one pixel for this many a side."""
SCALES = (1, 2, 4, 8, 16)


class LmcFile(LmcReader):
    """An ``.lmc`` file and its pixels; see :class:`~codec.reader.LmcReader` for how it is opened."""

    def strips(
        self,
        box: tuple[int, int, int, int] | None = None,
        scale: int = 1,
        progress: Progress | None = None,
        max_tile: int = RECEIVER_CELLS,
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
        """
        self.scaled_size(scale)
        left, top, right, bottom = box or (0, 0, *self.size)
        if left % scale or top % scale:
            raise ValueError(f"box: {left}, {top} is no multiple of the scale {scale}")
        runtime, cells = self.runtime, self.header.cells
        area = Area(top // CELL, -(-bottom // CELL), left // CELL, -(-right // CELL))
        side = 1 << self.header.chunk_log2
        columns = area.right - area.left
        done, total = 0, (area.bottom - area.top) * columns
        unit = CELL // PREVIEW if scale >= PREVIEW else CELL
        for v, row in grid(area, cells, RECEIVER_HALO, STRIDE if total > max_tile else 1, max_tile):
            # A pixel that lies only in part within the picture or box belongs to it.
            y0, y1 = (max(top, v.begin * CELL) - top) // scale, -(-(min(bottom, v.end * CELL) - top) // scale)
            strip = np.empty((y1 - y0, -(-(right - left) // scale), self.form.components), f"u{self.form.depth // 8}")
            keep = ((v.high - v.low) // side + 2) * (columns // side + 2)
            for h in row:
                z, y = self.symbols(Area(v.low, v.high, h.low, h.high), keep)
                run = runtime.preview if unit != CELL else runtime.receive
                x = run(z[None].astype(np.float32), y[None].astype(np.float32), self.header.quality_index)
                part = x[0, :, v.inside(unit), h.inside(unit)]
                self._place(strip, part, v, h, (left, top, right, bottom), scale, unit)
                done += (v.end - v.begin) * (h.end - h.begin)
                if progress:
                    progress(done * CELL**2, total * CELL**2)
            yield y0, strip

    def _place(
        self, strip: NDArray[Any], part: NDArray[np.float32], v: Tile, h: Tile, box: tuple[int, int, int, int],
        scale: int, unit: int,
    ) -> None:  # fmt: skip
        """Round a tile's pixels and put them where they belong in a strip."""
        left, top, right, bottom = box
        ratio = CELL // unit  # pixels of the picture to one of the network
        if scale > ratio:
            part = _mean(part, scale // ratio)
        y0, y1 = max(top, v.begin * CELL), min(bottom, v.end * CELL)
        x0, x1 = max(left, h.begin * CELL), min(right, h.end * CELL)
        part = part[
            :,
            (y0 - v.begin * CELL) // scale : -(-(y1 - v.begin * CELL) // scale),
            (x0 - h.begin * CELL) // scale : -(-(x1 - h.begin * CELL) // scale),
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

    def array(self) -> NDArray[Any]:
        """All pixels with full depth: uint8 or uint16, (H, W) or (H, W, 2 to 4), transparency last."""
        return sinks.to_array(self.strips(), *self.size, self.form, self.alpha())

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
        """
        box = self.box(x, y, width, height)
        alpha = self.alpha()
        if alpha is not None:
            alpha = alpha[y : y + height, x : x + width]
        return sinks.to_image(self.strips(box), width, height, self.form, alpha, self.metadata)

    def box(self, x: int, y: int, width: int, height: int) -> tuple[int, int, int, int]:
        """Left, top, right and bottom of a region.

        Raises:
            ValueError: it does not lie within the picture.
        """
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
        """Transparency at a scale, each the mean of its pixels."""
        alpha = self.alpha()
        if alpha is None or scale == 1:
            return alpha
        rounded: NDArray[Any] = np.rint(_mean(alpha[None].astype(np.float32), scale)[0]).astype(alpha.dtype)
        return rounded

    def preview(self, scale: int = PREVIEW) -> Image.Image:
        """The picture at a fraction of its size.

        Args:
            scale: 2, 4, 8 or 16; at 8 and 16 a smaller network gives it in a fraction of the time.
        """
        size = self.scaled_size(scale)
        return sinks.to_image(self.strips(scale=scale), *size, self.form, self.scaled_alpha(scale), self.metadata)


def _mean(planes: NDArray[np.float32], factor: int) -> NDArray[np.float32]:
    """Means of ``factor`` x ``factor`` values of (C, H, W); the last rows and columns are repeated up to whole ones."""
    height, width = planes.shape[1:]
    pad = [(0, 0), (0, -height % factor), (0, -width % factor)]
    if pad[1][1] or pad[2][1]:
        planes = np.pad(planes, pad, mode="edge")
    blocks = planes.reshape(len(planes), planes.shape[1] // factor, factor, planes.shape[2] // factor, factor)
    means: NDArray[np.float32] = blocks.mean(axis=(2, 4))
    return means
