"""What coding a collection costs: figures that are known beforehand, and the command."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from PIL import Image

from benchmarks import batch
from benchmarks.__main__ import main
from benchmarks.batch import Cost, crops, marginal


def test_costs_beyond_the_first_images():
    found = marginal(Cost(5.0, 4.0), Cost(9.0, 7.0), images=8)
    assert (found.cpu, found.wall) == (0.5, 0.375)


def test_crops_are_a_megapixel_whatever_the_images(pictures, tmp_path):
    total = crops(sorted(pictures.iterdir()), tmp_path / "crops", 3)
    made = sorted((tmp_path / "crops").iterdir())
    assert len(made) == 3 and total == sum(path.stat().st_size for path in made)
    for path in made:
        with Image.open(path) as image:
            assert image.size == (1024, 1024) and image.format == "JPEG"


def test_the_figures_follow_from_what_was_measured(pictures, tmp_path, monkeypatch):
    costs = {"compress -r -j 1": Cost(1.0, 1.0), "compress -r -j 2": Cost(1.0, 0.5),
             "batch compress, 1 worker": Cost(1.1, 1.1), "batch compress, 2 workers": Cost(1.2, 0.6),
             "batch decompress, 2 workers": Cost(0.5, 0.3), "batch embed, 2 workers": Cost(0.25, 0.2)}  # fmt: skip

    def measured(work, count):
        (work / "coded").mkdir()
        (work / "coded" / "0.lmc").write_bytes(b"x" * 8 * 1024 * 1024)
        return costs

    monkeypatch.setattr(batch, "measure", measured)
    out = tmp_path / "figures.json"
    arguments = [
        "batch",
        str(pictures),
        "--count",
        "8",
        "--megapixels",
        "1.048576",
        "--price",
        "0.1",
        "--out",
        str(out),
    ]
    told = CliRunner().invoke(main, [*arguments, "--out", str(out)]).stdout
    assert "two workers are 1.83 times as fast as one" in told and "1.10 of the CPU time" in told
    assert "333 core hours,       33 at 0.1 an hour" in told  # 1.2 s each
    assert "1,049 GB,       21 a month" in told  # a MB each of 1.048576 megapixels
    figures = json.loads(out.read_text())
    assert figures["costs"]["batch embed, 2 workers"]["cpu_s_per_mp"] == pytest.approx(0.25 / 1.048576)
