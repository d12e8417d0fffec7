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
            mode = "L" if depth == 8 else "I;16"
            if image.size != (width, height) or image.mode != mode:
                raise CorruptError(f"alpha: found {image.size} {image.mode}, expected {(width, height)} {mode}")
            return np.asarray(image).astype(f"u{depth // 8}")
    except (CorruptError, MemoryError):
        raise
    except Exception as error:  # what Pillow raises of a damaged PNG is not documented, and not only OSError
        raise CorruptError(f"alpha: {error}") from error
