"""The training curve: BD-rate against hours, ``python -m benchmarks training``.

Two tables in ``results/``: ``validation.csv`` has what the trainer wrote on images held out, of the running average
of its open run and at last of the shipped weights, with hours in place of its own seconds; ``releases.csv`` has the
Kodak figures of the weights that were shipped, as ``quick`` printed them.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path

import click
import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt

from benchmarks.bdrate import bd_rate, curve

RESULTS = Path(__file__).parent / "results"
REFERENCES = {"jpeg": "progressive JPEG", "avif": "AVIF, speed 6, 4:4:4, tune iq", "vtm": "VTM, published"}


def read_validation(path: Path) -> dict[float, float]:
    """BD-rate in percent by hours of training, against the first evaluation.

    Raises:
        ValueError: an evaluation cannot be compared with the first.
    """
    points: dict[float, list[tuple[float, float]]] = defaultdict(list)
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            points[float(row["hours"])].append((float(row["rate_bpp"]), float(row["psnr_db"])))
    curves = {hours: curve(*zip(*points[hours], strict=True)) for hours in sorted(points)}
    first = next(iter(curves.values()))
    percents = {}
    for hours, tested in curves.items():
        result = bd_rate(first, tested)
        if result is None:
            raise ValueError(f"{path}: at {hours} hours: no BD-rate against the first evaluation")
        percents[hours] = result.percent
    return percents


def read_releases(path: Path) -> dict[str, list[tuple[float, float]]]:
    """Hours of training and BD-rate in percent of each release, by what it is against."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return {name: [(float(row["hours"]), float(row[name])) for row in rows if row[name]] for name in REFERENCES}


@click.command()
@click.option("--results", type=click.Path(path_type=Path, exists=True, file_okay=False), default=RESULTS,
              help="Folder of the two tables.  [default: the committed one]")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False),
              help="Where the plot goes.  [default: training.png beside the tables]")  # fmt: skip
def main(results: Path, out: Path | None) -> None:
    """Draw BD-rate on held-out images and on Kodak against hours of training, and print it."""
    validation, releases = read_validation(results / "validation.csv"), read_releases(results / "releases.csv")
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained", sharex=True)
    left.plot(list(validation), list(validation.values()), marker=".", color="#546e7a")
    left.set(
        xlabel="hours of training", ylabel="BD-rate against the first evaluation (%)", title="held-out photographs"
    )
    for hours, percent in validation.items():
        click.echo(f"validation {hours:6.2f} h {percent:+7.2f}%")
    for name, points in releases.items():
        right.plot(*zip(*points, strict=True), marker="o", label=REFERENCES[name])
        for hours, percent in points:
            click.echo(f"{name:10s} {hours:6.2f} h {percent:+7.2f}%")
    right.axhline(0, color="black", linewidth=0.8)
    right.set(xlabel="hours of training", ylabel="BD-rate (%)", title="Kodak, whole files, released weights")
    right.legend(fontsize=8)
    for axes in (left, right):
        axes.grid(alpha=0.3)
    figure.savefig(out or results / "training.png", dpi=130, metadata={"Software": None})
    plt.close(figure)
