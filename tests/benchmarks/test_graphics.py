"""The suites of graphics and of lossless coders measure what they say."""

import json
import shutil

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from benchmarks.__main__ import main
from benchmarks.graphics.command import examine
from benchmarks.graphics.pictures import BROWSERS, Picture, pictures

needs_browser = pytest.mark.skipif(not any(map(shutil.which, BROWSERS)), reason="Chromium is not installed")


@pytest.fixture(scope="module")
def photo():
    from skimage import data

    return data.astronaut()[:192, :256]


def test_a_page_is_judged_by_its_letters(photo):
    page = np.concatenate([photo, np.full((96, 256, 3), 255, np.uint8)])
    page[208:272:8, 16:240] = 0
    text = np.zeros(page.shape[:2], bool)
    text[200:280] = True
    found = examine(Picture("page", "mixed", page, text), 50)
    assert found.text_exact == 1 and 0.2 < found.exact_share < 0.5
    assert found.file_bytes < found.without < found.webp and found.avif is not None and found.avif > 500
    text[:10] = True  # letters on the photograph, which are not kept
    assert 0.5 < examine(Picture("page", "mixed", page, text), 50).text_exact < 0.95


@needs_browser
@pytest.mark.slow
def test_the_pictures_are_drawn_and_have_text():
    some = {p.name: p for p, _ in zip(pictures(), range(3), strict=False)}
    assert len(some) == 3 and all(p.kind == "flat" and p.pixels.dtype == np.uint8 for p in some.values())
    assert all(len(np.unique(p.pixels.reshape(-1, 3), axis=0)) > 50 for p in some.values())


def test_lossless_coders_are_compared(photo, tmp_path):
    Image.fromarray(photo).save(tmp_path / "a.png")
    Image.fromarray(np.ascontiguousarray(photo[::2, ::2])).save(tmp_path / "b.png")
    run = CliRunner().invoke(main, ["lossless", str(tmp_path)])
    assert run.exit_code == 0, run.output
    rows = {line.split()[0]: line.split() for line in run.output.splitlines()[1:]}
    assert set(rows) == {"lmc", "webp", "png", "jxl"}
    assert float(rows["png"][5]) == 1 and float(rows["jxl"][5]) < float(rows["lmc"][5]) < 0.9
    assert int(rows["lmc"][1]) < 1.02 * int(rows["webp"][1])


@needs_browser
@pytest.mark.heavy
def test_the_whole_suite(tmp_path):
    """Flat pictures: bytes against lossless WebP. Mixed ones: against AVIF at equal SSIMULACRA 2, and exact text."""
    run = CliRunner().invoke(main, ["graphics", str(tmp_path / "g.json")])
    assert run.exit_code == 0, run.output
    found = json.loads((tmp_path / "g.json").read_text())["findings"]
    flat = [f["file_bytes"] / f["webp"] for f in found if f["kind"] == "flat"]
    assert len(flat) >= 20 and np.median(flat) <= 1.05
    mixed = [f for f in found if f["kind"] == "mixed"]
    assert np.median([f["file_bytes"] / f["avif"] for f in mixed if f["avif"]]) < 1
