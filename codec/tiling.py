"""Networks over pictures of any size: tiles with a halo as wide as what an output depends on.

All in cells of 64 pixels, one position of z. A tile's halo is cut at the picture's own edge, where
the networks pad with zeros as they would for the whole picture; so tiling leaves no seam.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

ANALYSIS_HALO = 1
"""Cells of pixels that y depends on to each side: 3 blocks at 1/16."""
SENDER_HALO = 3
"""Cells of y that a symbol depends on to each side: its mean on z beside it, z on its neighbours, and their fringe."""
RECEIVER_HALO = 2
"""Cells a pixel depends on to each side: features, context, and the synthesis at both scales."""
ANALYSIS_CELLS = 330
"""Most cells of an analysis' tile with its halo. What is computed twice along the seams of such small tiles costs less
than maps cost that do not fit a processor's caches; memory is bounded as well."""
SENDER_CELLS = 500
"""The same of a sender's tile."""
RECEIVER_CELLS = 500
"""The same of a receiver's tile."""
STRIDE = 8
"""Sides of tiles that need not fit chunks are multiples of this many cells, in large pictures."""


@dataclass(frozen=True)
class Tile:
    """A tile and its halo along one axis: ``[begin, end)`` is kept of what ``[low, high)`` gives."""

    begin: int
    end: int
    low: int
    high: int

    def inside(self, unit: int) -> slice:
        """The kept part within the halo's extent, in units of ``unit`` a cell."""
        return slice((self.begin - self.low) * unit, (self.end - self.low) * unit)

    def kept(self, unit: int) -> slice:
        """The kept part within the picture."""
        return slice(self.begin * unit, self.end * unit)

    def seen(self, unit: int) -> slice:
        """The tile with its halo within the picture."""
        return slice(self.low * unit, self.high * unit)


def tiles(begin: int, end: int, cells: int, halo: int, side: int) -> list[Tile]:
    """Cut ``[begin, end)`` of an axis of ``cells`` cells into tiles of ``side`` cells."""
    return [
        Tile(at, min(at + side, end), max(0, at - halo), min(cells, min(at + side, end) + halo))
        for at in range(begin, end, side)
    ]


@dataclass(frozen=True)
class Area:
    """Part of a picture in cells, rows ``[top, bottom)`` and columns ``[left, right)``."""

    top: int
    bottom: int
    left: int
    right: int


def grid(area: Area, cells: tuple[int, int], halo: int, unit: int, most: int) -> Iterator[tuple[Tile, list[Tile]]]:
    """Cut an area into the tiles that cost least, row after row.

    Args:
        area: to be covered.
        cells: rows and columns of the whole picture.
        halo: cells to each side of a tile.
        unit: sides of tiles are multiples of this many cells.
        most: cells of a tile with its halo; a single unit may exceed it.

    Yields:
        tuple[Tile, list[Tile]]: rows of a row of tiles, and the columns of each of its tiles.
    """
    choices = []
    for height in _sides(area.bottom - area.top, unit):
        for width in _sides(area.right - area.left, unit):
            rows = tiles(area.top, area.bottom, cells[0], halo, height)
            columns = tiles(area.left, area.right, cells[1], halo, width)
            largest = max(t.high - t.low for t in rows) * max(t.high - t.low for t in columns)
            cost = sum(t.high - t.low for t in rows) * sum(t.high - t.low for t in columns)
            choices.append((largest > most, cost if largest <= most else largest, height, (rows, columns)))
    rows, columns = min(choices, key=lambda choice: choice[:3])[3]
    for row in rows:
        yield row, columns


def _sides(extent: int, unit: int) -> list[int]:
    longest = -(-extent // unit)
    return sorted({-(-longest // parts) * unit for parts in range(1, min(longest, 256) + 1)})
