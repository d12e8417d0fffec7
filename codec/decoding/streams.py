"""Paths, bytes, files and pipes as one: bytes at any place."""

from __future__ import annotations

import io
import os
import threading
from pathlib import Path
from typing import BinaryIO

from bitstream.container import MAX_PIXELS, header_bytes, parse_header
from codec.util.files import is_seekable

File = str | os.PathLike[str] | bytes | BinaryIO
"""What an ``.lmc`` file is read from."""
SUFFIX = ".lmc"
"""Of file names."""
PIECE = 1 << 20
"""Bytes that are read at a time where they are not needed at once."""


class RandomAccess:
    """Bytes of a file at any place. Threads may share it, and so may forked processes: where the system can read at a
    place, none of them moves another's position.

    Args:
        file: a path, the bytes of a file, or a binary file; one that cannot seek is read whole, from where it is.
        max_pixels: larger images are refused, if it is read whole.

    Attributes:
        path: that was given; None if the file was given otherwise.
        size: in bytes.

    Raises:
        OSError: it cannot be opened.
        TypeError: it is nothing of these.
        BitstreamError: it cannot seek, and begins like no file.
    """

    def __init__(self, file: File, max_pixels: int) -> None:
        self.path = Path(file).absolute() if isinstance(file, str | os.PathLike) else None
        self._lock = threading.Lock()
        self._file = _open(file, max_pixels)
        self._reads_at_places = _reads_at_places(self._file)
        self._file.seek(0, os.SEEK_END)
        self.size = self._file.tell()

    def read(self, at: int, length: int) -> bytes:
        """Bytes from a place on, as many as there are up to ``length``."""
        parts = []
        while length > 0:
            part = self._read_some(at, length)
            if not part:
                break
            parts.append(part)
            at, length = at + len(part), length - len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _read_some(self, at: int, length: int) -> bytes:
        if self._reads_at_places:
            return os.pread(self._file.fileno(), length, at)  # asked each time: of a closed file it is another's
        with self._lock:
            self._file.seek(at)
            return self._file.read(length)

    def close(self) -> None:
        """Close the file if it was opened here."""
        if self.path is not None:
            self._file.close()


def _open(file: File, max_pixels: int) -> BinaryIO:
    if isinstance(file, str | os.PathLike):
        found: BinaryIO = Path(file).open("rb")  # noqa: SIM115 - until it is closed
        if found.seekable():
            return found
        with found:
            return read_bounded(found, max_pixels)
    if isinstance(file, bytes | bytearray | memoryview):
        return io.BytesIO(file)
    if not hasattr(file, "read") or not isinstance(file.read(0), bytes):
        raise TypeError(f"file: found {type(file).__name__}, expected a path, bytes or a binary file")
    return file if is_seekable(file) else read_bounded(file, max_pixels)


def _reads_at_places(file: BinaryIO) -> bool:
    """Whether the system can read at a place of this very file: the descriptor of an unpacking file is of what it
    unpacks."""
    return hasattr(os, "pread") and isinstance(getattr(file, "raw", file), io.FileIO)


def read_bounded(pipe: BinaryIO, max_pixels: int = MAX_PIXELS, start: bytes = b"") -> io.BytesIO:
    """Read one file and at most one byte more from a pipe, as the pipe may never end.

    Args:
        pipe: read from where it is.
        max_pixels: larger images are refused.
        start: what has been read of it already.

    Raises:
        BitstreamError: what it brings begins like no file.
    """
    found = io.BytesIO()
    found.write(start)

    def read_to(end: int) -> None:
        while found.tell() < end:
            part = pipe.read(min(PIECE, end - found.tell()))
            if not part:
                return
            found.write(part)

    read_to(16)
    read_to(header_bytes(found.getvalue()))
    read_to(parse_header(found.getbuffer(), max_pixels).end + 1)
    return found
