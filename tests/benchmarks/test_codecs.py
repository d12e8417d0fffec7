"""The codecs of the benchmarks: whole files, and settings that are in force."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import codec
from benchmarks.__main__ import main
from benchmarks.codecs import CODECS
from benchmarks.codecs.lmc import source_digest
from benchmarks.images import read_pixels
from benchmarks.results import known_codecs
from bitstream import ModelError


@pytest.mark.parametrize("name", CODECS)
def test_every_codec_gives_whole_files_that_better_quality_makes_larger(name, pictures):
    tested, pixels = CODECS[name], read_pixels(pictures / "a.png")
    errors = []
    sizes = []
    for quality in (tested.qualities[1], tested.qualities[-1]):
        data = tested.encode(pixels, quality, 1)
        decoded = tested.decode(data, 1)
        assert decoded.shape == pixels.shape and decoded.dtype == np.uint8
        errors.append(float(np.abs(decoded.astype(int) - pixels).mean()))
        sizes.append(len(data))
    assert sizes[0] < sizes[1] and errors[0] > errors[1]
    if not name.startswith(("lmc", "heic", "vvc")):  # what Pillow and its plugins open is a whole file, headers and all
        assert Image.open(io.BytesIO(data)).size == (200, 171)
    assert tested.version and tested.settings and tested.name == name


def test_settings_are_in_force(pictures):
    """Two names for one thing would be two rows of one measurement."""
    pixels = read_pixels(pictures / "a.png")
    for family in ("jpeg", "webp", "avif", "heic", "vvc", "lmc"):
        names = [name for name in CODECS if name.split("-")[0] == family]
        files = {name: CODECS[name].encode(pixels, 60, 1) for name in names}
        assert len(names) > 1 and len(set(files.values())) == len(names), family
    assert 8 * len(CODECS["jpeg2000"].encode(pixels, 1.0, 1)) / pixels[..., 0].size == pytest.approx(1.0, rel=0.1)


def test_a_model_of_ones_own_is_a_codec(pictures, tmp_path):
    folder = Path(__file__).parents[1] / "vectors" / "model"
    name = f"lmc:{folder}"
    assert known_codecs(f"{name},jpeg") == [name, "jpeg"]
    pixels = read_pixels(pictures / "a.png")
    assert CODECS[name].encode(pixels, 50, 1) == codec.compress(pixels, 50, model=folder)
    assert str(folder) in CODECS[name].settings and CODECS[name].identity != CODECS["lmc"].identity
    for wrong in ("lmc:/nowhere", f"lmc:{tmp_path}"):
        with pytest.raises(ModelError, match="not an exported model"):
            known_codecs(wrong)
        result = CliRunner().invoke(main, ["rd", "--images", str(pictures), "--out", str(tmp_path), "--codecs", wrong])
        assert result.exit_code == 2 and "not an exported model" in result.output
    with pytest.raises(ValueError, match="unknown"):
        known_codecs("other:x")
    with pytest.raises(KeyError):
        CODECS["other:x"]
    out = tmp_path / "out"
    arguments = [
        "rd",
        "--images",
        str(pictures),
        "--out",
        str(out),
        "--codecs",
        f"{name},jpeg",
        "--metrics",
        "psnr-rgb",
    ]
    result = CliRunner().invoke(main, [*arguments, "--visual", "0"])
    assert result.exit_code == 0, result.output
    assert len(list((out / "curves").iterdir())) == 2


def test_the_digest_of_sources_sees_every_file_that_makes_files(tmp_path):
    for name in ("encoder.py", "model/deep/network.py", "cli/main.py", "manifold/index.py", "notes.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x = 1")
    before = source_digest([tmp_path])
    for name in ("cli/main.py", "manifold/index.py", "notes.txt"):
        (tmp_path / name).write_text("x = 2")
    assert source_digest([tmp_path]) == before
    for name in ("encoder.py", "model/deep/network.py"):
        (tmp_path / name).write_text("x = 2")
        now = source_digest([tmp_path])
        assert now != before
        before = now
    (tmp_path / "model" / "deep").rename(tmp_path / "model" / "moved")
    assert source_digest([tmp_path]) != before


def test_jpeg_holds_noise():
    noise = np.random.default_rng(0).integers(0, 256, (256, 256, 3), np.uint8)
    assert len(CODECS["jpeg-444"].encode(noise, 100, 1)) > noise.nbytes / 2
