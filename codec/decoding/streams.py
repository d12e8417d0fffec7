"""Paths, bytes, files and pipes as one: a binary file that can seek."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import BinaryIO

from bitstream.container import MAX_PIXELS, header_bytes, parse_header

File = str | os.PathLike[str] | bytes | BinaryIO
"""What an ``.lmc`` file is read from."""
SUFFIX = ".lmc"
"""Of file names."""
PIECE = 1 << 20
"""Bytes that are read at a time where they are not needed at once."""


def open_seekable(file: File, max_pixels: int) -> BinaryIO:
    """A binary file that can seek, which the caller closes if it was opened here.

    Args:
        file: a path, the bytes of a file, or a binary file; one that cannot seek is read whole, from where it is.
        max_pixels: larger images are refused, if it is read.

    Raises:
        OSError: it cannot be opened.
        TypeError: it is nothing of these.
        BitstreamError: it cannot seek, and begins like no file.
    """
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
    return file if getattr(file, "seekable", bool)() else read_bounded(file, max_pixels)


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
