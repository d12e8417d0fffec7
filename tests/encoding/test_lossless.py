"""Lossless files: every pixel, of any image, without a network."""

from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import codec
from bitstream import parse, serialize
from codec.cli import main
from codec.engine.runtime import Runtime


@pytest.fixture(scope="module")
def photo():
    from skimage import data

    return data.chelsea()[:150, :201]


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_every_pixel_is_kept(channels, dtype):
    pixels = np.random.default_rng(channels).integers(0, np.iinfo(dtype).max + 1, (70, 131, channels)).astype(dtype)
    if channels in (2, 4):
        pixels[:20, :, -1] = 0  # also where nobody sees it
    pixels = pixels[..., 0] if channels == 1 else pixels
    decoded = codec.open(codec.compress(pixels, lossless=True)).array()
    assert decoded.dtype == dtype and (decoded == pixels).all()


def test_no_network_runs(photo, monkeypatch):
    def no_session(self, graph):
        raise AssertionError(f"{graph} was run")

    monkeypatch.setattr(Runtime, "_session", no_session)
    data = codec.compress(photo, lossless=True)
    with codec.open(data) as file:
        assert (file.array() == photo).all()
        assert np.asarray(file.region(7, 9, 100, 30)).tolist() == photo[9:39, 7:107].tolist()
        assert np.asarray(file.preview(8)).shape == (19, 26, 3)
    assert codec.inspect(data).exact_share == 1 and codec.inspect(data).quality == 100


def test_no_model_is_needed_to_read(photo):
    container = parse(codec.compress(photo, lossless=True))
    data = serialize(replace(container, header=replace(container.header, model_id=b"gone")))
    with codec.open(data) as file:
        assert (file.array() == photo).all() and np.asarray(file.preview(4)).shape == (38, 51, 3)
    assert not codec.inspect(data).model_available


@pytest.mark.parametrize("scale", [2, 4, 8, 16])
def test_fractions_of_odd_sizes_are_means(photo, scale):
    """At the edge, the last row and column are repeated."""
    pad = [(0, -150 % scale), (0, -201 % scale), (0, 0)]
    squares = np.pad(photo.astype(float), pad, mode="edge")
    squares = squares.reshape(squares.shape[0] // scale, scale, -1, scale, 3).mean(axis=(1, 3))
    small = np.asarray(codec.open(codec.compress(photo, lossless=True)).preview(scale), float)
    assert small.shape == squares.shape and np.abs(small - squares).max() <= 0.5


def test_progress_ends_at_the_whole(photo):
    told = []
    codec.compress(photo, lossless=True, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (201 * 150, 201 * 150)
    told.clear()
    with codec.open(codec.compress(np.tile(photo, (4, 1, 1)), lossless=True)) as file:
        file.array(progress=lambda done, total: told.append((done, total)))
    assert [done for done, _ in told] == [201 * rows for rows in (256, 512, 600)] and told[-1][1] == 201 * 600


def test_there_is_nothing_to_choose(photo):
    for option in ({"quality": 50}, {"effort": 3}, {"budget": 2.0}, {"target": codec.Target("bpp", 1)}):
        with pytest.raises(ValueError, match="lossless: has no"):
            codec.compress(photo, lossless=True, **option)
    assert codec.compress(photo, lossless=True, effort=0)


def test_the_command_and_the_plugin(photo, tmp_path):
    Image.fromarray(photo).save(tmp_path / "a.png")
    run = CliRunner().invoke(main, ["compress", "--lossless", str(tmp_path / "a.png")])
    assert run.exit_code == 0, run.output
    run = CliRunner().invoke(main, ["inspect", str(tmp_path / "a.lmc")])
    assert "exact     all pixels" in run.output
    run = CliRunner().invoke(main, ["compress", "--lossless", "-q", "3", str(tmp_path / "a.png"), "-f"])
    assert run.exit_code == 2 and "lossless" in run.output
    import codec.pillow_plugin  # noqa: F401

    Image.fromarray(photo).save(tmp_path / "b.lmc", lossless=True)
    with Image.open(tmp_path / "b.lmc") as image:
        assert (np.asarray(image) == photo).all()
    assert (tmp_path / "a.lmc").read_bytes() == (tmp_path / "b.lmc").read_bytes()
