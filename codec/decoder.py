"""From a file to pixels: lazily, any part of it, or an eighth of the size."""

from __future__ import annotations

import io
import os
import threading
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bitstream import BoxType, CorruptError, Form, Header, Metadata, ModelError, TruncatedError, boxes, decode_chunk
from bitstream.container import CELL, MAX_PIXELS, Box, checked, header_bytes, parse_header
from bitstream.tables import HYPER
from codec import sinks
from codec.encoder import Progress
from codec.runtime import Runtime, shipped
from codec.tiling import RECEIVER_CELLS, RECEIVER_HALO, STRIDE, Area, Tile, grid

PREVIEW = 8
"""The preview network gives one pixel for this many a side."""
SCALES = (1, 2, 4, 8, 16)

_Symbols = tuple[NDArray[np.int32], NDArray[Any]]
File = str | os.PathLike[str] | bytes | BinaryIO


class LmcFile:
    """An ``.lmc`` file, opened: its header is read, its chunks are when they are needed. Safe to share between threads.

    Args:
        file: a path, the bytes of a file, or a binary file that can seek.
        threads: for the networks; None takes ``CODEC_THREADS`` or else all cores.
        max_pixels: larger pictures are refused.
        runtime: the model; None takes the one that ships.

    Attributes:
        header: of the file.
        size: width and height.
        form: of the pixels.

    Raises:
        BitstreamError: the file is damaged, or no ``.lmc`` file.
        ModelError: it needs a model that is not here; only raised once pixels are wanted.
    """

    def __init__(
        self,
        file: File,
        *,
        threads: int | None = None,
        max_pixels: int = MAX_PIXELS,
        runtime: Runtime | None = None,
    ) -> None:
        self._owned = isinstance(file, str | os.PathLike)
        self._file: BinaryIO
        if isinstance(file, str | os.PathLike):
            self._file = Path(file).open("rb")  # noqa: SIM115 - until close()
        else:
            self._file = io.BytesIO(file) if isinstance(file, bytes | bytearray | memoryview) else file
        self._lock = threading.Lock()
        self._threads, self._given = threads, runtime
        self._cache: OrderedDict[int, _Symbols] = OrderedDict()
        try:
            self._layout = parse_header(self._read(0, header_bytes(self._read(0, 16, whole=False))), max_pixels)
            found = self._file.seek(0, os.SEEK_END)
            if found < self._layout.end:
                raise TruncatedError(f"file: ends at byte {found}, expected {self._layout.end}")
            self.header: Header = self._layout.header
            self.size = (self.header.width, self.header.height)
            self._boxes = boxes.by_type(
                Box(kind, checked(self._read(at, length), checksum, f"box {kind}"))
                for at, length, checksum, kind in self._layout.boxes
            )
            self.form: Form = boxes.read_form(self._boxes)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file if it was opened here."""
        if self._owned:
            self._file.close()

    def __enter__(self) -> LmcFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _read(self, at: int, length: int, whole: bool = True) -> bytes:
        with self._lock:
            self._file.seek(at)
            data = self._file.read(length)
        if whole and len(data) < length:
            raise TruncatedError(f"file: ends at byte {at + len(data)}, expected at least {at + length}")
        return data

    @property
    def runtime(self) -> Runtime:
        """The model the file needs.

        Raises:
            ModelError: it is not here.
        """
        runtime = self._given or shipped(self._threads)
        if self.header.model_id != runtime.model_id:
            raise ModelError(f"model: file needs {self.header.model_id.hex()}, here is {runtime.model_id.hex()}")
        if self.header.quality_index >= runtime.tables.levels:
            raise CorruptError(f"quality_index: found {self.header.quality_index}, model has {runtime.tables.levels}")
        return runtime

    @property
    def file_bytes(self) -> int:
        """Length of the file as its header has it."""
        return self._layout.end

    @property
    def chunk_bytes(self) -> list[int]:
        """Payload of each chunk."""
        return [length for _, length, _ in self._layout.chunks]

    @property
    def box_bytes(self) -> dict[str, int]:
        """Payload of each known box, by its type's name."""
        return {kind.name.lower(): len(data) for kind, data in self._boxes.items()}

    @property
    def metadata(self) -> Metadata:
        """ICC profile, EXIF and XMP."""
        return boxes.read_metadata(self._boxes)

    @property
    def has_alpha(self) -> bool:
        """Whether the picture has transparency."""
        return BoxType.ALPHA in self._boxes

    def verify(self) -> None:
        """Check every checksum and that the file ends where it should.

        Raises:
            BitstreamError: it is damaged.
        """
        for i, (at, length, checksum) in enumerate(self._layout.chunks):
            checked(self._read(at, length), checksum, f"chunk {i}")
        rest = self._read(self._layout.end, 1, whole=False)
        if rest:
            raise CorruptError("file: bytes after its end")

    def symbols(self, area: Area | None = None, keep: int = 8) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """The integers of an area, without running a network.

        Args:
            area: in cells; None for the whole picture.
            keep: chunks that are kept for the next call.

        Returns:
            tuple: z, int32 (channels, rows, columns), and y, int32 (channels, 4 rows, 4 columns).
        """
        rows, columns = self.header.cells
        a = area or Area(0, rows, 0, columns)
        tables = self.runtime.tables
        z = np.empty((tables.hyper_latents, a.bottom - a.top, a.right - a.left), np.int32)
        y = np.empty((tables.latents, HYPER * z.shape[1], HYPER * z.shape[2]), np.int32)
        side = 1 << self.header.chunk_log2
        for top in range(a.top // side * side, a.bottom, side):
            for left in range(a.left // side * side, a.right, side):
                z_part, y_part = self._chunk(top, left, keep)
                r0, r1, c0, c1 = (
                    max(top, a.top),
                    min(top + side, a.bottom),
                    max(left, a.left),
                    min(left + side, a.right),
                )
                for target, part, unit in ((z, z_part, 1), (y, y_part, HYPER)):
                    target[
                        :, unit * (r0 - a.top) : unit * (r1 - a.top), unit * (c0 - a.left) : unit * (c1 - a.left)
                    ] = part[:, unit * (r0 - top) : unit * (r1 - top), unit * (c0 - left) : unit * (c1 - left)]
        return z, y

    def _chunk(self, top: int, left: int, keep: int) -> _Symbols:
        """Symbols of the chunk whose upper left cell this is, in the narrowest integers that hold them."""
        side, (rows, columns) = 1 << self.header.chunk_log2, self.header.cells
        i = top // side * -(-columns // side) + left // side
        with self._lock:
            if i in self._cache:
                self._cache.move_to_end(i)
                return self._cache[i]
        at, length, checksum = self._layout.chunks[i]
        payload = checked(self._read(at, length), checksum, f"chunk {i}")
        size = min(side, rows - top), min(side, columns - left)
        z, y = decode_chunk(self.runtime.tables, self.header.quality_index, *size, payload)
        symbols = z, _narrow(y)
        with self._lock:
            self._cache[i] = symbols
            while len(self._cache) > keep:
                self._cache.popitem(last=False)
        return symbols

    def alpha(self) -> NDArray[Any] | None:
        """Transparency, uint8 or uint16 (H, W), or None."""
        found = boxes.read_alpha(self._boxes)
        if isinstance(found, int):
            if found >> self.form.depth:
                raise CorruptError(f"alpha: found {found}, expected {self.form.depth} bits")
            return np.full(self.size[::-1], found, f"u{self.form.depth // 8}")
        return None if found is None else sinks.decode_alpha(found, *self.size, self.form.depth)

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
        done, total = 0, (area.bottom - area.top) * (area.right - area.left)
        unit = CELL // PREVIEW if scale >= PREVIEW else CELL
        for v, row in grid(area, cells, RECEIVER_HALO, STRIDE if total > max_tile else 1, max_tile):
            # A pixel that lies only in part within the picture or box belongs to it.
            y0, y1 = (max(top, v.begin * CELL) - top) // scale, -(-(min(bottom, v.end * CELL) - top) // scale)
            strip = np.empty((y1 - y0, -(-(right - left) // scale), self.form.components), f"u{self.form.depth // 8}")
            keep = ((v.high - v.low) // side + 2) * (total // (area.bottom - area.top) // side + 2)
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
        row = (y0 - top) // scale - (max(top, v.begin * CELL) - top) // scale
        column = (x0 - left) // scale
        target = strip[row : row + part.shape[1], column : column + part.shape[2]]
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


def _narrow(values: NDArray[np.int32]) -> NDArray[Any]:
    low, high = int(values.min()), int(values.max())
    return values.astype(np.result_type(np.min_scalar_type(low), np.min_scalar_type(high), np.int8), copy=False)


def _mean(planes: NDArray[np.float32], factor: int) -> NDArray[np.float32]:
    """Means of ``factor`` x ``factor`` values of (C, H, W); the last rows and columns are repeated up to whole ones."""
    height, width = planes.shape[1:]
    pad = [(0, 0), (0, -height % factor), (0, -width % factor)]
    if pad[1][1] or pad[2][1]:
        planes = np.pad(planes, pad, mode="edge")
    blocks = planes.reshape(len(planes), planes.shape[1] // factor, factor, planes.shape[2] // factor, factor)
    means: NDArray[np.float32] = blocks.mean(axis=(2, 4))
    return means
