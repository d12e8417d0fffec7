"""``codec map``, which needs the extra [manifold]."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from bitstream.errors import CodecError
from codec.cli.common import (
    FILE,
    PAGE_SUFFIXES,
    SEED,
    force_option,
    jobs_option,
    needing,
    prepare,
    reporting,
    threads_option,
)
from codec.cli.map_images import map_images


@click.command("map")
@click.argument("paths", metavar="PATH...", type=FILE, nargs=-1, required=True)
@click.option("--out", type=FILE, default="map.html", show_default=True, help="The page.")
@click.option("--method", type=click.Choice(["pca", "tsne", "umap"]), default="umap", show_default=True)
@click.option("--seed", type=SEED, default=0, show_default=True)
@jobs_option
@force_option
@threads_option
@reporting
@needing("manifold")
def draw_map(
    paths: tuple[Path, ...], out: Path, method: str, seed: int, jobs: int, force: bool, threads: int | None
) -> None:
    """Lay out images on a page so that alike ones are near each other.

    The images are those of folders, and of those below, and single ones, .lmc files or any others. The page holds
    their thumbnails and needs nothing but itself.
    """
    from codec.manifold import pages
    from codec.manifold.collection import image_files
    from codec.manifold.embedding import shipped
    from codec.manifold.loading import most_common_tune
    from codec.manifold.projection import MIN_IMAGES, flatten
    from codec.manifold.record import make_record

    if out.suffix.lower() not in PAGE_SUFFIXES:
        raise click.UsageError(f"--out {out}: expected a name that ends in .html")
    prepare(out, force)
    images = image_files(paths)
    head = shipped(most_common_tune(images))
    if len(images) < MIN_IMAGES:
        raise CodecError(f"{len(images)} images found; a map takes at least {MIN_IMAGES}")
    records, failed = map_images(
        images, lambda p, progress: make_record(p, head=head, threads=threads, progress=progress), jobs
    )
    places = flatten([record.embedding for record in records.values()], method, seed)
    shown = [
        {"path": path, "thumbnail": record.thumbnail, "x": x, "y": y}
        for (path, record), (x, y) in zip(records.items(), places, strict=True)
    ]
    pages.write(out, "map", force, images=shown, method=method)
    click.echo(f"{out}: {len(shown)} images", err=True)
    if failed:
        sys.exit(1)
