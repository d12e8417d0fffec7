"""The size of a JPEG XL image by its first bytes: the plugin that reads them decodes all pixels before it tells.

Reference:
    ISO/IEC 18181-1:2024, annex D for the size header; ISO/IEC 18181-2 for the container.
"""

from __future__ import annotations

_CODESTREAM = b"\xff\x0a"
_CONTAINER = b"\0\0\0\x0cJXL \r\n\x87\n"
_SIDE_BITS = (9, 13, 18, 30)
"""Bits of a side less one, by its selector."""
_RATIOS = {1: (1, 1), 2: (12, 10), 3: (4, 3), 4: (3, 2), 5: (16, 9), 6: (5, 4), 7: (2, 1)}
"""Width to height, by the number that stands for it; 0 gives the width itself."""
FIRST_BYTES = 1 << 16
"""As many of a file as its size is looked for in."""


def _codestream(data: bytes) -> bytes | None:
    """The codestream's begin, from within its container if it has one; None if there is none."""
    if data.startswith(_CODESTREAM):
        return data
    if not data.startswith(_CONTAINER):
        return None
    at = 0
    while at + 16 <= len(data):
        length, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        head = 8
        if length == 1:
            length, head = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        if kind in (b"jxlc", b"jxlp"):
            begin = at + head + (4 if kind == b"jxlp" else 0)  # parts have a number first
            return data[begin:]
        if length < head:
            return None
        at += length
    return None


def read_size(data: bytes) -> tuple[int, int] | None:
    """Width and height of a JPEG XL image, not turned.

    Args:
        data: its first bytes, at best :data:`FIRST_BYTES`.

    Returns:
        tuple[int, int] | None: None if it is no such image, or its size does not stand in them.
    """
    stream = _codestream(data)
    if stream is None or not stream.startswith(_CODESTREAM) or len(stream) < 16:
        return None
    bits, at = int.from_bytes(stream[2:16], "little"), 0

    def take(count: int) -> int:
        nonlocal at
        value = bits >> at & ((1 << count) - 1)
        at += count
        return value

    small = take(1)

    def side() -> int:
        return 8 * (take(5) + 1) if small else take(_SIDE_BITS[take(2)]) + 1

    height, ratio = side(), take(3)
    if ratio:
        across, down = _RATIOS[ratio]
        return height * across // down, height
    return side(), height
