"""A zlib stream compressed by several threads: with only one, this is most of the time of writing a PNG.

Each part becomes deflate blocks of its own, with the end of the part before as its dictionary. Where the stream is cut
does not depend on the number of threads, so neither do its bytes.

Reference:
    Deutsch and Gailly, RFC 1950 and 1951; Adler, "pigz", 2007, for the dictionaries.
"""

from __future__ import annotations

import os
import zlib
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

_WINDOW = 1 << 15
"""Bytes that a match of deflate may reach back."""
_RAW = -15
"""Of zlib: no header and no checksum, the largest window."""
_HEADER = b"\x78\x9c"


class ParallelDeflate:
    """Compresses parts in order, a few ahead of what is given back.

    Args:
        level: of zlib, 0 to 9.
        strategy: of zlib.
    """

    def __init__(self, level: int, strategy: int) -> None:
        self._level, self._strategy = level, strategy
        self._threads = min(4, os.cpu_count() or 1)
        self._pool = ThreadPoolExecutor(self._threads)
        self._waiting: deque[Future[bytes]] = deque()
        self._checksum, self._before, self._begun = 1, b"", False

    def _compress(self, data: bytes, before: bytes, last: bool) -> bytes:
        options = {"zdict": before} if before else {}
        deflate = zlib.compressobj(self._level, zlib.DEFLATED, _RAW, zlib.DEF_MEM_LEVEL, self._strategy, **options)
        return deflate.compress(data) + deflate.flush(zlib.Z_FINISH if last else zlib.Z_SYNC_FLUSH)

    def compress(self, data: bytes) -> Iterator[bytes]:
        """Take a part, and give back what is ready of those before."""
        self._checksum = zlib.adler32(data, self._checksum)
        self._waiting.append(self._pool.submit(self._compress, data, self._before, False))
        self._before = data[-_WINDOW:]
        if not self._begun:
            self._begun = True
            yield _HEADER
        while len(self._waiting) > 2 * self._threads:
            yield self._waiting.popleft().result()

    def finish(self) -> Iterator[bytes]:
        """Give back the rest."""
        self._waiting.append(self._pool.submit(self._compress, b"", b"", True))
        while self._waiting:
            yield self._waiting.popleft().result()
        self._pool.shutdown()
        yield self._checksum.to_bytes(4, "big")
