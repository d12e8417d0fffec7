"""Networks over images of any size: tiles with a halo as wide as what an output depends on.

In cells of 64 pixels, one position of z, or in positions of 16 pixels, one of y. A tile's halo is
cut at the image's own edge, where the networks pad with zeros as they would for the whole
image; so tiling leaves no seam. Between the networks whole rows are kept, so that each has only
its own, narrow halo.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

TILE_CELLS = 400
"""Most cells of a tile with its halo. Larger ones would compute less twice along their seams, but need more memory and
leave the processor's caches."""
BAND = 16
"""Most tiles, of the largest size, side by side."""
STRIDE = 4
"""Sides of tiles that need not fit chunks are multiples of this, in large images."""


@dataclass(frozen=True)
class Tile:
    """A tile and its halo along one axis: ``[begin, end)`` is kept of what ``[low, high)`` gives."""

    begin: int
    end: int
    low: int
    high: int

    def scaled(self, unit: int) -> Tile:
        """The same tile in units of which ``unit`` make one of its own."""
        return Tile(unit * self.begin, unit * self.end, unit * self.low, unit * self.high)

    def inside(self, unit: int) -> slice:
        """The kept part within the halo's extent, in units of ``unit`` a cell."""
        return slice((self.begin - self.low) * unit, (self.end - self.low) * unit)

    def kept(self, unit: int) -> slice:
        """The kept part within the image."""
        return slice(self.begin * unit, self.end * unit)

    def seen(self, unit: int) -> slice:
        """The tile with its halo within the image."""
        return slice(self.low * unit, self.high * unit)


def stride(area: Area, most: int) -> int:
    """Unit of the sides of tiles that need not fit chunks; a coarse one in large areas, so that shapes are few."""
    return STRIDE if (area.bottom - area.top) * (area.right - area.left) > most else 1


def tiles(begin: int, end: int, cells: int, halo: int, side: int) -> list[Tile]:
    """Cut ``[begin, end)`` of an axis of ``cells`` cells into tiles of ``side`` cells."""
    return [
        Tile(at, min(at + side, end), max(0, at - halo), min(cells, min(at + side, end) + halo))
        for at in range(begin, end, side)
    ]


@dataclass(frozen=True)
class Area:
    """Part of an image in cells, rows ``[top, bottom)`` and columns ``[left, right)``."""

    top: int
    bottom: int
    left: int
    right: int


def grid(area: Area, cells: tuple[int, int], halo: int, unit: int, most: int) -> Iterator[tuple[Tile, list[Tile]]]:
    """Cut an area into the tiles that cost least, row after row.

    Args:
        area: to be covered.
        cells: rows and columns of the whole image.
        halo: cells to each side of a tile.
        unit: sides of tiles are multiples of this many cells.
        most: cells of a tile with its halo; a single unit may exceed it. Nor is a row of tiles more than BAND times as
            large, so that wide images are cut into flat tiles: their rows are held whole between the networks.

    Yields:
        tuple[Tile, list[Tile]]: rows of a row of tiles, and the columns of each of its tiles.
    """
    down = _cuts(area.top, area.bottom, cells[0], halo, unit)
    across = _cuts(area.left, area.right, cells[1], halo, unit)

    def rank(pair: tuple[_Cut, _Cut]) -> tuple[bool, int, int, int]:
        largest = pair[0].largest * max(pair[1].largest, -(-(area.right - area.left) // BAND))
        if largest > most:
            return True, largest, 0, pair[0].largest
        # Without a halo all cuts cost the same, but each tile is a run of a network.
        runs = len(pair[0].tiles) * len(pair[1].tiles)
        return False, pair[0].total * pair[1].total, runs, pair[0].largest

    rows, columns = min(((d, a) for d in down for a in across), key=rank)
    for row in rows.tiles:
        yield row, columns.tiles


@dataclass(frozen=True)
class _Cut:
    """A way to cut an axis; lengths of its longest tile and of all tiles together, halos included."""

    tiles: list[Tile]
    largest: int
    total: int


def _cuts(begin: int, end: int, cells: int, halo: int, unit: int) -> list[_Cut]:
    longest = -(-(end - begin) // unit)
    cuts = []
    for side in sorted({-(-longest // parts) * unit for parts in range(1, min(longest, 256) + 1)}):
        parts = tiles(begin, end, cells, halo, side)
        lengths = [t.high - t.low for t in parts]
        cuts.append(_Cut(parts, max(lengths), sum(lengths)))
    return cuts
