"""Lines of text are found, and turned where that takes less."""

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from bitstream.boxes import PixelFormat
from codec.encoding.exact_picture import encode_exact
from codec.encoding.text_lines import find_lines
from codec.images import exact_pixels

ROWS = (10, 40, 75)
WORDS = (
    "Jig, vex and quiz: the same letters, other words",
    "quiet horses vex a large and jagged line of zebras",
    "letters and words are the same: large horses jig",
)
GROUND = (240, 248, 255)


def page(ink="navy", size=14, ground=GROUND):
    image = Image.new("RGB", (420, 110), ground)
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(size)
    for row, words in zip(ROWS, WORDS, strict=True):
        draw.text((12, row), words, ink, font)
    return np.asarray(image).copy()


def covered(shape, lines):
    mask = np.zeros(shape[:2], bool)
    for top, left, height, width in lines:
        mask[top : top + height, left : left + width] = True
    return mask


def test_all_ink_of_a_page_lies_in_one_box_for_each_line():
    pixels = page()
    found = find_lines(pixels)
    assert len(found.lines) == len(ROWS) and (found.grounds == GROUND).all()
    ink = (pixels != GROUND).any(axis=2)
    assert not (ink & ~covered(pixels.shape, found.lines)).any()
    assert [row <= top < row + 8 for row, (top, *_) in zip(ROWS, found.lines, strict=True)] == [True] * 3
    assert (found.lines[:, 2] <= 16).all() and (found.lines[:, 3] > 250).all()


def test_each_line_has_its_own_ground():
    pixels = page()
    dark = page("yellow", ground=(30, 0, 40))
    pixels[60:] = dark[60:]
    assert [tuple(colour) for colour in find_lines(pixels).grounds] == [GROUND, GROUND, (30, 0, 40)]


def test_frames_and_noise_are_no_lines():
    pixels = page()
    pixels[5:105, 3] = pixels[5:105, 416] = pixels[5, 3:417] = pixels[104, 3:417] = 0
    assert len(find_lines(pixels).lines) == len(ROWS)
    rng = np.random.default_rng(0)
    assert not len(find_lines(rng.integers(0, 256, (80, 90, 3), np.uint8)).lines)
    for flat in (np.zeros((1, 1, 3), np.uint8), np.full((40, 50, 3), 9, np.uint8)):
        assert not len(find_lines(flat).lines)


def test_lines_reach_to_the_edges():
    pixels = page()[ROWS[0] : ROWS[0] + 14, 12:200]
    found = find_lines(pixels)
    ink = (pixels != GROUND).any(axis=2)
    assert len(found.lines) == 1 and not (ink & ~covered(pixels.shape, found.lines)).any()


@pytest.mark.parametrize("form", [PixelFormat(3, 8), PixelFormat(1, 8), PixelFormat(3, 16), PixelFormat(1, 16)])
def test_pixels_come_back_and_text_is_turned(form):
    pixels = page()[:, :, : form.components].astype(f"u{form.depth // 8}")
    if form.depth == 16:
        pixels = pixels * 257 - (pixels % 3)
    coded = encode_exact(pixels)
    assert len(coded.lines) and coded.turned
    np.testing.assert_array_equal(exact_pixels.decode(coded, pixels.shape[:2], form), pixels)
    if form.depth == 8:
        assert coded.size < 0.85 * len(plain(pixels).rest)


def plain(pixels):
    """Without letters that it has met: each appears once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("codec.encoding.exact_picture.find_lines", lambda picture: find_lines(picture[:1, :1]))
        return encode_exact(pixels)


def test_what_does_not_help_is_left_as_it_stands():
    rng = np.random.default_rng(1)
    pixels = page()
    for row in ROWS:  # no two columns alike
        ink = (pixels[row : row + 18] != GROUND).any(axis=2)
        pixels[row : row + 18][ink] = rng.integers(0, 200, (int(ink.sum()), 3))
    assert len(find_lines(pixels).lines)
    coded = encode_exact(pixels)
    assert coded.size <= plain(pixels).size
    np.testing.assert_array_equal(exact_pixels.decode(coded, pixels.shape[:2], PixelFormat()), pixels)
