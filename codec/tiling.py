"""Networks over pictures of any size: tiles with a halo as wide as what an output depends on.

All in cells of 64 pixels, one position of z. A tile's halo is cut at the picture's own edge, where
the networks pad with zeros as they would for the whole picture; so tiling leaves no seam.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bitstream.container import CELL
from bitstream.tables import HYPER
from codec.runtime import Runtime

TILE = 32
"""Side of a tile, without halo."""
SENDER_HALO = 4
"""Cells a symbol depends on to each side: 3 blocks, z's own neighbours, the features' and context's."""
RECEIVER_HALO = 2
"""Cells a pixel depends on to each side: features, context, and the synthesis at both scales."""

_Ints = NDArray[np.int32]


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


def tiles(cells: int, halo: int, tile: int = TILE) -> list[Tile]:
    """Cut one axis of ``cells`` cells into tiles."""
    return [
        Tile(at, min(at + tile, cells), max(0, at - halo), min(cells, at + tile + halo)) for at in range(0, cells, tile)
    ]


def _grid(rows: int, columns: int, halo: int, tile: int) -> Iterator[tuple[Tile, Tile]]:
    for vertical in tiles(rows, halo, tile):
        for horizontal in tiles(columns, halo, tile):
            yield vertical, horizontal


def _padded(pixels: NDArray[np.uint8], vertical: Tile, horizontal: Tile) -> NDArray[np.float32]:
    """Pixels of a tile and its halo, the last rows and columns repeated up to whole cells."""
    part = pixels[vertical.seen(CELL), horizontal.seen(CELL)]
    height, width = (vertical.high - vertical.low) * CELL, (horizontal.high - horizontal.low) * CELL
    pad = [(0, height - part.shape[0]), (0, width - part.shape[1]), (0, 0)]
    return np.pad(part, pad, mode="edge").transpose(2, 0, 1)[None].astype(np.float32) / np.float32(255)


def analyse(runtime: Runtime, pixels: NDArray[np.uint8], quality_index: int, tile: int = TILE) -> tuple[_Ints, _Ints]:
    """All symbols of a picture.

    Args:
        runtime: the model.
        pixels: uint8 (H, W, 3).
        quality_index: level of quality.
        tile: side of a tile in cells.

    Returns:
        tuple: z, int32 (channels, rows, columns), and y, int32 (channels, 4 rows, 4 columns).
    """
    rows, columns = (-(-n // CELL) for n in pixels.shape[:2])
    z = np.empty((runtime.tables.hyper_latents, rows, columns), np.int32)
    y = np.empty((runtime.tables.latents, HYPER * rows, HYPER * columns), np.int32)
    for v, h in _grid(rows, columns, SENDER_HALO, tile):
        z_hat, symbols = runtime.send(_padded(pixels, v, h), quality_index)
        z[:, v.kept(1), h.kept(1)] = z_hat[0, :, v.inside(1), h.inside(1)]
        y[:, v.kept(HYPER), h.kept(HYPER)] = symbols[0, :, v.inside(HYPER), h.inside(HYPER)]
    return z, y


def synthesise(
    runtime: Runtime, z: _Ints, y: _Ints, size: tuple[int, int], quality_index: int, tile: int = TILE
) -> NDArray[np.uint8]:
    """Pixels of a picture from its symbols.

    Args:
        runtime: the model.
        z: int32 (channels, rows, columns).
        y: int32 (channels, 4 rows, 4 columns).
        size: height and width in pixels.
        quality_index: level of quality.
        tile: side of a tile in cells.

    Returns:
        NDArray[np.uint8]: (height, width, 3).
    """
    height, width = size
    pixels = np.empty((height, width, 3), np.uint8)
    for v, h in _grid(z.shape[1], z.shape[2], RECEIVER_HALO, tile):
        x_hat = runtime.receive(
            z[None, :, v.seen(1), h.seen(1)].astype(np.float32),
            y[None, :, v.seen(HYPER), h.seen(HYPER)].astype(np.float32),
            quality_index,
        )
        target = pixels[v.kept(CELL), h.kept(CELL)]
        part = x_hat[0, :, v.inside(CELL), h.inside(CELL)][:, : target.shape[0], : target.shape[1]]
        # A hostile file can drive the networks out of the range of floats. Any pixel is as good then, and
        # these two, other than clip, turn what is not a number into one.
        np.fmax(part, 0, out=part)
        np.fmin(part, 1, out=part)
        part *= 255
        np.rint(part, out=part)
        for component in range(3):  # one transposed copy of all three is several times slower
            target[:, :, component] = part[component]
    return pixels
