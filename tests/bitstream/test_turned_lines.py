"""Lines of text on their side."""

import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitstream import CorruptError, TruncatedError
from bitstream.container import varint
from bitstream.turned_lines import MAX_SIDE, no_lines, pack, turn, turn_back, turned_size, unpack

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
    if lines[:, 2].max() * lines[:, 3].sum() <= height * width:
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
    lines = np.tile([0, 0, 6, 2000], (9, 1))
    assert turned_size(lines) == (9000, 12) and turned_size(lines[:8]) == (16000, 6) and MAX_SIDE == 16383
    original = picture(60, 2000)
    turned = turn(original, lines, grounds(lines))
    rest = np.zeros_like(original)
    turn_back(turned, lines, rest)
    np.testing.assert_array_equal(rest[:6], original[:6])


def numbers(*values):
    return zlib.compress(b"".join(map(varint, values)))


@pytest.mark.parametrize(
    ("stream", "count", "error"),
    [
        (pack(LINES), 0, "none"),
        (pack(LINES), 2, "4 bytes too many"),
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
        (numbers(0, 0, 5, 1 << 21), 1, "at most"),
    ],
)
def test_damage_is_told(stream, count, error):
    with pytest.raises(CorruptError, match=error):
        unpack(stream, count, 60, 80)


def test_too_few_numbers_are_told():
    with pytest.raises(TruncatedError):
        unpack(pack(LINES), 4, 60, 80)


def test_no_lines_are_none():
    assert no_lines().shape == (0, 4)
