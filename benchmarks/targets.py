"""How well rate control meets its targets: ``python -m benchmarks targets FOLDER``."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np

import codec
from benchmarks.images import images_or_usage_error, read_pixels


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--targets", default="10000,20000,30000,40000,60000", show_default=True, help="Bytes.")
@click.option("--threads", type=click.IntRange(1), default=2, show_default=True)
def main(folder: Path, targets: str, threads: int) -> None:
    """Compress the images in FOLDER to each size and print how far below it the files stay."""
    try:
        sizes = [int(size) for size in targets.split(",")]
    except ValueError as error:
        raise click.UsageError(f"--targets {targets}: expected numbers of bytes") from error
    paths = images_or_usage_error(folder)
    found = np.zeros((len(sizes), len(paths)))
    passes = np.zeros_like(found)
    for j, path in enumerate(paths):
        pixels = read_pixels(path)
        for i, size in enumerate(sizes):
            encodes = 0

            def count(done: int, total: int) -> None:
                nonlocal encodes
                encodes += done == total

            data = codec.compress(pixels, target=codec.Target("bytes", size), threads=threads, progress=count)
            found[i, j], passes[i, j] = len(data), encodes
    short = 1 - found / np.array(sizes)[:, None]
    for size, row, encoded in zip(sizes, short, passes, strict=True):
        click.echo(
            f"{size:8d} bytes  short by {np.median(row):.2%} (median), {row.max():.2%} (most); "
            f"{encoded.mean():.1f} passes; above: {(row < 0).sum()}"
        )
    click.echo(
        f"{len(paths)} images x {len(sizes)} targets: median {np.median(short):.2%}, "
        f"above the target: {(short < 0).sum()}, {passes.mean():.2f} passes of the encoder"
    )
