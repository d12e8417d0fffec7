"""The parts of a chunk with exact blocks, and symbols of some of its cells only."""

import zlib

import numpy as np
import pytest

from bitstream import BoxType, CorruptError, TruncatedError, UnsupportedVersionError, decode_chunk, encode_chunk
from bitstream.exact_blocks import ChunkParts, exact_box, has_exact_blocks, join, split
from tests.common import reference_decode, small_tables


def parts(seed=0, rows=3, columns=2):
    rng = np.random.default_rng(seed)
    return ChunkParts(b"symbols", rng.random((4 * rows, 4 * columns)) < 0.5, np.eye(rows, columns) > 0, b"picture")


def same(one, other):
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in vars(one))


def test_parts_come_back():
    assert same(split(join(parts()), 3, 2), parts())
    plain = ChunkParts(b"symbols")
    assert same(split(join(plain), 3, 2), plain) and len(join(plain)) == 8
    whole = ChunkParts(b"", np.ones((12, 8), bool), np.zeros((3, 2), bool), b"picture")
    assert same(split(join(whole), 3, 2), whole) and len(join(whole)) == 9


def test_damage_is_told():
    payload = join(parts())
    for end in range(11):
        with pytest.raises((CorruptError, TruncatedError)):
            split(payload[:end], 3, 2)
    with pytest.raises(CorruptError, match="coverage 3"):
        split(b"\3" + payload[1:], 3, 2)
    with pytest.raises(CorruptError, match="masks"):
        split(payload, 3, 4)
    with pytest.raises(CorruptError, match="no symbols"):
        split(b"\2\1p" + b"more", 3, 2)
    nothing = ChunkParts(b"symbols", np.zeros((12, 8), bool), np.ones((3, 2), bool), b"picture")
    with pytest.raises(CorruptError, match="none"):
        split(join(nothing), 3, 2)
    ones = zlib.compress(b"\xff" * 13)  # 102 bits are wanted, so the last two must be zeros
    with pytest.raises(CorruptError, match="end with ones"):
        split(b"\1" + bytes([len(ones)]) + ones + b"\0", 3, 2)
    masks = zlib.compress(bytes(1 << 20))  # a bomb, if it were expanded
    with pytest.raises(CorruptError, match="masks"):
        split(b"\1" + bytes([len(masks) & 127 | 128, len(masks) >> 7]) + masks + b"\0", 3, 2)
    with pytest.raises(CorruptError, match="masks"):
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
def test_only_some_cells_are_coded(context, share):
    tables = small_tables(4, 5, 7, context=context)
    rng = np.random.default_rng(5)
    rows, columns = 5, 4
    coded = rng.random((rows, columns)) < share
    near = coded.repeat(4, axis=0).repeat(4, axis=1)
    channels = tables.hyper_latents, tables.latents
    z = rng.integers(-9, 10, (channels[0], rows, columns)).astype(np.int32) * coded
    y = rng.integers(-9, 10, (channels[1], 4 * rows, 4 * columns)).astype(np.int32) * near
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
