"""Entropy coding of one chunk's symbols, stage by stage. ``FORMAT.md`` section 6.

Symbols that share a table are coded together, one call of the coder for each table. An asymmetric
numeral system is a stack, so the encoder pushes in the reverse of the order in which the decoder pops.

Reference:
    Duda, "Asymmetric numeral systems: entropy coding combining speed of Huffman coding with
    compression rate of arithmetic coding", 2013; Bamler, "Understanding Entropy Coding With
    Asymmetric Numeral Systems (ANS): a Statistician's Perspective", 2022.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitstream import ans
from bitstream.errors import CorruptError
from bitstream.frequency_tables import FrequencyTables
from bitstream.geometry import HYPER_STRIDE
from bitstream.stages import coding_stages, empty_latents
from bitstream.tables import Tables

ESCAPE_CLASSES = 32
_HALF = 16

_Ints = NDArray[np.int32]


def _groups_by_table(index: NDArray[np.integer[Any]], tables: int) -> list[tuple[int, NDArray[np.intp]]]:
    """Each table in use and the positions of its symbols, in raster order; tables ascending."""
    order = np.argsort(index, kind="stable")
    ends = np.searchsorted(index[order], np.arange(tables, dtype=index.dtype), side="right")
    return [(table, part) for table, part in enumerate(np.split(order, ends[:-1])) if len(part)]


def _fold(values: NDArray[np.int64], limits: NDArray[np.int64]) -> NDArray[np.int64]:
    """Escaped values as positive integers: 1, 2, 3, 4 for limit + 1, -limit - 1, limit + 2, ..."""
    return 2 * (np.abs(values) - limits) - 1 + (values < 0)


def _unfold(folded: NDArray[np.int64], limits: NDArray[np.int64]) -> NDArray[np.int64]:
    magnitude = (folded + 1) // 2 + limits
    return np.where(folded % 2 == 0, -magnitude, magnitude)


def _push_escapes(coder: Any, values: NDArray[np.int64], limits: NDArray[np.int64]) -> None:
    folded = _fold(values, limits)
    classes = (np.frexp(folded.astype(np.float64))[1] - 1).astype(np.int32)
    rest = folded - (np.int64(1) << classes)
    for bits in range(ESCAPE_CLASSES - 1, 0, -1):
        part = rest[classes == bits]
        if len(part):
            low = min(bits, _HALF)
            if bits > _HALF:
                coder.encode_reverse((part >> _HALF).astype(np.int32), ans.uniform(1 << (bits - _HALF)))
            coder.encode_reverse((part & ((1 << low) - 1)).astype(np.int32), ans.uniform(1 << low))
    if len(classes):
        coder.encode_reverse(classes, ans.uniform(ESCAPE_CLASSES))


def _pop_escapes(coder: Any, limits: NDArray[np.int64]) -> NDArray[np.int64]:
    if not len(limits):
        return np.zeros(0, np.int64)
    classes = coder.decode(ans.uniform(ESCAPE_CLASSES), len(limits))
    folded = np.int64(1) << classes.astype(np.int64)
    for bits in range(1, ESCAPE_CLASSES):
        at = np.flatnonzero(classes == bits)
        if len(at):
            folded[at] += coder.decode(ans.uniform(1 << min(bits, _HALF)), len(at))
            if bits > _HALF:
                folded[at] += coder.decode(ans.uniform(1 << (bits - _HALF)), len(at)).astype(np.int64) << _HALF
    return _unfold(folded, limits)


def _push(coder: Any, values: NDArray[np.int64], index: NDArray[np.integer[Any]], tables: FrequencyTables) -> None:
    """Code values, each with the table of its number; escapes are read after all of them."""
    limits = tables.max_magnitudes.astype(np.int64)[index]
    escaped = np.abs(values) > limits
    _push_escapes(coder, values[escaped], limits[escaped])
    slots = np.where(escaped, 2 * limits + 1, values + limits).astype(np.int32)
    for table, positions in reversed(_groups_by_table(index, len(tables))):
        coder.encode_reverse(slots[positions], tables.models[table])


def _pop(coder: Any, index: NDArray[np.integer[Any]], tables: FrequencyTables, name: str, bound: int) -> _Ints:
    """Read what :func:`_push` coded."""
    values = np.empty(index.size, np.int32)
    escapes = []
    for table, positions in _groups_by_table(index, len(tables)):
        limit = tables.max_magnitudes[table]
        slots = coder.decode(tables.models[table], len(positions))
        values[positions] = slots - limit
        if int(slots.max()) > 2 * limit:
            escapes.append(positions[slots > 2 * limit])
    if escapes:
        escaped = np.sort(np.concatenate(escapes))
        found = _pop_escapes(coder, tables.max_magnitudes[index[escaped]].astype(np.int64))
        _check_bound(name, found, bound)
        values[escaped] = found
    return values


def _check_bound(name: str, values: NDArray[Any], bound: int) -> None:
    if values.size and (int(values.max()) > bound or int(values.min()) < -bound):
        raise CorruptError(f"{name}: magnitude above {bound}")


def encode_chunk(
    tables: Tables, quality_index: int, z: _Ints, y: _Ints, coded: NDArray[np.bool_] | None = None
) -> bytes:
    """Code the symbols of one chunk.

    Args:
        tables: of the model.
        quality_index: level of quality.
        z: int32 (channels of z, h, w), |z| at most 2 ** 20.
        y: int32 (channels of y, 4 h, 4 w), magnitude at most 2 ** 28.
        coded: bool (4 h, 4 w), the blocks whose symbols are coded, all others having none but 0; None for all.

    Returns:
        bytes: the payload.

    Raises:
        CorruptError: a symbol is out of bounds.
    """
    latents = {"z": z, "y": y}
    stages = coding_stages(tables, quality_index, z.shape[1], z.shape[2], coded)
    for stage in stages:
        _check_bound(stage.latent, latents[stage.latent], stage.bound)
    coder = ans.stack()
    for stage in reversed(stages):
        prediction = stage.predict(z)
        values = stage.select(latents[stage.latent]).astype(np.int64)
        if prediction.offset is not None:
            values -= prediction.offset
        _push(coder, values.ravel(), prediction.table.ravel(), stage.tables)
    words: NDArray[np.uint32] = coder.get_compressed()
    return words.astype("<u4").tobytes().rstrip(b"\0")


def max_chunk_bytes(tables: Tables, rows: int, columns: int) -> int:
    """Upper bound on a chunk's payload: a symbol takes at most 24 bits, and 36 more if it is escaped."""
    return 8 * (tables.hyper_latents + HYPER_STRIDE**2 * tables.latents) * rows * columns + 8


