"""Entropy coding of one chunk's symbols, z first, then y. ``FORMAT.md`` section 6.

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
from bitstream.family import Family
from bitstream.tables import HYPER, Tables
from bitstream.z_context import Z_BOUND, second_half

ESCAPE_CLASSES = 32
Y_BOUND = 1 << 28
"""No |symbol of y| may exceed this."""
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


def _push(coder: Any, values: NDArray[np.int64], index: NDArray[np.integer[Any]], family: Family) -> None:
    """Code values, each with the table of its number; escapes are read after all of them."""
    limits = family.limits.astype(np.int64)[index]
    escaped = np.abs(values) > limits
    _push_escapes(coder, values[escaped], limits[escaped])
    slots = np.where(escaped, 2 * limits + 1, values + limits).astype(np.int32)
    for table, positions in reversed(_groups_by_table(index, len(family.rows))):
        coder.encode_reverse(slots[positions], family.models[table])


def _pop(coder: Any, index: NDArray[np.integer[Any]], family: Family, name: str, bound: int) -> _Ints:
    """Read what :func:`_push` coded."""
    values = np.empty(index.size, np.int32)
    escapes = []
    for table, positions in _groups_by_table(index, len(family.rows)):
        limit = family.limits[table]
        slots = coder.decode(family.models[table], len(positions))
        values[positions] = slots - limit
        if int(slots.max()) > 2 * limit:
            escapes.append(positions[slots > 2 * limit])
    if escapes:
        escaped = np.sort(np.concatenate(escapes))
        found = _pop_escapes(coder, family.limits[index[escaped]].astype(np.int64))
        _check_bound(name, found, bound)
        values[escaped] = found
    return values


def _check_bound(name: str, values: NDArray[Any], bound: int) -> None:
    if values.size and (int(values.max()) > bound or int(values.min()) < -bound):
        raise CorruptError(f"{name}: magnitude above {bound}")


def _later(tables: Tables, rows: int, columns: int) -> NDArray[np.bool_]:
    """Cells whose z is read after that of their neighbours; none without a context."""
    return second_half(rows, columns) if tables.z_context else np.zeros((rows, columns), bool)


def _by_channel(channels: int, cells: int) -> NDArray[np.int32]:
    """Numbers of the tables of z without context."""
    return np.repeat(np.arange(channels, dtype=np.int32), cells)


def encode_chunk(tables: Tables, quality_index: int, z: _Ints, y: _Ints) -> bytes:
    """Code the symbols of one chunk.

    Args:
        tables: of the model.
        quality_index: level of quality.
        z: int32 (channels of z, h, w), |z| at most 2 ** 20.
        y: int32 (channels of y, 4 h, 4 w), magnitude at most 2 ** 28.

    Returns:
        bytes: the payload.

    Raises:
        CorruptError: a symbol is out of bounds.
    """
    _check_bound("z", z, Z_BOUND)
    _check_bound("y", y, Y_BOUND)
    index = tables.scale_index(z, quality_index)
    later = _later(tables, *z.shape[1:])

    coder = ans.stack()
    _push(coder, y.ravel().astype(np.int64), index.ravel(), tables.y_family)
    if tables.z_context and later.any():
        mean, table = tables.z_context.predict(z, tables.bank(quality_index))
        _push(coder, (z[:, later] - mean).ravel(), table.ravel(), tables.z_context.family)
    first = z[:, ~later].astype(np.int64)
    _push(coder, first.ravel(), _by_channel(*first.shape), tables.z_family(quality_index))
    words: NDArray[np.uint32] = coder.get_compressed()
    return words.astype("<u4").tobytes().rstrip(b"\0")


def most_chunk_bytes(tables: Tables, rows: int, columns: int) -> int:
    """No payload of a chunk is longer: a symbol takes at most 24 bits, and 36 more if it is escaped."""
    return 8 * (tables.hyper_latents + HYPER**2 * tables.latents) * rows * columns + 8


def decode_chunk(tables: Tables, quality_index: int, rows: int, columns: int, payload: bytes) -> tuple[_Ints, _Ints]:
    """Read the symbols of one chunk.

    Args:
        tables: of the model.
        quality_index: level of quality.
        rows: cells of the hyper-latent.
        columns: cells of the hyper-latent.
        payload: as :func:`encode_chunk` gave it.

    Returns:
        tuple: z, int32 (channels of z, rows, columns), and y, int32 (channels of y, 4 rows, 4 columns).

    Raises:
        CorruptError: the payload is not one that an encoder makes.
    """
    words = np.frombuffer(payload + bytes(-len(payload) % 4), "<u4").astype(np.uint32)
    if payload.endswith(b"\0"):
        raise CorruptError("chunk: ends with a zero byte")
    coder = ans.stack(words)

    later = _later(tables, rows, columns)
    z = np.zeros((tables.hyper_latents, rows, columns), np.int32)
    first = _by_channel(len(z), int((~later).sum()))
    z[:, ~later] = _pop(coder, first, tables.z_family(quality_index), "z", Z_BOUND).reshape(len(z), -1)
    _check_bound("z", z, Z_BOUND)  # a model's tables may reach further
    if tables.z_context and later.any():
        mean, table = tables.z_context.predict(z, tables.bank(quality_index))
        rest = _pop(coder, table.ravel(), tables.z_context.family, "z", 2 * Z_BOUND).reshape(mean.shape) + mean
        _check_bound("z", rest, Z_BOUND)
        z[:, later] = rest
    index = tables.scale_index(z, quality_index)
    y = _pop(coder, index.ravel(), tables.y_family, "y", Y_BOUND)
    if not coder.is_empty():
        raise CorruptError("chunk: bits left over after the last symbol")
    return z, y.reshape(-1, HYPER * rows, HYPER * columns)
