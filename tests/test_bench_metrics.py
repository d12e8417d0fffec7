"""Metrics of the benchmarks, against values known by construction or from another library."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks.metrics import luma, measure, ms_ssim, psnr_db, ssimulacra2


@pytest.fixture(scope="module")
def photo():
    from skimage import data

    return np.ascontiguousarray(data.astronaut()[:200, 150:400])


def noisy(pixels, sigma, seed=0):
    noise = np.random.default_rng(seed).normal(0, sigma, pixels.shape)
    return np.clip(pixels + noise, 0, 255).round().astype(np.uint8)


def test_psnr_by_hand():
    a = np.zeros((4, 4, 3), np.uint8)
    assert psnr_db(a, a + 1) == pytest.approx(20 * math.log10(255))
    assert psnr_db(a, a) == math.inf
    # One component off by 3 is a third of the error of all three.
    b = a.copy()
    b[..., 1] = 3
    assert psnr_db(a, b) == pytest.approx(10 * math.log10(255**2 / 3))


def test_psnr_does_not_wrap_around():
    low, high = np.zeros((2, 2, 3), np.uint8), np.full((2, 2, 3), 255, np.uint8)
    assert psnr_db(low, high) == psnr_db(high, low) == pytest.approx(0)


def test_psnr_is_that_of_scikit_image(photo):
    from skimage.metrics import peak_signal_noise_ratio

    other = noisy(photo, 8)
    assert psnr_db(photo, other) == pytest.approx(peak_signal_noise_ratio(photo, other), abs=1e-9)


def test_luma_is_that_of_pillow(photo):
    from PIL import Image

    expected = np.asarray(Image.fromarray(photo).convert("L"))
    assert np.abs(luma(photo) - expected).max() <= 1


def test_all_metrics_fall_with_noise(photo):
    rows = [measure(photo, noisy(photo, sigma)) for sigma in (1, 4, 16)]
    for metric in ("psnr-rgb", "psnr-y", "ms-ssim", "ms-ssim-db", "ssimulacra2"):
        values = [row[metric] for row in rows]
        assert values == sorted(values, reverse=True) and values[0] > values[-1], metric
    assert rows[0]["ms-ssim-db"] == pytest.approx(-10 * math.log10(1 - rows[0]["ms-ssim"]))


def test_identity(photo):
    assert ssimulacra2(photo, photo) == pytest.approx(100, abs=0.5)
    row = measure(photo, photo)
    assert row["psnr-rgb"] == math.inf and row["ms-ssim"] == pytest.approx(1) and row["ms-ssim-db"] is None


def test_ms_ssim_is_not_defined_for_small_pictures(photo):
    assert ms_ssim(photo[:160], photo[:160]) is None
    assert ms_ssim(photo[:161], photo[:161]) == pytest.approx(1)


def test_pictures_of_other_size_are_refused(photo):
    with pytest.raises(ValueError, match="decoded: found shape"):
        measure(photo, photo[:-1])