def decode_chunk(
    tables: Tables,
    quality_index: int,
    rows: int,
    columns: int,
    payload: bytes,
    coded: NDArray[np.bool_] | None = None,
) -> tuple[_Ints, _Ints]:
    """Read the symbols of one chunk.

    Args:
        tables: of the model.
        quality_index: level of quality.
        rows: cells of the hyper-latent.
        columns: cells of the hyper-latent.
        payload: as :func:`encode_chunk` gave it.
        coded: as it was there.

    Returns:
        tuple: z, int32 (channels of z, rows, columns), and y, int32 (channels of y, 4 rows, 4 columns).

    Raises:
        CorruptError: the payload is not one that an encoder makes.
    """
    words = np.frombuffer(payload + bytes(-len(payload) % 4), "<u4").astype(np.uint32)
    if payload.endswith(b"\0"):
        raise CorruptError("chunk: ends with a zero byte")
    coder = ans.stack(words)
    latents = empty_latents(tables, rows, columns)
    for stage in coding_stages(tables, quality_index, rows, columns, coded):
        prediction = stage.predict(latents["z"])
        # A coded value is a symbol less its offset. Both are within the bound, so it is within twice the bound.
        values = _pop(coder, prediction.table.ravel(), stage.tables, stage.latent, 2 * stage.bound)
        values = values.reshape(prediction.table.shape)
        if prediction.offset is not None:
            values = values + prediction.offset
        _check_bound(stage.latent, values, stage.bound)
        stage.place(latents[stage.latent], values)
    if not coder.is_empty():
        raise CorruptError("chunk: bits left over after the last symbol")
    return latents["z"], latents["y"]
