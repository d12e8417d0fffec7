"""Pixels that nobody will see as the networks code them, filled with what costs least: a smooth continuation of those
beside them.

Programs leave anything under full transparency: black, white, or what was there before it was erased. And pixels that
the file holds exactly are put over those of the networks. Coded as they are, both would cost bytes, and their edges
would bleed into what is seen.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitstream.geometry import CELL
from codec.images.source import Source

_Floats = NDArray[np.float32]


Weights = Callable[[int, int, int, int], NDArray[Any]]
"""Gives how much each pixel counts, (h, w), between rows and columns ``top, bottom, left, right``; 0 is unseen."""


class FilledSource(Source):
    """A source whose unseen pixels continue those beside them; all others stay as they are.

    What stands in a cell of 64 x 64 pixels depends on that cell and on a map of the whole image with one colour a cell,
    so a pixel is the same whatever part it is read in.

    Args:
        source: the image.
        weights: of its pixels.
    """

    def __init__(self, source: Source, weights: Weights) -> None:
        self.width, self.height, self.form = source.width, source.height, source.form
        self.metadata, self.notes = source.metadata, source.notes
        self._source, self._weights = source, weights
        self._colours = self._colour_of_cells()

    def alpha(self) -> NDArray[Any] | None:
        """See :meth:`Source.alpha`."""
        return self._source.alpha()

    def crop(self, top: int, bottom: int, left: int, right: int) -> NDArray[Any]:
        """See :meth:`Source.crop`."""
        if self._weights(top, bottom, left, right).all():
            return self._source.crop(top, bottom, left, right)
        rows, columns = (slice(low // CELL, -(-high // CELL)) for low, high in ((top, bottom), (left, right)))
        pixels, weights = self._cells(rows, columns)
        filled = _continued(pixels, weights, self._colours[rows, columns])
        unseen = ~weights.any(axis=(2, 3), keepdims=True)
        if unseen.any():
            filled = np.where(unseen, self._between_cells(rows, columns), filled)
        levels = np.rint(filled).clip(0, (1 << self.form.depth) - 1)  # sums of 16 bits are not exact
        whole = np.where(weights > 0, pixels, levels).transpose(0, 2, 1, 3, 4)
        image = whole.reshape(whole.shape[0] * CELL, whole.shape[2] * CELL, -1).astype(f"u{self.form.depth // 8}")
        down, across = top - rows.start * CELL, left - columns.start * CELL
        return image[down : down + bottom - top, across : across + right - left]

    def _between_cells(self, rows: slice, columns: slice) -> _Floats:
        """The colours of cells, from the middle of one to that of the next, (rows, columns, 64, 64, components)."""
        colours = self._colours
        for axis, part in ((0, rows), (1, columns)):
            place = (np.arange(part.start * CELL, part.stop * CELL, dtype=np.float32) + 0.5) / CELL - 0.5
            place = place.clip(0, colours.shape[axis] - 1)
            low = place.astype(int)
            share = (place - low).reshape((-1, 1, 1) if axis == 0 else (-1, 1))
            high = np.minimum(low + 1, colours.shape[axis] - 1)
            colours = np.take(colours, low, axis) * (1 - share) + np.take(colours, high, axis) * share
        shape = rows.stop - rows.start, CELL, columns.stop - columns.start, CELL, -1
        between: _Floats = colours.reshape(shape).transpose(0, 2, 1, 3, 4)
        return between

    def _cells(self, rows: slice, columns: slice) -> tuple[_Floats, _Floats]:
        """Pixels and their weights, (cells down, cells across, 64, 64, components or 1); none beyond the image."""
        box = rows.start * CELL, rows.stop * CELL, columns.start * CELL, columns.stop * CELL
        top, bottom, left, right = box[0], min(box[1], self.height), box[2], min(box[3], self.width)
        beyond = ((0, box[1] - bottom), (0, box[3] - right), (0, 0))
        pixels = np.pad(self._source.crop(top, bottom, left, right).astype(np.float32), beyond)
        weights = np.pad(self._weights(top, bottom, left, right)[:, :, None].astype(np.float32), beyond)
        shape = rows.stop - rows.start, CELL, columns.stop - columns.start, CELL, -1
        by_cell = (part.reshape(shape).transpose(0, 2, 1, 3, 4) for part in (pixels, weights))
        return next(by_cell), next(by_cell)

    def _colour_of_cells(self) -> _Floats:
        """Mean colour of what is seen of each cell; where nothing is, a continuation of the cells beside it."""
        across = slice(0, -(-self.width // CELL))
        sums, weights = [], []
        for row in range(-(-self.height // CELL)):
            pixels, shares = self._cells(slice(row, row + 1), across)
            sums.append((pixels * shares).sum(axis=(2, 3)))
            weights.append(shares.sum(axis=(2, 3)))
        return _without_holes(np.concatenate(sums), np.concatenate(weights), self._mid_level())

    def _mid_level(self) -> float:
        return float(1 << (self.form.depth - 1))


def visible(source: Source) -> Source:
    """A source without colours that nobody can see, as they are fully transparent."""
    alpha = source.alpha()
    if alpha is None or alpha.all():
        return source
    return FilledSource(source, lambda top, bottom, left, right: alpha[top:bottom, left:right])


def _halved(x: _Floats) -> _Floats:
    """Sums of 2 x 2, of maps (..., h, w, c) whose sides are even."""
    *front, h, w, c = x.shape
    sums: _Floats = x.reshape(*front, h // 2, 2, w // 2, 2, c).sum(axis=(-4, -2))
    return sums


def _doubled(x: _Floats) -> _Floats:
    """Each position of maps (..., h, w, c) as 2 x 2, and the steps between them softened."""
    x = x.repeat(2, axis=-3).repeat(2, axis=-2)
    for axis in (-3, -2):
        pads = [(1, 1) if i == x.ndim + axis else (0, 0) for i in range(x.ndim)]
        padded = np.pad(x, pads, mode="edge")
        size = x.shape[axis]
        before, here, after = (np.take(padded, range(k, k + size), axis=axis) for k in range(3))
        x = (before + 2 * here + after) / 4
    return x


def _levels(sums: _Floats, weights: _Floats) -> list[tuple[_Floats, _Floats]]:
    """Sums and weights at full size, at half of it, and so on down to one position."""
    levels = [(sums, weights)]
    while levels[-1][0].shape[-3] > 1:
        levels.append((_halved(levels[-1][0]), _halved(levels[-1][1])))
    return levels


def _filled(levels: list[tuple[_Floats, _Floats]], colour: _Floats) -> _Floats:
    """Means where there is weight, elsewhere a continuation of coarser levels, the coarsest of one colour."""
    for number, (sums, weights) in enumerate(reversed(levels)):
        if number:
            colour = _doubled(colour)
        colour = np.where(weights > 0, sums / np.maximum(weights, np.float32(1e-6)), colour)
    return colour


def _continued(pixels: _Floats, weights: _Floats, colours: _Floats) -> _Floats:
    """Cells with their invisible pixels filled.

    Args:
        pixels: (rows, columns, 64, 64, components).
        weights: of them, (rows, columns, 64, 64, 1).
        colours: of the cells, (rows, columns, components).
    """
    return _filled(_levels(pixels * weights, weights), colours[:, :, None, None])


def _without_holes(sums: _Floats, weights: _Floats, mid: float) -> _Floats:
    """A small map filled likewise, (rows, columns, components); of one colour where nothing of the image is seen."""
    rows, columns, components = sums.shape
    side = 1 << max(rows - 1, columns - 1, 0).bit_length()
    beyond = ((0, side - rows), (0, side - columns), (0, 0))
    filled = _filled(
        _levels(np.pad(sums, beyond), np.pad(weights, beyond)), np.full((1, 1, components), mid, np.float32)
    )
    return filled[:rows, :columns]
