"""Anomalies: costs are those of the coder, tests are calibrated, and what does not belong stands out."""

from __future__ import annotations

import io
import json
import os
import threading
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import codec
from bitstream import CodecError, CorruptError, ModelError
from bitstream.entropy import encode_chunk
from codec.cli import main
from codec.cli.anomaly import _targets
from codec.engine.code_length import CodeLength
from codec.engine.registry import shipped as shipped_runtime
from codec.manifold.anomaly.calibration import MIN_IMAGES, Collection, _rarity
from codec.manifold.anomaly.detectors import Detectors, Gaussian, Line
from codec.manifold.anomaly.features import SAMPLED, coordinates, image_features
from codec.manifold.anomaly.heat import heat_map
from codec.manifold.anomaly.orientation import OrientationNet
from codec.manifold.embedding import EmbeddingHead, shipped
from codec.manifold.sampling import draw
from tests.common import small_tables


@pytest.fixture(scope="module")
def head():
    return shipped()


def crops(names, side, count):
    """Parts of photographs that scikit-image ships."""
    from skimage import data

    rng = np.random.default_rng(0)
    pictures = [np.asarray(getattr(data, name)()) for name in names]
    for i in range(count):
        pixels = pictures[i % len(pictures)]
        top, left = (int(rng.integers(size - side + 1)) for size in pixels.shape[:2])
        yield Image.fromarray(pixels[top : top + side, left : left + side]).convert("RGB")


@pytest.fixture(scope="module")
def photos():
    return list(crops(("astronaut", "coffee", "chelsea", "rocket"), 128, 48))


@pytest.fixture(scope="module")
def collection(photos, head):
    return Collection.fit([image_features(p, head) for p in photos[:40]], head)


def test_costs_add_up_to_what_the_coder_writes(face):
    runtime = shipped_runtime()
    for quality in (10, 90):
        with codec.open(codec.compress(face, quality)) as file:
            z, y = file.symbols()
            level, written = file.header.quality_index, 8 * sum(file.chunk_bytes)
        length = CodeLength(runtime.tables, level)
        assert sum(actual.sum() for actual, _ in length.bits(z, y).values()) == pytest.approx(
            written, rel=0.005, abs=64
        )


def test_costs_add_up_where_z_has_a_context():
    tables, rng = small_tables(3, 40, 30, context=True), np.random.RandomState(0)
    z, y = draw(tables, 2, 12, 12, rng)
    length = CodeLength(tables, 2)
    written = 8 * len(encode_chunk(tables, 2, z, y))
    assert sum(actual.sum() for actual, _ in length.bits(z, y).values()) == pytest.approx(written, rel=0.001, abs=64)


def test_escapes_cost_what_they_take():
    runtime, rng = shipped_runtime(), np.random.default_rng(0)
    tables, level = runtime.tables, 100
    z = np.zeros((tables.hyper_latents, 4, 4), np.int32)
    shape = tables.latents, 16, 16
    limits = tables.y_limits[tables.scale_index(z, level)]
    # Just beyond what is coded without escape, where every bit counts, and far away.
    for most in (4, 100_000):
        y = (rng.choice([-1, 1], shape) * (limits + rng.integers(1, most, shape))).astype(np.int32)
        length = CodeLength(tables, level)
        written = 8 * len(encode_chunk(tables, level, z, y))
        assert sum(actual.sum() for actual, _ in length.bits(z, y).values()) == pytest.approx(written, rel=0.0005)


def test_a_gaussian_measures_distance_by_spread():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(4000, 3)) * [1, 10, 0.1] + [5, 0, -3]
    gaussian = Gaussian.fit(values, 3)
    distances = gaussian.distance(np.array([[5, 0, -3], [8, 0, -3], [5, 30, -3], [5, 0, -2.7]], float))
    np.testing.assert_allclose(distances, np.sqrt(np.array([0, 9, 9, 9]) / 3), atol=0.15)


