"""Symbols refined for their image, tile after tile; the work itself is :mod:`codec.encoding.sga`'s.

A tile's symbols move pixels and means beyond its edge. So each tile is refined with its surroundings in view, as one
pass gives them; that its neighbours are refined too makes no difference that could be measured.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from bitstream.errors import CodecError
from bitstream.geometry import Geometry
from codec.encoding.analysis_pass import AnalysisPass, TileSymbols, columns, pixels
from codec.encoding.options import Effort
from codec.engine.tiling import Area, Tile, grid


def view_around(geometry: Geometry) -> tuple[int, int]:
    """Cells that are in view around a tile, and positions around it whose pixels count.

    A view's edge changes means as far inwards as the context reaches, and from there pixels as far as the synthesis
    reaches. Only pixels that it does not change count.
    """
    reach = geometry.halos.context + geometry.halos.synthesis
    halo = geometry.cells(reach)
    return halo, geometry.hyper_stride * halo - reach


def refined_symbols(latents: AnalysisPass, side: int, effort: Effort) -> Iterator[TileSymbols]:
    """As :meth:`AnalysisPass.symbols`, but refined.

    Args:
        latents: of one pass.
        side: sides of tiles are multiples of so many cells.
        effort: how long.

    Raises:
        CodecError: torch is not installed.
    """
    try:
        import torch

        from codec.encoding.sga import Annealer, View, shares
    except ImportError as error:
        raise CodecError(f"effort needs the extra [train], see the README on how to install it ({error})") from error

    runtime, cells, geometry = latents.runtime, latents.cells, latents.runtime.geometry
    unit = geometry.hyper_stride
    halo, margin = view_around(geometry)
    annealer = Annealer(runtime.folder, latents.quality_index / (runtime.tables.levels - 1), threads=runtime.threads)
    ends = None if effort.seconds is None else time.monotonic() + effort.seconds
    left = cells[0] * cells[1]
    for v, row in grid(Area(0, cells[0], 0, cells[1]), cells, halo, side, latents.max_tile):
        z_rows, y_rows = latents.z.get(v.low, v.high), latents.y.get(v.low, v.high)
        for h in row:
            size = (v.end - v.begin) * (h.end - h.begin)
            z_hat = columns(z_rows, h.seen(1))
            coded = latents.coded[None, None, v.seen(unit), h.seen(unit)]
            view = View(
                x=torch.from_numpy(pixels(latents.source, v.scaled(unit), h.scaled(unit))),
                counted=_counted(latents, v, h, margin),
                y=torch.from_numpy(columns(y_rows, h.seen(unit))),
                z_hat=torch.from_numpy(z_hat),
                coded=torch.from_numpy(coded),
                free=torch.from_numpy(coded & _inside(v.scaled(unit), h.scaled(unit))),
                gray=latents.source.form.components == 1,
            )
            if not view.free.any():
                nothing = np.zeros_like(columns(y_rows, h.seen(unit)), np.int32)[0, :, v.inside(unit), h.inside(unit)]
                yield v, h, z_hat[0, :, v.inside(1), h.inside(1)].astype(np.int32), nothing
                left -= size
                latents.count(unit**2 * size * (1 + effort.iterations))
                continue
            seconds = None if ends is None else (ends - time.monotonic()) * size / left
            tell = _counter(latents, unit**2 * size * effort.iterations)
            refined = annealer.fit(view, shares(effort.iterations, seconds, tell)).numpy()
            tell(1.0)
            refined = refined[0, :, v.inside(unit), h.inside(unit)]
            left -= size
            yield v, h, z_hat[0, :, v.inside(1), h.inside(1)].astype(np.int32), refined.astype(np.int32)
            latents.count(unit**2 * size)
        latents.z.forget(v.end - halo)
        latents.y.forget(min(v.end - halo, v.high - latents.hyper_halo))


def _counter(latents: AnalysisPass, work: float) -> Callable[[float], None]:
    """Counts a piece of work by the share of it that is done."""
    done = 0.0

    def tell(share: float) -> None:
        nonlocal done
        latents.count(work * (share - done))
        done = share

    return tell


def _inside(v: Tile, h: Tile) -> NDArray[np.bool_]:
    """Which of the positions in view are the tile's own."""
    inside = np.zeros((v.high - v.low, h.high - h.low), bool)
    inside[v.inside(1), h.inside(1)] = True
    return inside


def _counted(latents: AnalysisPass, v: Tile, h: Tile, margin: int) -> tuple[slice, slice]:
    """Rows and columns, within a view, of the image's own pixels in a tile and so many positions around it, as nothing
    from beyond the view reaches those."""
    cell, block = latents.runtime.geometry.cell, latents.runtime.geometry.block
    sides = []
    for tile, length in ((v, latents.source.height), (h, latents.source.width)):
        begin, end = cell * tile.begin - block * margin, cell * tile.end + block * margin
        low, high = max(begin, cell * tile.low, 0), min(end, cell * tile.high, length)
        sides.append(slice(low - cell * tile.low, high - cell * tile.low))
    return sides[0], sides[1]
