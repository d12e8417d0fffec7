"""Samples follow the tables they are drawn from, are files like any other, and leave alone what they should."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import codec
from bitstream import parse
from bitstream.errors import LimitError
from bitstream.frequency_tables import TOTAL
from bitstream.z_context import second_half
from codec.cli import main
from codec.encoding.encoder import encode
from codec.engine.code_length import CodeLength
from codec.engine.registry import shipped
from codec.images.sources import ArraySource
from codec.manifold.sampling import _draw, draw, sample, sample_near
from tests.common import small_tables


def test_values_are_drawn_by_their_counts_and_escapes_never():
    counts = np.array([1, 2, 4, 2, 1, 6], np.int64) * (TOTAL // 16)
    drawn = _draw(counts, 40_000, np.random.RandomState(0))
    values, found = np.unique(drawn, return_counts=True)
    assert values.tolist() == [-2, -1, 0, 1, 2]
    np.testing.assert_allclose(found / len(drawn), np.array([1, 2, 4, 2, 1]) / 10, atol=0.01)


def test_half_of_z_is_drawn_around_its_neighbours():
    tables = small_tables(2, 4, 60, context=True)
    z, _ = draw(tables, 3, 20, 20, np.random.RandomState(0))
    table, mean = tables.z_context.predict(z, tables.bank(3), second_half(20, 20))
    off = z[:, second_half(20, 20)] - mean
    assert np.abs(mean).max() > 20 and len(np.unique(table)) == 16
    for number in range(16):
        counts, here = tables.z_context.tables.frequencies[number], off[table == number]
        found = [(here == value).mean() for value in range(-3, 4)]
        np.testing.assert_allclose(found, counts[:-1] / counts[:-1].sum(), atol=0.06)


@pytest.mark.parametrize(("context", "digest"), [(False, "d2dd9999a12a8c35"), (True, "f35ce8e7c50a06e2")])
def test_a_seed_draws_the_same_with_every_version(context, digest):
    z, y = draw(small_tables(2, 4, 3, context=context), 3, 5, 6, np.random.RandomState(7))
    assert hashlib.sha256(z.astype("<i4").tobytes() + y.astype("<i4").tobytes()).hexdigest()[:16] == digest


def test_what_is_drawn_costs_what_the_model_expects():
    """An image from the model's own prior has about the entropy of its tables, z and y alike."""
    tables, level, rng = shipped().tables, 200, np.random.RandomState(0)
    z, y = draw(tables, level, 8, 8, rng)
    assert z.shape == (tables.hyper_latents, 8, 8) and y.shape == (tables.latents, 32, 32)
    for actual, expected in CodeLength(tables, level).bits(z, y).values():
        assert actual.sum() == pytest.approx(expected.sum(), rel=0.03)


def test_a_sample_is_a_file_and_depends_on_its_seed_alone():
    data = sample(200, 90, 30, seed=5)
    assert data == sample(200, 90, 30, seed=5) != sample(200, 90, 30, seed=6)
    info = codec.inspect(data)
    assert (info.width, info.height, info.quality) == (200, 90, 30)
    assert np.asarray(codec.decompress(data)).std() > 5
    with pytest.raises(ValueError, match="quality"):
        sample(10, 10, 101)
    with pytest.raises(LimitError):
        sample(1000, 1000, max_pixels=999_999)


def test_around_a_picture_strength_says_how_much_changes(face):
    data = codec.compress(Image.fromarray(face), 50)
    z, y = codec.open(data).symbols()
    assert np.asarray(codec.decompress(sample_near(data, 0))).tolist() == np.asarray(codec.decompress(data)).tolist()
    distances, changed = [], []
    for strength in (0.1, 0.5, 1):
        near = sample_near(data, strength, seed=1)
        near_z, near_y = codec.open(near).symbols()
        assert np.array_equal(near_z, z)
        # Symbols that are drawn again as what they were do not show.
        changed.append((near_y != y).mean())
        assert 0 < changed[-1] < strength
        pixels = np.asarray(codec.decompress(near), float)
        distances.append(np.square(pixels - np.asarray(codec.decompress(data), float)).mean())
    assert distances == sorted(distances)
    np.testing.assert_allclose(np.array(changed[:2]) / changed[2], [0.1, 0.5], rtol=0.1)
    with pytest.raises(ValueError, match="strength"):
        sample_near(data, 1.5)


def test_each_chunk_stays_in_its_place(face):
    data = encode(shipped(), ArraySource(face), 200, [], chunk_log2=1)
    assert parse(data).header.chunk_count == 4
    assert sample_near(data, 0) == data
    assert sample_near(data, 0.3, seed=1) == sample_near(data, 0.3, seed=1) != sample_near(data, 0.3, seed=2)


def test_around_gray_stays_gray_and_transparency_is_dropped(face):
    gray = sample_near(codec.compress(face[:, :, 0], 50), 0.2)
    assert codec.decompress(gray).mode == "L"
    alpha = np.dstack([face, face[:, :, 0]])
    assert codec.decompress(sample_near(codec.compress(alpha, 50), 0.2)).mode == "RGB"


def test_the_command_writes_files_and_pictures_and_keeps_what_is_there(tmp_path, face):
    def run(*arguments):
        return CliRunner().invoke(main, ["sample", *map(str, arguments)])

    assert run(tmp_path / "a.lmc", "--size", "130x70", "-q", 20).exit_code == 0
    info = codec.inspect(tmp_path / "a.lmc")
    assert (info.width, info.height, info.quality) == (130, 70, 20)
    assert run(tmp_path / "s.lmc", "--size", "130x70", "-q", 20, "--seed", 1).exit_code == 0
    assert (tmp_path / "s.lmc").read_bytes() == sample(130, 70, 20, seed=1) != (tmp_path / "a.lmc").read_bytes()
    (tmp_path / "s.lmc").unlink()
    assert run(tmp_path / "a.png", "--near", tmp_path / "a.lmc", "--strength", 0.5).exit_code == 0
    with Image.open(tmp_path / "a.png") as image:
        assert image.size == (130, 70)
    before = (tmp_path / "a.png").read_bytes()
    assert run(tmp_path / "a.png").exit_code == 1 and (tmp_path / "a.png").read_bytes() == before
    assert run(tmp_path / "b.xyz").exit_code == 2
    assert run(tmp_path / "b.png", "--size", "0x9").exit_code == 2
    assert run(tmp_path / "b.png", "--near", tmp_path / "a.lmc", "--size", "9x9").exit_code == 2
    assert run(tmp_path / "c.lmc", "--near", tmp_path / "a.png", "--strength", 0).exit_code == 0
    assert (tmp_path / "c.lmc").read_bytes() == codec.compress(tmp_path / "a.png")
    for near in ("a.lmc", "a.png"):
        result = run(tmp_path / "b.png", "--near", tmp_path / near, "--max-pixels", 130 * 70 - 1)
        assert result.exit_code == 1 and near in result.output and not (tmp_path / "b.png").exists()
    (tmp_path / "c.lmc").unlink()
    (tmp_path / "text.png").write_text("no image")
    result = run(tmp_path / "b.png", "--near", tmp_path / "text.png")
    assert result.exit_code == 1 and "text.png" in result.output
    (tmp_path / "text.png").unlink()
    assert run(tmp_path / "b.png", "--seed", 2**32).exit_code == 2
    assert run(tmp_path / "b.png", "--strength", 0.5).exit_code == 2
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.lmc", "a.png"]
