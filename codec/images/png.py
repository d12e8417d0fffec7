"""Writes PNG row by row, with up to 16 bits and transparency.

Pillow would hold the whole image, and has no RGB of 16 bits.

Reference:
    Portable Network Graphics (PNG) Specification, W3C, section 9 for the filters, 12 for their choice.
"""

from __future__ import annotations

import struct
import zlib
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from bitstream.boxes import Metadata
from codec.images.deflate import ParallelDeflate

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}
_PART_ROWS = 64
_METRES_AN_INCH = 0.0254


class Writer:
    """Writes a PNG file part by part; :meth:`finish` ends it.

    Args:
        file: to write to.
        width: pixels.
        height: pixels.
        channels: 1 gray, 2 gray and alpha, 3 RGB, 4 RGB and alpha.
        depth: bits of a channel, 8 or 16.
        metadata: ICC profile, EXIF and XMP to be written.
        dpi: pixels an inch, across and down, to be written; None for none.
        level: of zlib, 0 to 9; 4 takes two thirds of the time of 6, for 1 to 3% more bytes.
    """

    def __init__(
        self,
        file: BinaryIO,
        width: int,
        height: int,
        channels: int,
        depth: int,
        metadata: Metadata = Metadata(),
        dpi: tuple[float, float] | None = None,
        level: int = 4,
    ) -> None:
        self._file, self._depth = file, depth
        self._pixel_bytes = channels * depth // 8
        self._above = np.zeros(width * self._pixel_bytes, np.uint8)
        self._deflate = ParallelDeflate(level, zlib.Z_FILTERED)
        file.write(_SIGNATURE)
        self._chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, _COLOUR_TYPES[channels], 0, 0, 0))
        if metadata.icc:
            self._chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(metadata.icc, 9))
        if dpi:
            across, down = (min(round(value / _METRES_AN_INCH), 2**31 - 1) for value in dpi)
            self._chunk(b"pHYs", struct.pack(">IIB", across, down, 1))
        if metadata.exif:
            self._chunk(b"eXIf", metadata.exif)
        if metadata.xmp:
            self._chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + metadata.xmp)

    def _chunk(self, kind: bytes, data: bytes) -> None:
        self._file.write(struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)))

    def write(self, rows: NDArray[Any]) -> None:
        """Append rows, uint8 or uint16 (h, W, channels)."""
        for at in range(0, len(rows), _PART_ROWS):
            part = np.ascontiguousarray(rows[at : at + _PART_ROWS], np.dtype("u1" if self._depth == 8 else ">u2"))
            self._write_bytes(part.view(np.uint8).reshape(len(part), -1))

    def _write_bytes(self, rows: NDArray[np.uint8]) -> None:
        up = np.vstack([self._above[None], rows[:-1]])
        left, corner = np.zeros_like(rows), np.zeros_like(rows)
        left[:, self._pixel_bytes :] = rows[:, : -self._pixel_bytes]
        corner[:, self._pixel_bytes :] = up[:, : -self._pixel_bytes]
        self._above = rows[-1].copy()
        a, b, c = (plane.astype(np.int16) for plane in (left, up, corner))
        to_left, to_up, to_corner = np.abs(b - c), np.abs(a - c), np.abs(a + b - 2 * c)
        paeth = np.where((to_left <= to_up) & (to_left <= to_corner), left, np.where(to_up <= to_corner, up, corner))
        filtered = [rows, rows - left, rows - up, rows - ((a + b) >> 1).astype(np.uint8), rows - paeth]
        # The usual choice: what is smallest in sum, as signed bytes.
        sums = np.stack([np.abs(f.view(np.int8).astype(np.int16)).sum(axis=1, dtype=np.int64) for f in filtered])
        best = sums.argmin(axis=0)
        out = np.empty((len(rows), rows.shape[1] + 1), np.uint8)
        out[:, 0] = best
        for kind, plane in enumerate(filtered):
            out[best == kind, 1:] = plane[best == kind]
        for compressed in self._deflate.compress(out.tobytes()):
            self._chunk(b"IDAT", compressed)

    def finish(self) -> None:
        """Write what is left."""
        for compressed in self._deflate.finish():
            self._chunk(b"IDAT", compressed)
        self._chunk(b"IEND", b"")
