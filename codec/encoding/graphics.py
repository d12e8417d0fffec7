"""Images whose graphics are coded exactly, and their photographs by the networks."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitstream.container import MAX_CHUNK_LOG2, Box, Header
from bitstream.geometry import CELL, HYPER_STRIDE
from codec.encoding.candidates import candidates
from codec.encoding.encoder import encode
from codec.encoding.exact_choice import (
    MOSTLY,
    better_exact,
    blocks_inside,
    flat_blocks,
    lossless_bits,
    try_networks,
    weight_of_networks,
)
from codec.encoding.options import ONE_PASS, Effort
from codec.engine.runtime import Runtime
from codec.images.source import Source
from codec.util.progress import Progress

CHUNK_LOG2 = MAX_CHUNK_LOG2
"""Of files with exact blocks: a lossless coder learns from all of a chunk, and on screenshots takes an eighth more if
chunks are half as wide."""
LEADING = 8
"""Latents whose step is taken to be the model's: those of the coarsest patterns, which hold most of an image."""
TRIAL_WORK = 0.5
"""Share of the work that trials are, where there are any."""
FLAT_BITS = 4
"""Bits that the networks take for a block of one colour at the least, and 64 times as many for an image."""
WHOLE_CHUNK = 0.5
"""Share of blocks that are flat or worth a trial, from which on all of a chunk is tried; else what is around them."""


def encode_image(
    runtime: Runtime,
    source: Source,
    quality_index: int,
    boxes: list[Box],
    progress: Progress | None = None,
    effort: Effort = ONE_PASS,
    graphics: bool = True,
) -> bytes:
    """Code an image, graphics exactly.

    Args:
        runtime: the model.
        source: the image.
        quality_index: level of quality.
        boxes: to stand beside it.
        progress: called after each tile, or oftener.
        effort: what is done beyond one pass of the networks.
        graphics: whether blocks may be coded exactly.

    Returns:
        bytes: the file.
    """
    exact = exact_blocks(runtime, source, quality_index, _within(progress, 0, TRIAL_WORK)) if graphics else None
    if exact is None:
        return encode(runtime, source, quality_index, boxes, progress, effort)
    rest = _within(progress, TRIAL_WORK, 1)
    return encode(runtime, source, quality_index, boxes, rest, effort, chunk_log2=CHUNK_LOG2, exact=exact)


def encode_lossless(runtime: Runtime, source: Source, boxes: list[Box], progress: Progress | None = None) -> bytes:
    """Code all pixels of an image exactly; no network takes part.

    Args:
        runtime: a model, which the file names as that of its symbols, though it has none.
        source: the image.
        boxes: to stand beside it.
        progress: called after each chunk.
    """
    cells = Header(source.width, source.height, runtime.model_id, 0).cells
    exact = np.ones([HYPER_STRIDE * side for side in cells], bool)
    best = runtime.tables.levels - 1
    return encode(runtime, source, best, boxes, progress, chunk_log2=CHUNK_LOG2, exact=exact)


def _within(progress: Progress | None, low: float, high: float) -> Progress | None:
    """Progress of a part of the work, from one share of the whole to another."""
    if progress is None:
        return None
    return lambda done, total: progress(round(total * low + (high - low) * done), total)


def exact_blocks(
    runtime: Runtime, source: Source, quality_index: int, progress: Progress | None = None
) -> NDArray[np.bool_] | None:
    """Choose the blocks of an image that are coded exactly.

    Args:
        runtime: the model.
        source: the image.
        quality_index: level of quality.
        progress: called during trials.

    Returns:
        NDArray: bool (4 rows, 4 columns) of the image's cells; None if there are no such blocks.
    """
    header = Header(source.width, source.height, runtime.model_id, quality_index, CHUNK_LOG2)
    step = 255 / float(runtime.gains(quality_index)[0, :LEADING].mean())
    multiplier = 18 / math.log(2) / step**2  # at which this step is best: 3 components gain 3 log2(step) bits a pixel
    chosen = np.zeros([HYPER_STRIDE * side for side in header.cells], bool)
    for top, left, rows, columns in header.chunk_cells():
        pixels = _pixels(source, top, left, rows, columns)
        found, estimates = candidates(pixels, step, multiplier)
        flat, inside = flat_blocks(pixels), blocks_inside(pixels)
        worth = _together(found, flat)
        blocks = _blocks(range(top, top + rows)), _blocks(range(left, left + columns))
        if not worth.any():
            chosen[blocks] = flat[inside].all() and lossless_bits(pixels) < FLAT_BITS * (64 + flat.size)
            continue
        graphic = float((worth | flat)[inside].mean())
        weight = weight_of_networks(graphic)
        if graphic < WHOLE_CHUNK:
            down, across = (_cells_around(worth.any(axis=axis)) for axis in (1, 0))
            worth = worth[_blocks(down), _blocks(across)]
            top, left, rows, columns = top + down.start, left + across.start, len(down), len(across)
            pixels = _pixels(source, top, left, rows, columns)
            blocks = _blocks(range(top, top + rows)), _blocks(range(left, left + columns))
        elif graphic > MOSTLY and lossless_bits(pixels) < weight * float(estimates.sum()):
            chosen[blocks] = True  # without a trial, which takes most of the time
            continue
        tell = None if progress is None else _counted_from(progress, CELL * top * source.width, source)
        exact = better_exact(pixels, worth, try_networks(runtime, pixels, quality_index, multiplier, weight, tell))
        chosen[blocks] = exact
    return chosen if chosen.any() else None


def _counted_from(progress: Progress, begun: int, source: Source) -> Progress:
    """Progress in a part of an image, before which so many pixels were done."""
    whole = source.width * source.height
    return lambda done, total: progress(min(whole, begun + done), whole)


def _pixels(source: Source, top: int, left: int, rows: int, columns: int) -> NDArray[Any]:
    """Pixels of some cells."""
    bottom, right = min(CELL * (top + rows), source.height), min(CELL * (left + columns), source.width)
    return source.crop(CELL * top, bottom, CELL * left, right)


def _together(worth: NDArray[np.bool_], flat: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Without blocks around which nothing is flat or worth a trial: any photograph has a few. Of small images all."""
    if min(worth.shape) <= HYPER_STRIDE:
        return worth
    padded = np.pad(worth | flat, 1)
    rows, columns = worth.shape
    near = sum(padded[y : y + rows, x : x + columns].astype(int) for y in range(3) for x in range(3))
    together: NDArray[np.bool_] = worth & (near > 1)
    return together


def _cells_around(wanted: NDArray[np.bool_]) -> range:
    """Cells from the first to the last with a block that is wanted, and one to each side."""
    cells = np.flatnonzero(wanted.reshape(-1, HYPER_STRIDE).any(axis=1))
    return range(max(0, int(cells[0]) - 1), min(len(wanted) // HYPER_STRIDE, int(cells[-1]) + 2))


def _blocks(cells: range) -> slice:
    return slice(HYPER_STRIDE * cells.start, HYPER_STRIDE * cells.stop)
