"""Anomalies, measured: ``python -m benchmarks anomaly FOLDER`` (extras ``[bench,manifold]``)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import numpy as np
from PIL import Image
from tqdm import tqdm

from benchmarks.manifold.kept import keep, out_option
from benchmarks.manifold.pictures import read_all, require, split, spread
from benchmarks.manifold.shifts import SHIFTS
from codec.engine.registry import shipped as shipped_runtime
from codec.manifold.anomaly.calibration import MIN_IMAGES, Collection, Score
from codec.manifold.anomaly.detectors import TESTS
from codec.manifold.anomaly.features import image_features
from codec.manifold.embedding import shipped

SIDE = 512
"""Pixels a side of images, at most."""


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--fit", "fitted", type=click.IntRange(20), default=200, show_default=True, help="Images to fit to.")
@click.option("--most", type=click.IntRange(2), default=150, show_default=True, help="Images held out to score.")
@click.option("--threads", type=click.IntRange(1), default=2, show_default=True)
@out_option
def main(folder: Path, fitted: int, most: int, threads: int, out: Path | None) -> None:
    """Tell images of FOLDER from others that do not belong, in files and with pixels: area under ROC.

    Both those fitted to and those told apart are such as the embedding's head was not trained on.
    """
    from sklearn.metrics import roc_auc_score

    head = shipped()
    # Neither has the head seen those that are fitted to: images that it has lie further apart for it.
    held_out = split(folder)[1]
    normal = list(read_all(spread(held_out[::2], fitted), SIDE))
    pictures = list(read_all(spread(held_out[1::2], most), SIDE))
    require(normal, MIN_IMAGES, f"readable images of {folder} to fit to are held out of the training of the head")
    require(pictures, 2, f"readable images of {folder} to score are held out of the training of the head")
    known = [image_features(picture, head, threads=threads) for picture in tqdm(normal, desc="fit", unit="picture")]
    collection = Collection.fit(known, head)
    rng = np.random.default_rng(0)

    def scores(of: list[Image.Image], name: str) -> list[Score]:
        return [collection.score(image_features(p, head, threads=threads)) for p in tqdm(of, desc=name, unit="picture")]

    usual = scores(pictures, "held out")
    table: dict[str, dict[str, float]] = {}
    for name, shift in SHIFTS.items():
        odd = scores([shift(picture, rng) for picture in pictures], name)
        labels = [0] * len(usual) + [1] * len(odd)
        row = {"all": roc_auc_score(labels, [s.score for s in usual + odd])}
        for test in TESTS:
            row[test] = roc_auc_score(labels, [s.parts[test] for s in usual + odd])
        files = [max(v for k, v in s.parts.items() if k != "error") for s in usual + odd]
        row["all but error"] = roc_auc_score(labels, files)
        table[name] = {key: float(value) for key, value in row.items()}
    false_alarms = float(np.mean([s.score >= 2 for s in usual]))
    results: dict[str, Any] = {
        "model": shipped_runtime().model_id.hex(),
        "fitted": len(known),
        "held_out": len(pictures),
        "held_out_at_2_or_more": false_alarms,
        "auroc": table,
    }
    keep(results, out)
    click.echo(f"fitted to {len(known)} pictures; area under ROC, {len(pictures)} held-out pictures against as many")
    for name, row in table.items():
        click.echo(f"  {name:18s}" + "".join(f"{key} {value:.3f}   " for key, value in row.items()))
    click.echo(f"of the held-out images {100 * false_alarms:.1f}% score 2 or more (1% expected)")
