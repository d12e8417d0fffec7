"""Pictures without loss, as VP8L: the bitstream within a lossless WebP file, which Pillow and browsers read.

Reference:
    RFC 9649, "WebP Image Format", section 3.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, features

from bitstream.boxes import PixelFormat
from bitstream.errors import CodecError, CorruptError
from codec.images.pillow_compat import open_image

_HEADER = 20
"""Bytes of a WebP file before its bitstream."""
_SIGNATURE = 0x2F
_METHOD = 4
"""Of libwebp: 5 and 6 take many times as long, and find nothing more on screenshots."""


def encode(pixels: NDArray[Any], quality: int = 100) -> bytes:
    """Code pixels.

    Args:
        pixels: uint8 or uint16 (h, w, 1 or 3), sides of at most 16,383, half as many rows if there are 16 bits.
        quality: how hard to look for a shorter code, 0 to 100.

    Raises:
        CodecError: Pillow was built without WebP.
    """
    _require_webp()
    file = io.BytesIO()
    picture = Image.fromarray(_bytes_apart(pixels))
    picture.save(file, "WEBP", lossless=True, quality=quality, method=_METHOD, exact=True)
    data = file.getvalue()
    length = int.from_bytes(data[_HEADER - 4 : _HEADER], "little")
    if data[12:16] != b"VP8L" or len(data) - _HEADER - length not in (0, 1):
        raise CodecError("WebP: Pillow wrote more than one plain picture without loss")
    return data[_HEADER : _HEADER + length]


def decode(stream: bytes, height: int, width: int, form: PixelFormat) -> NDArray[Any]:
    """Pixels, uint8 or uint16 (height, width, components).

    Raises:
        CorruptError: it is not a picture that can be read, or has another size.
        CodecError: Pillow was built without WebP.
    """
    _require_webp()
    rows = height * form.depth // 8
    # Before memory is claimed. After the signature come width and height, each less 1, whether there is transparency,
    # and a version that is 0.
    fields = int.from_bytes(stream[1:5], "little")
    found = (fields & 0x3FFF) + 1, (fields >> 14 & 0x3FFF) + 1, fields >> 28
    if len(stream) < 5 or stream[0] != _SIGNATURE or found != (width, rows, 0):
        raise CorruptError(f"picture: not a VP8L bitstream of {width} x {rows} opaque pixels")
    body = b"WEBPVP8L" + len(stream).to_bytes(4, "little") + stream + bytes(len(stream) % 2)
    try:
        with open_image(io.BytesIO(b"RIFF" + len(body).to_bytes(4, "little") + body), ("WEBP",)) as image:
            if image.mode != "RGB" or image.size != (width, rows):
                raise CorruptError(f"picture: found {image.mode} {image.size}, expected RGB {(width, rows)}")
            return _bytes_together(np.asarray(image), form)
    except (CorruptError, MemoryError):
        raise
    except Exception as error:  # what Pillow raises of a damaged picture is not documented
        raise CorruptError(f"picture: cannot be read ({type(error).__name__})") from error


def is_available() -> bool:
    """Whether Pillow was built with WebP."""
    return bool(features.check("webp"))


def _require_webp() -> None:
    if not is_available():
        raise CodecError("exact blocks need a Pillow that was built with WebP")


def _bytes_apart(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """As red, green and blue of 8 bits. Of 16, the lower bytes stand below the upper ones, as differences from them:
    images that had 8 bits once have zeros there."""
    if pixels.dtype.itemsize == 2:
        upper = (pixels >> 8).astype(np.uint8)
        pixels = np.concatenate([upper, pixels.astype(np.uint8) - upper])
    return np.ascontiguousarray(np.broadcast_to(pixels, (*pixels.shape[:2], 3)))


def _bytes_together(picture: NDArray[np.uint8], form: PixelFormat) -> NDArray[Any]:
    pixels = np.array(picture[:, :, : form.components])  # a copy: of gray, two thirds would be kept for nothing
    if form.depth == 8:
        return pixels
    upper, difference = np.split(pixels, 2)
    together: NDArray[np.uint16] = upper.astype(np.uint16) << 8 | (difference + upper)
    return together
