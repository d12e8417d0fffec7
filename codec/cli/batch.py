"""``codec batch``: whole collections, on this machine or a cluster (needs the extra [cluster])."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import click

from bitstream.errors import CodecError
from codec import api
from codec.api import FORMER_TUNES, TUNES, EncodeOptions
from codec.batch.findings import Embed, Score
from codec.batch.tasks import Compress, Decompress, Task, Transcode
from codec.cli.common import FILE, SHARD, FiniteRange, needing, reporting, require
from codec.cli.files import Passed

if TYPE_CHECKING:
    from distributed import Client

    from codec.batch.plan import Shard
    from codec.batch.rows import Row


def _job_options(command: Callable[..., None]) -> Callable[..., None]:
    """Options of every job."""
    for option in reversed(
        [
            click.option("--table", help="Table to write, .parquet or .jsonl, with a row for each image; embed and "
                         "score need one."),
            click.option("--manifest", help="Take only the images of IN that this file lists: names one a line, or "
                         "the column source of a table."),
            click.option("--shard", type=SHARD, help="Take only this part of the images, from 0 on: 0/8 ... 7/8. "
                         "The table's name then tells the part."),
            click.option("--scheduler", help="Address of a Dask scheduler, tcp://...  [default: workers of its own]"),
            click.option("--workers", type=click.IntRange(1), help="Processes, without --scheduler.  [default: one a "
                         "core]"),
            click.option("--batch", type=click.IntRange(1), default=100, show_default=True, help="Images that a worker "
                         "is given at a time, at most."),
            click.option("-f", "--force", is_flag=True, help="Work on all images again, also where the output or the "
                         "row is there."),
            click.option("--quiet", is_flag=True, help="Nothing but errors."),
        ]
    ):  # fmt: skip
        command = option(command)
    return command


def _quality_options(command: Callable[..., None]) -> Callable[..., None]:
    """Options of a job that codes; the command gets them as one value, ``options``."""

    @wraps(command)
    def coding(
        quality: float | None, tune: str | None, lossless: bool, no_graphics: bool, strip: bool, **job: Any
    ) -> None:
        try:
            options = EncodeOptions(quality, tune, lossless=lossless, graphics=not no_graphics, strip=strip, threads=1)
        except ValueError as error:
            raise click.UsageError(str(error)) from error
        command(options=options, **job)

    decorated: Callable[..., None] = coding
    for option in reversed(
        [
            click.option("-q", "--quality", type=FiniteRange(0, 100), help=f"0 to 100.  [default: "
                         f"{api.DEFAULT_QUALITY:g}]"),
            click.option("--tune", type=click.Choice((*TUNES, *FORMER_TUNES)), help="See codec compress."),
            click.option("--lossless", is_flag=True, help="Keep every pixel as it is."),
            click.option("--no-graphics", is_flag=True, help="Do not code flat graphics exactly."),
            click.option("--strip", is_flag=True, help="Drop ICC profile, EXIF and XMP."),
        ]
    ):  # fmt: skip
        decorated = option(decorated)
    return decorated


@click.group()
def batch() -> None:
    """Work on whole collections, on this machine or a cluster (needs the extra [cluster]).

    IN and OUT are folders, here or anywhere that fsspec knows: s3://bucket/folder, gs://, zip://::photos.zip. Files
    of many images (.tar as WebDataset has them, .parquet) stay such files. Run again, a command does what is missing.
    """


@batch.command("compress")
@click.argument("source", metavar="IN")
@click.argument("out", metavar="OUT")
@_quality_options
@_job_options
@reporting
@needing("cluster")
def compress_all(source: str, out: str, options: EncodeOptions, **job: Any) -> None:
    """Compress the images of folder IN to .lmc files in folder OUT."""
    _run(Compress(options), source, out, **job)


@batch.command("decompress")
@click.argument("source", metavar="IN")
@click.argument("out", metavar="OUT")
@click.option("--format", "suffix", default="png", show_default=True, help="Format of the images: png, jpg, ...")
@click.option("--scale", type=click.Choice(["1/2", "1/4", "1/8", "1/16"]), help="Smaller; from 1/8 on much faster.")
@_job_options
@reporting
@needing("cluster")
def decompress_all(source: str, out: str, suffix: str, scale: str | None, **job: Any) -> None:
    """Decompress the .lmc files of folder IN to images in folder OUT."""
    suffix = "." + suffix.lower().lstrip(".")
    if not api.is_writable(suffix):
        raise click.UsageError(f"--format: found {suffix}, known are {' '.join(sorted(api.writable_suffixes()))}")
    _run(Decompress(suffix, scale=int(scale.split("/")[1]) if scale else 1, threads=1), source, out, **job)


@batch.command()
@click.argument("source", metavar="IN")
@click.argument("out", metavar="OUT")
@_quality_options
@_job_options
@reporting
@needing("cluster")
def transcode(source: str, out: str, options: EncodeOptions, **job: Any) -> None:
    """Code the .lmc files of folder IN anew, with another quality or tune or a newer model.

    What the first coding lost stays lost, and the second loses some more.
    """
    _run(Transcode(options), source, out, **job)


@batch.command()
@click.argument("source", metavar="IN")
@click.option("--tune", type=click.Choice((*TUNES, *FORMER_TUNES)), help="Of the model.  [default: visual]")
@_job_options
@reporting
@needing("cluster")
def embed(source: str, tune: str | None, **job: Any) -> None:
    """Write embeddings of the images of folder IN, coded or not, to the table."""
    _run(Embed(tune or TUNES[0], threads=1), source, None, **job)


@batch.command()
@click.argument("source", metavar="IN")
@click.option("--model", type=FILE, required=True, help="File of codec anomaly fit, which says what is normal.")
@_job_options
@reporting
@needing("cluster")
def score(source: str, model: Path, **job: Any) -> None:
    """Write how odd the images of folder IN are, coded or not, to the table."""
    require("manifold")
    from codec.manifold.anomaly.calibration import Collection

    _run(Score(Collection.load(model), threads=1), source, None, **job)


def _run(
    task: Task,
    source: str,
    out: str | None,
    *,
    table: str | None,
    manifest: str | None,
    shard: Shard | None,
    scheduler: str | None,
    workers: int | None,
    batch: int,
    force: bool,
    quiet: bool,
) -> None:
    """Run a job, with a bar, and a line for each image that fails.

    Raises:
        SystemExit: with code 1, if any failed.
    """
    from codec.batch.job import run

    if out is None and table is None:
        raise click.UsageError("--table: needed, as there is no other output")
    if scheduler is not None and workers is not None:
        raise click.UsageError("--workers: the workers of --scheduler are started where they are")
    passed = Passed()
    with _cluster(scheduler, workers) as client, _Bar(quiet) as bar:
        summary = run(
            task, source, out, client=client, table=table, manifest=manifest, shard=shard, force=force, batch=batch,
            planned=bar.begin, each=bar.row, passed=lambda name: passed(Path(PurePosixPath(name))), note=bar.note,
        )  # fmt: skip
    if not quiet:
        passed.tell()
        click.echo(
            f"{summary.done} of {summary.total} files, {summary.existed} were there, {summary.failed} failed; "
            f"{summary.bytes_in} -> {summary.bytes_out} bytes, {summary.pixels / 1e6:.1f} MP",
            err=True,
        )
        if summary.images_failed:
            click.echo(f"Note: {summary.images_failed} images in files of many stay as they were", err=True)
    if summary.failed or summary.images_failed:
        sys.exit(1)


_SETTINGS = {
    # A task that waits in a worker's queue is blamed when that dies; so none does.
    "distributed.scheduler.worker-saturation": 1.0,
    # Dask has workers give memory back at once. To get it again for each tile takes a fifth of the time.
    "distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": 1 << 30,
}
_IGNORE_CTRL_C = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"
"""Run by each worker: a terminal sends the signal to all processes, and this one tells the others when to stop."""


@contextmanager
def _cluster(scheduler: str | None, workers: int | None) -> Iterator[Client]:
    """A client of a scheduler, or of a cluster of this machine's cores that lasts as long.

    Raises:
        CodecError: there is no such scheduler.
    """
    import dask
    from distributed import Client, LocalCluster

    if scheduler is not None:
        try:
            client = Client(scheduler)
        except (OSError, ValueError) as error:
            raise CodecError(f"{scheduler}: no scheduler there: {error}") from error
        with client:
            yield client
        return
    with (
        dask.config.set(_SETTINGS),
        LocalCluster(
            n_workers=workers, threads_per_worker=1, dashboard_address=None, silence_logs=50, preload=_IGNORE_CTRL_C
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


class _Bar:
    """A bar on a terminal with images, their rate, and the time left; errors above it."""

    def __init__(self, quiet: bool) -> None:
        from tqdm import tqdm

        self._bar = tqdm(unit="image", disable=True if quiet else None, smoothing=0.05)
        self._write = tqdm.write
        self._quiet = quiet

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def begin(self, total: int) -> None:
        """Say how many images there are."""
        self._bar.reset(total)

    def row(self, row: Row) -> None:
        """Count an image."""
        if row.error is not None:
            text = str(row.message)
            line = text if text.startswith(row.source) else f"{row.source}: {text}"
            self._write(f"Error: {click.format_filename(line)}", file=sys.stderr)
        if row.images_failed or (row.images and row.images > 1 and row.notes):
            self.note(f"{click.format_filename(row.source)}: {row.notes}")
        self._bar.update()

    def note(self, text: str) -> None:
        """Tell people something."""
        if not self._quiet:
            self._write(f"Note: {text}", file=sys.stderr)
