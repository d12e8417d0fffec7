"""BD-rate against cases computed by hand, and against two published pairs where the anchors are at hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.anchors import read_anchors
from benchmarks.bdrate import bd_rate, bd_rate_within, curve

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results" / "results.json"
RATES = [0.1, 0.2, 0.4, 0.8, 1.6]
DB = [28.0, 30.5, 33.0, 35.5, 38.0]


@pytest.mark.parametrize("factor", [0.5, 0.9, 1.0, 1.37])
def test_a_constant_factor_on_the_rate_is_the_result(factor):
    result = bd_rate(curve(RATES, DB), curve([r * factor for r in RATES], DB))
    assert result.percent == pytest.approx(100 * (factor - 1), abs=1e-6)
    assert (result.low, result.high, result.overlap) == (28.0, 38.0, 1.0)


def test_a_shift_in_quality_by_hand():
    """Rate doubles every 2.5 dB, so being 1 dB worse costs a factor of 2 ** (1 / 2.5)."""
    result = bd_rate(curve(RATES, DB), curve(RATES, [d - 1 for d in DB]))
    assert result.percent == pytest.approx(100 * (2 ** (1 / 2.5) - 1), abs=1e-6)
    assert (result.low, result.high) == (28.0, 37.0)
    assert result.overlap == pytest.approx(0.9)


def test_a_difference_that_grows_with_quality_by_hand():
    """The log of the ratio grows linearly from 0 to log 4: its mean is log 2."""
    tested = [r * 4 ** ((d - 28) / 10) for r, d in zip(RATES, DB, strict=True)]
    assert bd_rate(curve(RATES, DB), curve(tested, DB)).percent == pytest.approx(100, abs=1e-6)


@pytest.mark.parametrize("low", [28.0, 29.3])
def test_a_range_of_quality_by_hand(low):
    """Half a decibel worse where the rate doubles every 2.5 dB; and over the whole range the same as without one."""
    worse = curve(RATES, [d - 0.5 for d in DB])
    assert bd_rate_within(curve(RATES, DB), worse, low, 37.0) == pytest.approx(100 * (2 ** (0.5 / 2.5) - 1))
    bent = curve([0.08, 0.21, 0.5, 0.7, 2.0], [27.0, 30.0, 33.5, 35.0, 39.0])
    whole = bd_rate(curve(RATES, DB), bent)
    assert bd_rate_within(curve(RATES, DB), bent, whole.low, whole.high) == pytest.approx(whole.percent, abs=0.01)
    assert bd_rate_within(curve(RATES, DB), bent, 27.5, 37.0) is None  # the first begins at 28
    assert bd_rate_within(curve(RATES, DB), worse, low, 37.6) is None  # the second ends at 37.5


def test_swapping_anchor_and_tested_inverts_the_ratio():
    other = curve([r * 0.8 for r in RATES], [d + 0.3 for d in DB])
    forth, back = bd_rate(curve(RATES, DB), other).percent, bd_rate(other, curve(RATES, DB)).percent
    assert (1 + forth / 100) * (1 + back / 100) == pytest.approx(1)


def test_points_are_put_in_order_and_useless_ones_dropped():
    points = curve([0.4, 0.1, 0.2, 0.3, 0.5], [30.0, 25.0, 28.0, 27.0, float("inf")])
    np.testing.assert_array_equal(points.rate, [0.1, 0.2, 0.4])
    np.testing.assert_array_equal(points.quality, [25.0, 28.0, 30.0])
    assert curve([0.5, 0.5, 1.0], [30.0, 31.0, 33.0]).quality.tolist() == [31.0, 33.0]


def test_no_result_without_overlap_or_enough_points():
    assert bd_rate(curve(RATES, DB), curve(RATES, [d + 20 for d in DB])) is None
    assert bd_rate(curve(RATES, DB), curve(RATES[:3], DB[:3])) is None


def test_the_formats_of_published_curves(tmp_path):
    results = {"bpp": [1.0, 0.5], "psnr-rgb": [35.0, 30.0], "ms-ssim-rgb": [0.99, 0.9]}
    (tmp_path / "a.json").write_text(json.dumps({"name": "A", "results": results}))
    (tmp_path / "b.tsv").write_text(
        "lmbda\tseq_name\tn_pixels\tloss\tpsnr_db\trate_bpp\n"
        "0.1\tx\t10\t0\t30\t0.2\n0.1\ty\t10\t0\t32\t0.4\n0.5\tx\t10\t0\t36\t1.0\n0.5\ty\t10\t0\t38\t1.2\n"
    )
    anchors = read_anchors(tmp_path)
    assert anchors["a"].curves["psnr-rgb"].quality.tolist() == [30.0, 35.0]
    assert anchors["a"].curves["ms-ssim-db"].quality.tolist() == pytest.approx([10.0, 20.0])
    assert anchors["b"].curves["psnr-rgb"].rate.tolist() == pytest.approx([0.3, 1.1])
    assert anchors["b"].curves["psnr-rgb"].quality.tolist() == pytest.approx([31.0, 37.0])
    (tmp_path / "c.json").write_text("{}")
    with pytest.raises(ValueError, match=r"c\.json"):
        read_anchors(tmp_path)


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [("compressai-bmshj2018-hyperprior_mse_cpu", 29, 32), ("compressai-mbt2018-mean_mse_cpu", 20, 23)],
)
def test_published_pairs(name, low, high):
    published = json.loads(RESULTS.read_text())["published"]
    vtm, other = (curve(*published[codec]["psnr-rgb"].values()) for codec in ("vtm", name))
    result = bd_rate(vtm, other)
    assert low < result.percent < high
