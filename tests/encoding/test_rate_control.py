"""Rate control: the search, and the measure of similarity it can aim at."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from codec.encoding.rate_control import search
from codec.metrics import SMALLEST_SIDE, ms_ssim_db, psnr_db


@given(
    st.floats(0.002, 0.05), st.floats(-3, 3), st.floats(0.3, 2.0), st.floats(-2, 14), st.booleans(), st.floats(-50, 450)
)
@example(slope=0.0078125, start=0.0, bend=2.0, target=0.0, at_most=False, guess=24.0)  # flat there: once 25 steps
def test_search_finds_the_best_level_in_few_steps(slope, start, bend, target, at_most, guess):
    def value(level):
        return start + slope * 400 * (level / 400) ** bend

    calls = []

    def measure(level):
        calls.append(level)
        return value(level)

    found = search(measure, target, 401, at_most=at_most, guess=guess, slope=0.0075, tolerance=0.0)
    right = [n for n in range(401) if (value(n) <= target if at_most else value(n) >= target)]
    assert found == ((right[-1] if at_most else right[0]) if right else None)
    assert len(calls) == len(set(calls)) <= 24


def test_a_good_guess_takes_two_steps():
    calls = []

    def measure(level):
        calls.append(level)
        return 9 + 0.0075 * level

    assert search(measure, 10.5, 401, at_most=True, guess=190, slope=0.0075, tolerance=0.01) in (199, 200)
    assert len(calls) == 2


@pytest.fixture(scope="module")
def pair():
    from skimage import data

    original = data.astronaut()[:301, :322]
    noise = np.random.default_rng(0).normal(0, 9, original.shape)
    return original, np.clip(original + noise, 0, 255).astype(np.uint8)


@pytest.mark.train
def test_ms_ssim_agrees_with_the_usual_implementation(pair):
    import torch
    from pytorch_msssim import ms_ssim

    tensors = [torch.tensor(p).permute(2, 0, 1)[None].double() for p in pair]
    reference = -10 * math.log10(1 - float(ms_ssim(*tensors, data_range=255)))
    assert ms_ssim_db(*pair, 8) == pytest.approx(reference, abs=0.01)


def test_distortions_of_nothing_and_of_the_same(pair):
    assert psnr_db([(pair[0], pair[0])], 8) == math.inf
    expected = 10 * math.log10(255**2 / np.mean((pair[0].astype(float) - pair[1]) ** 2))
    assert psnr_db(zip(np.array_split(pair[0], 3), np.array_split(pair[1], 3), strict=True), 8) == pytest.approx(
        expected
    )
    assert ms_ssim_db(pair[0], pair[0], 8) > 60
    with pytest.raises(ValueError, match="sides"):
        ms_ssim_db(pair[0][: SMALLEST_SIDE - 1], pair[1][: SMALLEST_SIDE - 1], 8)
