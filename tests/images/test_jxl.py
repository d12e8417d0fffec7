"""The size of JPEG XL images, known before their pixels are decoded."""

from __future__ import annotations

import io

import pytest
from PIL import Image

import codec
from bitstream.errors import ImageError
from codec.images.jxl import read_size


def bits(*fields):
    """Fields of (value, bits), the first lowest, as bytes."""
    number = at = 0
    for value, count in fields:
        number |= value << at
        at += count
    return number.to_bytes(14, "little")


@pytest.mark.parametrize(
    ("fields", "size"),
    [
        ([(1, 1), (0, 5), (1, 3)], (8, 8)),
        ([(1, 1), (31, 5), (0, 3), (1, 5)], (16, 256)),
        ([(0, 1), (0, 2), (2, 9), (0, 3), (0, 2), (0, 9)], (1, 3)),
        ([(0, 1), (1, 2), (1999, 13), (4, 3)], (3000, 2000)),
        ([(0, 1), (3, 2), (59_999, 30), (1, 3)], (60_000, 60_000)),
        ([(0, 1), (2, 2), (100_000, 18), (7, 3)], (200_002, 100_001)),
    ],
)
def test_the_size_header_is_read(fields, size):
    stream = b"\xff\x0a" + bits(*fields)
    assert read_size(stream) == size
    other = (20).to_bytes(4, "big") + b"abcd" + bytes(12)
    container = b"\0\0\0\x0cJXL \r\n\x87\n" + other
    assert read_size(container + (8 + len(stream)).to_bytes(4, "big") + b"jxlc" + stream) == size
    assert read_size(container + (12 + len(stream)).to_bytes(4, "big") + b"jxlp" + bytes(4) + stream) == size
    assert read_size(container + (1).to_bytes(4, "big") + b"jxlc" + bytes(8) + stream) == size
    for end in range(len(stream)):
        assert read_size(stream[:end]) is None


def test_what_is_no_such_image_has_no_size():
    for data in (b"", b"\x89PNG", b"\xff\xd8\xff", b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(40)):
        assert read_size(data) is None


@pytest.mark.parametrize("size", [(40, 30), (8, 8), (300, 200), (1000, 700), (1, 1), (4097, 3)])
def test_it_is_what_the_library_writes(size):
    pytest.importorskip("pillow_jxl", reason="the plugin is not installed")
    buffer = io.BytesIO()
    Image.new("RGB", size, (200, 90, 30)).save(buffer, "JXL")
    assert read_size(buffer.getvalue()) == size
    with pytest.raises(ImageError, match="limit 0"):
        codec.compress(buffer, max_pixels=0)
