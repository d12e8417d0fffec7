"""Pixels that a file holds exactly, put in place of those that the networks made."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitstream import BitstreamError
from bitstream.exact_blocks import ChunkParts, to_pixels
from bitstream.geometry import BLOCK, CELL
from codec.decoding.file_parts import FileParts
from codec.images import vp8l
from codec.images.arrays import means

MAX_BYTES = 1 << 28
"""Most bytes that all kept pictures may take together; a single one may exceed it."""
MAX_SYMBOL_BYTES = 1 << 16
"""Of a cell, that stand beside exact blocks: more than they take with any model that ships, as none is needed
here."""

_Exact = tuple[NDArray[np.bool_], NDArray[Any]] | None
"""Of a chunk: which blocks are exact, and the pixels of the whole chunk; None if no block is."""


class ExactReader:
    """Reads the exact blocks of any part of an image, and keeps the pictures that were read last. Threads may share it.

    Args:
        parts: of the file.
    """

    def __init__(self, parts: FileParts) -> None:
        self._parts = parts
        self._kept: OrderedDict[int, _Exact] = OrderedDict()
        self._lock = threading.Lock()

    def share(self) -> float:
        """How many of the image's pixels are exact, from 0 to 1.

        Raises:
            BitstreamError: a chunk is damaged, and damage is not to be filled.
        """
        header = self._parts.header
        exact = 0
        for i in range(header.chunk_count if self._parts.has_exact_blocks else 0):
            parts = self._parts_of(i)
            if parts is not None and parts.exact is not None:
                exact += int(to_pixels(parts.exact, *self._size(i)).sum())
        return exact / (header.width * header.height)

    def covers(self, top: int, bottom: int, left: int, right: int) -> bool:
        """Whether all pixels of a part of the image are exact.

        Raises:
            BitstreamError: a chunk is damaged, and damage is not to be filled.
        """
        if not self._parts.has_exact_blocks:
            return False
        return all(self._mask_within(i, top, bottom, left, right) for i in self._chunks(top, bottom, left, right))

    def paste(self, strip: NDArray[Any], top: int, left: int, scale: int = 1) -> None:
        """Replace what is exact.

        Args:
            strip: uint8 or uint16 (h, w, components), a part of the image at a scale; changed in place.
            top: pixel at which it begins in the image, a multiple of the scale.
            left: likewise.
            scale: 1, 2, 4, 8 or 16: pixels a side of which the mean is taken.

        Raises:
            BitstreamError: a chunk is damaged, and damage is not to be filled.
        """
        if not self._parts.has_exact_blocks:
            return
        header = self._parts.header
        bottom = min(top + scale * strip.shape[0], header.height)
        right = min(left + scale * strip.shape[1], header.width)
        for i in self._chunks(top, bottom, left, right):
            found = self._chunk(i)
            if found is None:
                continue
            mask, picture = found
            row, column = (CELL * at for at in header.chunk(i)[:2])
            y0, x0 = max(top, row), max(left, column)
            y1, x1 = min(bottom, row + picture.shape[0]), min(right, column + picture.shape[1])
            part = picture[y0 - row : y1 - row, x0 - column : x1 - column]
            if scale > 1:
                part = (
                    np.rint(means(part.transpose(2, 0, 1).astype(np.float32), scale))
                    .astype(part.dtype)
                    .transpose(1, 2, 0)
                )
            places = np.arange(y0 - row, y1 - row, scale) // BLOCK, np.arange(x0 - column, x1 - column, scale) // BLOCK
            seen = strip[(y0 - top) // scale :, (x0 - left) // scale :][: part.shape[0], : part.shape[1]]
            np.copyto(seen, part, where=mask[np.ix_(*places)][:, :, None])

    def _chunks(self, top: int, bottom: int, left: int, right: int) -> list[int]:
        header = self._parts.header
        side = CELL << header.chunk_log2
        across = -(-header.cells[1] * CELL // side)
        rows, columns = range(top // side, -(-bottom // side)), range(left // side, -(-right // side))
        return [across * row + column for row in rows for column in columns]

    def _mask_within(self, i: int, top: int, bottom: int, left: int, right: int) -> bool:
        found = self._chunk(i)
        if found is None:
            return False
        row, column = (CELL * at for at in self._parts.header.chunk(i)[:2])
        rows = slice(max(0, top - row) // BLOCK, -(-(bottom - row) // BLOCK))
        columns = slice(max(0, left - column) // BLOCK, -(-(right - column) // BLOCK))
        return bool(found[0][rows, columns].all())

    def _chunk(self, i: int) -> _Exact:
        with self._lock:
            if i in self._kept:
                self._kept.move_to_end(i)
                return self._kept[i]
        found = self._read(i)
        with self._lock:
            self._kept[i] = found
            while len(self._kept) > 1 and sum(map(_nbytes, self._kept.values())) > MAX_BYTES:
                self._kept.popitem(last=False)
        return found

    def _read(self, i: int) -> _Exact:
        parts = self._parts_of(i)
        if parts is None or parts.exact is None:
            return None
        try:
            return parts.exact, vp8l.decode(parts.picture, *self._size(i), self._parts.form)
        except BitstreamError as error:
            self._parts.note_chunk(i, error)
            return None

    def _parts_of(self, i: int) -> ChunkParts | None:
        """What a chunk holds; None if it is damaged."""
        try:
            _, _, rows, columns = self._parts.header.chunk(i)
            return self._parts.chunk(i, MAX_SYMBOL_BYTES * rows * columns)
        except BitstreamError as error:
            self._parts.note_chunk(i, error)
            return None

    def _size(self, i: int) -> tuple[int, int]:
        """Height and width of a chunk in pixels."""
        header = self._parts.header
        top, left, rows, columns = (CELL * value for value in header.chunk(i))
        return min(rows, header.height - top), min(columns, header.width - left)


def _nbytes(exact: _Exact) -> int:
    return 0 if exact is None else exact[1].nbytes
