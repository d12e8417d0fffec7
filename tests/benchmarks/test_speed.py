"""The speed and cost commands: what they print, and that sizes and peers are what they are called."""

from __future__ import annotations

import csv
import re
import time

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from benchmarks.__main__ import main
from benchmarks.codecs.neural import ARCHITECTURES, CompressAi
from benchmarks.speed import known_peers, paired_seconds, resized
from codec.engine.registry import shipped


def test_a_picture_of_every_size():
    pixels = np.random.default_rng(0).integers(0, 256, (30, 50, 3), np.uint8)
    for megapixels in (0.0001, 0.0015, 0.01, 0.3):
        picture = resized(pixels, megapixels)
        assert picture[..., 0].size == pytest.approx(megapixels * 1e6, rel=0.1)
        assert picture.shape[1] / picture.shape[0] == pytest.approx(50 / 30, rel=0.2)
    np.testing.assert_array_equal(resized(pixels, 0.0015), pixels)


def test_pairs_are_timed_in_turn():
    calls = []
    ours, theirs, ratio = paired_seconds(
        lambda: (calls.append("a"), time.sleep(0.01)), lambda: (calls.append("b"), time.sleep(0.03)), 3
    )
    assert calls == ["a", "b"] * 4
    assert 0.01 <= ours < theirs and 1 < ratio < 4


@pytest.mark.parametrize("name", ["mbt2018-mean", "bmshj2018-hyperprior"])
def test_research_codecs_code_pictures_of_any_size(name):
    pytest.importorskip("compressai", reason="compressai wants Python below 3.13")
    peer = CompressAi(name)
    pixels = np.random.default_rng(0).integers(0, 256, (70, 133, 3), np.uint8)
    decoded = peer.decode(peer.encode(pixels, 0, 1), 1)
    assert decoded.shape == pixels.shape and decoded.dtype == np.uint8
    assert "random weights" in peer.settings and peer.version


def test_speed_prints_times_ratios_and_memory(tmp_path):
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)).save(tmp_path / "a.png")
    arguments = ["speed", str(tmp_path / "a.png"), "--sizes", "0.006,0.02", "--runs", "1", "--threads", "1"]
    result = CliRunner().invoke(main, [*arguments, "--peers", "jpeg", "--peers-up-to", "0.01"], catch_exceptions=False)
    assert result.exit_code == 0
    assert result.output.count("  a megapixel ") == result.output.count("  preview 1/8 ") == 2
    assert result.output.count("  lmc ") == 2 and result.output.count("  jpeg ") == 1
    memory = [int(n) for n in re.findall(r"(\d+) MB", result.output)]
    assert len(memory) == 4 and all(30 < n < 2000 for n in memory)
    assert [p.name for p in known_peers("webp,mbt2018-mean")] == [
        "webp",
        "mbt2018-mean",
    ] and "webp" not in ARCHITECTURES
    assert CliRunner().invoke(main, [*arguments, "--peers", "nonsense"]).exit_code == 2


def test_targets_prints_what_is_missed(tmp_path):
    for name in ("a", "b"):
        Image.fromarray(np.random.default_rng(ord(name)).integers(90, 160, (64, 96, 3), np.uint8)).save(
            tmp_path / f"{name}.png"
        )
    result = CliRunner().invoke(main, ["targets", str(tmp_path), "--targets", "1500,2500"], catch_exceptions=False)
    assert result.exit_code == 0
    assert "2 images x 2 targets" in result.output and "above the target: 0" in result.output


def test_cost_adds_up():
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from codec.models.v1.network import V1

    output = CliRunner().invoke(main, ["cost"], catch_exceptions=False).output
    figures = {name: float(value) for name, value in re.findall(r"^(\S+) +([\d.]+) ", output, re.M)}
    parts = sum(v for name, v in figures.items() if name.startswith("decoder."))
    assert figures["decoder"] == pytest.approx(parts, abs=0.03) and 1 < figures["decoder"] <= 12
    model = V1()
    assert f"{sum(p.numel() for p in model.parameters()) / 1e6:.2f} M parameters" in output.splitlines()[-1]
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        gains = model.gains(torch.tensor([0.5]))
        model.reconstruct(torch.zeros(1, 96, 4, 4), torch.zeros(1, 320, 16, 16), gains)
    means = counter.get_total_flops() / 2 / 256**2 / 1e3
    assert figures["decoder.context"] + figures["decoder.hyper_synthesis"] == pytest.approx(means, abs=0.02)


def test_effort_prints_and_keeps_what_it_buys(tmp_path):
    from skimage import data

    for name, part in (("a", data.astronaut()[:128, :128]), ("b", data.coffee()[100:228, 200:328])):
        Image.fromarray(np.ascontiguousarray(part)).save(tmp_path / f"{name}.png")
    rows = tmp_path / "rows.jsonl"
    arguments = ["effort", str(tmp_path), "--levels", "0,2", "--out", str(tmp_path / "effort.csv"), "--rows", str(rows)]
    result = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert result.exit_code == 0 and "2 images" in result.output
    # What was measured is not measured again, and the table is the same.
    lines = rows.read_text().splitlines()
    assert len(lines) == 2 * 2 * 4
    rows.write_text("\n".join(lines[:-1]))
    again = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert rows.read_text().splitlines()[:-1] == lines[:-1]
    figures = re.compile(r"^(effort \d  BD-rate.*\))", re.M)
    assert figures.findall(again.output) == figures.findall(result.output) and len(figures.findall(again.output)) == 2
    first, second = csv.DictReader((tmp_path / "effort.csv").read_text().splitlines())
    measured = {"images": "2", "qualities": "12,36,60,84", "threads": "2", "model": shipped(tune="psnr").model_id.hex()}
    assert measured.items() <= first.items() and measured.items() <= second.items()
    assert float(first["bd_rate"]) == 0 and float(second["bd_rate"]) < -0.5
    assert float(second["most"]) <= float(second["bd_rate"]) + 1 and float(second["most"]) <= float(second["least"])
    assert float(second["seconds_per_megapixel"]) > 3 * float(first["seconds_per_megapixel"])
