"""What stands beside an image: metadata within bounds, forms, transparency."""

from __future__ import annotations

import zlib

import pytest

from bitstream import CorruptError, LimitError, Metadata, PixelFormat, UnsupportedVersionError
from bitstream import boxes as b


def test_metadata_comes_back():
    metadata = Metadata(b"icc" * 1000, None, b"<xmp/>")
    made = b.metadata_boxes(metadata)
    assert [box.type for box in made] == [4, 8] and len(made[0].data) < 100
    assert {box.type: b.expand(b.BoxType(box.type), box.data) for box in made} == {4: metadata.icc, 8: metadata.xmp}
    assert b.metadata_boxes(Metadata()) == []


def test_expansion_is_bounded(monkeypatch):
    monkeypatch.setattr(b, "MAX_METADATA", 1000)
    bomb = zlib.compress(bytes(10**7))
    assert len(bomb) < 10_000
    with pytest.raises(LimitError):
        b.expand(b.BoxType.EXIF, bomb)
    with pytest.raises(LimitError):
        b.metadata_boxes(Metadata(xmp=bytes(1001)))
    assert b.expand(b.BoxType.EXIF, zlib.compress(bytes(1000))) == bytes(1000)


@pytest.mark.parametrize("damage", [b"", b"no zlib", zlib.compress(b"x" * 99)[:-3], zlib.compress(b"x") + b"more"])
def test_damaged_metadata_is_refused(damage):
    with pytest.raises(CorruptError):
        b.expand(b.BoxType.ICC, damage)


def test_types():
    b.check_types([1, 2, 4, 6, 8, 4000])
    with pytest.raises(UnsupportedVersionError, match="4001"):
        b.check_types([2, 4001])
    for twice in (2, 4000):
        with pytest.raises(CorruptError, match="two"):
            b.check_types([twice, 4, twice])


def test_forms():
    assert b.form_boxes(PixelFormat()) == [] and b.read_form({}) == PixelFormat(3, 8)
    (box,) = b.form_boxes(PixelFormat(1, 16))
    assert b.read_form({b.BoxType(box.type): box.data}) == PixelFormat(1, 16)
    for bad in (b"", b"\2\x08", b"\1\x09", b"\1\x08\0"):
        with pytest.raises(CorruptError):
            b.read_form({b.BoxType.FORM: bad})
