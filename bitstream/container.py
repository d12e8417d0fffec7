"""The container: header, boxes and chunk table, then payloads. ``FORMAT.md`` sections 1 to 4."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field

from bitstream.errors import (
    BadMagicError,
    ChecksumError,
    CorruptError,
    LimitError,
    TruncatedError,
    UnsupportedVersionError,
)
from bitstream.geometry import CELL

MAGIC = b"\x89LMC\r\n\x1a\n"
VERSION = 1
CHUNK_LOG2 = 4
"""Usual side of a chunk, 16 cells: small enough for a region, large enough to cost nothing."""
MAX_CHUNK_LOG2 = 5
"""A larger chunk would let a small file claim much memory."""
MAX_SIDE = 65_535
MAX_PIXELS = 1 << 30
MAX_HEADER = 1 << 24
MAX_BOXES = 64
MAX_PART = 1 << 31
"""Most bytes of a box or chunk."""
_CRC_BYTES = 4


@dataclass(frozen=True)
class Box:
    """Metadata beside the image. Odd types must be understood by a reader, even ones may be skipped."""

    type: int
    data: bytes


@dataclass(frozen=True)
class Header:
    """What a file says of its image.

    Attributes:
        width: pixels, 1 to 65,535.
        height: pixels, 1 to 65,535.
        model_id: the four bytes that name the model.
        quality_index: level of quality, 0 to 65,535; the model says how many it has.
        chunk_log2: a chunk is ``2 ** chunk_log2`` cells of 64 pixels a side; 0 to 5.
    """

    width: int
    height: int
    model_id: bytes
    quality_index: int
    chunk_log2: int = CHUNK_LOG2

    def __post_init__(self) -> None:
        for name, low, high in (
            ("width", 1, MAX_SIDE),
            ("height", 1, MAX_SIDE),
            ("quality_index", 0, 65_535),
            ("chunk_log2", 0, MAX_CHUNK_LOG2),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise CorruptError(f"{name}: found {value}, expected {low} to {high}")
        if len(self.model_id) != 4:
            raise CorruptError(f"model_id: found {len(self.model_id)} bytes, expected 4")

    @property
    def cells(self) -> tuple[int, int]:
        """Rows and columns of hyper-latent cells."""
        return -(-self.height // CELL), -(-self.width // CELL)

    def chunk_cells(self) -> list[tuple[int, int, int, int]]:
        """Top, left, rows and columns in cells of each chunk, in the order of the file."""
        return [self.chunk(i) for i in range(self.chunk_count)]

    def chunk(self, i: int) -> tuple[int, int, int, int]:
        """Top, left, rows and columns in cells of one chunk, by its place in the file."""
        (rows, columns), side = self.cells, 1 << self.chunk_log2
        row, column = divmod(i, -(-columns // side))
        top, left = side * row, side * column
        return top, left, min(side, rows - top), min(side, columns - left)

    def chunk_size(self, i: int) -> tuple[int, int]:
        """Height and width of one chunk in pixels, by its place in the file."""
        top, left, rows, columns = (CELL * value for value in self.chunk(i))
        return min(rows, self.height - top), min(columns, self.width - left)

    @property
    def chunk_count(self) -> int:
        """Number of chunks."""
        rows, columns = self.cells
        side = 1 << self.chunk_log2
        return -(-rows // side) * -(-columns // side)


@dataclass(frozen=True)
class Container:
    """A whole file in parts."""

    header: Header
    chunks: list[bytes]
    boxes: list[Box] = field(default_factory=list)


@dataclass(frozen=True)
class Layout:
    """Where the parts of a file lie: offset from the file's start, length, crc; of boxes also the type."""

    header: Header
    boxes: list[tuple[int, int, int, int]]
    chunks: list[tuple[int, int, int]]
    end: int


