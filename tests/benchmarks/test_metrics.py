"""Metrics of the benchmarks, against values known by construction or from another library."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest

from benchmarks import perceptual
from benchmarks.metrics import METRICS, array_psnr_db, judges, known_metrics, luma, measure, ms_ssim
from benchmarks.perceptual import butteraugli, ssimulacra2


@pytest.fixture(scope="module")
def photo():
    from skimage import data

    return np.ascontiguousarray(data.astronaut()[:200, 150:400])


def noisy(pixels, sigma, seed=0):
    noise = np.random.default_rng(seed).normal(0, sigma, pixels.shape)
    return np.clip(pixels + noise, 0, 255).round().astype(np.uint8)


def test_psnr_by_hand():
    a = np.zeros((4, 4, 3), np.uint8)
    assert array_psnr_db(a, a + 1) == pytest.approx(20 * math.log10(255))
    assert array_psnr_db(a, a) == math.inf
    # One component off by 3 is a third of the error of all three.
    b = a.copy()
    b[..., 1] = 3
    assert array_psnr_db(a, b) == pytest.approx(10 * math.log10(255**2 / 3))


def test_psnr_does_not_wrap_around():
    low, high = np.zeros((2, 2, 3), np.uint8), np.full((2, 2, 3), 255, np.uint8)
    assert array_psnr_db(low, high) == array_psnr_db(high, low) == pytest.approx(0)


def test_psnr_is_that_of_scikit_image(photo):
    from skimage.metrics import peak_signal_noise_ratio

    other = noisy(photo, 8)
    assert array_psnr_db(photo, other) == pytest.approx(peak_signal_noise_ratio(photo, other), abs=1e-9)


def test_luma_is_that_of_pillow(photo):
    from PIL import Image

    expected = np.asarray(Image.fromarray(photo).convert("L"))
    assert np.abs(luma(photo) - expected).max() <= 1


def test_all_metrics_fall_with_noise(photo):
    rows = [measure(photo, noisy(photo, sigma)) for sigma in (1, 4, 16)]
    assert set(rows[0]) == {*METRICS, "ms-ssim"}
    for name, metric in METRICS.items():
        if name == "butteraugli" and rows[0][name] is None:
            continue  # its program is not installed; see below
        values = [metric.quality(row[name]) for row in rows]
        assert values == sorted(values, reverse=True) and values[0] > values[-1], name
    assert rows[0]["ms-ssim-db"] == pytest.approx(-10 * math.log10(1 - rows[0]["ms-ssim"]))


def test_only_the_metrics_that_are_asked_for_are_computed(photo):
    assert set(measure(photo, photo, ["psnr-rgb", "cvvdp"])) == {"psnr-rgb", "cvvdp"}
    assert set(measure(photo, photo, ["ms-ssim-db"])) == {"ms-ssim", "ms-ssim-db"}
    assert known_metrics("all") == list(METRICS) and known_metrics("cvvdp, features") == ["cvvdp", "features"]
    for wrong in ("", "vmaf"):
        with pytest.raises(ValueError, match="unknown metrics"):
            known_metrics(wrong)


def test_equal_images_are_perfect_in_every_metric(photo):
    row = measure(photo, photo)
    assert row["cvvdp"] == pytest.approx(10, abs=1e-3) and row["features"] == pytest.approx(0, abs=1e-6)
    assert row["psnr-hvs"] > 90 and row["butteraugli"] in (None, 0.0)
    assert "cvvdp" in judges() and "butteraugli" in judges()


def test_people_see_blur_in_texture_and_not_in_its_absence(photo):
    """What PSNR is blind to: the same squared error as smoothing of texture, or as a step of brightness."""
    from skimage.filters import gaussian

    smooth = (255 * gaussian(photo / 255, 2, channel_axis=2)).round().astype(np.uint8)
    error = np.sqrt(np.square(photo.astype(float) - smooth).mean())
    brighter = np.clip(photo + error, 0, 255).round().astype(np.uint8)
    assert array_psnr_db(photo, smooth) == pytest.approx(array_psnr_db(photo, brighter), abs=1)
    for name in ("ssimulacra2", "features", "psnr-hvs"):
        blurred, lighter = (METRICS[name].quality(measure(photo, x, [name])[name]) for x in (smooth, brighter))
        assert blurred < lighter, name


def test_features_of_small_images_are_not_defined_and_sides_of_any_length_are(photo):
    assert measure(photo[:63], photo[:63], ["features"]) == {"features": None}
    odd = photo[:101, :93]
    row = measure(odd, noisy(odd, 4), ["features", "psnr-hvs", "cvvdp"])
    assert row["features"] > 0 and 20 < row["psnr-hvs"] < 60 and 5 < row["cvvdp"] < 10


def test_images_too_small_for_scales_have_no_such_metrics(photo):
    tiny, other = photo[:7, :50], 255 - photo[:7, :50]
    row = measure(tiny, other)
    assert [row[name] for name in ("ssimulacra2", "cvvdp", "butteraugli", "features", "ms-ssim-db")] == [None] * 5
    assert row["psnr-rgb"] < 20 and measure(tiny[:1, :1], other[:1, :1])["psnr-hvs"] < 40


@pytest.mark.skipif(perceptual.butteraugli_program() is None, reason="libjxl's tools are not installed")
def test_butteraugli_is_that_of_its_program(photo):
    assert butteraugli(photo, photo) == 0
    assert 0 < butteraugli(photo, noisy(photo, 2)) < butteraugli(photo, noisy(photo, 20))


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script stands for the program")
def test_what_butteraugli_says_is_read_or_refused(photo, tmp_path, monkeypatch):
    program = tmp_path / "butteraugli_main"
    monkeypatch.setattr(perceptual, "butteraugli_program", lambda: str(program))
    for script, expected in (("echo 3.5; echo '3-norm: 1.25e0'", 1.25), ("echo nothing", None), ("exit 3", None)):
        program.write_text(f"#!/bin/sh\ntest -s $1 && test -s $2 && {script}\n")
        program.chmod(0o755)
        if expected is None:
            with pytest.raises(OSError, match="butteraugli_main"):
                butteraugli(photo, photo)
        else:
            assert butteraugli(photo, photo) == expected
    monkeypatch.setattr(perceptual, "butteraugli_program", lambda: None)
    assert butteraugli(photo, photo) is None


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
