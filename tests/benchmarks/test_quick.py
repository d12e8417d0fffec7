"""The quick measurement: of the weights it is told to measure, and against what."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from skimage import data

import codec
from benchmarks.__main__ import main
from benchmarks.images import read_pixels
from benchmarks.metrics import array_psnr_db
from benchmarks.quick import QUALITIES
from codec.engine.registry import MODELS
from tests.common import MODEL


@pytest.mark.parametrize("options", [[], ["--model", str(MODEL)]])
def test_quick_measures_the_weights_it_is_told(tmp_path, options):
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for name, photo in (("a", data.astronaut()), ("b", data.coffee())):
        Image.fromarray(np.ascontiguousarray(photo[50:231, 100:301])).save(pictures / f"{name}.png")
    images = [read_pixels(path) for path in sorted(pictures.iterdir())]
    model = MODEL if options else MODELS / "psnr"
    coded = {q: [codec.compress(x, q, model=model) for x in images] for q in QUALITIES}
    points = []
    for files in coded.values():
        rates = [8 * len(file) / pixels[..., 0].size for file, pixels in zip(files, images, strict=True)]
        psnrs = [
            array_psnr_db(x, np.asarray(codec.decompress(f, model=model))) for f, x in zip(files, images, strict=True)
        ]
        points.append((float(np.mean(rates)), float(np.mean(psnrs))))
    # Published at half of the rate, so ours takes twice as much.
    columns = {"bpp": [rate / 2 for rate, _ in points], "psnr-rgb": [psnr for _, psnr in points]}
    (tmp_path / "vtm.json").write_text(json.dumps({"name": "VTM", "description": "", "results": columns}))
    result = CliRunner().invoke(main, ["quick", str(pictures), "--anchors", str(tmp_path), *options])
    assert result.exit_code == 0, result.output
    assert len(re.findall(r"lmc  q", result.output)) == 7 and ("monotone on every image: True" in result.output)
    for quality, (rate, psnr) in zip(QUALITIES, points, strict=True):
        assert f"lmc  q {quality:3d}  {rate:.4f} bpp  {psnr:.3f} dB" in result.output
    assert "against jpeg: " in result.output and "against published vtm: +100.00% on 2 images" in result.output
