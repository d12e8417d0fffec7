"""Search, measured: ``python -m benchmarks search FOLDER`` (extras ``[bench,manifold]``).

Images that the head was not trained on are found again from distorted versions of themselves, and materials are told
apart in photographs that scikit-image ships, beside a PCA of pixels and colour histograms.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from timeit import timeit
from typing import Any

import click
import numpy as np
from PIL import Image, ImageEnhance
from tqdm import tqdm

import codec
from benchmarks.manifold.baselines import SIDE, Floats, PixelPca, colour_histogram, small_pixels
from benchmarks.manifold.kept import keep, out_option
from benchmarks.manifold.pictures import read_all, require, split, spread
from codec.engine.registry import shipped as shipped_runtime
from codec.manifold.embedding import embed, shipped

MATERIALS = (
    "astronaut", "brick", "cat", "coffee", "coins", "grass", "gravel", "hubble_deep_field", "immunohistochemistry",
    "moon", "page", "retina", "rocket", "text",
)  # fmt: skip
TILE, TILES = 128, 12
Pictures = list[Image.Image]


def crop(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    """70% of each side, anywhere."""
    width, height = round(0.7 * picture.width), round(0.7 * picture.height)
    left, top = int(rng.integers(picture.width - width + 1)), int(rng.integers(picture.height - height + 1))
    return picture.crop((left, top, left + width, top + height))


def scale(picture: Image.Image, _: np.random.Generator) -> Image.Image:
    """Half the size."""
    return picture.resize((-(-picture.width // 2), -(-picture.height // 2)), Image.Resampling.BICUBIC)


def jpeg(picture: Image.Image, _: np.random.Generator) -> Image.Image:
    """JPEG at quality 30."""
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=30)
    return Image.open(buffer).convert("RGB")


def jitter(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Brightness, contrast and saturation by up to 40%, hue by up to 25 degrees."""
    for enhancer in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        picture = enhancer(picture).enhance(rng.uniform(0.6, 1.4))
    h, s, v = picture.convert("HSV").split()
    turn = int(rng.integers(-18, 19))
    return Image.merge("HSV", (h.point(lambda x: (x + turn) % 256), s, v)).convert("RGB")


def lean(picture: Image.Image, _: np.random.Generator) -> Image.Image:
    """Turned by 5 degrees, without the corners that come in."""
    turned = picture.rotate(5, Image.Resampling.BICUBIC)
    across, down = round(0.12 * picture.width), round(0.12 * picture.height)
    return turned.crop((across, down, picture.width - across, picture.height - down))


def darken(picture: Image.Image, _: np.random.Generator) -> Image.Image:
    """Gamma 2."""
    return picture.point(lambda x: round(255 * (x / 255) ** 2))


DISTORTIONS: dict[str, Callable[[Image.Image, np.random.Generator], Image.Image]] = {
    "crop 70%": crop,
    "scale 0.5": scale,
    "JPEG 30": jpeg,
    "colour jitter": jitter,
    "turned 5°": lean,
    "gamma 2": darken,
}
"""All but the last two are of kinds that the head was trained to see past."""


def methods(others: Pictures, threads: int) -> dict[str, Callable[[Image.Image], Floats]]:
    """Each way of turning a picture into a vector of length 1; a PCA is fitted to other pictures."""
    dimensions = shipped().dimensions
    pca = PixelPca([small_pixels(p) for p in others], dimensions)
    return {
        "embedding": lambda picture: embed(picture, threads=threads),
        "PCA of pixels": lambda picture: pca([small_pixels(picture)])[0],
        "colour histogram": colour_histogram,
    }


def embed_all(pictures: Pictures, way: Callable[[Image.Image], Floats], name: str) -> Floats:
    """Vectors of images, float32 (N, D), with a bar."""
    return np.stack([way(picture) for picture in tqdm(pictures, desc=name, unit="picture", leave=False)])


def recall(collection: Floats, queries: Floats) -> float:
    """Share of queries whose nearest is the image of their own number."""
    return float(((queries @ collection.T).argmax(axis=1) == np.arange(len(collection))).mean())


def precision(vectors: Floats, labels: list[str], k: int = 5) -> float:
    """Share of the k nearest, without itself, that have its label; mean over all."""
    similarity = vectors @ vectors.T
    np.fill_diagonal(similarity, -np.inf)
    nearest = np.argsort(-similarity, axis=1)[:, :k]
    names = np.array(labels)
    return float((names[nearest] == names[:, None]).mean())


