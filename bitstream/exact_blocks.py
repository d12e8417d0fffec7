"""Blocks whose pixels a chunk holds exactly, beside the symbols of all others. ``FORMAT.md`` section 9."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitstream.boxes import SLACK, BoxType
from bitstream.container import MAX_PART, Box, FieldReader, varint
from bitstream.errors import CorruptError, UnsupportedVersionError
from bitstream.geometry import BLOCK, CELL, HYPER_STRIDE

MAX_MASK = 1 << 12
"""Most bytes of the mask of a chunk: the largest has 2,048 before it is compressed."""
_VP8L = 1


class Coverage(IntEnum):
    """How many blocks of a chunk are exact."""

    NONE = 0
    SOME = 1
    ALL = 2


@dataclass(frozen=True)
class ChunkParts:
    """What the payload of a chunk holds.

    Attributes:
        symbols: as :func:`~bitstream.entropy.encode_chunk` gives them.
        exact: bool (4 rows, 4 columns) of the chunk's cells, its blocks whose pixels are exact; None if there are none.
        picture: the exact pixels, a VP8L bitstream of the whole chunk; empty if there are none.
    """

    symbols: bytes
    exact: NDArray[np.bool_] | None = None
    picture: bytes = b""

    @property
    def coded(self) -> NDArray[np.bool_] | None:
        """The blocks that have symbols, likewise; None if all have."""
        return None if self.exact is None else ~self.exact


def exact_box() -> Box:
    """The box of a file whose chunks may hold exact blocks."""
    return Box(BoxType.EXACT, bytes([_VP8L]))


def has_exact_blocks(boxes: dict[BoxType, bytes]) -> bool:
    """Whether the chunks of a file may hold exact blocks.

    Raises:
        CorruptError: the box is longer than it should be, or empty.
        UnsupportedVersionError: their pictures are coded in a way that is not known.
    """
    data = boxes.get(BoxType.EXACT)
    if data is None:
        return False
    if len(data) != 1:
        raise CorruptError(f"exact: found {len(data)} bytes, expected 1")
    if data[0] != _VP8L:
        raise UnsupportedVersionError(f"exact: coder {data[0]} is not known")
    return True


def max_exact_bytes(rows: int, columns: int) -> int:
    """Upper bound on what exact blocks add to the payload of a chunk of so many cells: VP8L takes little more than four
    bytes a pixel of 8 bits, and the other fields less than the slack."""
    return 9 * CELL**2 * rows * columns + SLACK


def join(parts: ChunkParts) -> bytes:
    """The payload of a chunk of a file with exact blocks."""
    if parts.exact is None:
        return bytes([Coverage.NONE]) + parts.symbols
    picture = varint(len(parts.picture)) + parts.picture
    if parts.exact.all():
        return bytes([Coverage.ALL]) + picture
    mask = zlib.compress(np.packbits(parts.exact).tobytes(), 9)
    return bytes([Coverage.SOME]) + varint(len(mask)) + mask + picture + parts.symbols


def split(payload: bytes, rows: int, columns: int) -> ChunkParts:
    """Take a payload apart.

    Args:
        payload: as :func:`join` gave it.
        rows: of the chunk's cells.
        columns: of the chunk's cells.

    Raises:
        CorruptError: it contradicts itself.
        TruncatedError: it ends too early.
    """
    reader = FieldReader(payload, 0, "exact blocks")
    coverage = reader.bytes(1)[0]
    if coverage == Coverage.NONE:
        return ChunkParts(payload[1:])
    if coverage not in (Coverage.SOME, Coverage.ALL):
        raise CorruptError(f"exact blocks: coverage {coverage}")
    exact = np.ones((HYPER_STRIDE * rows, HYPER_STRIDE * columns), bool)
    if coverage == Coverage.SOME:
        exact = _bits(reader.bytes(reader.varint("mask", MAX_MASK)), exact.size).reshape(exact.shape)
        if not exact.any() or exact.all():
            raise CorruptError("exact blocks: none or all, though some were said to be")
    picture = reader.bytes(reader.varint("picture", MAX_PART))
    symbols = payload[reader.at :]
    if symbols and coverage == Coverage.ALL:
        raise CorruptError(f"exact blocks: {len(symbols)} bytes after the picture of a chunk that has no symbols")
    return ChunkParts(symbols, exact, picture)


def _bits(stream: bytes, count: int) -> NDArray[np.bool_]:
    """So many bits of a zlib stream; they are a multiple of 8."""
    expander = zlib.decompressobj()
    try:
        data = expander.decompress(stream, count // 8 + 1)
    except zlib.error as error:
        raise CorruptError(f"exact blocks: {error}") from error
    if not expander.eof or expander.unused_data or len(data) != count // 8:
        raise CorruptError(f"exact blocks: the mask is not one whole zlib stream of {count // 8} bytes")
    return np.unpackbits(np.frombuffer(data, np.uint8)).astype(bool)


def to_pixels(blocks: NDArray[Any], height: int, width: int) -> NDArray[Any]:
    """A map of blocks as one of pixels, of which the first ``height`` rows and ``width`` columns are wanted."""
    return blocks.repeat(BLOCK, axis=0)[:height].repeat(BLOCK, axis=1)[:, :width]
