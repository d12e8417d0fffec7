"""The parts of an ``.lmc`` file: header and boxes read at once, chunks when needed, each checked as it is read.

What is damaged raises an error, or is noted and left out.
"""

from __future__ import annotations

import threading
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bitstream import (
    BitstreamError,
    BoxType,
    CodecError,
    CorruptError,
    Header,
    Metadata,
    PixelFormat,
    TruncatedError,
    boxes,
)
from bitstream.container import check, checked, header_bytes, parse_header
from bitstream.exact_blocks import ChunkParts, has_exact_blocks, max_exact_bytes, split
from bitstream.geometry import CELL
from codec.decoding.streams import PIECE, File, RandomAccess


@dataclass(frozen=True)
class Damage:
    """A part of a file that could not be read.

    Attributes:
        part: ``"chunk 3"``, ``"box EXIF"``.
        reason: why, as the error would have said.
        box: left, top, right and bottom in pixels of what the part holds; None if it holds no pixels.
    """

    part: str
    reason: str
    box: tuple[int, int, int, int] | None = None

    def __str__(self) -> str:
        if self.box is None:
            return f"{self.part} is damaged and left out ({self.reason})"
        left, top, right, bottom = self.box
        return (
            f"{self.part} is damaged, and its {right - left} x {bottom - top} pixels at {left},{top} are made up "
            f"({self.reason})"
        )


