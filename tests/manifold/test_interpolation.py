"""Paths between images: their ends are the images, the straight one is straight, the shortest one is shorter."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import codec
from bitstream import LimitError, ModelError, parse, serialize
from codec.cli import main
from codec.engine.registry import SHIPPED
from codec.engine.registry import shipped as shipped_runtime
from codec.manifold.embedding import EmbeddingHead, shipped
from codec.manifold.paths import interpolation
from codec.manifold.paths.geodesic import Geodesics
from codec.manifold.paths.interpolation import Endpoints


def codec_level(quality):
    return shipped_runtime().scale.level(quality)


@pytest.fixture(scope="module")
def pair(face):
    from skimage import data

    return codec.compress(face, 40), codec.compress(data.coffee()[100:300, 150:350], 40)


def test_the_ends_of_a_path_are_the_pictures(pair):
    ends = Endpoints(*pair)
    pictures = list(ends.images(ends.linear(3)))
    assert [p.size for p in pictures] == [(200, 200)] * 3
    for picture, data in zip((pictures[0], pictures[-1]), pair, strict=True):
        wanted = np.asarray(codec.decompress(data), float)
        # Synthesised at the path's quality, which is that of the better coded end.
        assert np.square(np.asarray(picture, float) - wanted).mean() < 15
    middle = np.mean([np.asarray(codec.decompress(data), float) for data in pair], axis=0)
    assert np.square(np.asarray(pictures[1], float) - middle).mean() < 60


def test_the_straight_path_is_straight_and_equally_spaced(pair):
    path = np.stack(list(Endpoints(*pair).linear(5)))
    steps = np.diff(path, axis=0)
    np.testing.assert_allclose(steps, np.broadcast_to(steps[:1], steps.shape), atol=1e-4)
    better = codec.compress(codec.decompress(pair[0]), 90)
    assert Endpoints(pair[1], better).quality_index == Endpoints(better, pair[1]).quality_index == codec_level(90)
    with pytest.raises(ValueError, match="at least 2"):
        Endpoints(*pair).linear(1)


def test_pictures_of_other_sizes_and_kinds_are_made_to_fit(pair, face):
    tall = Image.fromarray(face).convert("LA").resize((90, 400))
    ends = Endpoints(pair[0], tall)
    assert ends.size == (200, 200) and ends.y.shape[0] == 2
    assert [p.size for p in Endpoints(tall, pair[0]).images(Endpoints(tall, pair[0]).linear(2))] == [(90, 400)] * 2
    assert Endpoints(*pair, size=(65, 33)).size == (65, 33)


def test_large_pictures_are_made_smaller_to_a_megapixel(face):
    assert interpolation._within((1000, 1000)) == (1000, 1000)
    width, height = interpolation._within((6000, 4000))
    assert width * height <= 1 << 20 and width / height == pytest.approx(1.5, rel=0.01)
    assert min(interpolation._within((65_535, 17))) >= 1
    with pytest.raises(LimitError):
        Endpoints(Image.fromarray(face), Image.fromarray(face), size=(5000, 5000))


def test_16_bits_are_seen_as_8(face):
    gray = face[:, :, 0].astype(np.uint16) * 257
    ends = Endpoints(codec.compress(gray, 60), codec.compress(face, 60), size=(100, 100))
    pixels = np.asarray(next(ends.images(ends.linear(2))), float)
    assert abs(pixels.mean() - face[:, :, 0].mean()) < 4


@pytest.fixture(scope="module")
def geodesics():
    return Geodesics(SHIPPED, shipped(), 0.4)


def test_the_geodesic_keeps_its_ends_and_has_less_energy(pair, geodesics):
    ends = Endpoints(*pair, size=(128, 128))
    line = np.stack(list(ends.linear(5)))
    told = []
    way = geodesics.shorten(line, 60, told.append)
    assert told == list(range(1, 61))
    assert np.array_equal(way[[0, -1]], line[[0, -1]]) and not np.array_equal(way[2], line[2])
    before, after = geodesics.report(line), geodesics.report(way)
    assert after.energy < 0.97 * before.energy and after.length < before.length
    # By Cauchy and Schwarz, with equality for a path of even speed.
    for report in (before, after):
        assert report.length**2 <= report.energy * 1.001
    assert np.array_equal(geodesics.shorten(line[:2], 5), line[:2])
    # The first steps only make it longer, and then it stays as it was.
    np.testing.assert_allclose(geodesics.shorten(line, 1), line, atol=1e-5)


def test_the_charge_of_the_entropy_model_counts_as_much_as_it_is_told_to(pair):
    ends = Endpoints(*pair, size=(128, 128))
    line = np.stack(list(ends.linear(4)))
    t = ends.quality_index / (shipped_runtime().tables.levels - 1)  # at another quality its charge means little
    rates = []
    for weight in (0.0, 6.0):
        geodesics = Geodesics(SHIPPED, shipped(), t, weight)
        rates.append(geodesics.report(geodesics.shorten(line, 60)).rate_bpp)
    assert rates[1] < 0.8 * rates[0]


def test_the_energy_is_that_of_what_the_head_sees(pair, geodesics):
    head: EmbeddingHead = shipped()
    line = np.stack(list(Endpoints(*pair, size=(64, 64)).linear(2)))
    seen = []
    for y in line:
        at_position = head.features(y)[0].reshape(-1, 16, len(head.position_bias))
        seen.append(np.concatenate([at_position.mean(axis=1), np.sqrt(at_position.var(axis=1) + 1e-4)], axis=1))
    assert geodesics.report(line).energy == pytest.approx(np.square(seen[1] - seen[0]).mean(), rel=1e-3)


@pytest.mark.parametrize(("quality", "near"), [(10, 0.02), (30, 0.02), (50, 0.03), (80, 0.06)])
def test_what_the_entropy_model_charges_is_what_files_take(pair, quality, near):
    """Of decoded coordinates, such as paths lead between: what a file of their image takes."""
    runtime = shipped_runtime()
    geodesics = Geodesics(SHIPPED, shipped(), runtime.scale.level(quality) / (runtime.tables.levels - 1))
    pixels = np.asarray(codec.decompress(pair[1]))[:192, :192]
    with codec.open(codec.compress(pixels, quality)) as file:
        y, decoded = np.concatenate(list(file.latents()), axis=1), file.array()
    with codec.open(codec.compress(decoded, quality)) as again:
        bits = 8 * sum(again.chunk_bytes) / pixels[:, :, 0].size
    assert geodesics.report(np.stack([y, y, y])).rate_bpp == pytest.approx(bits, rel=near)


def test_the_command_makes_rows_animations_and_folders(pair, tmp_path):
    for name, data in zip("ab", pair, strict=True):
        (tmp_path / f"{name}.lmc").write_bytes(data)

    def run(out, *arguments):
        common = ["interpolate", tmp_path / "a.lmc", tmp_path / "b.lmc", "--size", "64x48", "--steps", 4, "--out", out]
        return CliRunner().invoke(main, [str(a) for a in (*common, *arguments)])

    assert run(tmp_path / "row.png").exit_code == 0
    with Image.open(tmp_path / "row.png") as image:
        assert image.size == (256, 48)
    result = run(tmp_path / "way.gif", "--path", "geodesic", "--iterations", 3)
    assert result.exit_code == 0, result.output
    with Image.open(tmp_path / "way.gif") as image:
        assert image.n_frames == 6 and image.size == (64, 48)
    assert "geodesic" in result.output and "energy" in result.output
    assert run(tmp_path / "frames").exit_code == 0
    assert [p.name for p in sorted((tmp_path / "frames").iterdir())] == [f"{i:03d}.png" for i in range(4)]
    with Image.open(tmp_path / "row.png") as row:
        assert row.size == (4 * 64, 48)
        for number in range(4):
            with Image.open(tmp_path / "frames" / f"{number:03d}.png") as image:
                assert row.crop((64 * number, 0, 64 * (number + 1), 48)).tobytes() == image.tobytes()
    assert run(tmp_path / "frames").exit_code == 1
    (tmp_path / "frames" / "007.png").write_bytes(b"somebody's own")
    assert run(tmp_path / "frames", "-f").exit_code == 0
    assert (tmp_path / "frames" / "007.png").read_bytes() == b"somebody's own"
    (tmp_path / "cut.lmc").write_bytes(pair[0][:-9])
    broken = ["interpolate", tmp_path / "a.lmc", tmp_path / "cut.lmc", "--out", tmp_path / "c.gif"]
    result = CliRunner().invoke(main, [str(a) for a in broken])
    assert result.exit_code == 1 and "cut.lmc" in result.output
    assert run(tmp_path / "other.png", "--iterations", 3).exit_code == 2
    result = run(tmp_path / "way.gif", "-f", "--steps", 1000, "--size", "1024x1024")
    assert result.exit_code == 1 and "take fewer" in result.output


def test_frames_appear_together_or_not_at_all(pair, tmp_path, monkeypatch):
    for name, data in zip("ab", pair, strict=True):
        (tmp_path / f"{name}.lmc").write_bytes(data)
    save, saved = Image.Image.save, []

    def full(image, path, *arguments):
        saved.append(path)
        if len(saved) == 3:
            raise OSError(28, "No space left on device")
        save(image, path, *arguments)

    monkeypatch.setattr(Image.Image, "save", full)
    command = ["interpolate", tmp_path / "a.lmc", tmp_path / "b.lmc", "--size", "64x48", "--out", tmp_path / "frames"]
    result = CliRunner().invoke(main, [str(a) for a in command])
    assert result.exit_code == 1 and "No space" in result.output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.lmc", "b.lmc"]


def test_an_end_of_a_model_that_is_not_here_is_named(pair, tmp_path):
    container = parse(pair[0])
    header = replace(container.header, model_id=b"zzzz")
    (tmp_path / "a.lmc").write_bytes(serialize(replace(container, header=header)))
    (tmp_path / "b.lmc").write_bytes(pair[1])
    for ends in (("a.lmc", "b.lmc"), ("b.lmc", "a.lmc")):
        with pytest.raises(ModelError, match=r"a\.lmc.*7a7a7a7a"):
            Endpoints(*(tmp_path / name for name in ends))


@pytest.mark.parametrize("size", [None, (96, 64)])
def test_what_is_transparent_is_white_at_any_size(face, size):
    clear = np.dstack([np.zeros((100, 120, 3), np.uint8), np.zeros((100, 120), np.uint8)])
    ends = Endpoints(Image.fromarray(clear), Image.fromarray(face[:100, :120]), size=size)
    first = next(ends.images(ends.linear(2)))
    assert np.asarray(first).min() > 240


def test_the_command_wants_sizes_and_suffixes_it_knows(pair, tmp_path):
    (tmp_path / "a.lmc").write_bytes(pair[0])

    def run(out, *arguments):
        common = ["interpolate", tmp_path / "a.lmc", tmp_path / "a.lmc", "--size", "64x48", "--steps", 4, "--out", out]
        return CliRunner().invoke(main, [str(a) for a in (*common, *arguments)])

    assert run(tmp_path / "row.png").exit_code == 0
    assert run(tmp_path / "row.png").exit_code == 1
    assert run(tmp_path / "way.txt").exit_code == 2
