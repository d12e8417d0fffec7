"""Reading a file lazily: header and boxes at once, chunks of symbols when they are needed, no network."""

from __future__ import annotations

import os
import threading
import zlib
from collections.abc import Iterator
from types import TracebackType
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from bitstream import (
    BitstreamError,
    BoxType,
    CodecError,
    CorruptError,
    Form,
    Header,
    Metadata,
    ModelError,
    TruncatedError,
    boxes,
    decode_chunk,
)
from bitstream.container import CELL, MAX_PIXELS, check, checked, header_bytes, parse_header
from bitstream.entropy import most_chunk_bytes
from bitstream.tables import HYPER
from codec.decoding.chunk_cache import ChunkCache, ChunkSymbols
from codec.decoding.damage import Damage
from codec.decoding.streams import PIECE, File, opened
from codec.engine.registry import shipped_of
from codec.engine.runtime import Runtime
from codec.engine.tiling import Area
from codec.images import alpha as alpha_planes

_Self = TypeVar("_Self", bound="LmcReader")


class LmcReader:
    """An ``.lmc`` file, opened: header and boxes are read, chunks are when they are needed. Threads may share it.

    Args:
        file: a path, the bytes of a file, or a binary file, which is read from its beginning; one that cannot seek is
            read whole, from where it is.
        threads: for the networks; None takes ``CODEC_THREADS`` or else all cores.
        max_pixels: larger pictures are refused.
        runtime: the model; None takes the one that ships and is the file's.
        on_damage: ``"raise"`` an error, or ``"fill"``: chunks that are damaged are taken as empty, boxes are left out.

    Attributes:
        header: of the file.
        size: width and height.
        form: of the pixels.

    Raises:
        BitstreamError: the file is damaged, or no ``.lmc`` file.
        ModelError: it needs a model that is not here; only raised once pixels are wanted.
        OSError: it cannot be opened or read.
        TypeError: it is no path, bytes or binary file.
        ValueError: there is no such ``on_damage``.
    """

    def __init__(
        self,
        file: File,
        *,
        threads: int | None = None,
        max_pixels: int = MAX_PIXELS,
        runtime: Runtime | None = None,
        on_damage: str = "raise",
    ) -> None:
        if on_damage not in ("raise", "fill"):
            raise ValueError(f"on_damage: found {on_damage!r}, expected 'raise' or 'fill'")
        self._fills = on_damage == "fill"
        self._damage: dict[str, Damage] = {}
        self._owned = isinstance(file, str | os.PathLike)
        self._file = opened(file, max_pixels)
        self._lock = threading.Lock()
        self._threads, self._given = threads, runtime
        self._cache = ChunkCache()
        self._alpha: NDArray[Any] | int | None = None
        self._alpha_lock = threading.Lock()
        try:
            self._found = self._file.seek(0, os.SEEK_END)
            self._layout = parse_header(self._read(0, header_bytes(self._read(0, 16, whole=False))), max_pixels)
            if self._found < self._layout.end and not self._fills:
                raise TruncatedError(f"file: ends at byte {self._found}, expected {self._layout.end}")
            self.header: Header = self._layout.header
            self.size = (self.header.width, self.header.height)
            boxes.check_types(kind for *_, kind in self._layout.boxes)
            self._boxes = dict(self._sound_boxes())
            self.form: Form = boxes.read_form(self._boxes)
        except BaseException:
            self.close()
            raise

    def _sound_boxes(self) -> Iterator[tuple[BoxType, bytes]]:
        """Payloads of the boxes that are known; of the others only the checksums are looked at."""
        for at, length, checksum, kind in self._layout.boxes:
            try:
                if boxes.is_known(kind):
                    most = boxes.most_bytes(BoxType(kind), self.header.width * self.header.height)
                    if length > most:
                        raise CorruptError(f"box {kind}: found {length} bytes, expected at most {most}")
                    yield BoxType(kind), checked(self._read(at, length), checksum, f"box {kind}")
                else:
                    self._check(at, length, checksum, f"box {kind}")
            except BitstreamError as error:
                name = BoxType(kind).name if boxes.is_known(kind) else kind
                self._note(Damage(f"box {name}", str(error)), error)

    @property
    def damage(self) -> tuple[Damage, ...]:
        """What was found to be damaged so far; all there is after :meth:`verify`."""
        return tuple(self._damage.values())

    def _note(self, damage: Damage, error: CodecError) -> None:
        """Remember what is broken, or raise the error."""
        if not self._fills:
            raise error
        with self._lock:
            self._damage.setdefault(damage.part, damage)

    def close(self) -> None:
        """Close the file if it was opened here."""
        if self._owned:
            self._file.close()

    def __enter__(self: _Self) -> _Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _read(self, at: int, length: int, whole: bool = True) -> bytes:
        # Before it is read, as reading claims the memory first.
        if whole and at + length > self._found:
            raise TruncatedError(f"file: ends at byte {self._found}, expected at least {at + length}")
        with self._lock:
            self._file.seek(at)
            data = self._file.read(length)
        if whole and len(data) < length:
            raise TruncatedError(f"file: has become shorter than {at + length} bytes")
        return data

    @property
    def runtime(self) -> Runtime:
        """The model the file needs.

        Raises:
            ModelError: it is not here.
            CorruptError: it has no such level of quality.
        """
        runtime = self._given or shipped_of(self.header.model_id, self._threads)
        if self.header.model_id != runtime.model_id:
            raise ModelError(f"model: file needs {self.header.model_id.hex()}, here is {runtime.model_id.hex()}")
        if self.header.quality_index >= runtime.tables.levels:
            raise CorruptError(f"quality_index: found {self.header.quality_index}, model has {runtime.tables.levels}")
        self._given = runtime
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
            if kind in self._boxes:
                try:
                    found[kind] = boxes.expand(kind, self._boxes[kind])
                except BitstreamError as error:
                    self._note(Damage(f"box {kind.name}", str(error)), error)
        return Metadata(found.get(BoxType.ICC), found.get(BoxType.EXIF), found.get(BoxType.XMP))

    @property
    def has_alpha(self) -> bool:
        """Whether the picture has transparency."""
        return BoxType.ALPHA in self._boxes

    def verify(self) -> None:
        """Check every checksum and that the file ends where it should.

        Raises:
            BitstreamError: it is damaged, and damage is not to be filled.
        """
        for i, (at, length, checksum) in enumerate(self._layout.chunks):
            try:
                self._check(at, length, checksum, f"chunk {i}")
            except BitstreamError as error:
                self._note(self._lost_chunk(i, error), error)
        if self._found > self._layout.end:
            after = CorruptError("file: bytes after its end")
            self._note(Damage("what follows the picture", str(after)), after)

    def _check(self, at: int, length: int, checksum: int, what: str) -> None:
        """Compare a payload with its checksum, holding little of it."""
        if at + length > self._found:
            raise TruncatedError(f"file: ends at byte {self._found}, expected at least {at + length}")
        found = 0
        for part in range(at, at + length, PIECE):
            found = zlib.crc32(self._read(part, min(PIECE, at + length - part)), found)
        check(found, checksum, what)

    def _payload(self, i: int, most: int) -> bytes:
        at, length, checksum = self._layout.chunks[i]
        if length > most:
            raise CorruptError(f"chunk {i}: found {length} bytes, expected at most {most}")
        return checked(self._read(at, length), checksum, f"chunk {i}")

    def _lost_chunk(self, i: int, error: BitstreamError) -> Damage:
        top, left, rows, columns = self.header.chunk(i)
        width, height = self.size
        box = CELL * left, CELL * top, min(CELL * (left + columns), width), min(CELL * (top + rows), height)
        return Damage(f"chunk {i}", str(error), box)

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

    def _chunk(self, top: int, left: int, keep: int) -> ChunkSymbols:
        """Symbols of the chunk whose upper left cell this is, in the narrowest integers that hold them."""
        side, columns = 1 << self.header.chunk_log2, self.header.cells[1]
        i = top // side * -(-columns // side) + left // side
        found = self._cache.get(i)
        if found is not None:
            return found
        size = self.header.chunk(i)[2:]
        tables = self.runtime.tables
        try:
            payload = self._payload(i, most_chunk_bytes(tables, *size))
            z, y = decode_chunk(tables, self.header.quality_index, *size, payload)
        except BitstreamError as error:
            self._note(self._lost_chunk(i, error), error)
            z = np.zeros((tables.hyper_latents, *size), np.int32)
            y = np.zeros((tables.latents, HYPER * size[0], HYPER * size[1]), np.int32)
        return self._cache.put(i, z, y, keep)

    def alpha(self, box: tuple[int, int, int, int] | None = None) -> NDArray[Any] | None:
        """Transparency, which if it differs from pixel to pixel is decoded whole, once.

        Args:
            box: left, top, right and bottom in pixels; None for the whole picture.

        Returns:
            NDArray | None: uint8 or uint16 (height, width), read-only; None if there is none.
        """
        left, top, right, bottom = box or (0, 0, *self.size)
        plane = self._alpha_plane()
        if isinstance(plane, int):
            return np.broadcast_to(np.array(plane, f"u{self.form.depth // 8}"), (bottom - top, right - left))
        return None if plane is None else plane[top:bottom, left:right]

    def _alpha_plane(self) -> NDArray[Any] | int | None:
        """Transparency of all pixels, one number if it is the same for all."""
        with self._alpha_lock:
            if self._alpha is None:
                try:
                    found = boxes.read_alpha(self._boxes)
                    if isinstance(found, int) and found >> self.form.depth:
                        raise CorruptError(f"alpha: found {found}, expected {self.form.depth} bits")
                    if isinstance(found, bytes):
                        plane = alpha_planes.decode(found, *self.size, self.form.depth)
                        plane.setflags(write=False)
                        self._alpha = plane
                    else:
                        self._alpha = found
                except CodecError as error:  # of the PNG image inside, too
                    self._note(Damage("box ALPHA", str(error)), error)
                    self._boxes.pop(BoxType.ALPHA, None)
            return self._alpha
