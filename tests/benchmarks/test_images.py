"""The suite on a user's own folder: broken and hidden images, odd names, arguments that are wrong, too few images."""

from __future__ import annotations

import os
import shutil
import sys

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from benchmarks import rd as rd_module
from benchmarks.__main__ import main
from benchmarks.images import find_images, images_or_usage_error, pixel_digest, read_pixels, shown


@pytest.fixture
def folder(pictures, tmp_path):
    """Two whole images; a broken, a hidden, a repeated one, and one of another kind of file."""
    folder = tmp_path / "own"
    shutil.copytree(pictures, folder)
    whole = (pictures / "a.png").read_bytes()
    (folder / "broken.png").write_bytes(whole[:3000])
    (folder / ".hidden.png").write_bytes(whole)
    (folder / "c.png").write_bytes(whole)
    (folder / "notes.txt").write_text("no image")
    return folder


def test_what_cannot_be_read_is_named_and_passed_over(folder, capsys):
    found = find_images(folder)
    assert [path.name for path in found] == ["a.png", "b.png"]
    assert found[folder / "a.png"] == pixel_digest(read_pixels(folder / "a.png"))
    said = capsys.readouterr().err
    assert "broken.png: cannot be read" in said and "c.png: the same pixels as a.png" in said and "hidden" not in said
    assert [path.name for path in find_images(folder, most=1)] == ["a.png"]


def test_a_folder_without_readable_images_is_an_error(folder, tmp_path):
    (tmp_path / "none").mkdir()
    shutil.copy(folder / "broken.png", tmp_path / "none")
    with pytest.raises(FileNotFoundError, match="no readable images"):
        find_images(tmp_path / "none")
    for command in (["rd", "--out", str(tmp_path / "out"), "--images"], ["quick"], ["targets"], ["effort"]):
        result = CliRunner().invoke(main, [*command, str(tmp_path / "none")])
        assert result.exit_code == 2 and "no readable images" in result.output, command


def test_a_run_measures_what_is_whole(folder, tmp_path):
    arguments = ["rd", "--images", str(folder), "--out", str(tmp_path / "out"), "--codecs", "jpeg", "--visual", "0"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0 and "broken.png" in result.output, result.output
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "2 images" in page and "broken.png" not in page


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names there are text")
def test_names_that_are_not_utf8_are_measured_and_reported(tmp_path):
    folder = tmp_path / "odd"
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(0, 255, (48, 48, 3), np.uint8)
    with open(os.fsencode(folder) + b"/caf\xe9.png", "wb") as file:  # noqa: PTH123
        Image.fromarray(pixels).save(file, "PNG")
    assert shown(next(folder.iterdir())) == "caf\ufffd.png"
    out = tmp_path / "out"
    arguments = ["rd", "--images", str(folder), "--out", str(out), "--codecs", "jpeg,webp", "--visual", "1"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    assert "caf\ufffd.png" in (out / "report.html").read_text(encoding="utf-8")
    assert "caf\ufffd.png" in (out / "points.csv").read_text(encoding="utf-8")


def test_arguments_are_checked_before_anything_is_measured(folder, tmp_path, monkeypatch):
    def fail(*args, **options):
        raise AssertionError("measured")

    monkeypatch.setattr("benchmarks.quick.measure", fail)
    monkeypatch.setattr(rd_module, "run", fail)
    monkeypatch.setattr("benchmarks.effort._measure", fail)
    monkeypatch.setattr("benchmarks.targets.codec.compress", fail)
    (tmp_path / "none").mkdir()
    (tmp_path / "wrong").mkdir()
    (tmp_path / "wrong" / "vtm.json").write_text("[]")
    for arguments, message in (
        (["quick", folder, "--anchors", tmp_path / "none"], "no vtm.json"),
        (["quick", folder, "--anchors", tmp_path / "wrong"], "not a file of rate-distortion points"),
        (["rd", "--images", folder, "--out", tmp_path, "--anchors", tmp_path / "wrong"], "not a file of"),
        (["targets", folder, "--targets", "10K"], "--targets 10K"),
        (["effort", folder, "--levels", "high"], "--levels high"),
        (["effort", folder, "--qualities", "10"], "at least four"),
    ):
        result = CliRunner().invoke(main, [str(argument) for argument in arguments])
        assert result.exit_code == 2 and message in result.output, (arguments, result.output)


@pytest.mark.parametrize("command", ["search", "anomaly", "continuity", "geodesic"])
def test_too_few_images_are_one_line(pictures, tmp_path, command):
    (tmp_path / "none").mkdir()
    for folder, message in (
        (pictures, "least" if command != "continuity" else "fewer than"),
        (tmp_path / "none", "no im"),
    ):
        result = CliRunner().invoke(main, [command, str(folder)])
        assert result.exit_code == 2 and message in result.output, result.output


def test_paths_of_a_command_are_those_that_can_be_read(folder):
    assert [path.name for path in images_or_usage_error(folder)] == ["a.png", "b.png"]


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_deep_gray_is_not_read_as_white(suffix, tmp_path):
    """By those who look, train or measure, too; Pillow's own conversion cuts off at 255."""
    from benchmarks.manifold.pictures import read
    from codec.training.data import read_rgb

    ramp = np.arange(0, 65_536, 16, dtype=np.uint16).reshape(64, 64)
    path = tmp_path / f"a{suffix}"
    Image.fromarray(ramp).save(path)
    expected = np.round(ramp / 257)
    for pixels in (read_rgb(path), read_pixels(path), np.asarray(read(path))):
        assert pixels.shape == (64, 64, 3)
        np.testing.assert_array_equal(pixels[..., 1], expected)
