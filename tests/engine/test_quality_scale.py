"""What quality means: linear in the level unless a model says otherwise, and the same number both ways."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

import codec
from bitstream import ModelError
from codec.engine.quality_scale import QualityScale
from codec.engine.registry import TUNES, loaded
from codec.metrics import ssimulacra2
from tests.common import MODEL

BENT = (0, 100, 160, 200, 230, 255, 280, 305, 330, 360, 400)


def test_levels_are_the_nearest_to_a_quality():
    """In floats, 0.29 times 400 falls short of 116."""
    scale = QualityScale.stored(401, None)
    qualities = (0, 29, 57, 58, 33.25, 33.37, 33.38, 100)
    assert [scale.level(q) for q in qualities] == [0, 116, 228, 232, 133, 133, 134, 400]
    assert [scale.level(level / 4) for level in range(401)] == list(range(401))
    assert [scale.quality(level) for level in (0, 1, 133, 400)] == [0, 0.25, 33.25, 100]


def test_a_bent_scale_is_followed_both_ways():
    scale = QualityScale.stored(401, BENT)
    assert [scale.level(10 * n) for n in range(11)] == list(BENT)
    assert scale.level(5) == 50 and scale.quality(50) == 5
    uneven = QualityScale(401, (0, 69.87, 113.46, 149.36, 185.82, 221.76, 256.73, 293.96, 328.84, 366.14, 400))
    assert [uneven.quality(uneven.level(q)) for q in range(101)] == list(range(101))
    assert [scale.level(scale.quality(level)) for level in range(401)] == list(range(401))


@pytest.mark.parametrize("quality", [-1, 100.1, float("nan")])
def test_qualities_out_of_range_are_refused(quality):
    with pytest.raises(ValueError, match="0 to 100"):
        QualityScale.linear(401).level(quality)
    with pytest.raises(TypeError, match="a number"):
        QualityScale.linear(401).level("50")


def test_a_model_says_what_its_qualities_are(tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(MODEL, folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    photo = np.random.default_rng(0).integers(0, 256, (70, 80, 3)).astype(np.uint8)
    plain = codec.compress(photo, 20, model=folder)
    levels = loaded(folder).tables.levels
    bent = [0, *np.linspace(levels // 2, levels - 1, 10).tolist()]
    (folder / "manifest.json").write_text(json.dumps({**manifest, "quality_scale": bent}))
    data = codec.compress(photo, 20, model=folder)
    assert data != plain and data == codec.compress(photo, 100 * bent[2] / (levels - 1), model=MODEL)
    np.testing.assert_array_equal(*(np.asarray(codec.decompress(data, model=m)) for m in (folder, MODEL)))
    for nonsense in (
        [0, 1],
        [*bent[:-1], levels],
        bent[::-1],
        "x",
        5,
        [0, 0, *bent[2:]],
        {"a": 1},
        [*bent[:5], float("nan"), *bent[6:]],
        [10**400] * 11,
    ):
        (folder / "manifest.json").write_text(json.dumps({**manifest, "quality_scale": nonsense}))
        with pytest.raises(ModelError, match="manifest"):
            codec.compress(photo, 20, model=folder)


@pytest.mark.parametrize(("quality", "expected"), [(30, 43), (50, 63), (80, 81)])
@pytest.mark.metrics
def test_a_quality_looks_about_the_same_with_every_tune(quality, expected):
    """As SSIMULACRA 2 has it, on photographs that the scales were not fitted to, and which score a little higher."""
    from skimage import data

    photos = (data.astronaut()[:256, :256], data.coffee()[100:356, 150:406], data.chelsea()[:256, 100:356],
              data.rocket()[100:356, 200:456], data.stereo_motorcycle()[0][100:356, 200:456])  # fmt: skip
    scores = []
    for tune in TUNES:
        decoded = [np.asarray(codec.decompress(codec.compress(photo, quality, tune=tune))) for photo in photos]
        scores.append(np.mean([ssimulacra2(*pair, 8) for pair in zip(photos, decoded, strict=True)]))
    assert scores == pytest.approx([expected] * len(TUNES), abs=2)
