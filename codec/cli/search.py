"""``codec search``, which needs the extra [manifold]."""

from __future__ import annotations

import errno
import json
import os
import sys
from contextlib import ExitStack
from pathlib import Path

import click

from bitstream.errors import ModelError
from codec.batch.plan import Shard
from codec.cli.common import (
    FILE,
    PAGE_SUFFIXES,
    SHARD,
    force_option,
    jobs_option,
    needing,
    prepare,
    report_error,
    reporting,
    stdin,
    threads_option,
)

_index_option = click.option(
    "--index", "index_path", type=FILE, default="images.index", show_default=True, help="Database of the collection."
)


@click.group()
def search() -> None:
    """Find images by their similarity, in files that stay compressed (needs the extra [manifold])."""


@search.command("index")
@click.argument("paths", metavar="PATH...", type=FILE, nargs=-1, required=True)
@_index_option
@jobs_option
@click.option("--shard", type=SHARD, help="Add only this part of the images, from 0 on: 0/8 ... 7/8; see merge.")
@click.option("--quiet", is_flag=True, help="Nothing but errors.")
@threads_option
@reporting
@needing("manifold")
def index_images(
    paths: tuple[Path, ...], index_path: Path, jobs: int, shard: Shard | None, quiet: bool, threads: int | None
) -> None:
    """Add the images of folders, and of those below, and single ones to an index; .lmc files and any others.

    What is in the index and has not changed is left as it is, what is gone from a folder is removed. It may be
    interrupted at any time, and then goes on where it was.
    """
    from codec.manifold.collection import image_files
    from codec.manifold.index import Index
    from codec.manifold.loading import most_common_tune

    # What is gone may still be in the index.
    gone = [path for path in paths if not path.exists()] if index_path.is_file() else []
    images = image_files([path for path in paths if path not in gone])
    if shard is not None:
        images = [path for path in images if shard.has(_from_folder(path, paths))]
    if not images and not index_path.is_file():
        raise click.ClickException("no images found")
    index_path.parent.mkdir(parents=True, exist_ok=True)
    with (
        Index(index_path, create=True, tune=most_common_tune(images)) as index,
        click.progressbar(
            length=len(images), file=sys.stderr, show_pos=True, hidden=quiet or not sys.stderr.isatty()
        ) as bar,
    ):
        for path in gone:
            if not index.holds(path):
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
        update = index.update(
            images,
            forget_below=paths,
            jobs=jobs,
            threads=threads,
            progress=lambda done, _: bar.update(done - bar.pos),
        )
        total = len(index)
    for path, error in update.failed.items():
        report_error(path, error)
    if not quiet:
        click.echo(
            f"{index_path}: {total} images; {update.added} added, {update.kept} unchanged, {update.removed} removed"
            + (f", {len(update.failed)} failed" if update.failed else ""),
            err=True,
        )
    if update.failed:
        sys.exit(1)


def _from_folder(path: Path, given: tuple[Path, ...]) -> str:
    """An image's name from the folder that it was found in, however that was written."""
    root = next((folder for folder in given if folder != path and path.is_relative_to(folder)), path.parent)
    return path.relative_to(root).as_posix()


@search.command()
@click.argument("indexes", metavar="PART...", type=FILE, nargs=-1, required=True)
@click.option("--index", "index_path", type=FILE, required=True, help="To add them to; made if it is not there.")
@jobs_option
@click.option("--quiet", is_flag=True, help="Nothing but errors.")
@reporting
@needing("manifold")
def merge(indexes: tuple[Path, ...], index_path: Path, jobs: int, quiet: bool) -> None:
    """Put indexes together, such as those that several machines made with --shard.

    An image that is in several is taken from the last. The parts stay as they are.
    """
    from codec.manifold.index import Index

    for path in indexes:
        if path.resolve() == index_path.resolve():
            raise click.UsageError(f"{path}: is the index that the others are added to")
    index_path.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        parts = [stack.enter_context(Index(path)) for path in indexes]
        total = sum(map(len, parts))
        whole = stack.enter_context(Index(index_path, create=True, head=parts[0].head))
        bar = stack.enter_context(
            click.progressbar(length=total, file=sys.stderr, show_pos=True, hidden=quiet or not sys.stderr.isatty())
        )
        for part in parts:
            if part.head.digest != whole.head.digest:
                raise ModelError(f"{part.path}: made with another model than {index_path}; index again")
        for part in parts:
            start = bar.pos
            whole.merge(part, lambda done, _, start=start: bar.update(start + done - bar.pos))  # type: ignore[misc]
        whole.build_graph(jobs)
        if not quiet:
            click.echo(f"{index_path}: {len(whole)} images", err=True)


@search.command()
@click.argument("image", metavar="PICTURE", type=FILE)
@_index_option
@click.option("-k", "count", type=click.IntRange(1), default=10, show_default=True, help="How many to find.")
@click.option("--html", "page", type=FILE, help="Also write a page with thumbnails.")
@force_option
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
@threads_option
@reporting
@needing("manifold")
def query(
    image: Path, index_path: Path, count: int, page: Path | None, force: bool, as_json: bool, threads: int | None
) -> None:
    """Find the images of an index that are most like PICTURE; - for stdin."""
    from codec.manifold import pages
    from codec.manifold.index import Index
    from codec.manifold.loading import read_all_bytes
    from codec.manifold.record import make_record

    if page is not None:
        if page.suffix.lower() not in PAGE_SUFFIXES:
            raise click.UsageError(f"--html {page}: expected a name that ends in .html")
        prepare(page, force)
    with Index(index_path) as index:
        source = read_all_bytes(stdin()) if str(image) == "-" else image
        record = make_record(source, head=index.head, threads=threads)
        matches, total = index.nearest(record.embedding, count), len(index)
        if not total:
            raise click.ClickException(f"{index_path}: no images in it yet")
    if page is not None:
        name = "stdin" if str(image) == "-" else image.name
        pages.write(
            page, "search", force, query_name=name, query_thumbnail=record.thumbnail, matches=matches, total=total
        )
    if as_json:
        found = [
            {"path": str(m.path), "similarity": round(m.similarity, 6), "width": m.width, "height": m.height}
            for m in matches
        ]
        click.echo(json.dumps(found, indent=1))
        return
    for match in matches:
        click.echo(f"{match.similarity:6.3f}  {click.format_filename(match.path)}")
