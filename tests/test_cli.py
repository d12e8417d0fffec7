"""The command as a user runs it: files, exit codes, messages, nothing lost."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from codec.cli import main


def run(*args):
    return CliRunner().invoke(main, [str(a) for a in args])


@pytest.fixture
def photo(tmp_path):
    from skimage import data

    path = tmp_path / "photo.png"
    Image.fromarray(data.astronaut()[:389, :517]).resize((517, 389)).save(path)
    return path


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


def test_nothing_is_overwritten_unless_forced(photo, tmp_path):
    out = tmp_path / "out.lmc"
    out.write_bytes(b"precious")
    result = run("compress", photo, out)
    assert result.exit_code == 1 and "exists" in result.stderr and out.read_bytes() == b"precious"
    assert run("compress", photo, out, "-f").exit_code == 0
    assert out.read_bytes() != b"precious"


def test_a_failure_keeps_the_old_file(tmp_path):
    (tmp_path / "bad.lmc").write_bytes(b"not ours")
    out = tmp_path / "out.png"
    out.write_bytes(b"precious")
    result = run("decompress", tmp_path / "bad.lmc", out, "-f")
    assert result.exit_code == 1 and "magic" in result.stderr
    assert out.read_bytes() == b"precious" and len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["compress", "missing.png"], 1, "No such file"),
        (["compress", "text.png"], 1, "not a picture"),
        (["compress", "empty.png"], 1, "not a picture"),
        (["decompress", "empty.png", "a.png"], 1, "ends at byte 0"),
        (["compress", "."], 1, "directory"),
        (["compress", "text.png", "text.png"], 2, "same file"),
        (["compress", "text.png", "-q", "101"], 2, "101"),
        (["compress"], 2, "Missing argument"),
        (["decompress", "a.lmc", "a.xyz"], 2, ".xyz"),
        (["inspect", "text.png"], 1, "magic"),
        (["nonsense"], 2, "No such command"),
    ],
)
def test_errors_are_one_line_and_an_exit_code(tmp_path, monkeypatch, args, code, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.png").write_text("hello")
    (tmp_path / "empty.png").touch()
    result = run(*args)
    assert result.exit_code == code and message in result.stderr and result.stdout == ""
    assert sorted(p.name for p in tmp_path.iterdir()) == ["empty.png", "text.png"]


def test_transparency_and_deep_pictures_are_refused(tmp_path):
    Image.new("RGBA", (9, 9), (1, 2, 3, 128)).save(tmp_path / "alpha.png")
    Image.fromarray(np.zeros((9, 9), np.uint16)).save(tmp_path / "deep.png")
    Image.new("RGBA", (9, 9), (1, 2, 3, 255)).save(tmp_path / "opaque.png")
    assert "transparency" in run("compress", tmp_path / "alpha.png").stderr
    assert "8 bits" in run("compress", tmp_path / "deep.png").stderr
    assert run("compress", tmp_path / "opaque.png").exit_code == 0


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
    for name in [m for m in sys.modules if m.startswith(("codec.training", "codec.model"))]:
        monkeypatch.delitem(sys.modules, name)
    result = run("train", "--data", tmp_path, "--out", tmp_path / "out")
    assert result.exit_code == 1 and "manifold-codec[train]" in result.stderr