def varint(value: int) -> bytes:
    """An unsigned integer in groups of seven bits, see ``FORMAT.md`` section 1."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


class FieldReader:
    """Reads bounded fields one after the other.

    Args:
        data: that they are in.
        at: where the first begins.
        what: they are part of, for errors.
    """

    def __init__(self, data: bytes | memoryview, at: int, what: str) -> None:
        self.data, self.at, self.what = data, at, what

    def bytes(self, count: int) -> bytes:
        """The next bytes.

        Raises:
            TruncatedError: there are not so many.
        """
        if self.at + count > len(self.data):
            raise TruncatedError(f"{self.what}: ends at byte {len(self.data)}, expected {self.at + count}")
        self.at += count
        return bytes(self.data[self.at - count : self.at])

    def varint(self, name: str, most: int) -> int:
        """The next integer.

        Raises:
            BitstreamError: it is above ``most``, not in its shortest form, or cut short.
        """
        value = 0
        for shift in range(0, 35, 7):
            byte = self.bytes(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                if byte == 0 and shift:
                    raise CorruptError(f"{name}: not in its shortest form")
                if value > most:
                    raise CorruptError(f"{name}: found {value}, expected at most {most}")
                return value
        raise CorruptError(f"{name}: longer than 5 bytes")


def serialize(container: Container) -> bytes:
    """Bytes of a file.

    Raises:
        CorruptError: the number of chunks is not what the header implies, or there are too many boxes.
        LimitError: a box, a chunk or the header is longer than readers take.
    """
    header = container.header
    if len(container.chunks) != header.chunk_count:
        raise CorruptError(f"chunks: found {len(container.chunks)}, expected {header.chunk_count}")
    if len(container.boxes) > MAX_BOXES:
        raise CorruptError(f"boxes: found {len(container.boxes)}, expected at most {MAX_BOXES}")
    longest = max(map(len, (*container.chunks, *(box.data for box in container.boxes))))
    if longest > MAX_PART:
        raise LimitError(f"part of {longest} bytes, limit {MAX_PART}")
    fields = bytearray()
    fields += varint(header.width) + varint(header.height) + header.model_id
    fields += varint(header.quality_index) + varint(header.chunk_log2) + varint(len(container.boxes))
    for box in container.boxes:
        fields += varint(box.type) + _part(box.data)
    for chunk in container.chunks:
        fields += _part(chunk)
    if len(fields) > MAX_HEADER:
        raise LimitError(f"header of {len(fields)} bytes, limit {MAX_HEADER}")
    start = MAGIC + bytes([VERSION]) + varint(len(fields)) + bytes(fields)
    checksum = zlib.crc32(start).to_bytes(_CRC_BYTES, "little")
    return b"".join([start, checksum, *(box.data for box in container.boxes), *container.chunks])


def _part(data: bytes) -> bytes:
    return varint(len(data)) + zlib.crc32(data).to_bytes(_CRC_BYTES, "little")


def header_bytes(start: bytes) -> int:
    """How many bytes of a file :func:`parse_header` needs, at most 2 ** 24 and a few.

    Args:
        start: the first 16 bytes of a file, or all of a shorter one.

    Raises:
        BitstreamError: no header begins like this.
    """
    reader = _header_reader(start)
    length = reader.varint("header length", MAX_HEADER)
    return reader.at + length + _CRC_BYTES


def _header_reader(data: bytes | memoryview) -> FieldReader:
    if len(data) < len(MAGIC) and bytes(data) == MAGIC[: len(data)]:
        what = "file: empty" if not len(data) else f"magic: ends at byte {len(data)}, expected {len(MAGIC)}"
        raise TruncatedError(what)
    if bytes(data[: len(MAGIC)]) != MAGIC:
        raise BadMagicError(f"not an .lmc file: begins with {bytes(data[: len(MAGIC)])!r}, expected {MAGIC!r}")
    reader = FieldReader(data, len(MAGIC), "header")
    version = reader.bytes(1)[0]
    if version != VERSION:
        raise UnsupportedVersionError(f"version: found {version}, expected {VERSION}")
    return reader


def parse_header(data: bytes | memoryview, max_pixels: int = MAX_PIXELS) -> Layout:
    """Read everything before the payloads; memory is allocated only in proportion to the bytes at hand.

    Args:
        data: a file, or at least its start.
        max_pixels: larger images are refused.

    Returns:
        Layout: header, and where boxes and chunks lie.

    Raises:
        BitstreamError: one of its kinds.
    """
    reader = _header_reader(data)
    length = reader.varint("header length", MAX_HEADER)
    end = reader.at + length
    checksum = int.from_bytes(FieldReader(data, end, "header").bytes(_CRC_BYTES), "little")
    found = zlib.crc32(data[:end])
    if found != checksum:
        raise ChecksumError(f"header checksum: found {found:08x}, expected {checksum:08x}")
    reader.data = data[:end]

    width, height = reader.varint("width", MAX_SIDE), reader.varint("height", MAX_SIDE)
    header = Header(
        width,
        height,
        reader.bytes(4),
        reader.varint("quality_index", 65_535),
        reader.varint("chunk_log2", MAX_CHUNK_LOG2),
    )
    if width * height > max_pixels:
        raise LimitError(f"image: {width} x {height} pixels, limit {max_pixels}")
    box_count = reader.varint("boxes", MAX_BOXES)
    if header.chunk_count * (1 + _CRC_BYTES) > end - reader.at:
        raise TruncatedError(f"chunk table: {end - reader.at} bytes for {header.chunk_count} chunks")
    at = end + _CRC_BYTES
    boxes, chunks = [], []
    for _ in range(box_count):
        kind = reader.varint("box type", 65_535)
        size = reader.varint("box length", MAX_PART)
        boxes.append((at, size, int.from_bytes(reader.bytes(_CRC_BYTES), "little"), kind))
        at += size
    for _ in range(header.chunk_count):
        size = reader.varint("chunk length", MAX_PART)
        chunks.append((at, size, int.from_bytes(reader.bytes(_CRC_BYTES), "little")))
        at += size
    if reader.at != end:
        raise CorruptError(f"header: {end - reader.at} bytes left over")
    return Layout(header, boxes, chunks, at)


def parse(data: bytes, max_pixels: int = MAX_PIXELS) -> Container:
    """Read a whole file and check every checksum.

    Raises:
        BitstreamError: one of its kinds.
    """
    layout = parse_header(data, max_pixels)
    if len(data) < layout.end:
        raise TruncatedError(f"file: ends at byte {len(data)}, expected {layout.end}")
    if len(data) > layout.end:
        raise CorruptError(f"file: {len(data) - layout.end} bytes after its end")
    boxes = [
        Box(kind, checked(data[at : at + size], checksum, f"box {kind}")) for at, size, checksum, kind in layout.boxes
    ]
    chunks = [
        checked(data[at : at + size], checksum, f"chunk {i}") for i, (at, size, checksum) in enumerate(layout.chunks)
    ]
    return Container(layout.header, chunks, boxes)


def checked(payload: bytes, checksum: int, what: str) -> bytes:
    """The payload, if it is what the header says.

    Raises:
        ChecksumError: it is not.
    """
    check(zlib.crc32(payload), checksum, what)
    return payload


def check(found: int, checksum: int, what: str) -> None:
    """Compare the checksum of a payload with what the header says.

    Raises:
        ChecksumError: they differ.
    """
    if found != checksum:
        raise ChecksumError(f"{what} checksum: found {found:08x}, expected {checksum:08x}")
