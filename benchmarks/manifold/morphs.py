"""Morphs, measured: ``python -m benchmarks morph FOLDER`` (extras ``[bench,manifold,train]``).

Pairs with a known motion are two views of one held-out photograph, so that the true image halfway is known, too.
Unrelated photographs have no true image halfway; there it must not lose its detail, as a double exposure does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from benchmarks.manifold.kept import keep, out_option
from benchmarks.manifold.pictures import read, read_all, require, split, spread
from benchmarks.metrics import array_psnr_db
from benchmarks.perceptual import ssimulacra2
from codec.engine.registry import shipped as shipped_runtime
from codec.manifold.embedding import shipped_for
from codec.manifold.paths.interpolation import Endpoints
from codec.manifold.paths.morph import Morph
from codec.manifold.paths.motion import grid, sample

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]
SIZE = (384, 256)
SURROUND = 1.45
"""Sides of the photograph over those of a view, so that no view leaves it."""


def _shift(rng: np.random.Generator) -> Callable[[float], NDArray[np.float64]]:
    angle, length = rng.uniform(0, 2 * np.pi), rng.uniform(0.05, 0.12) * SIZE[0]
    step = length * np.array([np.cos(angle), np.sin(angle)])
    return lambda t: np.array([[1, 0, t * step[0]], [0, 1, t * step[1]]])


def _rotation(rng: np.random.Generator) -> Callable[[float], NDArray[np.float64]]:
    turn = rng.choice([-1, 1]) * np.deg2rad(rng.uniform(6, 16))
    return lambda t: np.array([[np.cos(t * turn), -np.sin(t * turn), 0], [np.sin(t * turn), np.cos(t * turn), 0]])


def _zoom(rng: np.random.Generator) -> Callable[[float], NDArray[np.float64]]:
    growth = rng.choice([-1, 1]) * np.log(rng.uniform(1.12, 1.3))
    return lambda t: np.exp(t * growth) * np.eye(2, 3)


MOTIONS = {"shift": _shift, "rotation": _rotation, "zoom": _zoom}


def views(photo: Image.Image, motion: str, rng: np.random.Generator) -> list[Image.Image]:
    """The first image of a motion, the one halfway, and the last, each of :data:`SIZE`."""
    factor = max(SURROUND * side / whole for side, whole in zip(SIZE, photo.size, strict=True))
    large = photo.resize((round(photo.width * factor), round(photo.height * factor)), Image.Resampling.LANCZOS)
    at = MOTIONS[motion](rng)
    made = []
    for t in (-0.5, 0.0, 0.5):
        matrix = at(t)
        # From the middle of a view to the middle of the photograph.
        offset = matrix[:, 2] + np.array(large.size) / 2 - matrix[:, :2] @ (np.array(SIZE) / 2)
        data = (*matrix[0, :2], offset[0], *matrix[1, :2], offset[1])
        made.append(large.transform(SIZE, Image.Transform.AFFINE, data, Image.Resampling.BICUBIC))
    return made


def by_optical_flow(first: Pixels, last: Pixels) -> Pixels:
    """The image halfway by TV-L1 optical flow between pixels: both moved by half of it, and their mean."""
    from skimage.color import rgb2gray
    from skimage.registration import optical_flow_tvl1

    flow = np.stack(optical_flow_tvl1(rgb2gray(first), rgb2gray(last))[::-1]).astype(np.float32)
    points = grid((first.shape[0], first.shape[1]))
    middle = flow
    for _ in range(3):
        middle = sample(flow, points - middle / 2)
    planes = [image.transpose(2, 0, 1).astype(np.float32) for image in (first, last)]
    moved = [sample(planes[0], points - middle / 2, order=3), sample(planes[1], points + middle / 2, order=3)]
    mixed: Pixels = np.clip(np.rint((moved[0] + moved[1]) / 2), 0, 255).astype(np.uint8).transpose(1, 2, 0)
    return mixed


def gradient_energy(image: Pixels) -> float:
    """Mean squared difference of neighbours, of luma."""
    luma = image @ np.array([0.299, 0.587, 0.114])
    return float(np.square(np.diff(luma, axis=0)).mean() + np.square(np.diff(luma, axis=1)).mean())


def middles(ends: Endpoints, iterations: int) -> Iterator[tuple[str, Pixels]]:
    """The image halfway of each way, by name."""
    line = np.stack(list(ends.linear(9)))
    ways: dict[str, Floats] = {"linear": line[4], "morph": list(Morph(ends).points(3))[1]}
    if iterations:
        from codec.manifold.paths.geodesic import Geodesics

        t = ends.quality_index / (ends.runtime.tables.levels - 1)
        ways["geodesic"] = Geodesics(ends.runtime.folder, shipped_for(ends.runtime.model_id), t).shorten(
            line, iterations
        )[4]
    for name, image in zip(ways, ends.images(ways.values()), strict=True):
        yield name, np.asarray(image)


def _of_known_motion(photo: Image.Image, rng: np.random.Generator, iterations: int, threads: int) -> Iterator[Any]:
    for motion in MOTIONS:
        first, true, last = views(photo, motion, rng)
        ends = Endpoints(first, last, threads=threads)
        wanted = np.asarray(true)
        decoded = [np.asarray(image) for image in ends.images(ends.y)]
        found = dict(middles(ends, iterations)) | {"optical flow": by_optical_flow(decoded[0], decoded[1])}
        for way, image in found.items():
            yield motion, way, array_psnr_db(wanted, image), ssimulacra2(wanted, image)
        for view, image in zip((first, last), decoded, strict=True):
            original = np.asarray(view)
            yield motion, "ends themselves", array_psnr_db(original, image), ssimulacra2(original, image)


def _of_unrelated(one: Image.Image, other: Image.Image, iterations: int, threads: int) -> dict[str, float]:
    ends = Endpoints(one, other, size=SIZE, threads=threads)
    usual = np.mean([gradient_energy(np.asarray(image)) for image in ends.images(ends.y)])
    return {way: float(gradient_energy(image) / usual) for way, image in middles(ends, iterations)}


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--most", type=click.IntRange(1), default=24, show_default=True, help="Photographs of known motion.")
@click.option("--pairs", type=click.IntRange(1), default=24, show_default=True, help="Pairs of unrelated ones.")
@click.option("--iterations", type=click.IntRange(0), default=60, show_default=True, help="Of the geodesic; 0: none.")
@click.option("--threads", type=click.IntRange(1), default=2, show_default=True)
@out_option
def main(folder: Path, most: int, pairs: int, iterations: int, threads: int, out: Path | None) -> None:
    """Compare the middle of each way with the true image, and its detail with that of the ends."""
    if iterations:
        import torch

        torch.set_num_threads(threads)
    rng = np.random.default_rng(0)
    held_out = split(folder)[1]
    photos = list(read_all(spread(held_out, most)))
    require(photos, 1, f"readable images of {folder} are held out of the training of the head")
    measured: list[Any] = []
    for photo in tqdm(photos, desc="known motion", unit="photograph"):
        measured += _of_known_motion(photo, rng, iterations, threads)
    chosen = [path for path in rng.permutation(np.array(held_out, object)) if list(read_all([path]))][: 2 * pairs]
    require(chosen, 2, f"readable images of {folder} are held out of the training of the head")
    unrelated = [
        _of_unrelated(read(one), read(other), iterations, threads)
        for one, other in tqdm(list(zip(chosen[::2], chosen[1::2], strict=False)), desc="unrelated", unit="pair")
    ]
    known: dict[str, dict[str, dict[str, float]]] = {}
    for motion in MOTIONS:
        for way in dict.fromkeys(row[1] for row in measured):
            rows = [row[2:] for row in measured if row[:2] == (motion, way) and None not in row]
            psnr, looks = (float(np.mean(column)) for column in zip(*rows, strict=True))
            known.setdefault(way, {})[motion] = {"psnr_db": psnr, "ssimulacra2": looks}
    detail = {
        way: {
            "mean": float(np.mean([row[way] for row in unrelated])),
            "least": min(row[way] for row in unrelated),
            "share_of_pairs_at_0.8": float(np.mean([row[way] >= 0.8 for row in unrelated])),
        }
        for way in unrelated[0]
    }
    results = {
        "model": shipped_runtime().model_id.hex(),
        "size": SIZE,
        "photographs": len(photos),
        "pairs": len(unrelated),
        "known_motion": known,
        "gradient_energy": detail,
    }
    keep(results, out)
    click.echo("image halfway against the true one: PSNR (dB) / SSIMULACRA 2")
    for way, row in known.items():
        cells = (f"{motion} {cell['psnr_db']:.2f} / {cell['ssimulacra2']:.1f}" for motion, cell in row.items())
        click.echo(f"  {way:16s}" + "   ".join(cells))
    click.echo("gradient energy of the image halfway over the mean of the ends', unrelated photographs")
    for way, summary in detail.items():
        click.echo(f"  {way:16s}" + "   ".join(f"{name} {value:.2f}" for name, value in summary.items()))
