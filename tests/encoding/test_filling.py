"""Colours under full transparency: they cost nothing, and nothing that is seen changes for them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import codec
from codec.encoding.filling import FilledSource, visible
from codec.images.sources import ArraySource

Y, X = np.mgrid[:150, :210]
DISCS = (np.clip(30.5 - np.hypot(X % 70 - 35, Y - 75), 0, 1) * 255).round().astype(np.uint8)
COLOUR = (230, 60, 40)


def picture(below, dtype=np.uint8, components=3):
    """Discs of one colour, and what nobody sees around them."""
    rgb = np.zeros((*DISCS.shape, 3), np.uint8)
    rgb[:] = COLOUR
    rgb[DISCS == 0] = below if np.ndim(below) == 1 else below[DISCS == 0]
    image = np.dstack([rgb[..., :components], DISCS])
    return image if dtype == np.uint8 else image.astype(np.uint16) * 257


def whole(source):
    return source.crop(0, source.height, 0, source.width)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("components", [1, 3])
def test_what_is_seen_stays_and_the_rest_continues_it(dtype, components):
    image = picture((0, 0, 0), dtype, components)
    source = visible(ArraySource(image))
    assert isinstance(source, FilledSource)
    filled = whole(source)
    assert filled.dtype == dtype and filled.shape == image[..., :-1].shape
    # Of discs of one colour there is but one continuation, to the last digits of a sum of 16 bits.
    assert np.abs(filled.astype(int) - image[75, 35, :-1].astype(int)).max() <= (0 if dtype == np.uint8 else 4)
    np.testing.assert_array_equal(source.alpha(), image[..., -1])


def test_it_is_smooth_between_different_colours():
    image = np.zeros((128, 512, 4), np.uint8)
    image[:, :40] = (200, 0, 0, 255)
    image[:, -40:] = (0, 0, 200, 255)
    filled = whole(visible(ArraySource(image))).astype(int)
    np.testing.assert_array_equal(filled[:, :40], image[:, :40, :3])
    assert np.abs(np.diff(filled, axis=1)).max() <= 30 and np.abs(np.diff(filled, axis=0)).max() <= 12
    assert (np.diff(filled[64, :, 0]) <= 0).all() and (np.diff(filled[64, :, 2]) >= 0).all()


@settings(max_examples=40, deadline=None)
@given(st.data(), st.integers(0, 9))
def test_a_part_is_that_of_the_whole(data, seed):
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (*DISCS.shape, 4), dtype=np.uint8)
    image[..., 3] *= rng.random(DISCS.shape) < (0.001, 0.5)[seed % 2]
    source = visible(ArraySource(image))
    top, left = data.draw(st.integers(0, 149)), data.draw(st.integers(0, 209))
    bottom, right = data.draw(st.integers(top + 1, 150)), data.draw(st.integers(left + 1, 210))
    part = source.crop(top, bottom, left, right)
    np.testing.assert_array_equal(part, whole(source)[top:bottom, left:right])
    seen = image[top:bottom, left:right, 3] > 0
    np.testing.assert_array_equal(part[seen], image[top:bottom, left:right, :3][seen])


def test_an_image_that_nobody_can_see_at_all():
    image = np.random.default_rng(0).integers(0, 256, (90, 70, 4), dtype=np.uint8)
    image[..., 3] = 0
    assert (whole(visible(ArraySource(image))) == 128).all()
    assert len(codec.compress(image)) < 200


def test_opaque_images_are_left_alone(face):
    assert not isinstance(visible(ArraySource(face)), FilledSource)
    glass = np.dstack([face, np.full(face.shape[:2], 7, np.uint8)])
    assert not isinstance(visible(ArraySource(glass)), FilledSource)


def test_files_are_the_same_whatever_is_below():
    noise = np.random.default_rng(0).integers(0, 256, (*DISCS.shape, 3), dtype=np.uint8)
    own, black, random = (codec.compress(picture(below), 50) for below in (COLOUR, (0, 0, 0), noise))
    assert own == black == random
    opaque = DISCS[..., None] / 255
    seen = np.asarray(codec.decompress(black), float)[..., :3] * opaque
    assert np.abs(seen - np.array(COLOUR) * opaque).max() < 6


def test_white_stays_white():
    """Sums of 16 bits are not exact, and must not wrap around."""
    image = np.full((300, 300, 4), 65_535, np.uint16)
    image[100:260, 100:290, 3] = image[10:20, 10:20, 3] = 0
    assert whole(visible(ArraySource(image))).min() > 65_000
