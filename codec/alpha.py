"""Transparency planes, coded without loss as PNG."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bitstream.errors import CorruptError
from codec.images import open_image


def encode(plane: NDArray[Any]) -> bytes:
    """PNG of a transparency plane, uint8 or uint16 (H, W)."""
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(plane)).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def decode(data: bytes, width: int, height: int, depth: int) -> NDArray[Any]:
    """A transparency plane from its PNG.

    Raises:
        CorruptError: it is no such image, or of another size or depth.
    """
    try:
        with open_image(io.BytesIO(data), ("PNG",)) as image:
            # As it is stored: Pillow also reads fewer bits, and animations that cover a corner.
            found = [(tile[1], tile[3]) for tile in image.tile]
            expected = [((0, 0, width, height), "L" if depth == 8 else "I;16B")]
            if image.size != (width, height) or found != expected:
                raise CorruptError(f"alpha: found {image.size} {found}, expected {(width, height)} {expected}")
            return np.asarray(image).astype(f"u{depth // 8}")
    except (CorruptError, MemoryError):
        raise
    except Exception as error:  # what Pillow raises of a damaged PNG is not documented, and not only OSError
        raise CorruptError(f"alpha: not a PNG image that can be read ({type(error).__name__})") from error
