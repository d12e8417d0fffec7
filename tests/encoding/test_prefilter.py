"""Detail finer than any photograph's."""

from __future__ import annotations

import numpy as np
import pytest
from skimage import data

from bitstream.geometry import BLOCK
from codec.encoding.prefilter import MAX_DETAIL, attenuated, block_detail


def pixels(levels):
    """Levels (h, w) or (h, w, 3) as the analysis takes them, whole blocks."""
    height, width = (side // BLOCK * BLOCK for side in levels.shape[:2])
    levels = levels[:height, :width].astype(np.float32) / 255
    return np.ascontiguousarray(
        np.broadcast_to(levels.reshape(height, width, -1).transpose(2, 0, 1), (3, height, width))
    )[None]


def black_and_white(seed, height=4 * BLOCK, width=6 * BLOCK):
    return np.random.default_rng(seed).integers(0, 2, (height, width)).astype(np.uint8) * 255


@pytest.mark.parametrize(
    "name", ["astronaut", "coffee", "rocket", "chelsea", "page", "text", "brick", "grass", "gravel"]
)
def test_photographs_and_print_are_left_as_they_are(name):
    x = pixels(getattr(data, name)())
    assert attenuated(x) is x


def test_the_finest_detail_of_any_photograph_is_left_as_it_is():
    """77.2 levels: the most in a block of the 1,376 photographs that were looked at."""
    noise = pixels(black_and_white(5, BLOCK, BLOCK))
    x = 0.5 + (noise - 0.5) * np.float32(77.2 / 255 / block_detail(noise).item())
    assert block_detail(x).item() == pytest.approx(77.2 / 255) and attenuated(x) is x


@pytest.mark.parametrize("sigma", [0.01, 0.1, 0.2])
def test_detail_is_the_standard_deviation_of_white_noise(sigma):
    x = np.random.default_rng(0).normal(0.5, sigma, (1, 3, 64 * BLOCK, BLOCK)).astype(np.float32)
    assert np.sqrt(np.square(block_detail(x)).mean()) == pytest.approx(sigma, rel=0.02)


def test_detail_of_ramps_and_straight_edges_is_none():
    ramp = np.add.outer(np.arange(32), 3 * np.arange(48)).astype(np.float32)
    edge = np.where(np.arange(48) < 20, 0, 255) * np.ones((32, 1))
    for levels in (ramp, edge, edge[:, :32].T):
        assert block_detail(pixels(levels)).max() == pytest.approx(0, abs=1e-6)


def test_noise_is_faded_to_the_most_there_may_be_and_keeps_its_means():
    x = pixels(black_and_white(0))
    y = attenuated(x)
    assert block_detail(x).min() > MAX_DETAIL
    np.testing.assert_allclose(block_detail(y), MAX_DETAIL, rtol=1e-5)
    means = [v.reshape(3, 4, BLOCK, 6, BLOCK).mean(axis=(2, 4)) for v in (x, y)]
    np.testing.assert_allclose(*means, atol=1e-6)
    assert y.min() >= 0 and y.max() <= 1 and y.dtype == np.float32 and y.shape == x.shape


def test_only_blocks_that_exceed_are_attenuated():
    levels = np.full((4 * BLOCK, 6 * BLOCK), 100, np.uint8)
    levels[BLOCK : 2 * BLOCK, 2 * BLOCK : 3 * BLOCK] = black_and_white(1, BLOCK, BLOCK)
    changed = attenuated(pixels(levels)) != pixels(levels)
    assert changed[:, :, BLOCK : 2 * BLOCK, 2 * BLOCK : 3 * BLOCK].all() and changed.sum() == 3 * BLOCK**2


def test_noise_in_one_channel_is_a_third_of_its_power():
    levels = np.zeros((BLOCK, BLOCK, 3), np.uint8)
    levels[..., 0] = black_and_white(2, BLOCK, BLOCK)
    gray = np.repeat(levels[..., :1], 3, axis=2)
    assert block_detail(pixels(levels)).item() == pytest.approx(block_detail(pixels(gray)).item() / np.sqrt(3))


def test_a_block_does_not_depend_on_those_beside_it():
    x = pixels(black_and_white(3))
    part = np.ascontiguousarray(x[:, :, BLOCK : 3 * BLOCK, 2 * BLOCK : 5 * BLOCK])
    np.testing.assert_array_equal(attenuated(part), attenuated(x)[:, :, BLOCK : 3 * BLOCK, 2 * BLOCK : 5 * BLOCK])


def test_fading_sets_in_gently():
    """At the threshold nothing is lost, just beyond it hardly anything."""
    noise = pixels(black_and_white(4, BLOCK, BLOCK))
    factor = MAX_DETAIL / block_detail(noise).item()
    below, above = (0.5 + (noise - 0.5) * np.float32(factor * share) for share in (0.999, 1.001))
    assert attenuated(below) is below
    assert 0 < np.abs(attenuated(above) - above).max() < 0.001
