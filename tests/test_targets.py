"""Files that meet a target of size or distortion."""

from __future__ import annotations

import os

import numpy as np
import pytest
from PIL import Image

import codec
from codec import targets
from codec.catalogue import shipped
from codec.effort import Effort
from codec.quality import ms_ssim_db, psnr_db
from codec.sources import ArraySource
from codec.targets import SAMPLE_PIXELS, encode_to_target


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


@pytest.mark.parametrize(("kind", "value"), [("bytes", 100), ("psnr", 70), ("ms-ssim", 60)])
def test_targets_out_of_reach_are_refused(photo, kind, value):
    with pytest.raises(codec.ImageError, match="target"):
        codec.compress(photo[:200, :200], target=codec.Target(kind, value))


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
    given, encode = [], targets.encode

    def recorded(runtime, source, level, boxes, progress, effort):
        if effort.iterations:
            given.append(effort.seconds)
        return encode(runtime, source, level, boxes, progress)

    monkeypatch.setattr(targets, "encode", recorded)
    monkeypatch.setattr(targets.time, "monotonic", lambda: 40.0 * len(given))
    target = codec.Target("bytes", 12_000)
    encode_to_target(shipped(), ArraySource(photo), [], target, effort=Effort(9, 400.0))
    assert len(given) > 1
    assert given == pytest.approx([(400.0 - 40.0 * i) / 2 for i in range(len(given))])