def test_a_line_predicts():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(500, 4))
    line = Line.fit(values, values @ [1, 2, 0, -1] + 7)
    np.testing.assert_allclose(line(values[:5]), values[:5] @ [1, 2, 0, -1] + 7, atol=0.05)


def test_rarity_is_a_power_of_ten_and_goes_on_beyond_the_collection():
    reference = np.sort(np.random.default_rng(0).exponential(size=2000))
    values = -np.log(np.array([0.5, 0.1, 0.01, 1e-3, 1e-6]))
    np.testing.assert_allclose(_rarity(reference, values), [0.3, 1, 2, 3, 6], rtol=0.15)
    rising = _rarity(reference, np.linspace(0, 30, 500))
    assert (np.diff(rising) >= -0.02).all() and np.isfinite(_rarity(reference, np.array([1e9, -1e9]))).all()


def test_what_does_not_belong_stands_out(collection, photos, head):
    usual = [collection.score(image_features(p, head)).score for p in photos[40:]]
    rng = np.random.default_rng(0)
    noise = Image.fromarray(rng.integers(0, 256, (128, 128, 3), dtype=np.uint8))
    stripes = Image.fromarray(np.tile(np.where(np.arange(128) // 3 % 2, 255, 0).astype(np.uint8), (128, 1)))
    for odd in (noise, stripes):
        assert collection.score(image_features(odd, head)).score > max(2, *usual)
    assert np.median(usual) < 1.3


def test_files_are_scored_without_pixels_and_pictures_with_them(collection, photos, head):
    data = codec.compress(photos[45], 50)
    from_file, from_pixels = image_features(data, head), image_features(photos[45], head)
    assert from_file.error is None and from_pixels.error is not None
    mse = np.square(np.asarray(codec.decompress(data), float) - np.asarray(photos[45], float)).mean()
    assert from_pixels.error == pytest.approx(np.log(mse), abs=1e-3)
    for name in ("costs", "statistics", "embedding", "positions"):
        np.testing.assert_allclose(getattr(from_file, name), getattr(from_pixels, name), rtol=1e-4, atol=1e-5)
    one, other = collection.score(from_file), collection.score(from_pixels)
    assert set(other.parts) - set(one.parts) == {"error"}
    assert all(one.parts[name] == pytest.approx(other.parts[name], rel=1e-3) for name in one.parts)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
@pytest.mark.parametrize("coded", [False, True])
def test_a_pipe_is_read_once(photos, head, tmp_path, coded):
    os.mkfifo(tmp_path / "pipe")
    buffer = io.BytesIO()
    photos[0].save(buffer, "PNG")
    data = codec.compress(photos[0], 50) if coded else buffer.getvalue()
    writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(data,), daemon=True)
    writer.start()
    found = image_features(tmp_path / "pipe", head)
    np.testing.assert_array_equal(found.embedding, image_features(data, head).embedding)
    assert (found.error is None) == coded
    writer.join(10)
    assert not writer.is_alive()


def test_maps_of_pictures_on_several_drives_do_not_collide(tmp_path, monkeypatch):
    pictures = [tmp_path / "a" / "x.png", tmp_path / "b" / "x.png"]
    assert list(_targets(pictures, Path("maps")).values()) == [Path("maps/a/x.png.png"), Path("maps/b/x.png.png")]

    def no_common_path(_):
        raise ValueError("Paths don't have the same drive")

    monkeypatch.setattr(os.path, "commonpath", no_common_path)
    targets = set(_targets(pictures, Path("maps")).values())
    assert len(targets) == 2 and all(target.is_relative_to("maps") for target in targets)


def test_positions_are_sampled_from_everywhere(photos, head):
    pixels = np.asarray(photos[0].resize((512, 640)))
    data = codec.compress(pixels, 50)
    with codec.open(data) as file:
        parts = list(file.latents())
    every = np.concatenate([coordinates(part, head).reshape(-1, len(head.scale)) for part in parts]).astype(np.float16)
    found = image_features(data, head).positions
    assert found.shape == (SAMPLED, len(head.scale)) and len(np.unique(found, axis=0)) == SAMPLED
    at = [int(np.flatnonzero((every == row).all(axis=1))[0]) for row in found]
    assert at == sorted(at) and min(np.histogram(at, 5, (0, len(every)))[0]) > 3
    few = image_features(codec.compress(pixels[:30, :40], 50), head).positions
    assert len(few) == 6  # of 16, most of which repeat what is at the edge


def test_coordinates_that_are_no_numbers_are_refused(head):
    y = np.full((len(head.scale), 4, 4), np.nan, np.float32)
    with pytest.raises(CorruptError):
        head.statistics([y])


def test_the_heat_map_shows_where(collection, photos, head):
    calm = photos[0].resize((256, 256))
    pixels = np.asarray(calm).copy()
    pixels[128:, 128:] = np.random.default_rng(0).integers(0, 256, (128, 128, 3))
    data = codec.compress(pixels, 50)
    with codec.open(data) as file:
        heat = collection.heat(file)
        assert heat.shape == (16, 16)
        assert np.quantile(heat[8:, 8:], 0.1) > 1.5 * np.median(heat[:8, :8])
        picture = np.asarray(heat_map(file, heat), float)
    redness = picture[..., 0] - picture[..., 1:].mean(axis=2)
    half = len(redness) // 2
    assert redness[half:, half:].mean() > 5 + redness[:half, :half].mean()


@pytest.mark.parametrize(("count", "side"), [(40, 128), (20, 160), (20, 64)])
def test_one_position_in_a_hundred_is_odd(head, count, side):
    files = [codec.compress(crop, 50) for crop in crops(("grass", "gravel"), side, count + 20)]
    collection = Collection.fit([image_features(data, head) for data in files[:count]], head)
    heat = []
    for data in files[count:]:
        with codec.open(data) as file:
            heat.append(collection.heat(file))
    assert 0.001 < np.mean(np.array(heat) > 1) < 0.05


def test_a_collection_comes_back_as_it_was_saved(collection, photos, head, tmp_path):
    path = tmp_path / "normal"
    collection.save(path)
    again = Collection.load(path)
    assert again.head.digest == head.digest
    features = image_features(photos[41], head)
    assert again.score(features).score == pytest.approx(collection.score(features).score, rel=1e-4)
    with codec.open(codec.compress(photos[41], 50)) as file:
        np.testing.assert_allclose(again.heat(file), collection.heat(file), rtol=1e-5)
    with pytest.raises(FileExistsError):
        collection.save(path)
    collection.head = EmbeddingHead(**{**vars(head), "scale": 2 * head.scale})
    try:
        collection.save(path, overwrite=True)
    finally:
        collection.head = head
    with pytest.raises(ModelError, match="another model"):
        Collection.load(path)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ModelError, match="damaged"):
        Collection.load(path)


@pytest.mark.parametrize(
    ("name", "value"),
    [("orientation", np.full(5, np.nan)), ("orientation", np.ones(3)), ("reference_all", None),
     ("reference_cost", None), ("reference_orientation", None), ("reference_error", np.zeros(0)),
     ("heat_unit", np.array(0.0)),
     ("positions_axes", np.zeros((3, 2))), ("embeddings", np.zeros((4, 7)))],
)  # fmt: skip
def test_a_damaged_collection_is_refused(collection, tmp_path, name, value):
    collection.save(tmp_path / "normal")
    with np.load(tmp_path / "normal") as stored:
        arrays = dict(stored)
    arrays.pop(name)
    if value is not None:
        arrays[name] = value
    with (tmp_path / "normal").open("wb") as file:
        np.savez(file, **arrays)
    with pytest.raises(ModelError, match="damaged"):
        Collection.load(tmp_path / "normal")


def test_a_collection_knows_its_network_of_orientations(collection, tmp_path, monkeypatch):
    collection.save(tmp_path / "normal")
    digest = collection.digest
    monkeypatch.setattr(OrientationNet, "digest", b"another.")
    assert collection.digest != digest
    with pytest.raises(ModelError, match="fit it again"):
        Collection.load(tmp_path / "normal")


def test_a_collection_is_calibrated_on_pictures_that_were_left_out(photos, head):
    features = [image_features(photo, head) for photo in photos[:40]]
    own = Detectors.fit(features).run(features)["neighbours"]  # each has itself as its nearest
    assert Collection.fit(features, head).references["neighbours"].mean() > 1.3 * own.mean()


def test_too_few_pictures_are_refused(photos, head):
    with pytest.raises(CodecError, match=f"at least {MIN_IMAGES}"):
        Collection.fit([image_features(photos[0], head)] * (MIN_IMAGES - 1), head)


def test_what_is_there_many_times_counts_once(photos, head):
    features = [image_features(photo, head) for photo in photos[:MIN_IMAGES]]
    with pytest.raises(CodecError, match="19 different images"):
        Collection.fit(2 * features[1:], head)
    from_file = image_features(codec.compress(photos[0], 50), head)
    once, twice = (Collection.fit(known, head) for known in (features, [from_file, *features]))
    odd = image_features(photos[45], head)
    assert once.score(odd) == twice.score(odd) and "error" in once.score(odd).parts


def test_the_commands_work_on_files_alone(photos, tmp_path):
    folder, model, maps = tmp_path / "photos", tmp_path / "normal", tmp_path / "maps"
    folder.mkdir()
    for i, photo in enumerate(photos[:MIN_IMAGES]):
        (folder / f"{i:02d}.lmc").write_bytes(codec.compress(photo, 50))
    noise = np.random.default_rng(0).integers(0, 256, (100, 130, 3), dtype=np.uint8)
    (tmp_path / "odd.lmc").write_bytes(codec.compress(noise, 50))

    def run(*arguments):
        return CliRunner().invoke(main, ["anomaly", *map(str, arguments)])

    few = run("fit", folder / "00.lmc", "--model", model)
    assert few.exit_code == 1 and f"at least {MIN_IMAGES} are needed" in few.output and not model.exists()
    photos[0].save(folder / "00.png")
    result = run("fit", folder, "--model", model, "-j", 2)
    assert result.exit_code == 0, result.output
    assert "1 .lmc files are left out" in result.output and f"learned from {MIN_IMAGES} images" in result.output
    (folder / "00.png").unlink()
    assert run("fit", folder, "--model", model).exit_code == 1
    (folder / "broken.lmc").write_bytes(b"\x89LMC")
    result = run("score", folder, tmp_path / "odd.lmc", "--model", model, "--heat-maps", maps)
    assert result.exit_code == 1 and "broken.lmc" in result.output
    lines = [line for line in result.output.splitlines() if not line.startswith("Error")]
    assert len(lines) == MIN_IMAGES + 1 and "odd.lmc" in lines[0] and "error" not in lines[0]
    assert (maps / "odd.lmc.png").exists() and len(list(maps.rglob("*.png"))) == MIN_IMAGES + 1
    again = run("score", tmp_path / "photos" / "00.lmc", tmp_path / "odd.lmc", "--model", model, "--heat-maps", maps)
    assert again.exit_code == 1 and again.output.count("use -f") == 1
    rows = json.loads(run("score", tmp_path / "odd.lmc", "--model", model, "--json").output)
    # How far beyond all of so few images depends on them: the order is what counts, and is tested above.
    assert rows[0]["score"] > 1 and set(rows[0]) == {
        "path", "score", "cost", "coordinates", "neighbours", "orientation"
    }  # fmt: skip
    assert run("score", tmp_path / "odd.lmc", "--model", tmp_path / "nowhere").exit_code == 1
