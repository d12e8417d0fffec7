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


def test_ms_ssim_by_another_library(photo):
    """From scikit-image's maps of structural similarity, by the definition in the paper."""
    from skimage.metrics import structural_similarity
    from skimage.transform import downscale_local_mean

    a, b = photo.astype(np.float64), noisy(photo, 16).astype(np.float64)
    product = np.ones(3)
    for level, weight in enumerate((0.0448, 0.2856, 0.3001, 0.2363, 0.1333)):
        options = {
            "data_range": 255,
            "gaussian_weights": True,
            "sigma": 1.5,
            "use_sample_covariance": False,
            "full": True,
        }
        # With K1 very large the luminance term is one, and what is left is contrast and structure.
        k1 = 0.01 if level == 4 else 1e6
        maps = [structural_similarity(a[..., c], b[..., c], K1=k1, **options)[1][5:-5, 5:-5].mean() for c in range(3)]
        product *= np.array(maps) ** weight
        a, b = (downscale_local_mean(p[: p.shape[0] // 2 * 2, : p.shape[1] // 2 * 2], (2, 2, 1)) for p in (a, b))
    assert ms_ssim(photo, noisy(photo, 16)) == pytest.approx(product.mean(), abs=0.01)


def test_identity(photo):
    assert ssimulacra2(photo, photo) == pytest.approx(100, abs=0.5)
    row = measure(photo, photo)
    assert row["psnr-rgb"] == math.inf and row["ms-ssim"] == pytest.approx(1) and row["ms-ssim-db"] == math.inf


def test_ms_ssim_is_not_defined_for_small_pictures(photo):
    assert ms_ssim(photo[:160], photo[:160]) is None
    assert ms_ssim(photo[:161], photo[:161]) == pytest.approx(1)


def test_pictures_of_other_size_are_refused(photo):
    with pytest.raises(ValueError, match="decoded: found shape"):
        measure(photo, photo[:-1])
