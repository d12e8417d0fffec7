"""Defects of textures and objects: ``python -m benchmarks defects`` (extras ``[bench,manifold]``).

Each kind of piece has a collection of its own, of sound pieces alone. The heat map of its files is compared with a PCA
of the same coordinates and with a PCA of pixels, both of which call odd what they cannot reproduce.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter, zoom
from tqdm import tqdm

import codec
from benchmarks.manifold.kept import keep, out_option
from benchmarks.manifold.objects import DEFECTS, PIECES, SIDE, defective, normal
from bitstream.geometry import BLOCK
from codec.decoding.lmc_file import LmcFile
from codec.engine.registry import shipped as shipped_runtime
from codec.manifold.anomaly.calibration import Collection
from codec.manifold.anomaly.features import file_features
from codec.manifold.embedding import EmbeddingHead, shipped

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]
KEPT_VARIANCE = 0.95
"""Share of the variance that the components of both baselines keep."""
BLUR = 6.0
"""Pixels by which all maps are smoothed alike, for they have one value for 16 x 16 pixels."""
Rows = Callable[[bytes], Floats]


def latent(data: bytes) -> Floats:
    """Coordinates of a file, float32 (rows, columns, channels)."""
    with LmcFile(data) as file:
        return np.concatenate(list(file.latents()), axis=1).transpose(1, 2, 0)


def blocks(data: bytes) -> Floats:
    """Pixels of a file by blocks of 16 x 16, float32 (rows, columns, 768)."""
    pixels = np.asarray(codec.decompress(data), np.float32)
    rows, columns = (side // BLOCK for side in pixels.shape[:2])
    split = pixels.reshape(rows, BLOCK, columns, BLOCK, 3).transpose(0, 2, 1, 3, 4)
    return split.reshape(rows, columns, -1)


class Reproduction:
    """Distance of rows from what the leading components of others can reproduce.

    Args:
        of: what is looked at in a file.
        files: sound ones.
    """

    def __init__(self, of: Rows, files: list[bytes]) -> None:
        from sklearn.decomposition import PCA

        self._of = of
        rows = np.concatenate([of(data).reshape(-1, of(data).shape[-1]) for data in files])
        self._pca = PCA(KEPT_VARIANCE, random_state=0).fit(rows)

    def __call__(self, data: bytes) -> Floats:
        """Distances, float32 (rows, columns)."""
        grid = self._of(data)
        rows = grid.reshape(-1, grid.shape[-1])
        left = rows - self._pca.inverse_transform(self._pca.transform(rows))
        distances: Floats = np.sqrt(np.square(left).sum(axis=1)).reshape(grid.shape[:2])
        return distances


class Heat:
    """The heat map of a collection of sound files."""

    def __init__(self, files: list[bytes], head: EmbeddingHead) -> None:
        known = []
        for data in files:
            with LmcFile(data) as file:
                known.append(file_features(file, head))
        self._collection = Collection.fit(known, head)

    def __call__(self, data: bytes) -> Floats:
        """Oddness, float32 (rows, columns)."""
        with LmcFile(data) as file:
            return self._collection.heat(file)


def in_pixels(heat: Floats) -> Floats:
    """A map with one value a pixel."""
    grown = zoom(heat, BLOCK, order=1, mode="nearest", grid_mode=True)
    smooth: Floats = gaussian_filter(grown, BLUR)
    return smooth


@click.command()
@click.option("--fit", "fitted", type=click.IntRange(20), default=40, show_default=True, help="Sound pieces to fit to.")
@click.option("--most", type=click.IntRange(1), default=8, show_default=True, help="Pieces of each defect, and sound.")
@out_option
@click.option("--pictures", type=click.Path(path_type=Path, file_okay=False), help="Folder for a row of each kind.")
def main(fitted: int, most: int, out: Path | None, pictures: Path | None) -> None:
    """Find scratches, stains, missing and misplaced parts in textures and objects: area under ROC, by pixels."""
    from sklearn.metrics import roc_auc_score

    head = shipped()
    table: dict[str, dict[str, float]] = {}
    by_defect: dict[str, dict[str, list[float]]] = {defect: {} for defect in DEFECTS}
    for number, kind in enumerate(tqdm(PIECES, unit="kind")):
        rng = np.random.default_rng(number)

        def coded(image: Image.Image) -> bytes:
            return codec.compress(image, graphics=False)

        sound = [coded(normal(kind, rng)) for _ in range(fitted)]
        judges: dict[str, Callable[[bytes], Floats]] = {
            "heat map": Heat(sound, head),
            "PCA of coordinates": Reproduction(latent, sound),
            "PCA of pixels": Reproduction(blocks, sound),
        }
        usual = [coded(normal(kind, rng)) for _ in range(most)]
        broken = {defect: [defective(kind, defect, rng) for _ in range(most)] for defect in DEFECTS}
        table[kind] = {}
        for name, judge in judges.items():
            maps = [in_pixels(judge(data)) for data in usual]
            clean = [np.zeros((SIDE, SIDE), bool)] * most
            for defect, pieces in broken.items():
                found = [in_pixels(judge(coded(image))) for image, _ in pieces]
                masks = [mask for _, mask in pieces]
                area = roc_auc_score(np.ravel(masks), np.ravel(found))
                by_defect[defect].setdefault(name, []).append(float(area))
                maps += found
                clean = clean + masks
            table[kind][name] = float(roc_auc_score(np.ravel(clean), np.ravel(maps)))
        if pictures is not None:
            pictures.mkdir(parents=True, exist_ok=True)
            _row(judges["heat map"], coded, broken).save(pictures / f"{kind}.png")
    results: dict[str, Any] = {
        "model": shipped_runtime().model_id.hex(),
        "fitted": fitted,
        "pieces": most,
        "auroc": table,
        "by_defect": {d: {name: float(np.mean(v)) for name, v in row.items()} for d, row in by_defect.items()},
    }
    keep(results, out)
    click.echo("area under ROC of telling the pixels of defects from all others")
    mean = {name: float(np.mean([row[name] for row in table.values()])) for name in next(iter(table.values()))}
    for kind, row in [*table.items(), *results["by_defect"].items(), ("mean of kinds", mean)]:
        click.echo(f"  {kind:16s}" + "".join(f"{name} {value:.3f}   " for name, value in row.items()))


def _row(
    judge: Callable[[bytes], Floats],
    coded: Callable[[Image.Image], bytes],
    broken: dict[str, list[tuple[Image.Image, Mask]]],
) -> Image.Image:
    """One piece of each defect, above where it is odd."""
    tops, below = [], []
    for pieces in broken.values():
        image, _ = pieces[0]
        heat = np.clip(in_pixels(judge(coded(image))) / 2, 0, 1)
        tops.append(np.asarray(image))
        below.append(np.repeat((255 * heat[..., None]).astype(np.uint8), 3, axis=2))
    return Image.fromarray(np.vstack([np.hstack(tops), np.hstack(below)]))
