"""``codec sample``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from codec.api import SUFFIX
from codec.cli.common import (
    FILE,
    SEED,
    FiniteRange,
    Size,
    force_option,
    max_pixels_option,
    prepare,
    report_error,
    reporting,
)


@click.command()
@click.argument("out", metavar="OUT", type=FILE)
@click.option("--size", type=Size(), help="Width and height.  [default: 768x512]")
@click.option("-q", "--quality", type=FiniteRange(0, 100), help="Of what is drawn.  [default: 50]")
@click.option("--like", type=FILE, multiple=True, help="Draw from the images of this folder, or from this image.")
@click.option("--near", type=FILE, help="Draw around this image, without its transparency and metadata.")
@click.option("--strength", type=FiniteRange(0, 1), help="How far from it.  [default: 0.3]")
@click.option("--seed", type=SEED, default=0, show_default=True)
@force_option
@max_pixels_option
@reporting
def sample(
    out: Path,
    size: tuple[int, int] | None,
    quality: float | None,
    like: tuple[Path, ...],
    near: Path | None,
    strength: float | None,
    seed: int,
    force: bool,
    max_pixels: int,
) -> None:
    """Draw an image from what the model takes for likely, to OUT: an .lmc file, or an image if its suffix says so.

    With --near, the file's hyper-latent stays, and a share of its other coordinates is drawn anew.

    With --like, the image is put together from blocks of others. It suits textures, skies and foliage.
    """
    from codec import api
    from codec.manifold import sampling
    from codec.util.files import replacing

    if like and (near is not None or strength is not None):
        raise click.UsageError("--like takes neither --near nor --strength")
    if near is not None and (size or quality is not None):
        raise click.UsageError("--near brings its own size and quality")
    if near is None and strength is not None:
        raise click.UsageError("--strength says how far from --near FILE")
    suffix = out.suffix.lower()
    if suffix != SUFFIX and not api.is_writable(suffix):
        known = " ".join(sorted(api.writable_suffixes()))
        raise click.UsageError(f"cannot write images of type {suffix!r}; known are {SUFFIX} {known}")
    prepare(out, force)
    width, height = size or (768, 512)
    quality = api.DEFAULT_QUALITY if quality is None else quality
    complete = True
    if like:
        data, complete = _sample_like(like, out, width, height, quality, seed, max_pixels)
    elif near is not None:
        strength = 0.3 if strength is None else strength
        data = sampling.sample_near(near, strength, seed=seed, max_pixels=max_pixels)
    else:
        data = sampling.sample(width, height, quality, seed=seed, max_pixels=max_pixels)
    with replacing(out, force) as temporary, temporary.open("w+b") as file:
        if suffix == SUFFIX:
            file.write(data)
        else:
            with api.open(data, max_pixels=max_pixels) as drawn:
                notes = drawn.write(file, suffix)
                for note in notes:
                    click.echo(f"Note: {out}: {note}", err=True)
    if not complete:
        sys.exit(1)


def _sample_like(
    like: tuple[Path, ...], out: Path, width: int, height: int, quality: float, seed: int, max_pixels: int
) -> tuple[bytes, bool]:
    """What is drawn from images, and whether all of them could be read; others are named and left out."""
    from codec.manifold.collection import absolute, image_files
    from codec.manifold.textures import TooSmallError, sample_like

    # What was drawn before, to the same folder, is not drawn from.
    images = [path for path in image_files(like) if absolute(path) != absolute(out)]
    complete = True

    def failed(path: Path, error: Exception) -> None:
        nonlocal complete
        if isinstance(error, TooSmallError):
            click.echo(f"Note: {error}", err=True)
        else:
            complete = False
            report_error(path, error)

    with click.progressbar(length=1000, label="sample", file=sys.stderr, hidden=not sys.stderr.isatty()) as bar:
        data = sample_like(
            images,
            width,
            height,
            quality,
            seed=seed,
            max_pixels=max_pixels,
            progress=lambda done, total: bar.update(1000 * done // total - bar.pos),
            failed=failed,
        )
    return data, complete
