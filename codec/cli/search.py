"""``codec search``, which needs the extra [manifold]."""

from __future__ import annotations

import errno
import json
import os
import sys
from pathlib import Path

import click

from codec.cli.common import (
    FILE,
    PAGE_SUFFIXES,
    complain,
    force_option,
    jobs_option,
    needing,
    prepare,
    reporting,
    stdin,
    threads_option,
)

_index_option = click.option(
    "--index", "index_path", type=FILE, default="pictures.index", show_default=True, help="Database of the collection."
)


@click.group()
def search() -> None:
    """Find pictures by their likeness, in files that stay compressed (needs the extra [manifold])."""


@search.command("index")
@click.argument("paths", metavar="PATH...", type=FILE, nargs=-1, required=True)
@_index_option
@jobs_option
@click.option("--quiet", is_flag=True, help="Nothing but errors.")
@threads_option
@reporting
@needing("manifold")
def index_pictures(paths: tuple[Path, ...], index_path: Path, jobs: int, quiet: bool, threads: int | None) -> None:
    """Add the pictures of folders, and of those below, and single ones to an index; .lmc files and any others.

    What is in the index and has not changed is left as it is, what is gone from a folder is removed. It may be
    interrupted at any time, and then goes on where it was.
    """
    from codec.manifold.collection import find_pictures
    from codec.manifold.index import Index
    from codec.manifold.loading import most_common_tune

    # What is gone may still be in the index.
    gone = [path for path in paths if not path.exists()] if index_path.is_file() else []
    pictures = find_pictures([path for path in paths if path not in gone])
    if not pictures and not index_path.is_file():
        raise click.ClickException("no pictures found")
    index_path.parent.mkdir(parents=True, exist_ok=True)
    with (
        Index(index_path, create=True, tune=most_common_tune(pictures)) as index,
        click.progressbar(
            length=len(pictures), file=sys.stderr, show_pos=True, hidden=quiet or not sys.stderr.isatty()
        ) as bar,
    ):
        for path in gone:
            if not index.holds(path):
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
        update = index.update(
            pictures,
            forget_below=paths,
            jobs=jobs,
            threads=threads,
            progress=lambda done, _: bar.update(done - bar.pos),
        )
        total = len(index)
    for path, error in update.failed.items():
        complain(path, error)
    if not quiet:
        click.echo(
            f"{index_path}: {total} pictures; {update.added} added, {update.kept} unchanged, {update.removed} removed"
            + (f", {len(update.failed)} failed" if update.failed else ""),
            err=True,
        )
    if update.failed:
        sys.exit(1)


@search.command()
@click.argument("picture", metavar="PICTURE", type=FILE)
@_index_option
@click.option("-k", "count", type=click.IntRange(1), default=10, show_default=True, help="How many to find.")
@click.option("--html", "page", type=FILE, help="Also write a page with thumbnails.")
@force_option
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
@threads_option
@reporting
@needing("manifold")
def query(
    picture: Path, index_path: Path, count: int, page: Path | None, force: bool, as_json: bool, threads: int | None
) -> None:
    """Find the pictures of an index that are most like PICTURE; - for stdin."""
    from codec.manifold import pages
    from codec.manifold.index import Index
    from codec.manifold.loading import bytes_of
    from codec.manifold.record import record_of

    if page is not None:
        if page.suffix.lower() not in PAGE_SUFFIXES:
            raise click.UsageError(f"--html {page}: expected a name that ends in .html")
        prepare(page, force)
    with Index(index_path) as index:
        source = bytes_of(stdin()) if str(picture) == "-" else picture
        record = record_of(source, head=index.head, threads=threads)
        matches, total = index.nearest(record.embedding, count), len(index)
        if not total:
            raise click.ClickException(f"{index_path}: no pictures in it yet")
    if page is not None:
        name = "stdin" if str(picture) == "-" else picture.name
        pages.write(
            page, "search", force, query_name=name, query_thumbnail=record.thumbnail, matches=matches, total=total
        )
    if as_json:
        found = [
            {"path": str(m.path), "likeness": round(m.likeness, 6), "width": m.width, "height": m.height}
            for m in matches
        ]
        click.echo(json.dumps(found, indent=1))
        return
    for match in matches:
        click.echo(f"{match.likeness:6.3f}  {click.format_filename(match.path)}")
