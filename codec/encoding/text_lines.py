"""Lines of text in a picture: small things of other colours, close together in a row on one ground.

Runs of pixels that touch each other are joined to regions. Regions of one colour that are large are grounds; what is
left is ink. Small pieces of ink with one ground around them are letters, or parts of letters, and letters beside each
other a line.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bitstream.exact_blocks import to_pixels
from bitstream.geometry import BLOCK, CELL, HYPER_STRIDE
from bitstream.turned_lines import Lines, Picture, max_lines, no_lines
from codec.encoding.block_maps import novel_pixels

GROUND_PIXELS = 200
"""Of a region of one colour that counts as ground."""
MAX_HEIGHT = 32
"""Of a letter and of a line, in pixels."""
LEAST_HEIGHT = 4
LEAST_WIDTH = 12
LARGEST_GAP = 16
"""Pixels between letters of one line."""
STROKES_APART = 3
"""Most rows from a part of a letter to the next, as from a dot to what it stands on: two empty ones between them."""
BUSY = 0.7
"""Share of a block's pixels that equal neither the one to the left nor the one above, from which on it is taken to be a
part of a photograph, where nobody looks for text."""
_NO_COLOUR = 1 << 24
"""Colour that all pixels of busy blocks are given."""
FEWEST_PIXELS = 6
"""Of a picture, for each run of ink: patterns have more runs, text has fewer."""
VALLEY = 0.35
"""Share of the mean ink of a row, below which a row may lie between two lines that touch."""

COVERED = 0.97
"""Turned columns are as high as the least that this share of all columns fits in: one high line would lengthen all."""

_Integers = NDArray[np.int64]
_Pairs = tuple[_Integers, _Integers]


@dataclass(frozen=True)
class _Runs:
    """Pixels side by side in a row, from left to right and from top to bottom.

    Attributes:
        row: of each.
        begin: first column.
        end: column after the last.
        width: of the picture.
    """

    row: _Integers
    begin: _Integers
    end: _Integers
    width: int

    def __len__(self) -> int:
        return len(self.row)

    def chosen(self, wanted: NDArray[np.bool_]) -> _Runs:
        return _Runs(self.row[wanted], self.begin[wanted], self.end[wanted], self.width)

    def pairs_below(self, rows: int, reach: int) -> _Pairs:
        """Runs, and those so many rows below that share a column with them or come as near as ``reach``."""
        stride = self.width + reach + 1
        first = (self.row + rows) * stride
        low = np.searchsorted(self.row * stride + self.end, first + self.begin - reach, side="right")
        high = np.searchsorted(self.row * stride + self.begin, first + self.end + reach, side="left")
        count = np.maximum(high - low, 0)
        upper = np.repeat(np.arange(len(self)), count)
        return upper, np.arange(len(upper)) - np.repeat(np.cumsum(count) - count, count) + np.repeat(low, count)

    def neighbours(self, colours: NDArray[np.uint32]) -> _Pairs:
        """Runs, and the next in their row if it is near and has the same ground, given the colours of all grounds."""
        left = np.arange(len(self) - 1)
        near = (self.row[1:] == self.row[:-1]) & (self.begin[1:] - self.end[:-1] <= LARGEST_GAP)
        near &= colours[1:] == colours[:-1]
        return left[near], left[near] + 1


@dataclass(frozen=True)
class TextLines:
    """Lines that were found.

    Attributes:
        lines: their rectangles.
        grounds: uint8 (n, 3), colour of the ground of each.
    """

    lines: Lines
    grounds: NDArray[np.uint8]

    def blocks(self, height: int, width: int) -> NDArray[np.bool_]:
        """Blocks that lines reach into, bool (4 r, 4 c) of the r x c cells of a picture of this size."""
        within = np.zeros([HYPER_STRIDE * -(-side // CELL) for side in (height, width)], bool)
        for top, left, rows, columns in self.lines:
            within[top // BLOCK : -(-(top + rows) // BLOCK), left // BLOCK : -(-(left + columns) // BLOCK)] = True
        return within

    def to_turn(self, rows: int, columns: int) -> TextLines:
        """Lines that are not much higher than all others, and no more of them than may be turned in a picture of so
        many rows and columns."""
        height, width = self.lines[:, 2], self.lines[:, 3]
        covered = np.cumsum(np.bincount(height, width, 1))
        most = int(np.searchsorted(covered, COVERED * covered[-1]))
        fits: NDArray[np.bool_] = height <= most
        fits &= np.cumsum(fits) <= max_lines(rows, columns)
        fits &= np.cumsum(width * fits) * most <= rows * columns
        return TextLines(self.lines[fits], self.grounds[fits])


def find_lines(picture: Picture) -> TextLines:
    """Find the lines of text in a picture, in the order of reading.

    Args:
        picture: uint8 (h, w, 3).
    """
    nothing = TextLines(no_lines(), np.zeros((0, 3), np.uint8))
    colours = picture.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
    busy = novel_pixels(picture) >= BUSY * BLOCK**2
    if busy.any():
        colours[to_pixels(busy, *colours.shape)] = _NO_COLOUR
    new = np.ones(colours.shape, bool)
    new[:, 1:] = colours[:, 1:] != colours[:, :-1]
    ink = _runs(~_grounds(colours, new))
    if not 0 < len(ink) <= colours.size / FEWEST_PIXELS:
        return nothing
    letters, ground = _letters(ink, colours)
    if not len(letters):
        return nothing
    lines, line_grounds = _lines(letters, ground, colours.ravel()[ground])
    return TextLines(lines, picture.reshape(-1, 3)[line_grounds])


def _joined(count: int, pairs: _Pairs) -> _Integers:
    """For each of so many things the first one that it is joined to, by pairs that are."""
    first, (u, v) = np.arange(count), pairs
    while True:
        a, b = first[u], first[v]
        apart = a != b
        if not apart.any():
            return first
        u, v, a, b = u[apart], v[apart], a[apart], b[apart]
        np.minimum.at(first, np.maximum(a, b), np.minimum(a, b))
        while (first[first] != first).any():
            first = first[first]


def _grounds(colours: NDArray[np.uint32], new: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Pixels of regions of one colour that are large.

    Args:
        colours: (h, w).
        new: bool (h, w), pixels at which a run of one colour begins.
    """
    run = np.cumsum(new.ravel()).reshape(new.shape) - 1
    as_above = colours[1:] == colours[:-1]
    told = as_above & (new[1:] | new[:-1])  # else the pixels to the left tell the same
    first = _joined(int(run[-1, -1]) + 1, (run[:-1][told], run[1:][told]))
    region = first[run]
    pixels = np.bincount(region.ravel(), minlength=len(first))
    large: NDArray[np.bool_] = pixels[region] >= GROUND_PIXELS
    return large


