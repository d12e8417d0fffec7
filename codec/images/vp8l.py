"""Pictures without loss, as VP8L: the bitstream within a lossless WebP file, which Pillow and browsers read.

Reference:
    RFC 9649, "WebP Image Format", section 3.
"""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, features

from bitstream.errors import CodecError, CorruptError
from codec.images.pillow_compat import open_image

_HEADER = 20
"""Bytes of a WebP file before its bitstream."""
_SIGNATURE = 0x2F
_METHOD = 4
"""Of libwebp: 5 and 6 take many times as long, and find nothing more on screenshots."""


def encode(picture: NDArray[np.uint8], quality: int = 100) -> bytes:
    """Code a picture.

    Args:
        picture: uint8 (h, w, 3), sides of at most 16,383.
        quality: how hard to look for a shorter code, 0 to 100.

    Raises:
        CodecError: Pillow was built without WebP.
    """
    _require_webp()
    file = io.BytesIO()
    image = Image.fromarray(picture)
    image.save(file, "WEBP", lossless=True, quality=quality, method=_METHOD, exact=True)
    data = file.getvalue()
    length = int.from_bytes(data[_HEADER - 4 : _HEADER], "little")
    if data[12:16] != b"VP8L" or len(data) - _HEADER - length not in (0, 1):
        raise CodecError("WebP: Pillow wrote more than one plain picture without loss")
    return data[_HEADER : _HEADER + length]


def decode(stream: bytes, height: int, width: int) -> NDArray[np.uint8]:
    """The picture, uint8 (height, width, 3); read-only.

    Raises:
        CorruptError: it is not a picture that can be read, or has another size.
        CodecError: Pillow was built without WebP.
    """
    _require_webp()
    # Before memory is claimed. After the signature come width and height, each less 1, whether there is transparency,
    # and a version that is 0.
    fields = int.from_bytes(stream[1:5], "little")
    found = (fields & 0x3FFF) + 1, (fields >> 14 & 0x3FFF) + 1, fields >> 28
    if len(stream) < 5 or stream[0] != _SIGNATURE or found != (width, height, 0):
        raise CorruptError(f"picture: not a VP8L bitstream of {width} x {height} opaque pixels")
    body = b"WEBPVP8L" + len(stream).to_bytes(4, "little") + stream + bytes(len(stream) % 2)
    try:
        with open_image(io.BytesIO(b"RIFF" + len(body).to_bytes(4, "little") + body), ("WEBP",)) as image:
            if image.mode != "RGB" or image.size != (width, height):
                raise CorruptError(f"picture: found {image.mode} {image.size}, expected RGB {(width, height)}")
            return np.asarray(image)
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
