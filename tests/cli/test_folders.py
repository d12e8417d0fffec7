"""Folders: names of outputs, what is passed over, and what is there already."""

from __future__ import annotations

import os

import numpy as np
import pytest
from PIL import Image

from codec.cli.plan import plan
from codec.images import plugins
from tests.common import run_codec as run

GRAY = Image.new("L", (8, 8), 90)


def make(folder, *names):
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).touch()


def planned(folder, suffix=".lmc"):
    jobs = plan((folder,), None, True, suffix, lambda path: False, lambda path: path.suffix in (".png", ".jpg"))
    return {job.source.name: job.target.name for job in jobs}


def test_names_are_short_where_they_can_be(tmp_path):
    make(tmp_path, "a.png", "b.png", "b.jpg")
    assert planned(tmp_path) == {"a.png": "a.lmc", "b.png": "b.png.lmc", "b.jpg": "b.jpg.lmc"}


def test_a_name_that_looks_like_anothers_output_stops_nothing(tmp_path):
    make(tmp_path, "a.png", "a.jpg", "a.png.jpg", "A.JPG.png", "other.png")
    assert planned(tmp_path) == {
        "a.png": "a.png.lmc",
        "a.jpg": "a.jpg.lmc",
        "a.png.jpg": "a.png.jpg.lmc",
        "A.JPG.png": "A.JPG.png.lmc",
        "other.png": "other.lmc",
    }


def test_an_output_is_recognised_though_others_have_come_that_share_its_name(tmp_path):
    GRAY.save(tmp_path / "a.png")
    os.utime(tmp_path / "a.png", (1000, 1000))
    assert run("compress", "-r", tmp_path).exit_code == 0
    made = (tmp_path / "a.lmc").read_bytes()
    os.utime(tmp_path / "a.lmc", (2000, 2000))
    GRAY.save(tmp_path / "a.jpg")  # younger
    result = run("compress", "-r", tmp_path, "--skip-existing", "-v")
    assert result.exit_code == 0 and f"{tmp_path / 'a.png'}: left out, {tmp_path / 'a.lmc'} is there" in result.output
    assert sorted(p.name for p in tmp_path.glob("*.lmc")) == ["a.jpg.lmc", "a.lmc"]
    assert (tmp_path / "a.lmc").read_bytes() == made


def test_a_copy_with_its_old_time_does_not_take_an_output_for_its_own(tmp_path):
    """The image that the output is of was changed since; the copy, older than the output, was never coded."""
    GRAY.save(tmp_path / "a.png")
    assert run("compress", "-r", tmp_path).exit_code == 0
    os.utime(tmp_path / "a.lmc", (2000, 2000))
    GRAY.save(tmp_path / "a.jpg")
    os.utime(tmp_path / "a.jpg", (1000, 1000))
    assert run("compress", "-r", tmp_path, "--skip-existing").exit_code == 0
    assert sorted(p.name for p in tmp_path.glob("*.lmc")) == ["a.jpg.lmc", "a.lmc", "a.png.lmc"]


def test_whose_output_it_is_must_be_plain(tmp_path):
    """Of two that are both older nobody knows, so both are coded: none is lost."""
    for name in ("a.png", "a.jpg"):
        GRAY.save(tmp_path / name)
        os.utime(tmp_path / name, (1000, 1000))
    (tmp_path / "a.lmc").write_bytes(b"of one of them")
    assert run("compress", "-r", tmp_path, "--skip-existing").exit_code == 0
    assert sorted(p.name for p in tmp_path.glob("*.lmc")) == ["a.jpg.lmc", "a.lmc", "a.png.lmc"]


def test_what_is_passed_over_is_told(tmp_path, monkeypatch):
    make(tmp_path, "a.mp4", "b.mp4", "notes", ".hidden", "c.XYZ")
    GRAY.save(tmp_path / "d.png")
    monkeypatch.setattr(plugins, "PLUGINS", (plugins.Plugin("pillow-xyz", "pillow_xyz", None, (".xyz",)),))
    result = run("compress", "-r", tmp_path)
    assert result.exit_code == 0
    said = "Note: passed over in folders: 2 .mp4, 1 .xyz (read if pillow-xyz is installed), 1 no suffix\n"
    assert result.stderr == said
    assert run("compress", "-r", tmp_path, "--quiet", "-f").stderr == ""
    (tmp_path / "c.XYZ").write_bytes(bytes(200))
    result = run("compress", tmp_path / "c.XYZ")
    assert result.exit_code == 1 and "if the package pillow-xyz is installed" in result.stderr
    back = run("decompress", "-r", tmp_path, "--out-dir", tmp_path / "out")
    assert "1 .png" in back.stderr and (tmp_path / "out" / "d.png").exists()


def test_pictures_of_several_frames_are_taken(tmp_path):
    GRAY.convert("RGB").save(tmp_path / "a.mpo", save_all=True, append_images=[GRAY.convert("RGB")])
    assert run("compress", "-r", tmp_path).exit_code == 0 and (tmp_path / "a.lmc").exists()


@pytest.mark.parametrize(("package", "name"), [("pillow_heif", "a.heic"), ("pillow_jxl", "a.jxl")])
def test_formats_of_plugins_are_read_where_they_are_installed(tmp_path, package, name):
    module = pytest.importorskip(package, reason="the plugin is not installed")
    if package == "pillow_heif":
        module.register_heif_opener()
    Image.new("RGB", (40, 30), (200, 90, 30)).save(tmp_path / name)
    program = "import sys, codec; print(codec.decompress(codec.compress(sys.argv[1], 80)).getpixel((9, 9)))"
    import subprocess
    import sys

    found = subprocess.run(
        [sys.executable, "-c", program, tmp_path / name], capture_output=True, text=True, check=True
    ).stdout
    assert np.abs(np.array(eval(found)) - (200, 90, 30)).max() < 12


def test_a_time_of_modification_is_kept_if_asked_for(tmp_path):
    GRAY.save(tmp_path / "a.png")
    os.utime(tmp_path / "a.png", ns=(10**18 + 7, 10**18 + 7))
    assert run("compress", tmp_path / "a.png", "--preserve-time").exit_code == 0
    assert run("decompress", tmp_path / "a.lmc", tmp_path / "b.png", "--preserve-time").exit_code == 0
    assert {(tmp_path / name).stat().st_mtime_ns for name in ("a.lmc", "b.png")} == {10**18 + 7}
    assert run("compress", tmp_path / "a.png", tmp_path / "c.lmc").exit_code == 0
    assert (tmp_path / "c.lmc").stat().st_mtime_ns != 10**18 + 7
