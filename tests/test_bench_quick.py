"""The quick measurement: of the weights it is told to measure, and against what."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from skimage import data

import codec
from benchmarks.__main__ import main
from benchmarks.measure import read_pixels

MODEL = Path(__file__).parent / "vectors" / "model"


@pytest.mark.parametrize("options", [[], ["--model", str(MODEL)]])
def test_quick_measures_the_weights_it_is_told(tmp_path, options):
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for name, photo in (("a", data.astronaut()), ("b", data.coffee())):
        Image.fromarray(np.ascontiguousarray(photo[50:231, 100:301])).save(pictures / f"{name}.png")
    points = [{"bpp": 0.02 * 3**i, "psnr-rgb": 20.0 + 4 * i} for i in range(6)]
    columns = {name: [point[name] for point in points] for name in points[0]}
    (tmp_path / "vtm.json").write_text(json.dumps({"name": "VTM", "description": "", "results": columns}))
    result = CliRunner().invoke(main, ["quick", str(pictures), "--anchors", str(tmp_path), *options])
    assert result.exit_code == 0, result.output
    assert len(re.findall(r"lmc  q", result.output)) == 7 and ("monotone on every image: True" in result.output)
    images = [read_pixels(path) for path in sorted(pictures.iterdir())]
    coded = [codec.compress(pixels, 48, model=MODEL if options else None) for pixels in images]
    rate = np.mean([8 * len(file) / pixels[..., 0].size for file, pixels in zip(coded, images, strict=True)])
    assert f"lmc  q  48  {rate:.4f} bpp" in result.output
    assert "against jpeg: " in result.output and "against published vtm: " in result.output
