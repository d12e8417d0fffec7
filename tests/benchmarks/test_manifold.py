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
from benchmarks.manifold.anomalies import interval
from benchmarks.manifold.baselines import PixelPca, colour_histogram, small_pixels
from benchmarks.manifold.continuity import CHANGES, SIDE, _centre
from benchmarks.manifold.morphs import MOTIONS, views
from benchmarks.manifold.objects import DEFECTS, PIECES, defective, normal
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
    low, high = anomaly["interval_95"]["noise"]
    assert low <= anomaly["auroc"]["noise"]["all"] <= high
    assert "latent" in run("continuity", "--most", 3, "--out", tmp_path)
    continuity = json.loads((tmp_path / "continuity.json").read_text())
    movement = continuity["movement"]["noise"]
    assert continuity["pca"] == {"pictures": len(split(crops)[0]), "dimensions": len(split(crops)[0])}
    assert movement["latent"] == sorted(movement["latent"]) and (tmp_path / "continuity.png").exists()
    output = run(
        "geodesic", "--pairs", 1, "--steps", 4, "--iterations", 60, "--out", tmp_path / "g.json", "--pictures", tmp_path
    )
    assert "energy" in output and (tmp_path / "01.png").exists()
    output = run("morph", "--most", 1, "--pairs", 1, "--iterations", 5, "--out", tmp_path / "m.json")
    assert "gradient energy" in output
    morph = json.loads((tmp_path / "m.json").read_text())
    known = morph["known_motion"]
    assert set(known) == {"linear", "geodesic", "morph", "optical flow", "ends themselves"}
    for motion in ("shift", "rotation", "zoom"):
        assert known["morph"][motion]["psnr_db"] > known["linear"][motion]["psnr_db"] + 2
    assert morph["gradient_energy"]["morph"]["mean"] > morph["gradient_energy"]["linear"]["mean"]
    pair = json.loads((tmp_path / "g.json").read_text())["pairs"][0]
    assert pair["geodesic"]["energy"] < pair["linear"]["energy"]


@pytest.mark.parametrize(("page", "source", "table"), TABLES)
def test_the_pages_show_the_committed_results_of_a_shipped_model(page, source, table):
    results = json.loads((RESULTS / source).read_text(encoding="utf-8"))
    text = (DOCS / page).read_text(encoding="utf-8")
    assert with_table(text, source.split(".")[0], table(results)) == text, "run: python -m benchmarks docs"
    assert tune_by_id(bytes.fromhex(results["model"])) is not None


def test_views_of_a_known_motion_are_of_one_photograph(face):
    photo = Image.fromarray(face).resize((640, 480))
    for motion in MOTIONS:
        first, middle, last = (np.asarray(v, float) for v in views(photo, motion, np.random.default_rng(3)))
        assert first.shape == middle.shape == last.shape == (256, 384, 3)
        steps = [np.abs(one - other).mean() for one, other in ((first, middle), (middle, last), (first, last))]
        assert min(steps) > 1 and steps[2] > max(steps[:2]), motion
        around = np.s_[124:132, 188:196]  # what turns and grows does so around the middle
        if motion != "shift":
            assert np.abs(first[around] - last[around]).mean() < 0.5 * steps[2]


@pytest.mark.parametrize("kind", PIECES)
def test_pieces_differ_and_defects_are_where_they_are_said_to_be(kind):
    one, other = (np.asarray(normal(kind, np.random.default_rng(seed)), float) for seed in (1, 2))
    assert one.shape == (256, 256, 3) and np.abs(one - other).mean() > 1
    for defect in DEFECTS:
        image, mask = defective(kind, defect, np.random.default_rng(1))
        off = np.abs(np.asarray(image, float) - sound_of(kind)).max(axis=-1)
        assert 60 < mask.sum() < 4000
        assert off[mask].mean() > 4 * off[~mask].mean(), defect


def sound_of(kind):
    """The piece that a defect with this seed is put on, without the noise of a camera."""
    return np.clip(PIECES[kind](np.random.default_rng(1)), 0, 255)


def test_defects_are_measured(tmp_path, monkeypatch):
    monkeypatch.setattr("benchmarks.manifold.defects.PIECES", {"wood": PIECES["wood"]})
    out = tmp_path / "defects.json"
    result = CliRunner().invoke(
        main, ["defects", "--fit", "20", "--most", "1", "--out", str(out), "--pictures", str(tmp_path / "rows")]
    )
    assert result.exit_code == 0, result.output
    row = json.loads(out.read_text())["auroc"]["wood"]
    assert set(row) == {"heat map", "PCA of coordinates", "PCA of pixels"} and min(row.values()) > 0.8
    with Image.open(tmp_path / "rows" / "wood.png") as image:
        assert image.size == (4 * 256, 2 * 256)


def test_an_interval_is_narrower_the_more_images_there_are():
    rng = np.random.default_rng(0)
    few, many = (interval(rng.normal(size=n), rng.normal(1, 1, n), 200) for n in (20, 400))
    assert many[0] < 0.76 < many[1]  # what two normal distributions one deviation apart have
    assert many[1] - many[0] < 0.5 * (few[1] - few[0])