def _runs(ink: NDArray[np.bool_]) -> _Runs:
    """Runs of ink (h, w)."""
    edges = np.diff(np.pad(ink, [(0, 0), (1, 1)]).astype(np.int8), axis=1)
    row, begin = np.nonzero(edges == 1)
    return _Runs(row, begin, np.nonzero(edges == -1)[1], ink.shape[1])


def _letters(ink: _Runs, colours: NDArray[np.uint32]) -> tuple[_Runs, _Integers]:
    """Runs of ink that are parts of something small with one ground around it; for each a pixel of that ground."""
    piece = _joined(len(ink), ink.pairs_below(1, 1))
    boxes = _boxes(ink, piece)
    small = (boxes[2] <= MAX_HEIGHT)[piece]
    lightest, darkest = np.zeros(len(ink), np.uint32), np.full(len(ink), _NO_COLOUR, np.uint32)
    where = np.zeros(len(ink), np.int64)
    for column, inside in ((ink.begin - 1, ink.begin > 0), (ink.end, ink.end < ink.width)):
        at = ink.row[inside] * ink.width + column[inside]
        colour = colours.ravel()[at]
        np.maximum.at(lightest, piece[inside], colour)
        np.minimum.at(darkest, piece[inside], colour)
        where[piece[inside]] = at
    kept = small & ((lightest == darkest) & (darkest < _NO_COLOUR))[piece]
    return ink.chosen(kept), where[piece][kept]


def _lines(letters: _Runs, ground: _Integers, colours: NDArray[np.uint32]) -> tuple[Lines, _Integers]:
    """Rectangles around letters that stand in one line; for each a pixel of its ground.

    Args:
        letters: their runs.
        ground: a pixel of the ground of each run.
        colours: of these grounds.
    """
    pairs = [letters.neighbours(colours), letters.pairs_below(1, 1)]
    pairs += [letters.pairs_below(rows, 0) for rows in range(2, STROKES_APART + 1)]
    line = _joined(len(letters), (np.concatenate([u for u, _ in pairs]), np.concatenate([v for _, v in pairs])))
    _cut_high_groups(letters, line)
    top, left, height, width = _boxes(letters, line)
    found = np.flatnonzero(
        (line == np.arange(len(letters)))
        & (height >= LEAST_HEIGHT) & (height <= MAX_HEIGHT) & (width >= LEAST_WIDTH)
    )  # fmt: skip
    found = found[np.lexsort((left[found], (top + height)[found] // LEAST_HEIGHT))]
    return np.stack([side[found] for side in (top, left, height, width)], axis=1), ground[found]


def _cut_high_groups(letters: _Runs, line: _Integers) -> None:
    """Cut groups that are higher than a line may be where they have least ink: letters of lines that stand close touch.

    Args:
        letters: their runs.
        line: of each run the first one of its group; changed in place.
    """
    top, _, height, _ = _boxes(letters, line)
    high = np.flatnonzero((line == np.arange(len(letters))) & (height > MAX_HEIGHT))
    by_line = np.argsort(line, kind="stable")
    begins, ends = (np.searchsorted(line, high, side, sorter=by_line) for side in ("left", "right"))
    for first, begin, end in zip(high, begins, ends, strict=True):
        members = by_line[begin:end]
        rows = letters.row[members] - top[first]
        ink = np.bincount(rows, letters.end[members] - letters.begin[members])
        edges = np.flatnonzero(np.diff(np.concatenate([[0], ink < VALLEY * ink.mean(), [0]])))
        cuts = [low + int(ink[low:up].argmin()) for low, up in edges.reshape(-1, 2) if low]
        part = np.searchsorted(cuts, rows, side="right")
        for number in range(len(cuts) + 1):
            inside = members[part == number]
            line[inside] = inside[:1]


def _boxes(runs: _Runs, group: _Integers) -> tuple[_Integers, _Integers, _Integers, _Integers]:
    """First row, first column, height and width around each group of runs, at the place of its first run."""
    top, bottom = np.full(len(runs), np.iinfo(np.int64).max), np.zeros(len(runs), np.int64)
    left, right = top.copy(), bottom.copy()
    np.minimum.at(top, group, runs.row)
    np.maximum.at(bottom, group, runs.row + 1)
    np.minimum.at(left, group, runs.begin)
    np.maximum.at(right, group, runs.end)
    return top, left, bottom - top, right - left
