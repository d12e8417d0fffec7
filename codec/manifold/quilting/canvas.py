"""Where blocks are joined to an image: each moved to where it fits best, and cut where it differs least."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from bitstream.geometry import BLOCK
from codec.engine.runtime import Runtime

Floats = NDArray[np.float32]
T = TypeVar("T", bound=np.generic)
SIDE = 6
"""Positions a side of a block."""
OVERLAP = 2
"""Positions that a block shares with those above it and to its left."""
STEP = SIDE - OVERLAP
MOVE = 8
"""Pixels that a block may be moved to each side, half a position: its neighbours on the grid do the rest."""
AROUND = 2
"""Positions around a block that are analysed with it, as coordinates depend on their surroundings."""


@dataclass(frozen=True)
class Source:
    """What blocks are drawn from, an image or a part of one.

    Attributes:
        y: float32 (rows, columns, channels), coordinates; at least SIDE rows and columns.
        pixels: uint8 (16 rows, 16 columns, 3), the same part.
    """

    y: Floats
    pixels: NDArray[np.uint8]


class Canvas:
    """What is drawn so far, block after block, from left to right and from the top down.

    Args:
        down: rows of blocks.
        across: columns of blocks.

    Attributes:
        pixels: float32 (height, width, 3), 0 is black and 1 is white.
        right: likewise, at each pixel what its right neighbour has more in the block that it is of.
        down: likewise, for the neighbour below.
    """

    def __init__(self, down: int, across: int) -> None:
        shape = tuple((n * STEP + OVERLAP) * BLOCK for n in (down, across))
        self.pixels, self.right, self.down = (np.zeros((*shape, 3), np.float32) for _ in range(3))
        self._known = np.zeros(shape, bool)

    def coordinates(self, i: int, j: int, runtime: Runtime, quality_index: int) -> Floats:
        """Coordinates of what a block will cover, float32 (SIDE, SIDE, channels); they count where it overlaps.

        What is not drawn yet is taken for the mean of what is. That it is wrong does not matter: it changes the other
        coordinates by less than half a percent of their power.

        Args:
            i: row of blocks.
            j: column of blocks.
            runtime: what analyses.
            quality_index: level of quality at which it does.
        """
        top, left = (max(0, n * STEP - AROUND) for n in (i, j))
        part = tuple(slice(n * BLOCK, (k * STEP + SIDE + AROUND) * BLOCK) for n, k in ((top, i), (left, j)))
        x, known = self.pixels[part], self._known[part]
        x = np.where(known[..., None], x, x[known].mean(axis=0))
        y = runtime.analyse(np.ascontiguousarray(x.transpose(2, 0, 1))[None], quality_index)[0].transpose(1, 2, 0)
        covered: Floats = y[i * STEP - top :, j * STEP - left :][:SIDE, :SIDE]
        return covered

    def fit(self, i: int, j: int, source: Source, corner: NDArray[np.int64]) -> tuple[float, NDArray[np.int64]]:
        """The least error of a block in the overlap, and by how many pixels it is moved to have it.

        Args:
            i: row of blocks.
            j: column of blocks.
            source: what the block is from.
            corner: of the block in the source, in pixels.
        """
        there = self.pixels[_block(i, j)]
        edge, side = OVERLAP * BLOCK, SIDE * BLOCK
        shared = [(slice(0, edge, 2), slice(0, side, 2))] if i else []  # every other pixel is enough
        if j:
            shared.append((slice(edge if i else 0, side, 2), slice(0, edge, 2)))
        least, move = np.inf, np.zeros(2, np.int64)
        for by in np.indices((MOVE + 1, MOVE + 1)).reshape(2, -1).T * 2 - MOVE:
            top, left = corner + by
            block = source.pixels[max(0, top) :, max(0, left) :][:side, :side]
            if min(top, left) < 0 or block.shape[:2] != (side, side):
                continue
            error = sum(float(np.square(block[s] / np.float32(255) - there[s]).sum()) for s in shared)
            if error < least:
                least, move = error, by
        return least, move

    def put(self, i: int, j: int, source: Source, corner: NDArray[np.int64]) -> None:
        """Add a block, cut along the path of least error.

        Args:
            i: row of blocks.
            j: column of blocks.
            source: what the block is from.
            corner: of the block in the source, in pixels.
        """
        size, edge = SIDE * BLOCK, OVERLAP * BLOCK
        # One more row and column than the block has, if there are, tell how it goes on.
        wider = source.pixels[corner[0] :, corner[1] :][: size + 1, : size + 1] / np.float32(255)
        block, there = wider[:size, :size], self.pixels[_block(i, j)]
        errors = np.square(block - there).sum(axis=2)
        new = np.ones((size, size), bool)
        # The first line stays as it is, so that the blocks on both sides of a seam are known there.
        if j:
            new &= np.arange(size) > _cheapest_path(errors[:, 1:edge])[:, None]
        if i:
            new &= np.arange(size)[:, None] > _cheapest_path(errors[1:edge].T)
        there[new] = block[new]
        self._known[_block(i, j)] = True
        for axis, field in ((0, self.down[_block(i, j)]), (1, self.right[_block(i, j)])):
            more = _differences(wider, axis)[:size, :size]
            seam = new != _next(new, axis)
            # A step is a seam's own if neither block has it there, and goes; if one of them has it, it stays.
            steps = _median(more[seam], field[seam], _differences(there, axis)[seam])
            field[new] = more[new]
            field[seam] = steps


def _block(i: int, j: int) -> tuple[slice, slice]:
    """Where a block lies on the canvas."""
    top, left = i * STEP * BLOCK, j * STEP * BLOCK
    return slice(top, top + SIDE * BLOCK), slice(left, left + SIDE * BLOCK)


def _cheapest_path(errors: Floats) -> NDArray[np.int64]:
    """The column in each row of the path from top to bottom whose errors are least; neighbours differ by at most 1."""
    sums = errors.astype(np.float64)
    for row in range(1, len(sums)):
        above = np.pad(sums[row - 1], 1, constant_values=np.inf)
        sums[row] += np.minimum(np.minimum(above[:-2], above[1:-1]), above[2:])
    path = np.empty(len(sums), np.int64)
    path[-1] = sums[-1].argmin()
    for row in range(len(sums) - 2, -1, -1):
        low = max(0, path[row + 1] - 1)
        path[row] = low + sums[row, low : path[row + 1] + 2].argmin()
    return path


def _next(values: NDArray[T], axis: int) -> NDArray[T]:
    """At each place the value of the next along an axis, of the last its own."""
    return np.concatenate([values[1:], values[-1:]]) if axis == 0 else _next(values.swapaxes(0, 1), 0).swapaxes(0, 1)


def _differences(values: Floats, axis: int) -> Floats:
    """At each place what the next along an axis has more, 0 at the last."""
    return _next(values, axis) - values


def _median(a: Floats, b: Floats, c: Floats) -> Floats:
    """Of three values each."""
    return np.maximum(np.minimum(a, b), np.minimum(np.maximum(a, b), c))