class FileParts:
    """An open file in parts. Threads may share it.

    Args:
        file: a path, the bytes of a file, or a binary file, which is read from its beginning; one that cannot seek is
            read whole, from where it is.
        max_pixels: larger images are refused.
        fills: whether damage is noted, rather than raised.

    Attributes:
        header: of the file.
        form: of the pixels.
        has_exact_blocks: whether chunks may hold exact blocks.
        boxes: payloads of the boxes that are known and sound, by type.
        file_bytes: length of the file as its header has it.

    Raises:
        BitstreamError: the file is damaged, or not an ``.lmc`` file.
        OSError: it cannot be opened or read.
        TypeError: it is neither a path nor bytes nor a binary file.
    """

    def __init__(self, file: File, max_pixels: int, fills: bool) -> None:
        self._fills = fills
        self._damage: dict[str, Damage] = {}
        self._file = RandomAccess(file, max_pixels)
        self._found = self._file.size
        self._lock = threading.Lock()
        try:
            self._layout = parse_header(self.read(0, header_bytes(self.read(0, 16, whole=False))), max_pixels)
            self.file_bytes = self._layout.end
            if self._found < self.file_bytes and not fills:
                raise TruncatedError(f"file: ends at byte {self._found}, expected {self.file_bytes}")
            self.header: Header = self._layout.header
            boxes.check_types(kind for *_, kind in self._layout.boxes)
            self.boxes = dict(self._sound_boxes())
            self.form: PixelFormat = boxes.read_form(self.boxes)
            # Of a box that is damaged and left out, the header still tells the type.
            named = any(kind == BoxType.EXACT for *_, kind in self._layout.boxes)
            self.has_exact_blocks = has_exact_blocks(self.boxes) or named
        except BaseException:
            self.close()
            raise

    def _sound_boxes(self) -> Iterator[tuple[BoxType, bytes]]:
        """Payloads of the boxes that are known; of the others only the checksums are looked at."""
        for at, length, checksum, kind in self._layout.boxes:
            try:
                if boxes.is_known(kind):
                    most = boxes.max_box_bytes(BoxType(kind), self.header.width * self.header.height)
                    if length > most:
                        raise CorruptError(f"box {kind}: found {length} bytes, expected at most {most}")
                    yield BoxType(kind), checked(self.read(at, length), checksum, f"box {kind}")
                else:
                    self._check(at, length, checksum, f"box {kind}")
            except BitstreamError as error:
                self.note_box(BoxType(kind).name if boxes.is_known(kind) else str(kind), error)

    @property
    def damage(self) -> tuple[Damage, ...]:
        """What was found to be damaged so far; all there is after :meth:`verify`."""
        return tuple(self._damage.values())

    def note_box(self, name: str, error: CodecError) -> None:
        """Remember that a box is damaged, or raise the error."""
        self._note(Damage(f"box {name}", str(error)), error)

    def lose_box(self, kind: BoxType, error: CodecError) -> None:
        """Go on without a box whose content is damaged, or raise the error."""
        self.note_box(kind.name, error)
        self.boxes.pop(kind, None)

    def note_chunk(self, i: int, error: BitstreamError) -> None:
        """Remember that a chunk is damaged, and the pixels that go with it, or raise the error."""
        top, left, rows, columns = self.header.chunk(i)
        box = (
            CELL * left, CELL * top,
            min(CELL * (left + columns), self.header.width), min(CELL * (top + rows), self.header.height),
        )  # fmt: skip
        self._note(Damage(f"chunk {i}", str(error), box), error)

    def _note(self, damage: Damage, error: CodecError) -> None:
        if not self._fills:
            raise error
        with self._lock:
            self._damage.setdefault(damage.part, damage)

    def close(self) -> None:
        """Close the file if it was opened here."""
        self._file.close()

    @property
    def path(self) -> Path | None:
        """Of the file, if that is what was given."""
        return self._file.path

    def read(self, at: int, length: int, whole: bool = True) -> bytes:
        """Bytes of the file. At its end they may be fewer than ``length``, but only if ``whole`` is false.

        Raises:
            TruncatedError: it ends before.
        """
        # Before it is read, as reading claims the memory first.
        if whole and at + length > self._found:
            raise TruncatedError(f"file: ends at byte {self._found}, expected at least {at + length}")
        data = self._file.read(at, length)
        if whole and len(data) < length:
            raise TruncatedError(f"file: has become shorter than {at + length} bytes")
        return data

    @property
    def chunk_bytes(self) -> list[int]:
        """Payload of each chunk."""
        return [length for _, length, _ in self._layout.chunks]

    @property
    def box_bytes(self) -> dict[str, int]:
        """Payload of each box, by its type's name, or its number if that is not known."""
        names: dict[int, str] = {kind: kind.name.lower() for kind in BoxType}
        sizes: dict[str, int] = {}
        for _, length, _, kind in self._layout.boxes:
            name = names.get(kind, f"box {kind}")
            sizes[name] = sizes.get(name, 0) + length
        return sizes

    @property
    def metadata(self) -> Metadata:
        """ICC profile, EXIF and XMP."""
        found: dict[BoxType, bytes] = {}
        for kind in (BoxType.ICC, BoxType.EXIF, BoxType.XMP):
            if kind in self.boxes:
                try:
                    found[kind] = boxes.expand(kind, self.boxes[kind])
                except BitstreamError as error:
                    self.note_box(kind.name, error)
        return Metadata(found.get(BoxType.ICC), found.get(BoxType.EXIF), found.get(BoxType.XMP))

    def verify(self) -> None:
        """Check every checksum and that the file ends where it should.

        Raises:
            BitstreamError: it is damaged, and damage is not to be filled.
        """
        for i, (at, length, checksum) in enumerate(self._layout.chunks):
            try:
                self._check(at, length, checksum, f"chunk {i}")
            except BitstreamError as error:
                self.note_chunk(i, error)
        if self._found > self.file_bytes:
            after = CorruptError("file: bytes after its end")
            self._note(Damage("what follows the image", str(after)), after)

    def _check(self, at: int, length: int, checksum: int, what: str) -> None:
        """Compare a payload with its checksum, holding little of it."""
        if at + length > self._found:
            raise TruncatedError(f"file: ends at byte {self._found}, expected at least {at + length}")
        found = 0
        for part in range(at, at + length, PIECE):
            found = zlib.crc32(self.read(part, min(PIECE, at + length - part)), found)
        check(found, checksum, what)

    def chunk(self, i: int, most: int) -> ChunkParts:
        """What a chunk holds.

        Args:
            i: its place in the file.
            most: bytes of symbols; a longer payload is refused.

        Raises:
            BitstreamError: it is damaged.
        """
        at, length, checksum = self._layout.chunks[i]
        size = self.header.chunk(i)[2:]
        most += max_exact_bytes(*size) if self.has_exact_blocks else 0
        if length > most:
            raise CorruptError(f"chunk {i}: found {length} bytes, expected at most {most}")
        payload = checked(self.read(at, length), checksum, f"chunk {i}")
        return split(payload, self.header.chunk_size(i), self.form) if self.has_exact_blocks else ChunkParts(payload)
