"""``codec interpolate``."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from bitstream.errors import CodecError, ImageError, LimitError
from codec.cli.common import FILE, Size, force_option, prepare, reporting, require, threads_option

if TYPE_CHECKING:
    from PIL import Image

    from codec.manifold.embedding import Floats
    from codec.manifold.paths.interpolation import Endpoints

ANIMATED = {".gif": "GIF", ".webp": "WEBP"}
WEBP_SIDE = 16_383
MAX_HELD = 1 << 28
"""Pixels of all images that go into one file, which are in memory at once."""


@click.command()
@click.argument("one", metavar="A", type=FILE)
@click.argument("other", metavar="B", type=FILE)
@click.option("--out", type=FILE, required=True, help="Animation (.gif, .webp), row of images (.png), or a folder.")
@click.option("--steps", type=click.IntRange(2, 1000), default=9, show_default=True, help="Images, both ends included.")
@click.option("--path", type=click.Choice(["morph", "linear", "geodesic"]), default="morph", show_default=True)
@click.option("--size", type=Size(), help="Width and height of all images.  [default: of A, at most a megapixel]")
@click.option("--iterations", type=click.IntRange(1), help="To find a geodesic.  [default: 200]")
@force_option
@threads_option
@reporting
def interpolate(
    one: Path,
    other: Path,
    out: Path,
    steps: int,
    path: str,
    size: tuple[int, int] | None,
    iterations: int | None,
    force: bool,
    threads: int | None,
) -> None:
    """Make the images between A and B, .lmc files or any others.

    A morph moves what both images share, and lets every other place change at a time of its own (needs the extra
    [manifold]). The others are the straight line between the coordinates of the two, close to a cross-fade, and the
    shortest way under what the embedding sees (geodesic, needs the extra [train]). Both images are scaled and cropped
    to the size of A, or that of --size.
    """
    from codec.manifold.paths.interpolation import Endpoints

    suffix = out.suffix.lower()
    if str(out) == "-":
        raise click.UsageError("--out -: images are not written to stdout; name a file or a folder")
    if suffix and suffix not in ANIMATED and suffix != ".png":
        raise click.UsageError(f"--out {out}: expected .gif, .webp, .png or a folder")
    if path != "geodesic" and iterations is not None:
        raise click.UsageError("--iterations are for --path geodesic")
    if path == "geodesic":
        require("train")
    elif path == "morph":
        try:
            require("manifold")
        except CodecError as error:
            raise CodecError(f"{error}; --path linear needs no extra") from error
        from codec.manifold.paths.morph import require_size

        if size is not None:
            require_size(size)
    if suffix:
        prepare(out, force)
    elif out.is_file():
        raise FileExistsError(f"{out} is a file; name a folder, or a file that ends in .gif, .webp or .png")
    elif out.is_dir() and any(out.iterdir()) and not force:
        raise FileExistsError(f"{out} is not empty; use -f to write 000.png and so on into it all the same")
    ends = Endpoints(one, other, size=size, threads=threads)
    if suffix and steps * ends.size[0] * ends.size[1] > MAX_HELD:
        raise LimitError(
            f"{out}: more than {MAX_HELD} pixels in {steps} images; take fewer, a smaller --size, or a folder"
        )
    if suffix == ".webp" and max(ends.size) > WEBP_SIDE:
        raise ImageError(f"{out}: {ends.size[0]} x {ends.size[1]} pixels, WebP holds {WEBP_SIDE} a side")
    points: Iterable[Floats]
    if path == "morph":
        points = _morph(ends, steps)
    elif path == "geodesic":
        points = _shorten(ends, steps, iterations or 200, threads)
    else:
        points = ends.linear(steps)
    hidden = not sys.stderr.isatty()
    with click.progressbar(ends.images(points), steps, label="images", file=sys.stderr, hidden=hidden) as images:
        if not suffix:
            _write_folder(out, images)
        else:
            _write_file(out, list(images), force)


def _morph(ends: Endpoints, steps: int) -> Iterator[Floats]:
    """The points of a morph, with what it found on stderr."""
    from codec.manifold.paths.morph import Morph

    morph = Morph(ends)
    click.echo(morph.describe(), err=True)
    return morph.points(steps)


def _shorten(ends: Endpoints, steps: int, iterations: int, threads: int | None) -> Floats:
    """The geodesic, with figures of both ways on stderr."""
    import numpy as np
    import torch

    from codec.manifold.embedding import shipped_for
    from codec.manifold.paths.geodesic import Geodesics
    from codec.manifold.paths.interpolation import MAX_PIXELS

    if steps * ends.size[0] * ends.size[1] > MAX_PIXELS:
        raise LimitError(f"geodesic: more than {MAX_PIXELS} pixels in {steps} images; take fewer, or a smaller --size")
    if threads:
        torch.set_num_threads(threads)
    points = np.stack(list(ends.linear(steps)))
    runtime = ends.runtime
    t = ends.quality_index / (runtime.tables.levels - 1)
    geodesics = Geodesics(runtime.folder, shipped_for(runtime.model_id), t)
    with click.progressbar(length=iterations, label="geodesic", file=sys.stderr, hidden=not sys.stderr.isatty()) as bar:
        shortened = geodesics.shorten(points, iterations, lambda done: bar.update(done - bar.pos))
    click.echo("path       energy     length     bpp between", err=True)
    for name, one in (("linear", points), ("geodesic", shortened)):
        report = geodesics.report(one)
        click.echo(f"{name:8s}  {report.energy:9.6f}  {report.length:9.6f}  {report.rate_bpp:9.4f}", err=True)
    return shortened


def _write_folder(folder: Path, images: Iterable[Image.Image]) -> None:
    """All of them or none."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    within = folder if folder.is_dir() else folder.parent  # where one may write, and on the same file system
    with TemporaryDirectory(prefix=f".{folder.name[:32]}-", dir=within) as new:
        for number, image in enumerate(images):
            image.save(Path(new) / f"{number:03d}.png", "PNG")
        folder.mkdir(exist_ok=True)
        for made in sorted(Path(new).iterdir()):
            made.replace(folder / made.name)


def _write_file(out: Path, images: list[Image.Image], force: bool) -> None:
    from PIL import Image

    from codec.util.files import replacing

    suffix = out.suffix.lower()
    with replacing(out, force) as temporary:
        if suffix in ANIMATED:
            # There and back, so that it has no jump.
            around = images + images[-2:0:-1]
            around[0].save(temporary, ANIMATED[suffix], save_all=True, append_images=around[1:], duration=120, loop=0)
            return
        width, height = images[0].size
        row = Image.new("RGB", (width * len(images), height))
        for number, image in enumerate(images):
            row.paste(image, (width * number, 0))
        row.save(temporary, "PNG")
