"""``codec sample``."""

from __future__ import annotations

from pathlib import Path

import click

from codec.api import SUFFIX
from codec.cli.common import FILE, SEED, FiniteRange, Size, force_option, max_pixels_option, prepare, reporting


@click.command()
@click.argument("out", metavar="OUT", type=FILE)
@click.option("--size", type=Size(), help="Width and height.  [default: 768x512]")
@click.option("-q", "--quality", type=FiniteRange(0, 100), help="Of which quality's distributions.  [default: 50]")
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
    near: Path | None,
    strength: float | None,
    seed: int,
    force: bool,
    max_pixels: int,
) -> None:
    """Draw an image from what the model takes for likely, to OUT: an .lmc file, or an image if its suffix says so.

    With --near, the file's hyper-latent stays, and a share of its other coordinates is drawn anew.
    """
    from codec import api
    from codec.manifold import sampling
    from codec.util.files import replacing

    if near is not None and (size or quality is not None):
        raise click.UsageError("--near brings its own size and quality")
    if near is None and strength is not None:
        raise click.UsageError("--strength says how far from --near FILE")
    suffix = out.suffix.lower()
    if suffix != SUFFIX and not api.is_writable(suffix):
        known = " ".join(sorted(api.writable_suffixes()))
        raise click.UsageError(f"cannot write images of type {suffix!r}; known are {SUFFIX} {known}")
    prepare(out, force)
    if near is not None:
        strength = 0.3 if strength is None else strength
        data = sampling.sample_near(near, strength, seed=seed, max_pixels=max_pixels)
    else:
        width, height = size or (768, 512)
        data = sampling.sample(
            width, height, api.DEFAULT_QUALITY if quality is None else quality, seed=seed, max_pixels=max_pixels
        )
    with replacing(out, force) as temporary, temporary.open("w+b") as file:
        if suffix == SUFFIX:
            file.write(data)
        else:
            with api.open(data, max_pixels=max_pixels) as drawn:
                notes = drawn.write(file, suffix)
                for note in notes:
                    click.echo(f"Note: {out}: {note}", err=True)
