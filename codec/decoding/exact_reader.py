"""Pixels that a file holds exactly, put in place of those that the networks made."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitstream import BitstreamError
from bitstream.exact_blocks import ChunkParts, to_pixels
from bitstream.geometry import BLOCK, CELL
from codec.decoding.file_parts import FileParts
from codec.images import exact_pixels
from codec.images.arrays import means
from codec.util.progress import Progress

MAX_BYTES = 1 << 29
"""Most bytes that all kept pictures may take together; a single one may exceed it. Enough for a row of chunks."""
MAX_SYMBOL_BYTES = 1 << 16
"""Most bytes of symbols for each cell of a chunk that is read for its exact blocks alone: more than models that ship
need."""
ROWS = 256
"""Of a strip in which no network takes part; a multiple of all scales."""

_Mask = NDArray[np.bool_] | None
"""Which blocks of a chunk are exact; None if none is."""


class ExactReader:
    """Reads the exact blocks of any part of an image, and keeps the pictures that were read last. Threads may share it.

    Args:
        parts: of the file.
    """

    def __init__(self, parts: FileParts) -> None:
        self._parts = parts
        self._masks: dict[int, _Mask] = {}
        self._pictures: OrderedDict[int, NDArray[Any]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def share(self) -> float:
        """How many of the image's pixels are exact, from 0 to 1.

        Raises:
            BitstreamError: a chunk is damaged, and damage is not to be filled.
        """
        header = self._parts.header
        exact = 0
        for i in range(header.chunk_count if self._parts.has_exact_blocks else 0):
            mask = self._mask(i)
            if mask is not None:
                exact += int(to_pixels(mask, *header.chunk_size(i)).sum())
        return exact / (header.width * header.height)

    def covers(self, top: int, bottom: int, left: int, right: int) -> bool:
        """Whether all pixels of a part of the image are exact.

        Raises:
            BitstreamError: a chunk is damaged, and damage is not to be filled.
        """
        if not self._parts.has_exact_blocks:
            return False
        return all(self._covers_within(i, top, bottom, left, right) for i in self._chunks(top, bottom, left, right))

    def strips(
        self, box: tuple[int, int, int, int], scale: int, progress: Progress | None = None
    ) -> Iterator[tuple[int, NDArray[Any]]]:
        """A part of the image that is all exact, from top to bottom, as :meth:`LmcFile.strips` gives it."""
        left, top, right, bottom = box
        form = self._parts.form
        for begin in range(top, bottom, ROWS):
            height, width = -(-(min(begin + ROWS, bottom) - begin) // scale), -(-(right - left) // scale)
            strip = np.zeros((height, width, form.components), f"u{form.depth // 8}")
            self.paste(strip, begin, left, min(begin + ROWS, bottom), right, scale)
            if progress:
                progress((min(begin + ROWS, bottom) - top) * (right - left), (bottom - top) * (right - left))
            yield (begin - top) // scale, strip

    def paste(self, strip: NDArray[Any], top: int, left: int, bottom: int, right: int, scale: int = 1) -> None:
        """Replace what is exact.

        Args:
            strip: uint8 or uint16 (h, w, components), a part of the image at a scale; changed in place.
            top: pixel at which it begins in the image, a multiple of the scale.
            left: likewise.
            bottom: pixel at which it ends.
            right: likewise.
            scale: 1, 2, 4, 8 or 16: pixels a side of which the mean is taken.

        Raises:
            BitstreamError: a chunk is damaged, and damage is not to be filled.
        """
        if not self._parts.has_exact_blocks:
            return
        for i in self._chunks(top, bottom, left, right):
            mask = self._mask(i)
            picture = None if mask is None else self._picture(i)
            if mask is None or picture is None:
                continue
            row, column = (CELL * at for at in self._parts.header.chunk(i)[:2])
            y0, x0 = max(top, row), max(left, column)
            y1, x1 = min(bottom, row + picture.shape[0]), min(right, column + picture.shape[1])
            part = picture[y0 - row : y1 - row, x0 - column : x1 - column]
            if scale > 1:
                planes = means(part.transpose(2, 0, 1).astype(np.float32), scale)
                part = np.rint(planes).astype(part.dtype).transpose(1, 2, 0)
            places = np.arange(y0 - row, y1 - row, scale) // BLOCK, np.arange(x0 - column, x1 - column, scale) // BLOCK
            seen = strip[(y0 - top) // scale :, (x0 - left) // scale :][: part.shape[0], : part.shape[1]]
            np.copyto(seen, part, where=mask[np.ix_(*places)][:, :, None])

    def _chunks(self, top: int, bottom: int, left: int, right: int) -> list[int]:
        header = self._parts.header
        side = CELL << header.chunk_log2
        across = -(-header.cells[1] * CELL // side)
        rows, columns = range(top // side, -(-bottom // side)), range(left // side, -(-right // side))
        return [across * row + column for row in rows for column in columns]

    def _covers_within(self, i: int, top: int, bottom: int, left: int, right: int) -> bool:
        mask = self._mask(i)
        if mask is None:
            return False
        row, column = (CELL * at for at in self._parts.header.chunk(i)[:2])
        rows = slice(max(0, top - row) // BLOCK, -(-(bottom - row) // BLOCK))
        columns = slice(max(0, left - column) // BLOCK, -(-(right - column) // BLOCK))
        return bool(mask[rows, columns].all())

    def _mask(self, i: int) -> _Mask:
        if i not in self._masks:
            parts = self._parts_of(i)
            self._masks[i] = None if parts is None else parts.exact
        return self._masks[i]

    def _picture(self, i: int) -> NDArray[Any] | None:
        """The pixels of a chunk; None if they are damaged."""
        with self._lock:
            if i in self._pictures:
                self._pictures.move_to_end(i)
                return self._pictures[i]
        parts = self._parts_of(i)
        try:
            picture = None if parts is None else parts.picture
            size = self._parts.header.chunk_size(i)
            found = None if picture is None else exact_pixels.decode(picture, size, self._parts.form)
        except BitstreamError as error:
            self._parts.note_chunk(i, error)
            found = None
        if found is None:
            self._masks[i] = None
            return None
        with self._lock:
            if i not in self._pictures:  # another thread may have been first
                self._pictures[i] = found
                self._bytes += found.nbytes
            while len(self._pictures) > 1 and self._bytes > MAX_BYTES:
                self._bytes -= self._pictures.popitem(last=False)[1].nbytes
        return found

    def _parts_of(self, i: int) -> ChunkParts | None:
        """What a chunk holds; None if it is damaged."""
        try:
            _, _, rows, columns = self._parts.header.chunk(i)
            return self._parts.chunk(i, MAX_SYMBOL_BYTES * rows * columns)
        except BitstreamError as error:
            self._parts.note_chunk(i, error)
            return None
