"""The parts of a chunk with exact blocks, and symbols of its other blocks only."""

import zlib

import numpy as np
import pytest

from bitstream import BoxType, CorruptError, TruncatedError, UnsupportedVersionError, decode_chunk, encode_chunk
from bitstream.exact_blocks import ChunkParts, exact_box, has_exact_blocks, join, split
from tests.common import reference_decode, small_tables


def parts(seed=0, rows=3, columns=2):
    rng = np.random.default_rng(seed)
    return ChunkParts(b"symbols", rng.random((4 * rows, 4 * columns)) < 0.5, b"picture")


def same(one, other):
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in vars(one))


def test_parts_come_back():
    assert same(split(join(parts()), 3, 2), parts())
    plain = ChunkParts(b"symbols")
    assert same(split(join(plain), 3, 2), plain) and len(join(plain)) == 8
    whole = ChunkParts(b"", np.ones((12, 8), bool), b"picture")
    assert same(split(join(whole), 3, 2), whole) and len(join(whole)) == 9


def test_damage_is_told():
    payload = join(parts())
    for end in range(11):
        with pytest.raises((CorruptError, TruncatedError)):
            split(payload[:end], 3, 2)
    with pytest.raises(CorruptError, match="coverage 3"):
        split(b"\3" + payload[1:], 3, 2)
    with pytest.raises(CorruptError, match="mask"):
        split(payload, 3, 4)
    with pytest.raises(CorruptError, match="no symbols"):
        split(b"\2\1p" + b"more", 3, 2)
    nothing = ChunkParts(b"symbols", np.zeros((12, 8), bool), b"picture")
    with pytest.raises(CorruptError, match="none"):
        split(join(nothing), 3, 2)
    ones = zlib.compress(b"\xff" * 12)  # then the coverage would be another
    with pytest.raises(CorruptError, match="all"):
        split(b"\1" + bytes([len(ones)]) + ones + b"\0", 3, 2)
    mask = zlib.compress(bytes(1 << 20))  # a bomb, if it were expanded
    with pytest.raises(CorruptError, match="mask"):
        split(b"\1" + bytes([len(mask) & 127 | 128, len(mask) >> 7]) + mask + b"\0", 3, 2)
    with pytest.raises(CorruptError, match="mask"):
        split(b"\1\x80\x80\x80\x08" + bytes(100), 3, 2)


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
