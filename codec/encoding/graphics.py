"""Images whose graphics are coded exactly, and their photographs by the networks."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitstream.container import CHUNK_LOG2 as PLAIN_CHUNK_LOG2
from bitstream.container import MAX_CHUNK_LOG2, Box, Header
from bitstream.geometry import CELL, HYPER_STRIDE
from codec.encoding.block_maps import neighbours
from codec.encoding.candidates import Candidates, candidates
from codec.encoding.encoder import encode
from codec.encoding.exact_choice import (
    better_exact,
    is_plainly_graphic,
    try_networks,
    weight_of_networks,
)
from codec.encoding.options import ONE_PASS, Effort
from codec.encoding.watch import SymbolWatch, leading_gain
from codec.engine.runtime import Runtime
from codec.images import vp8l
from codec.images.source import Source
from codec.util.progress import Progress

CHUNK_LOG2 = MAX_CHUNK_LOG2
"""Of files with exact blocks: a lossless coder learns from all of a chunk, and on screenshots takes an eighth more if
chunks are half as wide."""
TRIAL_WORK = 0.5
"""Share of the work that trials are, where there are any."""
LEAST_GAIN = 2000.0
"""Bits that exact blocks must seem to save before they are tried, in all but small images: a few blocks of most
photographs seem to save less."""
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
    if not graphics or not vp8l.is_available():
        return _encode(runtime, source, quality_index, boxes, progress, effort, None)
    progress = _never_back(progress)
    exact = exact_blocks(runtime, source, quality_index, _within(progress, 0, TRIAL_WORK))
    begin = 0 if exact is None else TRIAL_WORK
    end = begin + (1 - begin) / (1 + effort.iterations)
    watch = SymbolWatch(runtime, quality_index, Header(source.width, source.height, runtime.model_id, 0).cells)
    one_pass = _within(progress, begin, end)
    data = _encode(runtime, source, quality_index, boxes, one_pass, ONE_PASS, exact, watch)
    further = _doubtful_blocks(runtime, source, quality_index, watch.doubtful, exact, progress)
    if further.any():
        exact = further if exact is None else exact | further
    elif not effort.iterations:
        return data
    return _encode(runtime, source, quality_index, boxes, _within(progress, end, 1), effort, exact)


def _encode(
    runtime: Runtime,
    source: Source,
    quality_index: int,
    boxes: list[Box],
    progress: Progress | None,
    effort: Effort,
    exact: NDArray[np.bool_] | None,
    watch: SymbolWatch | None = None,
) -> bytes:
    chunk_log2 = CHUNK_LOG2
    if exact is None or (effort.iterations and not exact.all()):
        chunk_log2 = PLAIN_CHUNK_LOG2  # effort takes memory in proportion to a chunk
    return encode(
        runtime, source, quality_index, boxes, progress, effort, chunk_log2=chunk_log2, exact=exact, watch=watch
    )


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


def _never_back(progress: Progress | None) -> Progress | None:
    """Progress that waits where it is told less than before: whether there is a trial to do shows only on the way."""
    if progress is None:
        return None
    most = 0

    def tell(done: int, total: int) -> None:
        nonlocal most
        most = max(most, done)
        progress(most, total)

    return tell


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
    step, multiplier = _step_and_multiplier(runtime, quality_index)
    chosen = np.zeros([HYPER_STRIDE * side for side in header.cells], bool)
    chunks = header.chunk_cells()
    for number, (top, left, rows, columns) in enumerate(chunks):
        tell = _part_of(progress, number, len(chunks), source)
        tell(0, 1)
        pixels = _pixels(source, top, left, rows, columns)
        found = candidates(pixels, step, multiplier)
        blocks = _blocks(range(top, top + rows)), _blocks(range(left, left + columns))
        if found.gain < LEAST_GAIN * min(1, found.worth.size / 400):
            chosen[blocks] = _is_one_colour(pixels)
            continue
        worth = _together(found)
        if not worth.any():
            continue
        graphic = float((found.likely | found.flat)[found.inside].mean())
        weight = weight_of_networks(graphic)
        if is_plainly_graphic(pixels, found, weight):
            chosen[blocks] = True  # without a trial, which takes most of the time
            continue
        if graphic < WHOLE_CHUNK:
            down, across = (_cells_around(worth.any(axis=axis)) for axis in (1, 0))
            found = found.part(_blocks(down), _blocks(across))
            top, left, rows, columns = top + down.start, left + across.start, len(down), len(across)
            pixels = _pixels(source, top, left, rows, columns)
            blocks = _blocks(range(top, top + rows)), _blocks(range(left, left + columns))
        networks = try_networks(runtime, pixels, quality_index, multiplier, weight, tell)
        chosen[blocks] = better_exact(pixels, found, networks)
    return chosen if chosen.any() else None


def _doubtful_blocks(
    runtime: Runtime,
    source: Source,
    quality_index: int,
    doubtful: NDArray[np.bool_],
    exact: NDArray[np.bool_] | None,
    progress: Progress | None,
) -> NDArray[np.bool_]:
    """The blocks that the networks may not bring back, and those beside them, as far as they are better coded exactly.

    Args:
        runtime: the model.
        source: the image.
        quality_index: level of quality.
        doubtful: bool (4 rows, 4 columns) of the image's cells, from a :class:`~codec.encoding.watch.SymbolWatch`.
        exact: bool, likewise, those that are exact already; None if there are none.
        progress: called during trials, without getting on.

    Returns:
        NDArray: bool, likewise, without those that are exact already.
    """
    header = Header(source.width, source.height, runtime.model_id, quality_index, CHUNK_LOG2)
    step, multiplier = _step_and_multiplier(runtime, quality_index)
    near = neighbours(doubtful, runtime.geometry.halos.synthesis) > 0
    if exact is not None:
        near &= ~exact
    chosen = np.zeros_like(doubtful)
    for top, left, rows, columns in header.chunk_cells():
        part = doubtful[_blocks(range(top, top + rows)), _blocks(range(left, left + columns))]
        if not part.any():
            continue
        down, across = (_cells_around(part.any(axis=axis)) for axis in (1, 0))
        pixels = _pixels(source, top + down.start, left + across.start, len(down), len(across))
        found = candidates(pixels, step, multiplier)
        found = replace(found, likely=part[_blocks(down), _blocks(across)])
        tell = _part_of(_within(progress, 0, 0), 0, 1, source)
        networks = try_networks(runtime, pixels, quality_index, multiplier, 1.0, tell)
        rows_here, columns_here = (
            range(first + span.start, first + span.stop) for first, span in ((top, down), (left, across))
        )
        chosen[_blocks(rows_here), _blocks(columns_here)] = better_exact(pixels, found, networks)
    return chosen & near


def _step_and_multiplier(runtime: Runtime, quality_index: int) -> tuple[float, float]:
    """The model's step in levels of 255, and the bits a pixel that a squared error of one level is worth."""
    step = 255 / leading_gain(runtime, quality_index)
    return step, 18 / math.log(2) / step**2  # at which this step is best: 3 components gain 3 log2(step) bits a pixel


