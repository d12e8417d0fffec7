"""Straight ways and shortest ways, measured: ``python -m benchmarks geodesic FOLDER`` (extra ``[train]``)."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import numpy as np
from PIL import Image
from tqdm import tqdm

from benchmarks.images import shown
from benchmarks.manifold.kept import keep, out_option
from benchmarks.manifold.pictures import read, read_all, require, split, spread
from codec.engine.registry import shipped as shipped_runtime
from codec.manifold.embedding import shipped_for
from codec.manifold.paths.interpolation import Endpoints

SIZE = (384, 256)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--pairs", type=click.IntRange(1), default=10, show_default=True)
@click.option("--steps", type=click.IntRange(3), default=9, show_default=True)
@click.option("--iterations", type=click.IntRange(1), default=200, show_default=True)
@click.option("--threads", type=click.IntRange(1), default=2, show_default=True)
@out_option
@click.option("--pictures", type=click.Path(path_type=Path, file_okay=False), help="Folder for both ways of each pair.")
def main(
    folder: Path, pairs: int, steps: int, iterations: int, threads: int, out: Path | None, pictures: Path | None
) -> None:
    """Find the shortest ways between pairs of held-out images of FOLDER, and compare them with straight lines."""
    import torch

    from codec.manifold.paths.geodesic import Geodesics

    torch.set_num_threads(threads)
    chosen = [path for path in spread(split(folder)[1], 2 * pairs) if list(read_all([path]))]
    require(chosen, 2, f"readable images of {folder} are held out of the training of the head")
    rows: list[dict[str, Any]] = []
    for one, other in tqdm(list(zip(chosen[::2], chosen[1::2], strict=False)), unit="pair"):
        ends = Endpoints(read(one), read(other), size=SIZE, threads=threads)
        t = ends.quality_index / (ends.runtime.tables.levels - 1)
        geodesics = Geodesics(ends.runtime.folder, shipped_for(ends.runtime.model_id), t)
        line = np.stack(list(ends.linear(steps)))
        way = geodesics.shorten(line, iterations)
        rows.append(
            {
                "pair": [shown(one), shown(other)],
                "linear": asdict(geodesics.report(line)),
                "geodesic": asdict(geodesics.report(way)),
            }
        )
        if pictures is not None:
            pictures.mkdir(parents=True, exist_ok=True)
            both = [np.hstack([np.asarray(p) for p in ends.images(points)]) for points in (line, way)]
            Image.fromarray(np.vstack(both)).save(pictures / f"{len(rows):02d}.png")
    results = {"model": shipped_runtime().model_id.hex(), "pairs": rows}
    keep(results, out)
    click.echo("geodesic over linear: energy, length, bits a pixel between the ends")
    for row in rows:
        ratios = [row["geodesic"][key] / row["linear"][key] for key in ("energy", "length", "rate_bpp")]
        click.echo("  " + "  ".join(f"{ratio:.3f}" for ratio in ratios) + f"  {' - '.join(row['pair'])}")
