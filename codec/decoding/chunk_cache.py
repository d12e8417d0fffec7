"""Symbols of chunks that the next call may want again, within bounds."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAX_BYTES = 1 << 28
"""Most bytes that all kept symbols may take together; a single chunk may exceed it."""

ChunkSymbols = tuple[NDArray[np.int32], NDArray[Any]]
"""z, and y in the narrowest integers that hold it."""


class ChunkCache:
    """The chunks that were used last. Safe to share between threads."""

    def __init__(self) -> None:
        self._chunks: OrderedDict[int, ChunkSymbols] = OrderedDict()
        self._lock = threading.Lock()
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._chunks)

    def get(self, i: int) -> ChunkSymbols | None:
        """The symbols of chunk ``i``, if they are here."""
        with self._lock:
            if i not in self._chunks:
                return None
            self._chunks.move_to_end(i)
            return self._chunks[i]

    def put(self, i: int, z: NDArray[np.int32], y: NDArray[np.int32], keep: int) -> ChunkSymbols:
        """Keep and return the symbols of chunk ``i``; of the other chunks keep at most the last ``keep - 1``."""
        symbols = z, narrow(y)
        with self._lock:
            if i not in self._chunks:  # another thread may have been first
                self._chunks[i] = symbols
                self.bytes += _nbytes(symbols)
            while len(self._chunks) > 1 and (len(self._chunks) > keep or self.bytes > MAX_BYTES):
                self.bytes -= _nbytes(self._chunks.popitem(last=False)[1])
        return symbols


def _nbytes(symbols: ChunkSymbols) -> int:
    return sum(values.nbytes for values in symbols)


def narrow(values: NDArray[np.int32]) -> NDArray[Any]:
    """The same integers in the narrowest type that holds them all."""
    low, high = int(values.min()), int(values.max())
    for dtype in (np.int8, np.int16):
        if np.iinfo(dtype).min <= low and high <= np.iinfo(dtype).max:
            return values.astype(dtype)
    return values
