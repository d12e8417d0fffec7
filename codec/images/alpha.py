"""Transparency planes, coded without loss as PNG."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bitstream.errors import CorruptError
from codec.images.pillow_compat import open_image

_PIECE = 1 << 16


def encode(plane: NDArray[Any]) -> bytes:
    """PNG of a transparency plane, uint8 or uint16 (H, W)."""
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(plane)).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _is_whole(data: bytes, wanted: int) -> bool:
    """Whether the rows of a PNG image, each with its filter, have so many bytes, and nothing follows its end.

    Pillow makes up rows that are left out, and does not look behind the last.
    """
    inflate, at, found, kind = zlib.decompressobj(), 8, 0, b""
    while at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 8 + (length if kind == b"IDAT" else 0)
        for begin in range(at + 8, end, _PIECE):
            part = data[begin : min(begin + _PIECE, end)]
            while part and found <= wanted:
                found += len(inflate.decompress(part, 16 * _PIECE))
                part = inflate.unconsumed_tail
        at += length + 12
    return found == wanted and kind == b"IEND" and at == len(data)


def decode(data: bytes, width: int, height: int, depth: int) -> NDArray[Any]:
    """A transparency plane from its PNG.

    Raises:
        CorruptError: it is not a valid PNG image, or has another size or depth.
    """
    try:
        with open_image(io.BytesIO(data), ("PNG",)) as image:
            # As it is stored: Pillow also reads fewer bits, and animations that cover a corner.
            found = [(tile[1], tile[3]) for tile in image.tile]
            expected = [((0, 0, width, height), "L" if depth == 8 else "I;16B")]
            if image.size != (width, height) or found != expected:
                raise CorruptError(f"alpha: found {image.size} {found}, expected {(width, height)} {expected}")
            plane = np.asarray(image).astype(f"u{depth // 8}")
        if not _is_whole(data, height * (1 + width * depth // 8)):
            raise CorruptError("alpha: not as many rows as the image has, interlaced, or with bytes after its end")
        return plane
    except (CorruptError, MemoryError):
        raise
    except Exception as error:  # what Pillow raises of a damaged PNG is not documented, and not only OSError
        raise CorruptError(f"alpha: not a PNG image that can be read ({type(error).__name__})") from error
