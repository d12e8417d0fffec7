"""BD-rate in PSNR in a few minutes: ``python -m benchmarks quick DIR``, of ``--tune psnr`` or of ``--model FOLDER``.

With ``--estimate`` (extra ``[train]``) also the model's own estimate of each file's bits.
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from benchmarks.bdrate import Curve, bd_rate, curve
from benchmarks.codecs import CODECS
from benchmarks.codecs.base import Codec
from benchmarks.codecs.lmc import Lmc
from benchmarks.images import images_or_usage_error, read_pixels
from benchmarks.metrics import Pixels, array_psnr_db
from codec.engine.registry import MODELS, loaded

PEERS = ("jpeg", "avif", "avif-psnr")
QUALITIES = (0, 16, 32, 48, 64, 80, 96)


def measure(images: list[Pixels], codec: Codec, qualities: tuple[float, ...], threads: int) -> NDArray[np.float64]:
    """Rate and distortion: (qualities, images, 2), bits per pixel of the whole file and PSNR."""
    rows = np.empty((len(qualities), len(images), 2))
    with click.progressbar(length=rows[..., 0].size, label=f"{codec.name:5s}") as progress:
        for i, j in np.ndindex(*rows.shape[:2]):
            data = codec.encode(images[j], qualities[i], threads)
            rows[i, j] = 8 * len(data) / images[j][..., 0].size, array_psnr_db(images[j], codec.decode(data, threads))
            progress.update(1)
    return rows


def estimated_bytes(images: list[Pixels], quality: float, folder: Path) -> float:
    """Mean over images of what the torch model estimates a file's symbols to take."""
    import torch

    from codec.models.registry import load_exported
    from codec.training.data import to_tensor

    model, runtime = load_exported(folder), loaded(folder)
    runtime.check_all()  # torch reads the weights itself
    t = torch.tensor([runtime.scale.level(quality) / (runtime.tables.levels - 1)])
    total = 0.0
    with torch.no_grad():
        for pixels in images:
            coded = model(to_tensor([pixels]), t)
            total += float(coded.y_bits + coded.z_bits) / 8
    return total / len(images)


def mean_curve(rows: NDArray[np.float64]) -> Curve:
    """Mean over images at each quality."""
    rate, psnr = rows.mean(axis=1).T
    return curve(list(rate), list(psnr))


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--anchors", type=click.Path(path_type=Path, exists=True, file_okay=False), help="Published curves.")
@click.option("--estimate", is_flag=True, help="Compare with the model's own estimate; sides must be multiples of 64.")
@click.option("--model", type=click.Path(path_type=Path, exists=True, file_okay=False), default=MODELS / "psnr",
              help="An exported model.  [default: the one that ships for PSNR]")  # fmt: skip
@click.option("--most", type=click.IntRange(1), help="No more than this many images.")
@click.option("--threads", type=click.IntRange(1), default=2, show_default=True)
def main(folder: Path, anchors: Path | None, estimate: bool, model: Path, most: int | None, threads: int) -> None:
    """Measure this codec, JPEG and AVIF on the images in FOLDER, and against the published VTM."""
    from benchmarks.anchors import read_anchors

    references = {}
    if anchors:
        try:
            published = read_anchors(anchors)
        except ValueError as error:
            raise click.UsageError(str(error)) from error
        if "vtm" not in published:
            raise click.UsageError(f"no vtm.json in {anchors}")
        references["published vtm"] = published["vtm"].curves["psnr-rgb"]
    images = [read_pixels(path) for path in images_or_usage_error(folder, most)]
    ours = measure(images, Lmc("lmc", model=model), QUALITIES, threads)
    for quality, rows in zip(QUALITIES, ours, strict=True):
        line = f"lmc  q {quality:3d}  {rows[:, 0].mean():.4f} bpp  {rows[:, 1].mean():.3f} dB"
        if estimate:
            size = (rows[:, 0] * [im[..., 0].size for im in images]).mean() / 8
            bits = estimated_bytes(images, quality, model)
            line += f"  file {size:.0f} bytes, estimate {bits:.0f} ({size - bits:+.0f}, {size / bits - 1:+.2%})"
        click.echo(line)
    click.echo(f"monotone on every image: {bool((np.diff(ours, axis=0) > 0).all())}")
    peers = {name: mean_curve(measure(images, CODECS[name], CODECS[name].qualities, threads)) for name in PEERS}
    references = peers | references
    for name, reference in references.items():
        result = bd_rate(reference, mean_curve(ours))
        if result:
            span = f"{result.low:.2f} to {result.high:.2f} dB"
            click.echo(f"BD-rate against {name}: {result.percent:+.2f}% on {len(images)} images, {span}")
