"""What effort buys and costs: ``python -m benchmarks effort FOLDER`` (extra ``[train]``)."""

from __future__ import annotations

import csv
import time
from pathlib import Path

import click
import numpy as np

import codec
from benchmarks.bdrate import Curve, bd_rate, curve
from benchmarks.codecs.lmc import code_digest
from benchmarks.images import images_or_usage_error, pixel_digest, read_pixels, shown
from benchmarks.metrics import Pixels, measure
from benchmarks.rows import Row, RowStore, row_key
from bitstream.geometry import CELL
from codec.engine.registry import TUNES, shipped

Points = dict[tuple[int, str, float], Row]
"""By level, name of the image and quality."""
JUDGES = {"psnr": "psnr-rgb", "visual": "ssimulacra2"}
"""Metric by which each tune is judged."""


def _identity(level: int, tune: str) -> str:
    """What a row is valid for."""
    return f"effort {level} | model {shipped(tune=tune).model_id.hex()} | code {code_digest()}"


def _measure(name: str, pixels: Pixels, quality: float, level: int, tune: str, threads: int) -> Row:
    start = time.perf_counter()
    data = codec.compress(pixels, quality, effort=level, tune=tune, threads=threads)
    seconds = time.perf_counter() - start
    metrics = measure(pixels, np.asarray(codec.decompress(data, threads=threads)), [JUDGES[tune]])
    if metrics[JUDGES[tune]] is None:
        raise click.UsageError(f"{name}: {pixels.shape[1]} x {pixels.shape[0]} pixels are too few for {JUDGES[tune]}")
    return Row(
        "lmc", _identity(level, tune), name, pixel_digest(pixels), pixels.shape[1], pixels.shape[0], quality,
        len(data), metrics, seconds, threads=threads,
    )  # fmt: skip


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--levels", default="0,1,3,5,7,9", show_default=True, help="Of effort; the first is compared with.")
@click.option("--qualities", default="12,36,60,84", show_default=True, help="At least four.")
@click.option("--tune", type=click.Choice(TUNES), default="psnr", show_default=True, help="Which model; "
              "psnr is judged by PSNR-RGB, visual by SSIMULACRA 2.")  # fmt: skip
@click.option("--most", type=click.IntRange(1), help="No more than this many images.")
@click.option("--threads", type=click.IntRange(1), default=2, show_default=True)
@click.option("--rows", type=click.Path(path_type=Path, dir_okay=False), help="Kept here as they come: a run that was "
              "stopped goes on.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Also write the table, as CSV.")
def main(
    folder: Path,
    levels: str,
    qualities: str,
    tune: str,
    most: int | None,
    threads: int,
    rows: Path | None,
    out: Path | None,
) -> None:
    """Code the images in FOLDER at each level of effort: BD-rate and time against the first."""
    try:
        efforts, qs = [int(level) for level in levels.split(",")], [float(q) for q in qualities.split(",")]
    except ValueError as error:
        raise click.UsageError(f"--levels {levels}, --qualities {qualities}: expected numbers") from error
    if len(qs) < 4:
        raise click.UsageError("--qualities: at least four are needed")
    paths = images_or_usage_error(folder, most)
    store = RowStore(rows) if rows else None
    known = {row.key: row for row in store or ()}
    points: Points = {}
    with click.progressbar(length=len(paths) * len(efforts) * len(qs), label="encoding", show_pos=True) as progress:
        for level in sorted({min(efforts), max(efforts)}):  # so that loading is not timed, nor that of torch
            codec.compress(np.zeros((CELL, CELL, 3), np.uint8), effort=min(level, 1), tune=tune, threads=threads)
        for path in paths:
            pixels = read_pixels(path)
            digest = pixel_digest(pixels)
            for level in efforts:
                for quality in qs:
                    key = row_key(_identity(level, tune), digest, quality, repeats=1, threads=threads, jobs=1)
                    row = known.get(key)
                    if row is None:
                        row = _measure(shown(path), pixels, quality, level, tune, threads)
                        if store:
                            store.add(row)
                    points[level, shown(path), quality] = row
                    progress.update(1)
    measured = {
        "images": str(len(paths)), "qualities": qualities, "threads": str(threads), "tune": tune,
        "metric": JUDGES[tune], "model": shipped(tune=tune).model_id.hex(),
    }  # fmt: skip
    table = [line | measured for line in _table(points, efforts, [shown(path) for path in paths], qs, JUDGES[tune])]
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        with out.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(table[0]))
            writer.writeheader()
            writer.writerows(table)
    click.echo(
        "{images} images, qualities {qualities}, by {metric}, {threads} threads, model {model}".format(**measured)
    )
    for line in table:
        click.echo(
            f"effort {line['effort']}  BD-rate {line['bd_rate']:>6s}% (images: {line['most']} to {line['least']})  "
            f"{line['seconds_per_megapixel']} s a megapixel"
        )


def _table(
    points: Points, efforts: list[int], names: list[str], qualities: list[float], metric: str
) -> list[dict[str, str]]:
    """One line a level: of the mean curve, and the least and most of any image."""

    def effort_curve(level: int, images: list[str]) -> Curve:
        rows = [[points[level, name, quality] for name in images] for quality in qualities]
        return curve(
            [float(np.mean([row.rate_bpp for row in at])) for at in rows],
            [float(np.mean([row.metrics[metric] or 0 for row in at])) for at in rows],
        )

    table = []
    for level in efforts:
        mean = bd_rate(effort_curve(efforts[0], names), effort_curve(level, names))
        each = [bd_rate(effort_curve(efforts[0], [name]), effort_curve(level, [name])) for name in names]
        gains = [one.percent for one in each if one]
        mine = [points[level, name, quality] for name in names for quality in qualities]
        megapixels = sum(row.width * row.height for row in mine) / 1e6
        table.append(
            {
                "effort": str(level),
                "bd_rate": f"{mean.percent:.2f}" if mean else "",
                "least": f"{max(gains):.2f}" if gains else "",
                "most": f"{min(gains):.2f}" if gains else "",
                "seconds_per_megapixel": f"{sum(row.encode_s for row in mine) / megapixels:.2f}",
            }
        )
    return table
