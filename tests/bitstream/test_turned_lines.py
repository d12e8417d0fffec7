"""Lines of text on their side."""

import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitstream import CorruptError
from bitstream.container import varint
from bitstream.turned_lines import MAX_SIDE, max_lines, no_lines, pack, turn, turn_back, turned_size, unpack

LINES = np.array([[3, 5, 9, 30], [20, 0, 4, 50], [0, 40, 11, 10]])


def picture(height=60, width=80):
    return np.random.default_rng(3).integers(0, 256, (height, width, 3), np.uint8)


def grounds(lines):
    return np.full((len(lines), 3), 7, np.uint8)


@given(st.data())
def test_rectangles_come_back(data):
    height, width = data.draw(st.integers(1, 4096)), data.draw(st.integers(1, 2048))
    count = data.draw(st.integers(1, 20))
    lines = []
    for _ in range(count):
        top, left = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
        lines.append([top, left, data.draw(st.integers(1, height - top)), data.draw(st.integers(1, width - left))])
    lines = np.array(lines)
    stream = pack(lines)
    if count > max_lines(height, width):
        with pytest.raises(CorruptError, match=f"found {count}"):
            unpack(stream, count, height, width)
    elif lines[:, 2].max() * lines[:, 3].sum() <= height * width:
        np.testing.assert_array_equal(unpack(stream, count, height, width), lines)
    else:
        with pytest.raises(CorruptError, match="more pixels"):
            unpack(stream, count, height, width)


def test_pixels_come_back():
    original = picture()
    turned = turn(original, LINES, grounds(LINES))
    assert turned.shape == (90, 11, 3) == (*turned_size(LINES), 3)
    rest = original.copy()
    for top, left, height, width in LINES:
        rest[top : top + height, left : left + width] = 0
    turn_back(turned, LINES, rest)
    np.testing.assert_array_equal(rest, original)


def test_columns_follow_each_other_and_end_in_their_ground():
    original = picture()
    turned = turn(original, LINES[:2], grounds(LINES[:2]))
    np.testing.assert_array_equal(turned[:30], original[3:12, 5:35].transpose(1, 0, 2))
    np.testing.assert_array_equal(turned[30:, :4], original[20:24, :50].transpose(1, 0, 2))
    assert (turned[30:, 4:] == 7).all()


def test_a_picture_of_many_columns_has_several_in_a_row():
    lines = np.array([[3 * i, 100 * i, 6 - i % 2, 1900 - i] for i in range(9)])
    assert turned_size(lines) == (8532, 12) and turned_size(lines[:8]) == (15172, 6) and MAX_SIDE == 16383
    original = picture(60, 2800)
    turned = turn(original, lines, grounds(lines))
    column = 0
    for top, left, height, width in lines:
        for at in (0, 1, width - 1):
            row, place = divmod(column + at, 2)
            found = turned[row, 6 * place : 6 * place + 6]
            np.testing.assert_array_equal(found[:height], original[top : top + height, left + at])
            assert (found[height:] == 7).all()
        column += width
    assert column == 2 * 8532 and (turned[-1, 6 * (column % 2) :][6:] == turned[-1, 6:]).all()
    rest = np.zeros_like(original)
    turn_back(turned, lines, rest)
    for top, left, height, width in lines:
        at = slice(top, top + height), slice(left, left + width)
        np.testing.assert_array_equal(rest[at], original[at])


def test_what_follows_the_last_column_is_ground():
    lines = np.array([[0, 0, 6, 16_384 - 1], [6, 0, 6, 2]])
    original = picture(60, 16_384)
    turned = turn(original, lines, grounds(lines))
    assert turned.shape == (8193, 12, 3) and (turned[-1, 6:] == 7).all()


def test_no_more_lines_than_blocks():
    assert [max_lines(*size) for size in ((1, 1), (16, 16), (17, 64), (2048, 2048))] == [1, 1, 8, 4096]
    lines = np.tile([0, 0, 1, 1], (5, 1))
    with pytest.raises(CorruptError, match="found 5, expected 1 to 4"):
        unpack(pack(lines), 5, 32, 32)
    np.testing.assert_array_equal(unpack(pack(lines[:4]), 4, 32, 32), lines[:4])


def numbers(*values):
    return zlib.compress(b"".join(map(varint, values)))


@pytest.mark.parametrize(
    ("stream", "count", "error"),
    [
        (pack(LINES), 0, "found 0"),
        (pack(LINES), 2, "found 12 numbers, expected 8"),
        (pack(LINES), 4, "found 12 numbers, expected 16"),
        (pack(LINES)[:-1], 3, "zlib stream"),
        (pack(LINES) + b"x", 3, "zlib stream"),
        (b"x" + pack(LINES), 3, "header"),
        (zlib.compress(bytes(1 << 20)), 3, "zlib stream"),  # a bomb, if it were expanded
        (numbers(1, 0, 5, 5), 1, "leave"),  # row -1
        (numbers(0, 3, 5, 5), 1, "leave"),
        (numbers(0, 0, 61, 5), 1, "leave"),
        (numbers(0, 0, 5, 81), 1, "leave"),
        (numbers(0, 0, 0, 5), 1, "empty"),
        (numbers(0, 0, 5, 0), 1, "empty"),
        (numbers(0, 0, 0, 0, 60, 1, 80, 1), 2, "more pixels"),
        (zlib.compress(b"\0\0\5\x80\x80\1"), 1, "too long"),
        (zlib.compress(b"\0\0\5\x85\0"), 1, "too long"),
        (zlib.compress(b"\0\0\5\x85"), 1, "within a number"),
        (zlib.compress(b""), 1, "within a number"),
    ],
)
def test_damage_is_told(stream, count, error):
    with pytest.raises(CorruptError, match=error):
        unpack(stream, count, 60, 80)


def test_no_lines_are_none():
    assert no_lines().shape == (0, 4)
