"""Images unlike photographs: how they are judged, and that none of a small set comes back as noise."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks.__main__ import main
from benchmarks.robustness.judge import Blocks, at_size, compare_blocks, is_fault, largest_within
from benchmarks.robustness.pictures import KINDS, pictures

SOUND = (
    "flat",
    "edges",
    "gradients",
    "flags",
    "plots",
    "windows",
    "line-art",
    "turned-photographs",
    "lights",
    "deep-gray",
)
"""Kinds of which none comes back as noise. Mosaics of flat blocks and small red letters on blue still may."""


def test_a_block_is_noise_if_it_is_far_from_what_it_was_and_from_flat():
    flat = np.full((40, 50, 3), 128, np.uint8)
    assert compare_blocks(flat, flat) == Blocks(0, 0, (0, 0))
    noisy = flat.copy()
    noisy[16:32, 32:48] = np.where(np.random.default_rng(0).random((16, 16, 1)) < 0.5, 0, 255)
    found = compare_blocks(flat, noisy)
    assert found.noisy == 1 and found.at == (16, 32) and found.worst == pytest.approx(127.5, abs=1)
    busy = np.where(np.random.default_rng(1).random((40, 50, 1)) < 0.5, 0, 255).repeat(3, 2).astype(np.uint8)
    gray = compare_blocks(busy, flat)
    assert gray.worst > 100 and gray.noisy == 0  # detail that is lost is no noise
    unrelated = np.where(np.random.default_rng(2).random((40, 50, 1)) < 0.5, 0, 255).repeat(3, 2).astype(np.uint8)
    assert compare_blocks(busy, unrelated).noisy == 12  # of a busy block, too
    deep = flat[..., 0].astype(np.uint16) * 257
    assert compare_blocks(deep, deep + 257).worst == pytest.approx(1)


def test_the_last_blocks_may_be_small():
    x, y = np.zeros((17, 33, 3), np.uint8), np.zeros((17, 33, 3), np.uint8)
    y[16, 32] = 90
    assert compare_blocks(x, y) == Blocks(90, 1, (16, 32))


def test_the_best_file_within_a_size_is_found():
    asked = []

    def encode(quality):
        asked.append(quality)
        return bytes(10 * quality)

    for most in (0, 9, 10, 55, 1000, 10_000):
        asked.clear()
        assert len(largest_within(encode, 0, 100, most)) == 10 * min(100, most // 10)
        assert len(asked) <= 8
    assert len(largest_within(encode, 5, 100, 20)) == 50  # as few as it can


def test_other_codecs_stay_within_the_size(face):
    for name in ("jpeg-444", "webp"):
        size, blocks = at_size(name, face, 4000)
        smaller, worse = at_size(name, face, 1500)
        assert smaller <= 1500 < size <= 4000 and worse.worst > blocks.worst > 0


def test_a_fault_is_what_jpeg_does_far_better():
    assert not is_fault(20, 1) and is_fault(20.1, 1) and not is_fault(50, 25) and is_fault(51, 25)


def test_names_are_unique_and_pictures_always_the_same():
    first, second = (list(pictures(most=3)) for _ in range(2))
    assert len({picture.name for picture in first}) == len(first)
    assert {picture.kind for picture in first} == set(KINDS) and len(first) <= 3 * len(KINDS)
    for one, other in zip(first, second, strict=True):
        assert one.name == other.name
        np.testing.assert_array_equal(one.pixels, other.pixels)
    counts = {kind: len(list(KINDS[kind]())) for kind in ("flat", "edges", "checkerboards")}
    assert counts == {"flat": 729, "edges": 56, "checkerboards": 16}


def test_no_sound_kind_comes_back_as_noise(tmp_path):
    arguments = ["robustness", tmp_path / "out", "--kinds", ",".join(SOUND), "--most", 3, "--qualities", "10,80"]
    result = CliRunner().invoke(main, [str(a) for a in [*arguments, "--peers", "jpeg-444", "--jobs", 2]])
    assert result.exit_code == 0, result.output
    assert ": 0 with blocks of noise" in result.output
    summary = json.loads((tmp_path / "out" / "robustness.json").read_text())
    assert len(summary["findings"]) == 4 * len(list(pictures(SOUND, 3))) and {
        row["kind"] for row in summary["rows"]
    } == set(SOUND)
    page = (tmp_path / "out" / "robustness.html").read_text()
    assert page.count("<figure>") == 10 and "http" not in page
    again = CliRunner().invoke(main, [str(a) for a in arguments])
    assert again.exit_code == 2 and "-f replaces" in again.output


def test_noise_fails_the_command(tmp_path, monkeypatch):
    import benchmarks.robustness.command as command

    monkeypatch.setattr(command, "_decoded", lambda picture, *_: (99, 255 - picture.pixels))
    arguments = ["robustness", str(tmp_path / "out"), "--kinds", "flat", "--most", "4", "--peers", ""]
    result = CliRunner().invoke(main, [*arguments, "--qualities", "50"])
    assert result.exit_code == 1 and "8 with blocks of noise" in result.output


@pytest.mark.parametrize("wrong", [["--kinds", "cats"], ["--tunes", "x"], ["--qualities", "a"], ["--qualities", "200"],
                                   ["--peers", "gif"], ["--kinds", ""]])  # fmt: skip
def test_what_makes_no_sense_is_refused(tmp_path, wrong):
    result = CliRunner().invoke(main, ["robustness", str(tmp_path / "out"), *wrong])
    assert result.exit_code == 2 and not (tmp_path / "out").exists()
