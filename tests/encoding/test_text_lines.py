"""Lines of text are found, and turned where that takes less."""

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from bitstream.boxes import PixelFormat
from codec.encoding.exact_picture import encode_exact
from codec.encoding.text_lines import TextLines, find_lines
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


@pytest.mark.parametrize("step", [15, 17, 20])
def test_lines_that_stand_close_are_told_apart(step):
    image, font = Image.new("RGB", (420, 300), GROUND), ImageFont.load_default(14)
    draw, rows = ImageDraw.Draw(image), range(4, 280, step)
    for i, row in enumerate(rows):
        draw.text((12, row), WORDS[i % 3][i:] + WORDS[(i + 1) % 3], "navy", font)
    pixels = np.asarray(image)
    found = find_lines(pixels)
    ink = (pixels != GROUND).any(axis=2)
    assert len(found.lines) == len(rows)
    assert (ink & covered(pixels.shape, found.lines)).sum() > 0.98 * ink.sum()


def test_text_on_two_grounds_is_two_lines():
    image, font = Image.new("RGB", (300, 30), GROUND), ImageFont.load_default(14)
    draw = ImageDraw.Draw(image)
    draw.text((12, 6), "one ground", "navy", font)
    end = 12 + int(draw.textlength("one ground", font))
    draw.rectangle((end + 4, 0, 300, 30), (30, 0, 40))
    draw.text((end + 8, 6), "another ground", "yellow", font)  # nearer than letters of one line may be
    found = find_lines(np.asarray(image))
    assert {tuple(map(int, colour)) for colour in found.grounds} == {GROUND, (30, 0, 40)}


def test_turned_lines_are_within_what_decoders_take():
    lines = np.array([[20 * i, 0, 10, 300] for i in range(20)] + [[400, 0, 30, 20]])
    found = TextLines(lines, np.zeros((len(lines), 3), np.uint8))
    assert len(found.to_turn(1000, 400).lines) == 20  # the one that is high would make all columns longer
    assert len(found.to_turn(100, 400).lines) == 13  # of 40,000 pixels
    small = TextLines(np.tile([0, 0, 1, 1], (50, 1)), np.zeros((50, 3), np.uint8))
    assert len(small.to_turn(30, 60).lines) == 8 and len(small.to_turn(500, 600).lines) == 50
    blocks = found.blocks(1000, 400)
    assert blocks.shape == (64, 28) and blocks[:, :19].sum() == blocks.sum() and not blocks[27:].any()


def test_photographs_hide_no_lines():
    from skimage import data

    pixels = page()
    pixels[:, 300:] = data.coffee()[:110, :120]
    assert len(find_lines(pixels).lines) == len(ROWS)
    assert not len(find_lines(data.coffee()).lines)


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
