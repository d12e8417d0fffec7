"""The parts of a chunk with exact blocks, and symbols of its other blocks only."""

import zlib

import numpy as np
import pytest

from bitstream import BoxType, CorruptError, TruncatedError, UnsupportedVersionError, decode_chunk, encode_chunk
from bitstream.boxes import PixelFormat
from bitstream.exact_blocks import ChunkParts, ExactPicture, exact_box, has_exact_blocks, join, split
from tests.common import reference_decode, small_tables

RGB = PixelFormat(3, 8)
SIZE = 180, 100
"""Height and width in pixels, of 3 x 2 cells."""
LINES = np.array([[5, 10, 9, 60], [25, 10, 7, 80], [100, 0, 12, 100]])


def parts(seed=0, lines=LINES[:0]):
    rng = np.random.default_rng(seed)
    turned = b"turned" if len(lines) else b""
    return ChunkParts(b"symbols", rng.random((12, 8)) < 0.5, ExactPicture(b"rest", lines, turned))


def same(one, other):
    if one.picture is None or other.picture is None:
        return one == other
    pictures = zip(vars(one.picture).values(), vars(other.picture).values(), strict=True)
    return (
        one.symbols == other.symbols
        and np.array_equal(one.exact, other.exact)
        and all(np.array_equal(ours, theirs) for ours, theirs in pictures)
    )


@pytest.mark.parametrize("lines", [LINES[:0], LINES[:1], LINES])
def test_parts_come_back(lines):
    found = parts(lines=lines)
    assert same(split(join(found), SIZE, RGB), found)
    whole = ChunkParts(b"", np.ones((12, 8), bool), found.picture)
    assert same(split(join(whole), SIZE, RGB), whole)


def test_what_is_not_there_takes_a_byte():
    plain = ChunkParts(b"symbols")
    assert same(split(join(plain), SIZE, RGB), plain) and len(join(plain)) == 8
    whole = ChunkParts(b"", np.ones((12, 8), bool), ExactPicture(b"rest"))
    assert len(join(whole)) == 6


def test_damage_is_told():
    for payload in (join(parts()), join(parts(lines=LINES))):
        for end in range(len(payload) - len(b"symbols")):
            with pytest.raises((CorruptError, TruncatedError)):
                split(payload[:end], SIZE, RGB)
        for flags in (3, 4, 7, 8, 9):
            with pytest.raises(CorruptError, match=f"coverage {flags}"):
                split(bytes([flags]) + payload[1:], SIZE, RGB)
        with pytest.raises(CorruptError, match="mask"):
            split(payload, (180, 200), RGB)
    with pytest.raises(CorruptError, match="no symbols"):
        split(b"\2\1p" + b"more", SIZE, RGB)
    nothing = ChunkParts(b"symbols", np.zeros((12, 8), bool), ExactPicture(b"rest"))
    with pytest.raises(CorruptError, match="none"):
        split(join(nothing), SIZE, RGB)
    ones = zlib.compress(b"\xff" * 12)  # then the coverage would be another
    with pytest.raises(CorruptError, match="all"):
        split(b"\1" + bytes([len(ones)]) + ones + b"\0", SIZE, RGB)
    mask = zlib.compress(bytes(1 << 20))  # a bomb, if it were expanded
    with pytest.raises(CorruptError, match="mask"):
        split(b"\1" + bytes([len(mask) & 127 | 128, len(mask) >> 7]) + mask + b"\0", SIZE, RGB)
    with pytest.raises(CorruptError, match="mask"):
        split(b"\1\x80\x80\x80\x08" + bytes(100), SIZE, RGB)


def test_fields_of_lines_are_bounded():
    whole = b"\6"
    with pytest.raises(CorruptError, match="lines: found 85, expected at most 84"):  # blocks of 180 x 100 pixels
        split(whole + b"\x55" + bytes(100), SIZE, RGB)
    with pytest.raises(CorruptError, match="rectangles: found 65537"):
        split(whole + b"\1\x81\x80\4" + bytes(100), SIZE, RGB)


def test_lines_are_in_the_picture_of_bytes():
    low = np.array([[200, 0, 9, 60]])  # in the lower half of a picture of 16 bits
    found = ChunkParts(b"", np.ones((12, 8), bool), ExactPicture(b"rest", low, b"turned"))
    assert same(split(join(found), SIZE, PixelFormat(1, 16)), found)
    with pytest.raises(CorruptError, match="leave the picture"):
        split(join(found), SIZE, RGB)


def test_the_box_says_how_pictures_are_coded():
    assert has_exact_blocks({BoxType.EXACT: exact_box().data}) and not has_exact_blocks({})
    with pytest.raises(UnsupportedVersionError, match="coder 2"):
        has_exact_blocks({BoxType.EXACT: b"\2"})
    for data in (b"", b"\1\1"):
        with pytest.raises(CorruptError, match="expected 1"):
            has_exact_blocks({BoxType.EXACT: data})


@pytest.mark.parametrize("context", [False, True])
@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_only_some_blocks_are_coded(context, share):
    tables = small_tables(4, 5, 7, context=context)
    rng = np.random.default_rng(5)
    rows, columns = 5, 4
    coded = rng.random((4 * rows, 4 * columns)) < share
    coded[4:12, :8] = False  # whole cells among them
    if share == 1.0:
        coded[:] = True
    cells = coded.reshape(rows, 4, columns, 4).any(axis=(1, 3))
    channels = tables.hyper_latents, tables.latents
    z = rng.integers(-9, 10, (channels[0], rows, columns)).astype(np.int32) * cells
    y = rng.integers(-9, 10, (channels[1], 4 * rows, 4 * columns)).astype(np.int32) * coded
    payload = encode_chunk(tables, 2, z, y, coded)
    z_read, y_read = decode_chunk(tables, 2, rows, columns, payload, coded)
    np.testing.assert_array_equal(z_read, z)
    np.testing.assert_array_equal(y_read, y)
    for ours, theirs in zip((z, y), reference_decode(tables, 2, rows, columns, payload, coded), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    if share == 0.0:
        assert payload == b""
        with pytest.raises(CorruptError):
            decode_chunk(tables, 2, rows, columns, b"left over", coded)
    elif share == 1.0:
        assert payload == encode_chunk(tables, 2, z, y)
    else:
        assert len(payload) < 0.75 * len(encode_chunk(tables, 2, z, y))
