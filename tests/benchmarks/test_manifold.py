"""What is measured about the manifold, on a few images: figures are what they are said to be, commands run."""

from __future__ import annotations

import json
from itertools import count, islice
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from benchmarks.__main__ import main
from benchmarks.manifold.baselines import PixelPca, colour_histogram, small_pixels
from benchmarks.manifold.continuity import CHANGES, SIDE, _centre
from benchmarks.manifold.pages import DOCS, RESULTS, TABLES, with_table
from benchmarks.manifold.pictures import split, spread
from benchmarks.manifold.retrieval import DISTORTIONS, precision, recall, tiles
from benchmarks.manifold.shifts import SHIFTS
from codec.engine.registry import tune_by_id
from codec.training.split import HEAD_EVERY, HEAD_TURN, split_validation


@pytest.fixture(scope="module")
def crops(tmp_path_factory):
    """Parts of photographs, enough that some are held out."""
    from skimage import data

    folder = tmp_path_factory.mktemp("crops")
    pixels = np.asarray(data.astronaut())
    for i in range(32):
        top, left = 6 * i, 190 - 6 * i
        Image.fromarray(pixels[top : top + 322, left : left + 322]).save(folder / f"{i:02d}.png")
    return folder


@pytest.fixture(scope="module")
def small_crops(tmp_path_factory):
    """Small parts of a photograph, all held out by their names."""
    from skimage import data

    folder, rng = tmp_path_factory.mktemp("small"), np.random.default_rng(0)
    names = (Path(f"{i}.png") for i in count())
    held_out = (path for path in names if split_validation([path], HEAD_EVERY, HEAD_TURN)[1])
    pixels = np.asarray(data.astronaut())
    for path in islice(held_out, 46):
        top, left = rng.integers(512 - 80, size=2)
        Image.fromarray(pixels[top : top + 80, left : left + 80]).save(folder / path)
    return folder


def test_recall_and_precision_count_what_they_say():
    collection = np.eye(4, dtype=np.float32)
    assert recall(collection, collection[[0, 1, 3, 2]]) == 0.5
    vectors = np.array([[1, 0], [0.9, 0.1], [0, 1], [0.1, 0.9]], np.float32)
    assert precision(vectors, ["a", "a", "b", "b"], k=1) == 1
    assert precision(vectors, ["a", "b", "a", "b"], k=1) == 0
    assert precision(vectors, ["a", "a", "b", "b"], k=3) == pytest.approx(1 / 3)


def test_baselines_see_colours_and_pixels():
    red, blue = (Image.new("RGB", (40, 30), colour) for colour in ("red", "blue"))
    assert colour_histogram(red) @ colour_histogram(red) == pytest.approx(1)
    assert colour_histogram(red) @ colour_histogram(blue) == 0
    rng = np.random.default_rng(0)
    rows = [small_pixels(Image.fromarray(rng.integers(0, 256, (40, 40, 3), dtype=np.uint8))) for _ in range(6)]
    places = PixelPca(rows, 5, scaled=False)(rows)
    for i in range(6):
        assert np.linalg.norm(places[0] - places[i]) == pytest.approx(np.linalg.norm(rows[0] - rows[i]), rel=1e-3)
    np.testing.assert_allclose(np.linalg.norm(PixelPca(rows, 3)(rows), axis=1), 1, rtol=1e-5)