def tiles() -> Iterator[tuple[str, Image.Image]]:
    """Tiles of photographs that scikit-image ships, and the name of the photograph."""
    from skimage import data

    for name in MATERIALS:
        pixels = np.asarray(getattr(data, name)())
        picture = Image.fromarray(pixels).convert("RGB")
        columns, rows = picture.width // TILE, picture.height // TILE
        every = max(1, columns * rows // TILES)
        for i in range(0, columns * rows, every)[:TILES]:
            left, top = TILE * (i % columns), TILE * (i // columns)
            yield name, picture.crop((left, top, left + TILE, top + TILE))


def faces() -> tuple[list[str], Pictures]:
    """100 faces and 100 other patches of 25 x 25 pixels, four times enlarged, which scikit-image ships."""
    from skimage import data

    patches = (255 * data.lfw_subset()).round().astype(np.uint8)
    pictures = [Image.fromarray(p).convert("RGB").resize((100, 100), Image.Resampling.BICUBIC) for p in patches]
    return ["face"] * 100 + ["other"] * 100, pictures


def indexing_speed(pictures: Pictures, threads: int) -> float:
    """How many times faster a file is embedded than its picture would be, were it decoded and coded anew for it; median
    over pictures."""
    ratios = []
    for picture in tqdm(pictures, unit="picture", desc="speed"):
        data = codec.compress(picture, threads=threads)

        def from_file(data: bytes = data) -> None:
            embed(data, threads=threads)

        def from_pixels(data: bytes = data) -> None:
            embed(codec.decompress(data, threads=threads), threads=threads)

        for way in (from_file, from_pixels):  # so that nothing is loaded while the clock runs
            way()
        ratios.append(timeit(from_pixels, number=1) / timeit(from_file, number=1))
    return float(np.median(ratios))


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--most", type=click.IntRange(2), default=300, show_default=True, help="No more than this many pictures.")
@click.option("--threads", type=click.IntRange(1), default=2, show_default=True)
@out_option
def main(folder: Path, most: int, threads: int, out: Path | None) -> None:
    """Find images of FOLDER, those held out of the head's training, from distorted versions of themselves."""
    seen, held_out = split(folder)
    require(held_out, 2, f"images of {folder} are held out of the training of the head")
    require(seen, 2, f"images of {folder} are not held out, and a PCA of pixels is fitted to those")
    collection = list(read_all(spread(held_out, most)))
    others = list(read_all(seen, 2 * SIDE))
    require(collection, 2, f"readable images of {folder} are held out of the training of the head")
    require(others, 2, f"readable images of {folder} are not held out, and a PCA of pixels is fitted to those")
    ways = methods(others, threads)
    known = {name: embed_all(collection, way, name) for name, way in ways.items()}
    rng = np.random.default_rng(0)
    table: dict[str, dict[str, float]] = {name: {} for name in ways}
    for distortion, change in DISTORTIONS.items():
        changed = [change(picture, rng) for picture in collection]
        for name, way in ways.items():
            table[name][distortion] = recall(known[name], embed_all(changed, way, f"{name}, {distortion}"))
    labels, patches = map(list, zip(*tiles(), strict=True))
    groups = {"materials": (labels, patches), "faces": faces()}
    for group, (names, pictures) in groups.items():
        for name, way in ways.items():
            table[name][group] = precision(embed_all(pictures, way, f"{name}, {group}"), names)
    results: dict[str, Any] = {
        "model": shipped_runtime().model_id.hex(),
        "pictures": len(collection),
        "table": table,
        "indexing_speed_ratio": indexing_speed(collection[:30], threads),
    }
    for row in table.values():
        row["recall@1, mean"] = float(np.mean([row[d] for d in DISTORTIONS]))
    keep(results, out)
    click.echo(f"{len(collection)} images; recall@1 of the original, then precision@5 among labelled images")
    for name, row in table.items():
        click.echo(f"  {name:18s}" + "".join(f"{column} {100 * value:.1f}%   " for column, value in row.items()))
    click.echo(
        f"a file is embedded {results['indexing_speed_ratio']:.1f} times as fast as decoded, coded anew and embedded"
    )
