"""Options of the commands do what the same arguments of the library do."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import codec
from codec.cli import main
from codec.cli.compress import _Size
from codec.util.files import find_files


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def picture(face, tmp_path):
    """With transparency and metadata."""
    path = tmp_path / "a.png"
    Image.fromarray(np.dstack([face, face[..., 0]])).save(path, icc_profile=b"profile" * 20)
    return path


@pytest.mark.parametrize(
    ("options", "arguments"),
    [
        (["-q", "20"], {"quality": 20}),
        (["--strip"], {"strip": True}),
        (["--tune", "psnr"], {"tune": "psnr"}),
        (["--target-psnr", "32"], {"target": codec.Target("psnr", 32)}),
        (["--target-ms-ssim", "14"], {"target": codec.Target("ms-ssim", 14)}),
        (["--target-size", "40KiB"], {"target": codec.Target("bytes", 40 * 1024)}),
        (["--target-bpp", "8"], {"target": codec.Target("bytes", 200 * 200)}),
    ],
)
def test_compress_does_what_the_library_does(picture, options, arguments):
    assert run("compress", picture, *options).exit_code == 0
    assert picture.with_suffix(".lmc").read_bytes() == codec.compress(picture, **arguments)


@pytest.mark.parametrize(
    ("text", "size"),
    [("80000", 80_000), ("7b", 7), ("9K", 9000), ("9kB", 9000), ("2KiB", 2048), ("0.5M", 500_000), ("0.5MiB", 524_288),
     ("1 MB", 1_000_000)],
)  # fmt: skip
def test_sizes_have_units(text, size):
    assert _Size().convert(text, None, None) == size


def test_threads_reach_the_model(picture, monkeypatch):
    asked, shipped = [], codec.api.shipped
    monkeypatch.setattr(
        "codec.api.shipped", lambda threads, tune: (asked.append((threads, tune)), shipped(threads, tune))[1]
    )
    assert run("compress", picture, "--threads", 3, "--tune", "psnr").exit_code == 0
    assert run("compress", picture, "-f", "--target-psnr", 30).exit_code == 0
    assert run("compress", picture, "-f", "--target-bpp", 6).exit_code == 0
    assert asked == [(3, "psnr"), (None, "psnr"), (None, "visual")]


def test_transparency_is_scaled_with_the_picture(picture, tmp_path):
    run("compress", picture)
    assert run("decompress", tmp_path / "a.lmc", tmp_path / "small.png", "--scale", "1/8").exit_code == 0
    with Image.open(tmp_path / "small.png") as small, Image.open(picture) as whole:
        assert small.mode == "RGBA" and small.size == (25, 25)
        means = np.asarray(whole)[..., 3].reshape(25, 8, 25, 8).mean(axis=(1, 3))
        assert np.abs(np.asarray(small)[..., 3] - means).max() < 0.51


def test_what_follows_a_file_is_damage(picture, tmp_path):
    run("compress", picture)
    longer = tmp_path / "longer.lmc"
    longer.write_bytes((tmp_path / "a.lmc").read_bytes() + b"x")
    assert run("decompress", longer).exit_code == 1 and not longer.with_suffix(".png").exists()


def test_a_failure_counts_for_more_than_damage(picture, tmp_path):
    run("compress", picture)
    data = bytearray((tmp_path / "a.lmc").read_bytes())
    data[-9] ^= 1
    (tmp_path / "damaged.lmc").write_bytes(data)
    arguments = ["--tolerate-damage", "--out-dir", tmp_path / "out"]
    assert run("decompress", tmp_path / "damaged.lmc", *arguments).exit_code == 3
    (tmp_path / "empty.lmc").touch()
    assert run("decompress", tmp_path / "damaged.lmc", tmp_path / "empty.lmc", *arguments, "-f").exit_code == 1
    assert (tmp_path / "out" / "damaged.png").exists()


def test_an_existing_file_without_a_suffix_is_no_output(picture, tmp_path):
    run("compress", picture)
    notes = tmp_path / "notes"
    notes.write_text("mine")
    result = run("decompress", "-f", tmp_path / "a.lmc", notes)
    assert result.exit_code == 2 and "suffix" in result.stderr and notes.read_text() == "mine"


def test_hidden_files_are_left_out(picture, tmp_path):
    for name in (".hidden.png", "._a.png", ".trash/b.png", "folder/c.png"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_bytes(picture.read_bytes())
    assert run("compress", "-r", tmp_path / "in", "--out-dir", tmp_path / "out").exit_code == 0
    assert [p.relative_to(tmp_path / "out") for p in (tmp_path / "out").rglob("*.lmc")] == [Path("folder/c.lmc")]


def test_a_folder_that_cannot_be_read_is_named(picture, tmp_path, monkeypatch):
    walk = os.walk

    def hindered(top, onerror):
        for place, folders, names in walk(top):
            if "locked" in folders:
                folders.remove("locked")
                onerror(PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(tmp_path / "in" / "locked")))
            yield place, folders, names

    (tmp_path / "in" / "locked").mkdir(parents=True)
    (tmp_path / "in" / "a.png").write_bytes(picture.read_bytes())
    monkeypatch.setattr("codec.util.files.os.walk", hindered)
    result = run("compress", "-r", tmp_path / "in", "--out-dir", tmp_path / "out")
    assert result.exit_code == 1 and "locked: Permission denied" in result.stderr and "1 of 2 files" in result.stderr
    assert (tmp_path / "out" / "a.lmc").exists()


def test_a_folder_of_which_only_names_can_be_read_is_named(tmp_path, monkeypatch):
    (tmp_path / "a.png").touch()
    (tmp_path / "b.png").touch()
    is_file = Path.is_file

    def hindered(path):
        if path.name == "a.png":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return is_file(path)

    monkeypatch.setattr(Path, "is_file", hindered)
    failed = []
    assert list(find_files(tmp_path, failed.append)) == [tmp_path / "b.png"] and len(failed) == 1
    with pytest.raises(PermissionError):
        list(find_files(tmp_path))


def test_what_is_left_out_is_told(picture, tmp_path):
    arguments = ["compress", picture, "--out-dir", tmp_path / "out", "--skip-existing"]
    assert "left out" not in run(*arguments, "-v").stderr
    result = run(*arguments, "-v")
    assert (
        f"{picture}: left out, {tmp_path / 'out' / 'a.lmc'} is there" in result.stderr
        and "1 were there" in result.stderr
    )
    assert run(*arguments, "--quiet").stderr == ""


def test_numbers_beyond_all_sense_are_wrong_usage(picture, tmp_path):
    for option, value in (("--target-size", "9" * 400), ("--target-bpp", "1e308"), ("--target-psnr", "1e308")):
        assert run("compress", picture, option, value).exit_code == 2
    assert run("compress", picture, "--target-psnr", "1e6").exit_code == 1
    assert run("sample", tmp_path / "s.png", "--size", "9" * 5000 + "x1").exit_code == 2
    with pytest.raises(codec.ImageError, match="no quality gives"):
        codec.compress(picture, target=codec.Target("psnr", 1e308))
    with pytest.raises(TypeError, match=r"codec\.Target"):
        codec.compress(picture, target=9000)


@pytest.mark.parametrize(("closed", "message"), [(1, "stdout is closed"), (2, "")])
def test_closed_streams(picture, tmp_path, closed, message):
    out = "-" if closed == 1 else str(tmp_path / "b.lmc")
    command = [sys.executable, "-m", "codec", "compress", str(picture), out]
    code = f"import os; os.close({closed}); os.execv({sys.executable!r}, {command!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert done.returncode == (1 if closed == 1 else 0) and message in done.stderr
    assert (tmp_path / "b.lmc").exists() == (closed == 2)


def test_names_that_an_encoding_does_not_hold_are_printed_all_the_same(tmp_path):
    code = "from codec.cli import main; import click, sys\n"
    code += "main.add_command(click.Command('say', callback=lambda: click.echo('\\u6f22')))\nmain()"
    environment = {**os.environ, "PYTHONIOENCODING": "cp1252"}
    done = subprocess.run([sys.executable, "-c", code, "say"], capture_output=True, env=environment, timeout=300)
    assert done.returncode == 0 and done.stdout.strip() == b"\\u6f22"


def test_colours_are_not_written_to_gray_formats(picture, tmp_path):
    assert run("compress", picture, "--strip").exit_code == 0
    result = run("decompress", tmp_path / "a.lmc", tmp_path / "a.pgm")
    assert result.exit_code == 1 and ".ppm holds colours" in result.stderr and not (tmp_path / "a.pgm").exists()


def test_samples_tell_what_their_format_cannot_hold(face, tmp_path):
    (tmp_path / "deep.lmc").write_bytes(codec.compress(face[..., 0].astype(np.uint16) * 257))
    result = run("sample", tmp_path / "s.bmp", "--near", tmp_path / "deep.lmc")
    assert result.exit_code == 0 and "16 bits were cut to 8" in result.stderr
