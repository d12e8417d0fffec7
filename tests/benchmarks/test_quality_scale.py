"""The quality scale that is fitted: qualities of equal looks, whatever a model's levels are."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from click.testing import CliRunner

import codec
from benchmarks.__main__ import main
from benchmarks.perceptual import ssimulacra2
from benchmarks.quality_scale import TARGETS, fitted
from codec.engine.quality_scale import QualityScale
from codec.engine.registry import SHIPPED, loaded


def test_levels_are_those_at_which_the_targets_are_met():
    levels = np.linspace(0, 400, 41)
    at = fitted(levels.tolist(), (levels / 4).tolist(), 400)
    assert at[1:-1] == pytest.approx([4 * score for score in TARGETS.values()], abs=0.01) and (at[0], at[-1]) == (
        0,
        400,
    )


@pytest.mark.parametrize("scores", [[90.0] * 5, [-80.0] * 5, [0, 50, 40, 45, 60]])
def test_a_scale_ascends_whatever_was_measured(scores):
    at = fitted([0, 100, 200, 300, 400], scores, 400)
    QualityScale.stored(401, at)  # refuses what does not


def test_a_model_is_given_a_scale(pictures, tmp_path):
    """And then has the targets' scores on the images that it was fitted to."""
    model = tmp_path / "model"
    shutil.copytree(SHIPPED, model)
    manifest = json.loads((model / "manifest.json").read_text())
    manifest.pop("quality_scale", None)
    (model / "manifest.json").write_text(json.dumps(manifest))
    arguments = ["quality-scale", str(pictures), "--model", str(model), "--points", "9"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0 and "quality_scale" not in json.loads((model / "manifest.json").read_text())
    result = CliRunner().invoke(main, [*arguments, "--write"])
    assert result.exit_code == 0 and "written to" in result.output, result.output
    assert loaded(model).scale.at == tuple(json.loads((model / "manifest.json").read_text())["quality_scale"])
    from benchmarks.images import read_pixels

    for quality in (50, 80):
        found = []
        for path in sorted(pictures.iterdir()):
            pixels = read_pixels(path)
            data = codec.compress(pixels, quality, model=model)
            found.append(ssimulacra2(pixels, np.asarray(codec.decompress(data, model=model))))
        assert np.mean(found) == pytest.approx(TARGETS[quality], abs=4)
