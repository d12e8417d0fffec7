"""The container: fields at their limits, and every kind of damage named by its error."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bitstream import (
    BadMagicError,
    BitstreamError,
    Box,
    ChecksumError,
    Container,
    CorruptError,
    Header,
    LimitError,
    TruncatedError,
    UnsupportedVersionError,
    container,
    parse,
    parse_header,
    serialize,
)


def _file(width=100, height=70, boxes=(), **fields):
    header = Header(width, height, b"abcd", fields.pop("quality_index", 9), **fields)
    chunks = [bytes([i % 251]) * (i % 7) for i in range(header.chunk_count)]
    return Container(header, chunks, list(boxes))


@pytest.mark.parametrize(
    "fields",
    [
        {"width": 1, "height": 1},
        {"width": 65_535, "height": 1, "chunk_log2": 0},
        {"width": 1, "height": 65_535},
        {"width": 16_384, "height": 65_535, "chunk_log2": 5},
        {"quality_index": 0},
        {"quality_index": 65_535},
        {"boxes": [Box(i * 2, bytes(i)) for i in range(64)]},
        {"boxes": [Box(65_534, bytes(300_000))]},
    ],
)
def test_fields_at_their_limits_survive(fields):
    container = _file(**fields)
    assert parse(serialize(container)) == container


@pytest.mark.parametrize(
    "fields",
    [
        {"width": 0},
        {"width": 65_536},
        {"height": 0},
        {"quality_index": 65_536},
        {"quality_index": -1},
        {"chunk_log2": 6},
    ],
)
def test_fields_beyond_their_limits_are_refused(fields):
    with pytest.raises(CorruptError, match="expected"):
        _file(**fields)


def test_chunks_cover_the_picture_once():
    header = Header(64 * 5 + 1, 64 * 3, b"abcd", 0, chunk_log2=1)
    seen = [(t + i, c + j) for t, c, h, w in header.chunk_cells() for i in range(h) for j in range(w)]
    assert sorted(seen) == [(i, j) for i in range(3) for j in range(6)]
    assert len(header.chunk_cells()) == header.chunk_count == 6
    assert header.chunk_cells()[:2] == [(0, 0, 2, 2), (0, 2, 2, 2)] and header.chunk(5) == (2, 4, 1, 2)


def test_overhead_of_a_photo_is_at_most_40_bytes():
    payload = bytes(100_000)
    data = serialize(Container(Header(768, 512, b"abcd", 300), [payload]))
    assert len(data) - len(payload) <= 36  # the payload itself may end with up to four bytes of slack


@pytest.mark.parametrize("cut", range(39))
def test_a_truncated_file_says_so(cut):
    data = serialize(_file(boxes=[Box(2, b"metadata")]))
    with pytest.raises(TruncatedError):
        parse(data[:cut])


def test_every_flipped_bit_is_noticed():
    data = serialize(_file(boxes=[Box(2, b"metadata")]))
    for bit in range(8 * len(data)):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(BitstreamError):
            parse(bytes(damaged))


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda d: b"", TruncatedError),
        (lambda d: b"\xff\xd8\xff\xe0 a JPEG", BadMagicError),
        (lambda d: d.replace(b"\r\n", b"\n", 1), BadMagicError),
        (lambda d: d[:8] + b"\x02" + d[9:], UnsupportedVersionError),
        (lambda d: d[:12] + bytes([d[12] ^ 1]) + d[13:], ChecksumError),
        (lambda d: d[:-1] + bytes([d[-1] ^ 1]), ChecksumError),
        (lambda d: d + b"\0", CorruptError),
        (lambda d: d[:9] + b"\xff\xff\xff\xff\x7f" + d[10:], CorruptError),
    ],
)
def test_damage_is_named(change, error):
    with pytest.raises(error):
        parse(change(serialize(_file(width=200, height=200, chunk_log2=0))))


def written_by_hand(width=b"\x64", boxes=b"\x00", after=b""):
    """A file of one empty chunk whose header is sound but for what is asked."""
    fields = width + b"\x46" + b"abcd" + b"\x09\x03" + boxes + b"\x00" + bytes(4) + after
    length = bytes([len(fields) & 0x7F | 0x80, len(fields) >> 7]) if len(fields) > 0x7F else bytes([len(fields)])
    start = b"\x89LMC\r\n\x1a\n\x01" + length + fields
    return start + zlib.crc32(start).to_bytes(4, "little")


def test_a_header_is_written_in_one_way_only():
    """Sound checksums are no excuse: two files of one image would be two ways to read the format."""
    assert parse(written_by_hand()) == Container(Header(100, 70, b"abcd", 9, chunk_log2=3), [b""])
    with pytest.raises(CorruptError, match="width: not in its shortest form"):
        parse(written_by_hand(width=b"\xe4\x00"))
    with pytest.raises(CorruptError, match="1 bytes left over"):
        parse(written_by_hand(after=b"\x00"))
    assert len(parse(written_by_hand(boxes=b"\x40" + (b"\x02\x00" + bytes(4)) * 64)).boxes) == 64
    with pytest.raises(CorruptError, match="boxes: found 65"):
        parse(written_by_hand(boxes=b"\x41" + (b"\x02\x00" + bytes(4)) * 65))
    with pytest.raises(CorruptError, match="boxes: found 65"):
        serialize(_file(boxes=[Box(2, b"")] * 65))


def test_a_picture_over_the_limit_is_refused_before_its_chunks_are_read():
    data = serialize(_file(width=4000, height=4000))
    with pytest.raises(LimitError, match="limit 1000000"):
        parse_header(data, max_pixels=1_000_000)


def test_nothing_is_written_that_readers_refuse(monkeypatch):
    header = Header(64, 64, bytes(4), 0)
    serialize(Container(header, [bytes(101)], [Box(2, bytes(101))]))
    monkeypatch.setattr(container, "MAX_PART", 100)
    for chunks, boxes in (([bytes(101)], []), ([b"x"], [Box(2, bytes(101))])):
        with pytest.raises(LimitError, match="part of 101 bytes"):
            serialize(Container(header, chunks, boxes))
    monkeypatch.setattr(container, "MAX_HEADER", 10)
    with pytest.raises(LimitError, match="header"):
        serialize(Container(header, [b"x"]))


def test_the_number_of_chunks_must_fit():
    with pytest.raises(CorruptError, match="chunks"):
        serialize(Container(Header(10, 10, b"abcd", 0), []))


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=200), st.booleans())
def test_any_bytes_give_a_typed_error(data, with_magic):
    with pytest.raises(BitstreamError):
        parse(b"\x89LMC\r\n\x1a\n\x01" + data if with_magic else data)
