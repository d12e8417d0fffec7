"""The command as a user runs it: files, exit codes, messages, nothing lost."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import codec
from tests.common import run_codec as run


def test_there_and_back(photo, tmp_path):
    assert run("compress", photo).exit_code == 0
    coded = photo.with_suffix(".lmc")
    assert 0 < coded.stat().st_size < photo.stat().st_size
    out = tmp_path / "back.png"
    result = run("decompress", coded, out)
    assert result.exit_code == 0 and result.output == ""
    with Image.open(out) as image:
        assert image.size == (517, 389)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["back.png", "photo.lmc", "photo.png"]


def test_a_jpeg_with_orientation_is_turned_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "turned.jpg"
    Image.fromarray(np.zeros((40, 90, 3), np.uint8)).save(path, exif=exif)
    assert run("compress", path).exit_code == 0
    assert run("decompress", tmp_path / "turned.lmc").exit_code == 0
    with Image.open(tmp_path / "turned.png") as image:
        assert image.size == (40, 90)


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["compress", "missing.png"], 1, "No such file"),
        (["compress", "text.png"], 1, "not an image"),
        (["compress", "empty.png"], 1, "empty file"),
        (["decompress", "empty.png", "a.png"], 1, "empty"),
        (["compress", "."], 2, "directory"),
        (["compress", "-r", "."], 1, "2 files"),
        (["compress", "text.png", "text.png"], 2, "both become"),
        (["decompress", "text.png", "text.png"], 2, "same file"),
        (["decompress", "text.png", "./text.png"], 2, "same file"),
        (["compress", "text.png", "-", "empty.png"], 2, "stdin"),
        (["compress", "text.png", "-q", "50", "--target-size", "1K"], 2, "only one"),
        (["compress", "text.png", "--target-size", "1X"], 2, "invalid size"),
        (["decompress", "a.lmc", "a.png", "--region", "1,2"], 2, "invalid region"),
        (["decompress", "a.lmc", "a.png", "--region", "1,2,3,4", "--scale", "1/8"], 2, "together"),
        (["decompress", "missing.lmc"], 1, "No such file"),
        (["compress", "text.png", "nowhere/that/is.lmc", "--max-pixels", "0"], 2, "max-pixels"),
        (["compress", "text.png", "-q", "101"], 2, "101"),
        (["compress"], 2, "Missing argument"),
        (["decompress", "a.lmc", "a.xyz"], 2, ".xyz"),
        (["inspect", "text.png"], 1, "not an .lmc file"),
        (["decompress", "empty.png"], 1, "not an .lmc file"),
        (["decompress", "empty.png", "-f"], 1, "not an .lmc file"),
        (["compress", "text.png", "NOWHERE"], 2, "--out-dir makes one"),
        (["compress", "text.png", "out.jpg"], 2, "has to end in .lmc"),
        (["compress", "text.png", "empty.png", "out.lmc"], 2, "output of several"),
        (["compress", "text.png", "out.lmc", "--out-dir", "OUT"], 2, "--out-dir"),
        (["compress", "text.png", "--out-dir", "empty.png"], 2, "not a folder"),
        (["compress", "-r", "text.png", "."], 2, "--out-dir ."),
        (["compress", "text.png", "-f", "--skip-existing"], 2, "together"),
        (["compress", "text.png", "-q", "good"], 2, "not a valid number"),
        (["decompress", "a.lmc", "out.png", "--format", "jpg"], 2, "named"),
        (["decompress", "a.lmc", "NOWHERE"], 2, "suffix"),
        (["decompress", "a.lmc", "b.lmc", "both.png"], 2, "output of several"),
        (["decompress", "a.lmc", "b.lmc", "empty.png", "-f"], 2, "output of several"),
        (["compress", "empty.png", "text.png", "there.lmc", "-f"], 2, "output of several"),
        (["compress", "-r", ".", "there.lmc", "-f"], 2, "output of a folder"),
        (["compress", "-r", ".", "NOWHERE"], 2, "given as --out-dir"),
        (["compress", "gone.png", "--skip-existing"], 1, "No such file"),
        (["decompress", "empty.png", "--skip-existing"], 1, "not an .lmc file"),
        (["compress", "there.lmc", "--skip-existing"], 1, "already"),
        (["compress", "text.png", "-q", "nan"], 2, "finite"),
        (["compress", "text.png", "--target-psnr", "inf"], 2, "range"),
        (["compress", "text.png", "-e", "0", "--budget", "60"], 2, "budget"),
        (["decompress", "a.lmc", "a.png", "--region", "1,2,0,4"], 2, "invalid region"),
        (["decompress", "a.lmc", "a.h5"], 2, ".h5"),
        (["nonsense"], 2, "No such command"),
    ],
)
def test_errors_are_one_line_and_an_exit_code(tmp_path, monkeypatch, args, code, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.png").write_text("hello")
    (tmp_path / "empty.png").touch()
    (tmp_path / "there.lmc").write_text("precious")
    (tmp_path / "gone.lmc").write_text("precious")
    result = run(*args)
    assert result.exit_code == code and message in result.stderr and result.stdout == ""
    assert sorted(p.name for p in tmp_path.iterdir()) == ["empty.png", "gone.lmc", "text.png", "there.lmc"]
    assert {p.read_text() for p in tmp_path.glob("*.lmc")} == {"precious"}


def test_a_folder_of_many_kinds_one_of_them_broken(photo, tmp_path):
    folder, out, back = tmp_path / "in", tmp_path / "out", tmp_path / "back"
    (folder / "deeper").mkdir(parents=True)
    with Image.open(photo) as image:
        small = image.resize((90, 70))
    small.save(folder / "a.png")
    small.save(folder / "a.jpg")
    small.convert("CMYK").save(folder / "deeper" / "b.tif")
    small.convert("P").save(folder / "c.gif")
    (folder / "notes.txt").write_text("no image")
    (folder / "broken.jpg").write_bytes((folder / "a.jpg").read_bytes()[:700])
    result = run("compress", "-r", folder, "--out-dir", out, "-j", "3")
    assert result.exit_code == 1 and result.stdout == ""
    assert "broken.jpg" in result.stderr and "4 of 5 files" in result.stderr and "CMYK" in result.stderr
    names = sorted(str(p.relative_to(out)) for p in out.rglob("*") if p.is_file())
    assert names == ["a.jpg.lmc", "a.png.lmc", "c.lmc", str(Path("deeper") / "b.lmc")]
    result = run("decompress", "-r", out, "--out-dir", back, "--format", "webp", "-v")
    assert result.exit_code == 0 and "4 of 4 files" in result.stderr and "b.webp" in result.stderr
    for path in back.rglob("*.webp"):
        with Image.open(path) as image:
            assert image.size == (90, 70)
    again = run("compress", "-r", folder, "--out-dir", out, "--quiet")
    assert again.exit_code == 1 and again.stderr.count("exists") == 4


def test_what_is_there_can_be_left_as_it_is(photo, tmp_path):
    out = tmp_path / "out"
    shutil.copy(photo, tmp_path / "a.png")
    assert run("compress", tmp_path / "a.png", "--out-dir", out, "--quiet").exit_code == 0
    (out / "a.lmc").write_bytes(b"precious")
    shutil.copy(photo, tmp_path / "b.png")
    more = run("compress", tmp_path / "a.png", tmp_path / "b.png", "--out-dir", out, "--skip-existing")
    assert more.exit_code == 0 and "1 of 2 files, 1 were there" in more.stderr
    assert (out / "a.lmc").read_bytes() == b"precious" and codec.inspect(out / "b.lmc").width == 517
    none = run("compress", tmp_path / "a.png", "--out-dir", out, "--skip-existing")
    assert none.exit_code == 0 and (out / "a.lmc").read_bytes() == b"precious"


def test_coded_files_among_pictures_do_not_stop_them(photo, tmp_path):
    shutil.copy(photo, tmp_path / "a.png")
    shutil.copy(photo, tmp_path / "b.lmc")
    result = run("compress", tmp_path / "b.lmc", tmp_path / "a.png", "-f")
    assert result.exit_code == 1 and "b.lmc: an .lmc file already" in result.stderr and "1 of 2 files" in result.stderr
    assert (tmp_path / "b.lmc").read_bytes() == photo.read_bytes() and (tmp_path / "a.lmc").is_file()


def test_the_rate_is_that_of_the_coded_file_even_if_it_is_the_larger(tmp_path):
    # Black and white noise, of which a bilevel file takes one bit a pixel, and a coder of photographs many.
    noise, coded = tmp_path / "noise.png", tmp_path / "noise.lmc"
    bits = np.random.default_rng(0).integers(0, 2, (128, 128), dtype=np.uint8)
    Image.fromarray(255 * bits).convert("1").save(noise)
    there = run("compress", noise, "-q", "100", "-v", "--no-graphics")
    assert coded.stat().st_size > 2 * noise.stat().st_size and "larger than the image's own" in there.stderr
    rate = f"{coded.stat().st_size * 8 / 128**2:.3f} bpp"
    back = run("decompress", coded, "--format", "webp", "-v")
    assert rate in there.stderr and rate in back.stderr


def test_targets(photo, tmp_path):
    for option, value, limit in (("--target-size", "9K", 9000), ("--target-bpp", "0.5", 517 * 389 / 16)):
        out = tmp_path / "sized.lmc"
        assert run("compress", photo, out, "-f", option, value).exit_code == 0
        assert 0.98 * limit < out.stat().st_size <= limit
    assert run("compress", photo, tmp_path / "p.lmc", "--target-psnr", "32", "-v").exit_code == 0
    result = run("compress", photo, tmp_path / "none.lmc", "--target-size", "40")
    assert result.exit_code == 1 and "smallest" in result.stderr and not (tmp_path / "none.lmc").exists()


def test_regions_and_scales(photo, tmp_path):
    coded = tmp_path / "photo.lmc"
    run("compress", photo, coded)
    for name, options in (("all", []), ("part", ["--region", "100,50,64,80"]), ("small", ["--scale", "1/8"])):
        assert run("decompress", coded, tmp_path / f"{name}.ppm", *options).exit_code == 0
    whole, part, small = (np.asarray(Image.open(tmp_path / f"{n}.ppm")) for n in ("all", "part", "small"))
    np.testing.assert_array_equal(part, whole[50:130, 100:164])
    assert small.shape == (49, 65, 3)
    outside = run("decompress", coded, tmp_path / "x.png", "--region", "500,0,64,80")
    assert outside.exit_code == 1 and "not within" in outside.stderr and not (tmp_path / "x.png").exists()


def test_too_large_is_refused_both_ways(photo, tmp_path):
    coded = tmp_path / "photo.lmc"
    run("compress", photo, coded)
    for command, path in (("compress", photo), ("decompress", coded), ("inspect", coded)):
        result = run(command, path, *(["-f"] if command != "inspect" else []), "--max-pixels", "1000")
        assert result.exit_code == 1 and "limit 1000" in result.stderr


def test_a_region_outside_one_file_does_not_stop_the_rest(photo, tmp_path):
    coded, out = tmp_path / "coded", tmp_path / "out"
    coded.mkdir()
    Image.new("RGB", (9, 9)).save(tmp_path / "tiny.png")
    assert run("compress", photo, tmp_path / "tiny.png", coded).exit_code == 0  # a folder that exists
    result = run("decompress", "-r", coded, "--out-dir", out, "--region", "10,10,5,5")
    assert result.exit_code == 1 and "tiny.lmc" in result.stderr
    assert [p.name for p in out.iterdir()] == ["photo.png"]


def test_threads_of_the_environment_are_checked(photo, monkeypatch):
    monkeypatch.setenv("CODEC_THREADS", "many")
    monkeypatch.setattr("codec.engine.registry._loaded", {})
    result = run("compress", photo)
    assert result.exit_code == 1 and "CODEC_THREADS" in result.stderr


def test_names_that_differ_only_in_case_and_suffix_are_kept_apart(photo, tmp_path, monkeypatch):
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    with Image.open(photo) as image:
        for name in ("IMG_1.jpg", "img_1.png", "Alone.png"):
            image.resize((20, 10)).save(folder / name)
    assert run("compress", "-r", folder, "--out-dir", out).exit_code == 0
    assert sorted(p.name for p in out.iterdir()) == ["Alone.lmc", "IMG_1.jpg.lmc", "img_1.png.lmc"]
    monkeypatch.setattr("codec.cli.files.sys.platform", "darwin")
    (tmp_path / "other").mkdir()
    shutil.copyfile(folder / "Alone.png", tmp_path / "other" / "alone.png")
    result = run("compress", folder / "Alone.png", tmp_path / "other" / "alone.png", "--out-dir", tmp_path / "both")
    assert result.exit_code == 2 and "would both become" in result.stderr and not (tmp_path / "both").exists()


def test_inspect(photo):
    run("compress", photo, "-q", "30")
    coded = photo.with_suffix(".lmc")
    text = run("inspect", coded).output
    assert "517 x 389" in text and "quality   30" in text and f"{coded.stat().st_size} (" in text
    info = json.loads(run("inspect", coded, "--json").output)
    assert info["width"] == 517 and info["file_bytes"] == coded.stat().st_size and info["quality"] == 30


def test_version_and_help():
    from codec import __version__

    assert __version__ in run("--version").output
    assert "compress" in run("--help").output


def test_training_without_its_extra_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "torch", None)
    for name in [m for m in sys.modules if m.startswith(("codec.training", "codec.models"))]:
        monkeypatch.delitem(sys.modules, name)
    result = run("train", "--data", tmp_path, "--out", tmp_path / "out")
    assert result.exit_code == 1 and "the extra [train]" in result.stderr
