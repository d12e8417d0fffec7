"""Anomalies, measured: ``python -m benchmarks anomaly FOLDER`` (extras ``[bench,manifold]``)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps
from tqdm import tqdm

from benchmarks.manifold.kept import keep, out_option
from benchmarks.manifold.pictures import read_all, require, split, spread
from benchmarks.manifold.shifts import SHIFTS
from codec.engine.registry import shipped as shipped_runtime
from codec.manifold.anomaly.calibration import ADVANTAGE, MIN_IMAGES, Collection, Score
from codec.manifold.anomaly.detectors import TESTS
from codec.manifold.anomaly.features import image_features
from codec.manifold.embedding import shipped

Floats = NDArray[np.float64]
SIDE = 512
"""Pixels a side of images, at most."""


def square(image: Image.Image) -> Image.Image:
    """The middle of an image, as wide as high."""
    return ImageOps.fit(image, (min(image.size),) * 2)


def area(usual: Floats, odd: Floats) -> float:
    """Area under ROC: how often one of the odd scores higher than one of the usual."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score([0] * len(usual) + [1] * len(odd), np.concatenate([usual, odd])))


def interval(usual: Floats, odd: Floats, draws: int = 1000) -> tuple[float, float]:
    """What the area is in 95% of draws of as many images: a bootstrap over images, each with its changed version."""
    rng = np.random.default_rng(0)
    chosen = rng.integers(len(usual), size=(draws, len(usual)))
    low, high = np.quantile([area(usual[c], odd[c]) for c in chosen], [0.025, 0.975])
    return float(low), float(high)


def together(score: Score) -> float:
    """The score itself."""
    return score.score


def _part(test: str, score: Score) -> float:
    return score.parts[test]


def without_error(score: Score) -> float:
    """The oddest of the tests that need no pixels."""
    return max(value + ADVANTAGE.get(name, 0.0) for name, value in score.parts.items() if name != "error")


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--fit", "fitted", type=click.IntRange(20), default=200, show_default=True, help="Images to fit to.")
@click.option("--most", type=click.IntRange(2), default=150, show_default=True, help="Images held out to score.")
@click.option("--threads", type=click.IntRange(1), default=2, show_default=True)
@out_option
def main(folder: Path, fitted: int, most: int, threads: int, out: Path | None) -> None:
    """Tell images of FOLDER from others that do not belong, in files and with pixels: area under ROC.

    Both those fitted to and those told apart are such as no network was trained on. All are the middle squares of
    images, so that the shape of a turned one gives nothing away.
    """
    head = shipped()
    # Neither has the head seen those that are fitted to: images that it has lie further apart for it.
    held_out = split(folder)[1]
    normal = [square(image) for image in read_all(spread(held_out[::2], fitted), SIDE)]
    pictures = [square(image) for image in read_all(spread(held_out[1::2], most), SIDE)]
    require(normal, MIN_IMAGES, f"readable images of {folder} to fit to are held out of the training of the head")
    require(pictures, 2, f"readable images of {folder} to score are held out of the training of the head")
    known = [image_features(picture, head, threads=threads) for picture in tqdm(normal, desc="fit", unit="picture")]
    collection = Collection.fit(known, head)
    rng = np.random.default_rng(0)

    def scores(of: list[Image.Image], name: str) -> list[Score]:
        return [collection.score(image_features(p, head, threads=threads)) for p in tqdm(of, desc=name, unit="picture")]

    usual = scores(pictures, "held out")
    table: dict[str, dict[str, float]] = {}
    intervals: dict[str, tuple[float, float]] = {}
    for name, shift in SHIFTS.items():
        odd = scores([shift(picture, rng) for picture in pictures], name)
        judged: dict[str, Callable[[Score], float]] = {"all": together}
        judged |= {test: partial(_part, test) for test in TESTS} | {"all but error": without_error}
        columns = {key: [np.array([of(s) for s in kind]) for kind in (usual, odd)] for key, of in judged.items()}
        table[name] = {key: area(one, other) for key, (one, other) in columns.items()}
        intervals[name] = interval(columns["all"][0], columns["all"][1])
    false_alarms = float(np.mean([s.score >= 2 for s in usual]))
    results: dict[str, Any] = {
        "model": shipped_runtime().model_id.hex(),
        "fitted": len(known),
        "held_out": len(pictures),
        "held_out_at_2_or_more": false_alarms,
        "auroc": table,
        "interval_95": intervals,
    }
    keep(results, out)
    click.echo(f"fitted to {len(known)} pictures; area under ROC, {len(pictures)} held-out pictures against as many")
    for name, row in table.items():
        low, high = intervals[name]
        cells = "".join(f"{key} {value:.3f}   " for key, value in row.items())
        click.echo(f"  {name:18s}{cells}(all: {low:.3f} to {high:.3f} in 95%)")
    click.echo(f"of the held-out images {100 * false_alarms:.1f}% score 2 or more (1% expected)")