def _is_one_colour(pixels: NDArray[Any]) -> bool:
    """Whether all pixels are alike: a lossless coder takes a few bytes for any number of them, the networks some bits
    for each block."""
    return bool((pixels[0] == pixels[-1]).all() and (pixels == pixels[:1, :1]).all())


def _part_of(progress: Progress | None, number: int, parts: int, source: Source) -> Progress:
    """Progress in one of so many parts of an image."""
    whole = source.width * source.height

    def tell(done: int, total: int) -> None:
        if progress is not None:
            progress(round(whole * (number + done / total) / parts), whole)

    return tell


def _pixels(source: Source, top: int, left: int, rows: int, columns: int) -> NDArray[Any]:
    """Pixels of some cells."""
    bottom, right = min(CELL * (top + rows), source.height), min(CELL * (left + columns), source.width)
    return source.crop(CELL * top, bottom, CELL * left, right)


def _together(found: Candidates) -> NDArray[np.bool_]:
    """Blocks worth a trial, but for those around which nothing is flat or worth one: any photograph has a few. Of small
    images all."""
    if min(found.worth.shape) <= HYPER_STRIDE:
        return found.worth
    together: NDArray[np.bool_] = found.worth & (neighbours(found.worth | found.flat, 1) > 1)
    return together


def _cells_around(wanted: NDArray[np.bool_]) -> range:
    """Cells from the first to the last with a block that is wanted, and one to each side."""
    cells = np.flatnonzero(wanted.reshape(-1, HYPER_STRIDE).any(axis=1))
    return range(max(0, int(cells[0]) - 1), min(len(wanted) // HYPER_STRIDE, int(cells[-1]) + 2))


def _blocks(cells: range) -> slice:
    return slice(HYPER_STRIDE * cells.start, HYPER_STRIDE * cells.stop)
