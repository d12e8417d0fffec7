"""How far coordinates move when a picture changes a little: ``python -m benchmarks continuity FOLDER``.

Distances are in units of the median distance between two different pictures, so that representations compare: a
movement of 1 would be as far as another picture. (Extras ``[bench,manifold]``.)
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import click
import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt
import numpy as np
from PIL import Image, ImageEnhance
from tqdm import tqdm

import codec
from benchmarks.manifold.baselines import Floats, PixelPca, small_pixels
from benchmarks.manifold.kept import keep
from benchmarks.manifold.pictures import read_all, split, spread
from codec.engine.registry import shipped as shipped_runtime
from codec.manifold.embedding import embed_file, shipped

SIDE, MARGIN = 256, 64
PCA_PICTURES = 600
"""That the PCA is fitted to; none of those that are moved."""
Change = Callable[[Image.Image, float], Image.Image]


def _centre(picture: Image.Image) -> Image.Image:
    left, top = (picture.width - SIDE) // 2, (picture.height - SIDE) // 2
    return picture.crop((left, top, left + SIDE, top + SIDE))


def noise(picture: Image.Image, levels: float) -> Image.Image:
    """Normal noise."""
    pixels = np.asarray(_centre(picture), np.float32)
    drawn = np.random.default_rng(0).normal(0, levels, pixels.shape)
    return Image.fromarray(np.clip(np.rint(pixels + drawn), 0, 255).astype(np.uint8))


def shift(picture: Image.Image, pixels: float) -> Image.Image:
    """To the side; what comes in is what was beside it."""
    return _centre(picture.transform(picture.size, Image.Transform.AFFINE, (1, 0, pixels, 0, 1, 0)))


def brightness(picture: Image.Image, percent: float) -> Image.Image:
    """Brighter."""
    return _centre(ImageEnhance.Brightness(picture).enhance(1 + percent / 100))


def rotation(picture: Image.Image, degrees: float) -> Image.Image:
    """Turned around its centre."""
    return _centre(picture.rotate(degrees, Image.Resampling.BICUBIC))


CHANGES: dict[str, tuple[Change, tuple[float, ...], str]] = {
    "noise": (noise, (1, 2, 4, 8, 16, 32), "levels"),
    "shift": (shift, (1, 2, 4, 8, 16, 32), "pixels"),
    "brightness": (brightness, (2, 5, 10, 20, 40), "%"),
    "rotation": (rotation, (0.5, 1, 2, 5, 10), "degrees"),
}


def represent(pictures: list[Image.Image], threads: int) -> tuple[Floats, Floats, Floats]:
    """Latents, embeddings and small pixels, one row for each picture."""
    latents, embeddings = [], []
    for picture in pictures:
        with codec.open(codec.compress(picture, threads=threads), threads=threads) as file:
            latents.append(np.concatenate(list(file.latents()), axis=1).ravel())
            embeddings.append(embed_file(file))
    return np.stack(latents), np.stack(embeddings), np.stack([small_pixels(p) for p in pictures])


def unit_distance(rows: Floats) -> float:
    """Median distance between two different rows."""
    pairs = [np.linalg.norm(rows[i] - rows[j]) for i in range(len(rows)) for j in range(i)]
    return float(np.median(pairs))


def draw(table: dict[str, Any], path: Path) -> None:
    """Movement against the size of each change."""
    figure, panes = plt.subplots(1, len(table), figsize=(13, 3.6), layout="constrained", sharey=True)
    colors = {"latent": "#546e7a", "embedding": "#c2185b", "PCA of pixels": "#1976d2"}
    for axes, (name, row) in zip(panes, table.items(), strict=True):
        for representation, color in colors.items():
            axes.plot(row["sizes"], row[representation], "o-", color=color, label=representation, markersize=4)
        axes.set(xscale="log", yscale="log", xlabel=f"{name} ({row['unit']})")
        axes.grid(alpha=0.3, which="both")
    panes[0].set(ylabel="movement (1: as far as another image)")
    panes[0].legend(fontsize=8)
    figure.savefig(path, dpi=110, metadata={"Software": None})
    plt.close(figure)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--most", type=click.IntRange(3), default=60, show_default=True, help="No more than this many pictures.")
@click.option("--threads", type=click.IntRange(1), default=2, show_default=True)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Also write the figures and their plot, "
              "to this folder.")  # fmt: skip
def main(folder: Path, most: int, threads: int, out: Path | None) -> None:
    """Measure how far latents and embeddings move as images of FOLDER change, beside a PCA of pixels."""
    large = (picture for picture in read_all(split(folder)[1]) if min(picture.size) >= SIDE + MARGIN)
    pictures = list(islice(large, most))
    if len(pictures) < 3:
        raise click.UsageError(f"{folder}: fewer than 3 held-out images of {SIDE + MARGIN} pixels a side")
    plain = represent([_centre(p) for p in pictures], threads)
    read_others = read_all(spread(split(folder)[0], PCA_PICTURES))
    others = [small_pixels(_centre(picture)) for picture in read_others if min(picture.size) >= SIDE]
    if len(others) < 3:
        raise click.UsageError(f"{folder}: fewer than 3 images of {SIDE} pixels a side to fit a PCA to")
    pca = PixelPca(others, shipped().dimensions, scaled=False)
    known = {"latent": plain[0], "embedding": plain[1], "PCA of pixels": pca(list(plain[2]))}
    units = {name: unit_distance(rows) for name, rows in known.items()}
    table: dict[str, Any] = {}
    for name, (change, sizes, unit) in CHANGES.items():
        table[name] = {"unit": unit, "sizes": list(sizes), "rms_levels": [], **{r: [] for r in known}}
        for size in tqdm(sizes, desc=name):
            changed = [change(p, size) for p in pictures]
            moved = represent(changed, threads)
            rms = [np.asarray(c, float) - np.asarray(_centre(p), float) for c, p in zip(changed, pictures, strict=True)]
            table[name]["rms_levels"].append(float(np.mean([np.sqrt(np.square(r).mean()) for r in rms])))
            for r, rows in zip(known, (moved[0], moved[1], pca(list(moved[2]))), strict=True):
                distances = np.linalg.norm(rows - known[r], axis=1) / units[r]
                table[name][r].append(float(np.median(distances)))
    results = {
        "model": shipped_runtime().model_id.hex(),
        "pictures": len(pictures),
        "pca": {"pictures": len(others), "dimensions": known["PCA of pixels"].shape[1]},
        "movement": table,
    }
    if out is not None:
        keep(results, out / "continuity.json")
        draw(table, out / "continuity.png")
    click.echo(f"{len(pictures)} pictures; median movement, 1 is as far as another picture; per level of input change")
    for name, row in table.items():
        for i, size in enumerate(row["sizes"]):
            text = "   ".join(f"{r} {row[r][i]:.3f} ({row[r][i] / row['rms_levels'][i]:.4f})" for r in known)
            click.echo(f"  {name:10s} {size:4g} {row['unit']:8s} {row['rms_levels'][i]:5.1f} levels   {text}")
