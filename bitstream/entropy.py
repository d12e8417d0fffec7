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
from bitstream.tables import HYPER, Z_BOUND, Tables

ESCAPE_CLASSES = 32
Y_BOUND = 1 << 28
"""No |symbol of y| may exceed this."""
_HALF = 16

_Ints = NDArray[np.int32]


def _groups_by_table(index: NDArray[np.uint8], tables: Tables) -> list[tuple[int, NDArray[np.intp]]]:
    """Each table in use and the positions of its symbols, in raster order; tables ascending."""
    flat = index.ravel()
    order = np.argsort(flat, kind="stable")
    ends = np.searchsorted(flat[order], np.arange(len(tables.y_limits), dtype=np.uint8), side="right")
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


def _check_bound(name: str, values: NDArray[Any], bound: int) -> None:
    if len(values) and (int(values.max()) > bound or int(values.min()) < -bound):
        raise CorruptError(f"{name}: magnitude above {bound}")


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
    _check_bound("z", z.ravel(), Z_BOUND)
    _check_bound("y", y.ravel(), Y_BOUND)
    index = tables.scale_index(z, quality_index)
    y_flat = y.ravel().astype(np.int64)
    y_limits = tables.y_limits.astype(np.int64)[index.ravel()]
    z_flat = z.ravel().astype(np.int64)
    z_limits = np.full(len(z_flat), tables.z_limit, np.int64)

    coder = ans.stack()
    for values, limits in ((y_flat, y_limits), (z_flat, z_limits)):
        escaped = np.abs(values) > limits
        _push_escapes(coder, values[escaped], limits[escaped])
        slots = np.where(escaped, 2 * limits + 1, values + limits).astype(np.int32)
        if values is y_flat:
            for table, positions in reversed(_groups_by_table(index, tables)):
                coder.encode_reverse(slots[positions], tables.y_models[table])
        else:
            for model, row in zip(tables.z_models(quality_index)[::-1], slots.reshape(len(z), -1)[::-1], strict=True):
                coder.encode_reverse(np.ascontiguousarray(row), model)
    words: NDArray[np.uint32] = coder.get_compressed()
    return words.astype("<u4").tobytes().rstrip(b"\0")


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

    count = rows * columns
    z_slots = np.stack([coder.decode(model, count) for model in tables.z_models(quality_index)])
    z = z_slots.astype(np.int64) - tables.z_limit
    escaped = z > tables.z_limit
    z[escaped] = _pop_escapes(coder, np.full(int(escaped.sum()), tables.z_limit, np.int64))
    _check_bound("z", z.ravel(), Z_BOUND)
    z_symbols = z.astype(np.int32).reshape(-1, rows, columns)

    index = tables.scale_index(z_symbols, quality_index)
    limits = tables.y_limits
    y = np.empty(index.size, np.int32)
    escapes = []
    for table, positions in _groups_by_table(index, tables):
        slots = coder.decode(tables.y_models[table], len(positions))
        y[positions] = slots - limits[table]
        if int(slots.max()) > 2 * limits[table]:
            escapes.append(positions[slots > 2 * limits[table]])
    if escapes:
        escaped = np.sort(np.concatenate(escapes))
        values = _pop_escapes(coder, limits[index.ravel()[escaped]].astype(np.int64))
        _check_bound("y", values, Y_BOUND)
        y[escaped] = values
    if not coder.is_empty():
        raise CorruptError("chunk: bits left over after the last symbol")
    return z_symbols, y.reshape(-1, HYPER * rows, HYPER * columns)
