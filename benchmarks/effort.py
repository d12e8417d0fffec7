"""What effort buys and costs: ``python -m benchmarks effort FOLDER`` (extra ``[train]``)."""

from __future__ import annotations

import csv
import time
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

import codec
from benchmarks.bdrate import Curve, bd_rate, curve
from benchmarks.measure import read_pixels
from benchmarks.metrics import psnr_db

RESULTS = Path(__file__).parent / "results" / "effort.csv"


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--levels", default="0,1,3,5,7,9", show_default=True, help="Of effort; the first is compared with.")
@click.option("--qualities", default="12,36,60,84", show_default=True, help="At least four.")
@click.option("--most", type=click.IntRange(1), help="No more than this many images.")
@click.option("--threads", type=click.IntRange(1), default=2, show_default=True)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), default=RESULTS, help="The table as CSV.")
def main(folder: Path, levels: str, qualities: str, most: int | None, threads: int, out: Path) -> None:
    """Code the PNG images in FOLDER at each level of effort: BD-rate and time against the first."""
    efforts, qs = [int(level) for level in levels.split(",")], [float(q) for q in qualities.split(",")]
    images = [read_pixels(path) for path in sorted(folder.glob("*.png"))[:most]]
    if not images or len(qs) < 4:
        raise click.UsageError(f"no PNG images in {folder}" if not images else "--qualities: at least four are needed")
    megapixels = sum(im[..., 0].size for im in images) / 1e6
    points: NDArray[np.float64] = np.empty((len(efforts), len(images), len(qs), 3))
    with click.progressbar(length=points[..., 0].size, label="encoding", show_pos=True) as progress:
        codec.compress(images[0], threads=threads)  # so that loading is not timed
        for i, j, k in np.ndindex(*points.shape[:3]):
            start = time.perf_counter()
            data = codec.compress(images[j], qs[k], effort=efforts[i], threads=threads)
            seconds = time.perf_counter() - start
            distortion = psnr_db(images[j], np.asarray(codec.decompress(data, threads=threads)))
            points[i, j, k] = 8 * len(data) / images[j][..., 0].size, distortion, seconds
            progress.update(1)
    rows = []
    for i, level in enumerate(efforts):
        mean = bd_rate(_curve(points[0].mean(axis=0)), _curve(points[i].mean(axis=0)))
        each = [bd_rate(_curve(points[0, j]), _curve(points[i, j])) for j in range(len(images))]
        gains = [one.percent for one in each if one]
        rows.append(
            {
                "effort": level,
                "bd_rate": f"{mean.percent:.2f}" if mean else "",
                "least": f"{max(gains):.2f}",
                "most": f"{min(gains):.2f}",
                "seconds_per_megapixel": f"{points[i, ..., 2].sum() / megapixels / len(qs):.2f}",
            }
        )
    out.parent.mkdir(parents=True, exist_ok=True)
    with out.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    click.echo(f"{len(images)} images, qualities {qualities}, {threads} threads")
    for row in rows:
        click.echo(
            f"effort {row['effort']}  BD-rate {row['bd_rate']:>6s}% (images: {row['most']} to {row['least']})  "
            f"{row['seconds_per_megapixel']} s a megapixel"
        )


def _curve(points: NDArray[np.float64]) -> Curve:
    """Of points (qualities, 2 and more)."""
    return curve(list(points[:, 0]), list(points[:, 1]))
