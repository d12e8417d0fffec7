"""Portable pixmaps (binary PGM and PPM, 8 or 16 bits): the format whose rows can be read and written as they come.

Pillow would hold the whole picture, and cut 16 bits of RGB to 8.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from bitstream.errors import ImageError

SUFFIXES = (".ppm", ".pgm", ".pnm")
_HEADER = re.compile(rb"P([56])(?:\s+#[^\n]*)*\s+(\d{1,6})(?:\s+#[^\n]*)*\s+(\d{1,6})(?:\s+#[^\n]*)*\s+(\d{1,5})\s")


def read(file: Path | bytes) -> NDArray[Any] | None:
    """Pixels of a pixmap; those of a path are mapped from the file and read when they are used.

    Args:
        file: a path, or the bytes of a file.

    Returns:
        NDArray | None: uint8 or big-endian uint16 (H, W, 1 or 3); None if the file is no binary pixmap or has a
        maximum other than 255 and 65,535.

    Raises:
        ImageError: it ends too early.
    """
    if isinstance(file, bytes):
        start, found, name = file[:1024], len(file), "input"
    else:
        with file.open("rb") as opened:
            start, found, name = opened.read(1024), file.stat().st_size, str(file)
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
    if isinstance(file, bytes):
        return np.frombuffer(file, dtype, count, head.end()).reshape(shape)
    return np.memmap(file, dtype, "r", head.end(), shape)


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