def test_distortions_shifts_and_changes_change_what_they_say(face):
    picture, rng = Image.fromarray(face), np.random.default_rng(0)
    sizes = {name: change(picture, rng).size for name, change in DISTORTIONS.items()}
    assert sizes == {
        "crop 70%": (140, 140), "scale 0.5": (100, 100), "JPEG 30": (200, 200), "colour jitter": (200, 200),
        "turned 5°": (152, 152), "gamma 2": (200, 200),
    }  # fmt: skip
    white = DISTORTIONS["turned 5°"](Image.new("RGB", (200, 140), "white"), rng)
    assert white.getextrema() == ((255, 255),) * 3  # no corner of what lies beyond
    assert DISTORTIONS["gamma 2"](Image.new("L", (1, 1), 128), rng).getpixel((0, 0)) == 64
    for name, shift in SHIFTS.items():
        shifted = shift(picture, np.random.default_rng(1))
        assert shifted.mode == "RGB" and shifted.size == picture.size, name
        assert not np.array_equal(np.asarray(shifted), face), name
    large = picture.resize((SIDE + 64, SIDE + 64))
    plain = np.asarray(_centre(large), float)
    for name, (change, amounts, _) in CHANGES.items():
        moved = [np.abs(np.asarray(change(large, a), float) - plain).mean() for a in amounts]
        assert moved[0] > 0 and moved == sorted(moved), name
        assert np.array_equal(np.asarray(change(large, 0)), plain), name


def test_materials_are_of_more_than_one_photograph():
    names = [name for name, tile in tiles() if tile.size == (128, 128)]
    assert len(set(names)) >= 10 and max(names.count(name) for name in names) == 12


def test_held_out_pictures_are_not_those_of_training(crops):
    seen, held_out = split(crops)
    assert len(seen) + len(held_out) == 32 and len(held_out) >= 3 and not set(seen) & set(held_out)
    assert spread([str(i) for i in range(10)], 4) == ["0", "2", "5", "7"] and spread(seen, 99) == seen


def test_the_commands_measure_and_keep_their_figures(crops, small_crops, tmp_path, monkeypatch):
    monkeypatch.setattr("benchmarks.manifold.retrieval.MATERIALS", ("coffee", "brick"))
    rng = np.random.default_rng(0)
    patches = [Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)) for _ in range(8)]
    monkeypatch.setattr("benchmarks.manifold.retrieval.faces", lambda: (["a", "b"] * 4, patches))

    def run(command, *arguments, folder=crops):
        result = CliRunner().invoke(main, [command, str(folder), *map(str, arguments)])
        assert result.exit_code == 0, result.output
        return result.output

    assert "recall@1" in run("search", "--most", 3, "--out", tmp_path / "search.json")
    search = json.loads((tmp_path / "search.json").read_text())
    assert search["table"]["embedding"]["recall@1, mean"] > 1 / 3 and search["indexing_speed_ratio"] > 1
    assert "ROC" in run("anomaly", "--most", 3, "--out", tmp_path / "anomaly.json", folder=small_crops)
    anomaly = json.loads((tmp_path / "anomaly.json").read_text())
    assert anomaly["auroc"]["noise"]["all"] > 0.8 and (anomaly["fitted"], anomaly["held_out"]) == (23, 3)
    assert "latent" in run("continuity", "--most", 3, "--out", tmp_path)
    continuity = json.loads((tmp_path / "continuity.json").read_text())
    movement = continuity["movement"]["noise"]
    assert continuity["pca"] == {"pictures": len(split(crops)[0]), "dimensions": len(split(crops)[0])}
    assert movement["latent"] == sorted(movement["latent"]) and (tmp_path / "continuity.png").exists()
    output = run(
        "geodesic", "--pairs", 1, "--steps", 4, "--iterations", 60, "--out", tmp_path / "g.json", "--pictures", tmp_path
    )
    assert "energy" in output and (tmp_path / "01.png").exists()
    pair = json.loads((tmp_path / "g.json").read_text())["pairs"][0]
    assert pair["geodesic"]["energy"] < pair["linear"]["energy"]


@pytest.mark.parametrize("page", sorted(TABLES))
def test_the_pages_show_the_committed_results_of_a_shipped_model(page):
    source, table = TABLES[page]
    results = json.loads((RESULTS / source).read_text(encoding="utf-8"))
    text = (DOCS / page).read_text(encoding="utf-8")
    assert with_table(text, source.split(".")[0], table(results)) == text, "run: python -m benchmarks docs"
    assert tune_by_id(bytes.fromhex(results["model"])) is not None
