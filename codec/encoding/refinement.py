"""Symbols fitted to their picture, tile after tile; the work itself is :mod:`codec.encoding.sga`'s.

A tile's symbols move pixels and means beyond its edge. So each tile is fitted with its surroundings in view, as one
pass gives them; that its neighbours are fitted too makes no difference that could be measured.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from bitstream.container import CELL
from bitstream.errors import CodecError
from bitstream.tables import HYPER
from codec.encoding.analysis_pass import Latents, TileSymbols, columns, pixels
from codec.encoding.effort import Effort
from codec.engine.tiling import BLOCK, HYPER_HALO, Area, Tile, grid

FIT_HALO = 2
"""Cells in view around a tile that is fitted: means reach 3 positions from the view's edge inwards, pixels 3 more."""
MARGIN = HYPER * FIT_HALO - 6
"""Positions around a tile whose pixels count, as nothing from beyond the view reaches them."""


def fitted_symbols(latents: Latents, side: int, effort: Effort) -> Iterator[TileSymbols]:
    """As :meth:`Latents.symbols`, but fitted.

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

    runtime, cells = latents.runtime, latents.cells
    if runtime.threads:
        torch.set_num_threads(runtime.threads)
    annealer = Annealer(runtime.folder, latents.quality_index / (runtime.tables.levels - 1))
    ends = None if effort.seconds is None else time.monotonic() + effort.seconds
    left = cells[0] * cells[1]
    for v, row in grid(Area(0, cells[0], 0, cells[1]), cells, FIT_HALO, side, latents.max_tile):
        z_rows, y_rows = latents.z.get(v.low, v.high), latents.y.get(v.low, v.high)
        for h in row:
            size = (v.end - v.begin) * (h.end - h.begin)
            z_hat = columns(z_rows, h.seen(1))
            view = View(
                x=torch.from_numpy(pixels(latents.source, _in_positions(v), _in_positions(h))),
                counted=_counted(latents, v, h),
                y=torch.from_numpy(columns(y_rows, h.seen(HYPER))),
                z_hat=torch.from_numpy(z_hat),
                free=torch.from_numpy(_free(v, h)),
                gray=latents.source.form.components == 1,
            )
            seconds = None if ends is None else (ends - time.monotonic()) * size / left
            tell = _counter(latents, HYPER**2 * size * effort.iterations)
            fitted = annealer.fit(view, shares(effort.iterations, seconds, tell)).numpy()
            tell(1.0)
            fitted = fitted[0, :, v.inside(HYPER), h.inside(HYPER)]
            left -= size
            yield v, h, z_hat[0, :, v.inside(1), h.inside(1)].astype(np.int32), fitted.astype(np.int32)
            latents.count(HYPER**2 * size)
        latents.z.forget(v.end - FIT_HALO)
        latents.y.forget(min(v.end - FIT_HALO, v.high - HYPER_HALO))


def _counter(latents: Latents, work: float) -> Callable[[float], None]:
    """Counts a piece of work by the share of it that is done."""
    done = 0.0

    def tell(share: float) -> None:
        nonlocal done
        latents.count(work * (share - done))
        done = share

    return tell


def _in_positions(tile: Tile) -> Tile:
    return Tile(HYPER * tile.begin, HYPER * tile.end, HYPER * tile.low, HYPER * tile.high)


def _free(v: Tile, h: Tile) -> NDArray[np.bool_]:
    free = np.zeros((1, 1, v.high - v.low, h.high - h.low), bool)
    free[:, :, v.inside(1), h.inside(1)] = True
    return free


def _counted(latents: Latents, v: Tile, h: Tile) -> tuple[slice, slice]:
    """Rows and columns, within a view, of the picture's own pixels in a tile and its margin."""
    sides = []
    for tile, length in ((v, latents.source.height), (h, latents.source.width)):
        begin, end = CELL * tile.begin - BLOCK * MARGIN, CELL * tile.end + BLOCK * MARGIN
        low, high = max(begin, CELL * tile.low, 0), min(end, CELL * tile.high, length)
        sides.append(slice(low - CELL * tile.low, high - CELL * tile.low))
    return sides[0], sides[1]
