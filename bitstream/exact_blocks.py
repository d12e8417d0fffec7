"""Blocks whose pixels a chunk holds exactly, beside the symbols of all others. ``FORMAT.md`` section 9."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitstream.boxes import SLACK, BoxType, PixelFormat
from bitstream.container import MAX_PART, Box, FieldReader, varint
from bitstream.errors import CorruptError, UnsupportedVersionError
from bitstream.geometry import BLOCK, CELL, HYPER_STRIDE
from bitstream.turned_lines import Lines, max_lines, no_lines, pack, unpack

MAX_MASK = 1 << 12
"""Most bytes of the mask of a chunk: the largest has 2,048 before it is compressed."""
MAX_LINES_BYTES = 1 << 16
"""Most bytes of the rectangles of a picture's lines."""
_VP8L = 1
_LINES = 4
"""Beside the coverage: lines of text stand apart."""


class Coverage(IntEnum):
    """How many blocks of a chunk are exact."""

    NONE = 0
    SOME = 1
    ALL = 2


@dataclass(frozen=True)
class ExactPicture:
    """The exact pixels of a chunk, as it is coded.

    Attributes:
        rest: VP8L bitstream of the whole picture, without the lines.
        lines: where lines of text stand in it.
        turned: VP8L bitstream of their picture, see :func:`~bitstream.turned_lines.turn`; empty if there are none.
    """

    rest: bytes
    lines: Lines = field(default_factory=no_lines)
    turned: bytes = b""

    @property
    def size(self) -> int:
        """Bytes that it takes, but for some fields."""
        return len(self.rest) + (len(pack(self.lines)) + len(self.turned) if len(self.lines) else 0)


@dataclass(frozen=True)
class ChunkParts:
    """What the payload of a chunk holds.

    Attributes:
        symbols: as :func:`~bitstream.entropy.encode_chunk` gives them.
        exact: bool (4 rows, 4 columns) of the chunk's cells, its blocks whose pixels are exact; None if there are none.
        picture: the exact pixels; None if there are none.
    """

    symbols: bytes
    exact: NDArray[np.bool_] | None = None
    picture: ExactPicture | None = None

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
    bytes a pixel of 8 bits, a file has its lines turned only where that takes less, and the other fields take less than
    the slack."""
    return 9 * CELL**2 * rows * columns + SLACK


def join(parts: ChunkParts) -> bytes:
    """The payload of a chunk of a file with exact blocks."""
    if parts.exact is None or parts.picture is None:
        return bytes([Coverage.NONE]) + parts.symbols
    coverage = Coverage.ALL if parts.exact.all() else Coverage.SOME
    picture, fields = parts.picture, b""
    if coverage == Coverage.SOME:
        fields += _counted(zlib.compress(np.packbits(parts.exact).tobytes(), 9))
    if len(picture.lines):
        fields += varint(len(picture.lines)) + _counted(pack(picture.lines)) + _counted(picture.turned)
    flags = coverage | (_LINES if len(picture.lines) else 0)
    return bytes([flags]) + fields + _counted(picture.rest) + parts.symbols


def split(payload: bytes, size: tuple[int, int], form: PixelFormat) -> ChunkParts:
    """Take a payload apart.

    Args:
        payload: as :func:`join` gave it.
        size: height and width of the chunk in pixels, within the image.
        form: of the pixels.

    Raises:
        CorruptError: it contradicts itself.
        TruncatedError: it ends too early.
    """
    reader = FieldReader(payload, 0, "exact blocks")
    flags = reader.bytes(1)[0]
    coverage = flags & ~_LINES
    if flags == Coverage.NONE:
        return ChunkParts(payload[1:])
    if coverage not in (Coverage.SOME, Coverage.ALL):
        raise CorruptError(f"exact blocks: coverage {flags}")
    exact = np.ones([HYPER_STRIDE * -(-side // CELL) for side in size], bool)
    if coverage == Coverage.SOME:
        exact = _bits(reader.bytes(reader.varint("mask", MAX_MASK)), exact.size).reshape(exact.shape)
        if not exact.any() or exact.all():
            raise CorruptError("exact blocks: none or all, though some were said to be")
    lines, turned = no_lines(), b""
    if flags & _LINES:
        shape = size[0] * form.depth // 8, size[1]
        count = reader.varint("lines", max_lines(*shape))
        lines = unpack(reader.bytes(reader.varint("rectangles", MAX_LINES_BYTES)), count, *shape)
        turned = reader.bytes(reader.varint("turned lines", MAX_PART))
    picture = ExactPicture(reader.bytes(reader.varint("picture", MAX_PART)), lines, turned)
    symbols = payload[reader.at :]
    if symbols and coverage == Coverage.ALL:
        raise CorruptError(f"exact blocks: {len(symbols)} bytes after the picture of a chunk that has no symbols")
    return ChunkParts(symbols, exact, picture)


def _counted(data: bytes) -> bytes:
    return varint(len(data)) + data


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
