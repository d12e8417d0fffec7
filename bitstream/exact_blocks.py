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

MAX_MASKS = 1 << 12
"""Most bytes of the masks of a chunk: the largest has 2,176 before they are compressed."""
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
        coded: bool (rows, columns), the cells whose symbols are coded; None if all are.
        picture: the exact pixels, a VP8L bitstream of the whole chunk; empty if there are none.
    """

    symbols: bytes
    exact: NDArray[np.bool_] | None = None
    coded: NDArray[np.bool_] | None = None
    picture: bytes = b""


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
    if parts.exact is None or parts.coded is None:
        return bytes([Coverage.NONE]) + parts.symbols
    picture = varint(len(parts.picture)) + parts.picture
    if parts.exact.all() and not parts.coded.any():
        return bytes([Coverage.ALL]) + picture
    masks = zlib.compress(np.packbits(np.concatenate([parts.exact.ravel(), parts.coded.ravel()])).tobytes(), 9)
    return bytes([Coverage.SOME]) + varint(len(masks)) + masks + picture + parts.symbols


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
    exact, coded = np.ones((HYPER_STRIDE * rows, HYPER_STRIDE * columns), bool), np.zeros((rows, columns), bool)
    if coverage == Coverage.SOME:
        bits = _bits(reader.bytes(reader.varint("masks", MAX_MASKS)), exact.size + coded.size)
        exact, coded = bits[: exact.size].reshape(exact.shape), bits[exact.size :].reshape(coded.shape)
        if not exact.any():
            raise CorruptError("exact blocks: none, though some were said to be")
    picture = reader.bytes(reader.varint("picture", MAX_PART))
    symbols = payload[reader.at :]
    if symbols and not coded.any():
        raise CorruptError(f"exact blocks: {len(symbols)} bytes after the picture of a chunk that has no symbols")
    return ChunkParts(symbols, exact, coded, picture)


def _bits(stream: bytes, count: int) -> NDArray[np.bool_]:
    """So many bits of a zlib stream."""
    wanted = -(-count // 8)
    expander = zlib.decompressobj()
    try:
        data = expander.decompress(stream, wanted + 1)
    except zlib.error as error:
        raise CorruptError(f"exact blocks: {error}") from error
    if not expander.eof or expander.unused_data or len(data) != wanted:
        raise CorruptError(f"exact blocks: the masks are not one whole zlib stream of {wanted} bytes")
    bits = np.unpackbits(np.frombuffer(data, np.uint8)).astype(bool)
    if bits[count:].any():
        raise CorruptError("exact blocks: the masks end with ones")
    return bits[:count]


def to_pixels(blocks: NDArray[Any], height: int, width: int) -> NDArray[Any]:
    """A map of blocks as one of pixels, of which the first ``height`` rows and ``width`` columns are wanted."""
    return blocks.repeat(BLOCK, axis=0)[:height].repeat(BLOCK, axis=1)[:, :width]
