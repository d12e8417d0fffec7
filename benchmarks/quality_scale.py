"""One quality scale for all models: ``python -m benchmarks quality-scale FOLDER --model MODEL``.

Finds the levels at which images have a given SSIMULACRA 2 in the mean, so that one number looks about the same
whichever model codes it, and writes them to the manifest of the model.
"""

from __future__ import annotations

import json
from pathlib import Path

import click
import numpy as np
from tqdm import tqdm

import codec
from benchmarks.images import images_or_usage_error, read_pixels
from benchmarks.perceptual import ssimulacra2
from codec.engine.manifest import MANIFEST
from codec.engine.quality_scale import POINTS, QualityScale
from codec.engine.registry import SHIPPED
from codec.engine.runtime import Runtime
from codec.util.files import replacing

TARGETS = {10: 5.0, 20: 24.0, 30: 38.0, 40: 50.0, 50: 60.0, 60: 68.0, 70: 75.0, 80: 80.0, 90: 84.0}
"""SSIMULACRA 2 in the mean over images, by quality. Qualities 0 and 100 are the lowest and the highest level."""
MIN_STEP = 1.0
"""Levels between two tens of quality, at least."""


def fitted(levels: list[float], scores: list[float], highest: int) -> list[float]:
    """Levels of the qualities 0, 10, 20 to 100.

    Args:
        levels: that were measured, ascending.
        scores: mean SSIMULACRA 2 at each; a dip is taken for the noise of measuring.
        highest: level of quality 100.

    Returns:
        list[float]: :data:`~codec.engine.quality_scale.POINTS` ascending levels from 0 to ``highest``; a
        target that no level reaches is given the last levels there are.
    """
    rising = np.maximum.accumulate(scores) + 1e-9 * np.arange(len(scores))
    at = [0.0, *np.interp(list(TARGETS.values()), rising, levels).tolist(), float(highest)]
    for n in range(1, POINTS - 1):
        at[n] = min(max(at[n], at[n - 1] + MIN_STEP), highest - MIN_STEP * (POINTS - 1 - n))
    return [round(level, 2) for level in at]


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--model", type=click.Path(path_type=Path, exists=True, file_okay=False), help="An exported model.  "
              "[default: that of --tune visual]")  # fmt: skip
@click.option("--most", type=click.IntRange(1), help="No more than this many images.")
@click.option("--points", type=click.IntRange(5, 101), default=17, show_default=True, help="Levels to measure.")
@click.option("--threads", type=click.IntRange(1), default=2, show_default=True)
@click.option("--write", is_flag=True, help="Put the scale into the model's manifest.")
def main(folder: Path, model: Path | None, most: int | None, points: int, threads: int, write: bool) -> None:
    """Fit the quality scale of a model to images in FOLDER; not those that results are reported on."""
    if write and model is None:
        raise click.UsageError("--write needs --model: the scale of a model that ships is not to be changed by chance")
    model = model or SHIPPED
    images = [read_pixels(path) for path in images_or_usage_error(folder, most)]
    runtime = Runtime(model, threads)
    highest = runtime.tables.levels - 1
    levels = np.unique(np.linspace(0, highest, points).round())
    linear = QualityScale.linear(highest + 1)
    scores = []
    for level in tqdm(levels, unit="level", disable=None):
        found = []
        for pixels in images:
            # By the model's own present scale, whatever that is.
            data = codec.compress(pixels, runtime.scale.quality(int(level)), model=model, threads=threads)
            score = ssimulacra2(pixels, np.asarray(codec.decompress(data, model=model, threads=threads)))
            if score is None:
                raise click.UsageError(
                    f"{folder}: holds an image of {pixels.shape[1]} x {pixels.shape[0]} pixels, too few"
                )
            found.append(score)
        scores.append(float(np.mean(found)))
    at = fitted(levels.tolist(), scores, highest)
    click.echo(f"{len(images)} images, model {runtime.model_id.hex()}")
    for n, level in enumerate(at):
        expected = float(np.interp(level, levels, scores))
        click.echo(
            f"quality {10 * n:3d}: level {level:6.2f} (linear: {linear.quality(round(level)):6.2f}), {expected:6.1f}"
        )
    if write:
        path = model / MANIFEST
        manifest = json.loads(path.read_text(encoding="utf-8"))
        with replacing(path, overwrite=True) as temporary:
            temporary.write_text(json.dumps({**manifest, "quality_scale": at}, indent=1) + "\n", encoding="utf-8")
        click.echo(f"written to {path}")


if __name__ == "__main__":
    main()
