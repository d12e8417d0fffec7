"""Portable pixmaps (binary PGM and PPM, 8 or 16 bits): the format whose rows can be read and written as they come.

Pillow would hold the whole image, and cut 16 bits of RGB to 8.
"""

from __future__ import annotations

import io
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from bitstream.errors import ImageError

# Keep this unambiguous: with two ways to match a comment, time doubles with each comment in the header.
_GAP = rb"\s+(?:#[^\n]*\n\s*)*"
_HEADER = re.compile(rb"P([56])" + 2 * (_GAP + rb"(\d{1,6})") + _GAP + rb"(\d{1,5})\s")


@dataclass(frozen=True)
class Pixmap:
    """A pixmap whose pixels are still where they came from.

    Attributes:
        file: a path, or the bytes of a file.
        stamp: of a path, what tells whether the file is still the same.
        start: of the pixels, in bytes.
        shape: height, width and components, 1 or 3.
        dtype: uint8 or big-endian uint16.
    """

    file: Path | bytes
    stamp: tuple[int, ...]
    start: int
    shape: tuple[int, int, int]
    dtype: np.dtype[Any]

    def crop(self, top: int, bottom: int, left: int, right: int) -> NDArray[Any]:
        """Pixels of a part, (bottom - top, right - left, components).

        Raises:
            ImageError: the file has changed.
        """
        _, width, components = self.shape
        stride = width * components * self.dtype.itemsize
        part = np.empty((bottom - top, right - left, components), self.dtype)
        with io.BytesIO(self.file) if isinstance(self.file, bytes) else self.file.open("rb", buffering=0) as opened:
            # Read, not mapped: a mapped file that somebody shortens kills the process. Row by row, as wide images are
            # cut into many tiles side by side.
            if not isinstance(self.file, bytes) and _stamp(os.fstat(opened.fileno())) != self.stamp:
                raise ImageError(f"{self.file}: has changed while it was read")
            for row, pixels in enumerate(part, top):
                opened.seek(self.start + row * stride + left * components * self.dtype.itemsize)
                if opened.readinto(pixels.data) != pixels.nbytes:
                    raise ImageError(f"{self.file!r:.200}: has become shorter")
        return part


def _stamp(found: os.stat_result) -> tuple[int, ...]:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def read(file: Path | bytes) -> Pixmap | None:
    """A pixmap; None if the file is not a binary one, or its maximum is neither 255 nor 65,535.

    Args:
        file: a path, or the bytes of a file.

    Raises:
        ImageError: it ends too early.
    """
    stamp: tuple[int, ...]
    if isinstance(file, bytes):
        start, found, name, stamp = file[:1024], len(file), "input", ()
    else:
        with file.open("rb") as opened:
            stat = os.fstat(opened.fileno())
            start, found, name, stamp = opened.read(1024), stat.st_size, str(file), _stamp(stat)
    head = _HEADER.match(start)
    if head is None or head[4] not in (b"255", b"65535"):
        return None
    components = 1 if head[1] == b"5" else 3
    shape = (int(head[3]), int(head[2]), components)
    dtype = np.dtype("u1" if head[4] == b"255" else ">u2")
    count = shape[0] * shape[1] * components
    expected = head.end() + count * dtype.itemsize
    if not count:
        return None
    if found < expected:
        raise ImageError(f"{name}: ends at byte {found}, expected {expected}")
    return Pixmap(file, stamp, head.end(), shape, dtype)


class Writer:
    """Writes a pixmap row by row.

    Args:
        file: to write to.
        width: pixels.
        height: pixels.
        components: 1 or 3.
        depth: bits of a component, 8 or 16.
    """

    def __init__(self, file: BinaryIO, width: int, height: int, components: int, depth: int) -> None:
        self._file = file
        self._dtype = np.dtype("u1" if depth == 8 else ">u2")
        kind = b"P5" if components == 1 else b"P6"
        file.write(b"%s\n%d %d\n%d\n" % (kind, width, height, (1 << depth) - 1))

    def write(self, rows: NDArray[Any]) -> None:
        """Append rows, (h, W, components)."""
        self._file.write(np.ascontiguousarray(rows, self._dtype).data)
