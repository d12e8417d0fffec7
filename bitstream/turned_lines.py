"""Lines of text in a picture, which stand in a picture of their own, turned on their side. ``FORMAT.md`` section 9.

A lossless coder goes through a picture row by row. A letter that it has met before is a copy of some pixels in each of
its rows. Turned, the columns of a line follow each other, and the whole letter is one copy.
"""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

from bitstream.container import varint
from bitstream.errors import CorruptError
from bitstream.geometry import BLOCK

MAX_SIDE = (1 << 14) - 1
"""Most rows of a picture that VP8L can hold."""
_FIELDS = 4
_MAX_FIELD = 2
"""Most bytes of a number: each is at most twice the largest side of a picture, which has 4,096 rows at 16 bits."""
_MOST = 1 << 12

Lines = NDArray[np.int64]
"""Rectangles (n, 4): first row, first column, height, width of each."""
Picture = NDArray[np.uint8]
"""Red, green and blue (height, width, 3)."""


def no_lines() -> Lines:
    """Of a picture that stands as it is."""
    return np.zeros((0, _FIELDS), np.int64)


def max_lines(height: int, width: int) -> int:
    """Most lines of a picture: one for each block of 16 x 16 pixels, and 4,096."""
    return min(-(-height // BLOCK) * -(-width // BLOCK), _MOST)


def pack(lines: Lines) -> bytes:
    """The rectangles as a zlib stream of numbers: how the first rows differ from line to line, likewise the first
    columns; then all heights, and all widths."""
    top, left, height, width = lines.T
    differences = (np.diff(side, prepend=0) for side in (top, left))
    fields = [*(_unsigned(values) for values in differences), height, width]
    return zlib.compress(b"".join(varint(int(value)) for field in fields for value in field), 9)


def unpack(stream: bytes, count: int, height: int, width: int) -> Lines:
    """The rectangles in a picture of so many rows and columns.

    Args:
        stream: as :func:`pack` gave it.
        count: of lines.
        height: of the picture.
        width: of the picture.

    Raises:
        CorruptError: it is damaged, there are no lines or too many, one leaves the picture, or all together have more
            pixels, turned, than the picture.
    """
    if not 1 <= count <= max_lines(height, width):
        raise CorruptError(f"lines: found {count}, expected 1 to {max_lines(height, width)}")
    most = _FIELDS * _MAX_FIELD * count
    expander = zlib.decompressobj()
    try:
        data = expander.decompress(stream, most + 1)
    except zlib.error as error:
        raise CorruptError(f"lines: {error}") from error
    if not expander.eof or expander.unused_data or len(data) > most:
        raise CorruptError(f"lines: not one whole zlib stream of at most {most} bytes")
    values = _varints(np.frombuffer(data, np.uint8))
    if len(values) != _FIELDS * count:
        raise CorruptError(f"lines: found {len(values)} numbers, expected {_FIELDS * count}")
    lines = values.reshape(_FIELDS, count)
    lines[:2] = np.cumsum((lines[:2] >> 1) ^ -(lines[:2] & 1), axis=1)
    inside = (lines[:2] >= 0) & (lines[2:] >= 1) & (lines[:2] + lines[2:] <= [[height], [width]])
    if not inside.all():
        raise CorruptError(f"lines: some leave the picture of {width} x {height} pixels, or are empty")
    if int(lines[2].max()) * int(lines[3].sum()) > height * width:
        raise CorruptError(f"lines: together they have more pixels than the picture of {width} x {height}")
    return lines.T


def turned_size(lines: Lines) -> tuple[int, int]:
    """Height and width of the picture of turned lines. Each column of a line takes as many pixels as the highest line
    has. A row of the picture holds as few columns as keep it at most :data:`MAX_SIDE` high."""
    columns, highest = int(lines[:, 3].sum()), int(lines[:, 2].max())
    in_row = -(-columns // MAX_SIDE)
    return -(-columns // in_row), in_row * highest


def turn(picture: Picture, lines: Lines, grounds: NDArray[np.uint8]) -> Picture:
    """The picture of the turned lines.

    Args:
        picture: in which they stand.
        lines: at least one.
        grounds: uint8 (n, 3), the colour after the pixels of each line's columns.
    """
    height, width = turned_size(lines)
    highest = int(lines[:, 2].max())
    turned = np.empty((height * width // highest, highest, 3), np.uint8)
    at = 0
    for (top, left, rows, columns), ground in zip(lines, grounds, strict=True):
        turned[at : at + columns, :rows] = picture[top : top + rows, left : left + columns].transpose(1, 0, 2)
        turned[at : at + columns, rows:] = ground
        at += columns
    turned[at:] = grounds[-1]
    return turned.reshape(height, width, 3)


def turn_back(turned: Picture, lines: Lines, picture: Picture) -> None:
    """Put turned lines in place.

    Args:
        turned: as :func:`turn` gave it.
        lines: its lines.
        picture: in which they stand; changed in place.
    """
    columns_of = turned.reshape(-1, int(lines[:, 2].max()), 3)
    at = 0
    for top, left, rows, columns in lines:
        picture[top : top + rows, left : left + columns] = columns_of[at : at + columns, :rows].transpose(1, 0, 2)
        at += columns


def _varints(data: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Numbers of one byte or two each, as :func:`~bitstream.container.varint` gives them."""
    last = data < 0x80
    begins = np.flatnonzero(np.concatenate([[True], last[:-1]]))
    if not len(data) or not last[-1]:
        raise CorruptError("lines: end within a number")
    length = np.diff(begins, append=len(data))
    second = data[np.minimum(begins + 1, len(data) - 1)].astype(np.int64)
    two = length == 2
    if length.max() > _MAX_FIELD or (two & (second == 0)).any():
        raise CorruptError("lines: a number is too long")
    values: NDArray[np.int64] = (data[begins] & 0x7F) + np.where(two, second << 7, 0)
    return values


def _unsigned(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Numbers of either sign as numbers from 0 on: 0, -1, 1, -2, ..."""
    unsigned: NDArray[np.int64] = np.where(values < 0, -2 * values - 1, 2 * values)
    return unsigned
