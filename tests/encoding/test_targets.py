"""Files that meet a target of size or distortion."""

from __future__ import annotations

import os
import sys

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import codec
from codec import metrics
from codec.cli import common, main
from codec.encoding import rate_control
from codec.encoding.options import Effort
from codec.encoding.rate_control import SAMPLE_PIXELS, encode_to_target
from codec.engine.registry import shipped
from codec.images.sources import ArraySource
from codec.metrics import ms_ssim_db, psnr_db, ssimulacra2


@pytest.fixture(scope="module")
def photo():
    from skimage import data

    return data.astronaut()[:389, :317]


@pytest.mark.parametrize("target", [9_000, 15_000, 30_000])
def test_a_target_size_is_met_from_below(photo, target):
    data = codec.compress(photo, target=codec.Target("bytes", target))
    assert 0.98 * target <= len(data) <= target


def test_targets_of_distortion_are_met(photo):
    data = codec.compress(photo, target=codec.Target("psnr", 33))
    assert 33 <= psnr_db([(photo, np.asarray(codec.decompress(data)))], 8) < 33.3
    data = codec.compress(photo, target=codec.Target("ms-ssim", 15))
    value = ms_ssim_db(photo, np.asarray(codec.decompress(data)), 8)
    assert 15 <= value < 15.3


@pytest.mark.parametrize("value", [20, 55, 80])
@pytest.mark.metrics
def test_a_target_of_ssimulacra2_is_met_from_above(photo, value):
    data = codec.compress(photo, target=codec.Target("ssimulacra2", value))
    found = ssimulacra2(photo, np.asarray(codec.decompress(data)), 8)
    assert value <= found < value + 1.5


@pytest.mark.metrics
def test_ssimulacra2_is_that_of_its_package_at_any_depth_and_in_parts(photo, monkeypatch):
    from benchmarks.perceptual import ssimulacra2 as reference

    decoded = np.asarray(codec.decompress(codec.compress(photo, 50)))
    whole = ssimulacra2(photo, decoded, 8)
    assert whole == pytest.approx(reference(photo, decoded))
    deep = [pixels.astype(np.uint16) * 257 for pixels in (photo, decoded)]
    assert ssimulacra2(*deep, 16) == pytest.approx(whole)
    gray = [pixels[..., :1] for pixels in (photo, decoded)]
    assert ssimulacra2(*gray, 8) == pytest.approx(reference(*(np.repeat(g, 3, axis=2) for g in gray)))
    monkeypatch.setattr(metrics, "PART_PIXELS", 1000)
    monkeypatch.setattr(metrics, "PART_SIDE", 130)
    parts = [
        (slice(a, b), slice(c, d)) for a, b in ((0, 129), (129, 259), (259, 389)) for c, d in ((0, 158), (158, 317))
    ]
    sizes = [photo[part][..., 0].size for part in parts]
    each = [reference(photo[part], decoded[part]) for part in parts]
    assert ssimulacra2(photo, decoded, 8) == pytest.approx(np.average(each, weights=sizes))
    with pytest.raises(ValueError, match="at least 8"):
        ssimulacra2(photo[:7], photo[:7], 8)


def test_a_target_whose_package_is_missing_is_told(photo, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ssimulacra2", None)
    with pytest.raises(codec.CodecError, match=r"\[metrics\]"):
        codec.compress(photo, target=codec.Target("ssimulacra2", 50))
    monkeypatch.setattr(common, "find_spec", lambda name: None if name == "ssimulacra2" else object())
    Image.fromarray(photo).save(tmp_path / "a.png")
    result = CliRunner().invoke(main, ["compress", str(tmp_path / "a.png"), "--target-ssimulacra2", "50"])
    assert result.exit_code == 1 and "[metrics]" in result.output and not (tmp_path / "a.lmc").exists()
    for value in ("0", "100", "nan"):
        assert CliRunner().invoke(main, ["compress", "a.png", "--target-ssimulacra2", value]).exit_code == 2


@pytest.mark.parametrize(
    ("kind", "value"),
    [("bytes", 100), ("psnr", 70), ("ms-ssim", 60), pytest.param("ssimulacra2", 99.9, marks=pytest.mark.metrics)],
)
def test_targets_out_of_reach_are_refused(photo, kind, value):
    with pytest.raises(codec.ImageError, match="target"):
        codec.compress(photo[:200, :200], target=codec.Target(kind, value))


@pytest.mark.slow
def test_targets_are_met_on_large_pictures(photo):
    large = np.tile(photo, (8, 9, 1))[:3000, :2900]
    assert large[..., 0].size > 2 * SAMPLE_PIXELS
    calls = []
    data = codec.compress(large, target=codec.Target("bytes", 500_000), progress=lambda d, t: calls.append((d, t)))
    assert 490_000 <= len(data) <= 500_000
    assert 1 <= sum(done == total for done, total in calls) <= 4  # one for each try


def test_a_target_size_counts_what_stands_beside_the_picture(photo):
    image = Image.fromarray(
        np.dstack([photo, np.random.default_rng(0).integers(0, 2, photo.shape[:2]) * 255]).astype("u1")
    )
    image.info["exif"] = b"Exif\0\0II*\0\x08\0\0\0" + os.urandom(3000)
    data = codec.compress(image, target=codec.Target("bytes", 30_000))
    assert 0.97 * 30_000 <= len(data) <= 30_000
    sizes = codec.inspect(data).box_bytes
    assert sizes["exif"] > 3000 and sizes["alpha"] > 10_000


def test_distortion_is_told_alike_at_any_depth(photo):
    other = np.roll(photo, 1, axis=0)
    deep, other_deep = (p.astype(np.uint16) * 257 for p in (photo, other))
    assert psnr_db([(deep, other_deep)], 16) == pytest.approx(psnr_db([(photo, other)], 8))
    assert ms_ssim_db(deep, other_deep, 16) == pytest.approx(ms_ssim_db(photo, other, 8), rel=1e-4)
    data = codec.compress(deep, target=codec.Target("psnr", 33))
    assert 33 <= psnr_db([(deep, codec.open(data).array())], 16) < 33.3


def test_each_try_has_half_of_the_time_that_is_left(photo, monkeypatch):
    given, encode = [], rate_control.encode_image

    def recorded(runtime, source, level, boxes, progress, effort, graphics):
        if effort.iterations:
            given.append(effort.seconds)
        return encode(runtime, source, level, boxes, progress)

    monkeypatch.setattr(rate_control, "encode_image", recorded)
    monkeypatch.setattr(rate_control.time, "monotonic", lambda: 40.0 * len(given))
    target = codec.Target("bytes", 12_000)
    encode_to_target(shipped(), ArraySource(photo), [], target, effort=Effort(9, 400.0))
    assert len(given) > 1
    assert given == pytest.approx([(400.0 - 40.0 * i) / 2 for i in range(len(given))])
