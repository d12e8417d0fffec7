"""A job from its beginning to its end: what is there already is left out, rows are kept, nothing half done is left."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from bitstream.errors import CodecError
from codec.batch.plan import Item, Shard, plan, read_manifest
from codec.batch.rows import DONE, EXISTED, FAILED, Row
from codec.batch.table import Table
from codec.batch.tasks import Task
from codec.batch.threads import work_in_threads
from codec.util import storage

if TYPE_CHECKING:
    from distributed import Client

BATCH = 100
"""Images of a task in a cluster: each costs the scheduler some milliseconds."""


@dataclass(frozen=True)
class Summary:
    """What became of a job.

    Attributes:
        total: inputs that the job is about.
        done: worked on by this run.
        existed: whose output was there, or whose row.
        failed: see the table, or what ``each`` was called with.
        images_failed: of those in files of many, that stay as they were.
        bytes_in: of those that were worked on.
        bytes_out: of their outputs.
        pixels: of those.
    """

    total: int
    done: int
    existed: int
    failed: int
    images_failed: int
    bytes_in: int
    bytes_out: int
    pixels: int


def run(
    task: Task,
    sources: str | Sequence[str],
    out: str | None = None,
    *,
    client: Client | None = None,
    threads: int = 1,
    table: str | None = None,
    manifest: str | None = None,
    shard: Shard | None = None,
    force: bool = False,
    batch: int = BATCH,
    planned: Callable[[int], None] | None = None,
    each: Callable[[Row], None] | None = None,
    passed: Callable[[str], None] | None = None,
    note: Callable[[str], None] = lambda text: None,
) -> Summary:
    """Work on many images. Run again, a job does what is missing.

    Args:
        task: what is done with each image.
        sources: addresses of folders and files: paths, or what fsspec knows, such as ``s3://bucket/folder``.
        out: address of the folder for outputs; None if the task makes none.
        client: of a Dask cluster, which must see the same addresses; None works in this process.
        threads: images at a time, in this process.
        table: address of the table to write, ``.jsonl`` or ``.parquet``, with one row for each input; rows that are
            there of other inputs stay. With a shard, its number is put before the suffix.
        manifest: address of a list of the images to take from the one folder that ``sources`` is then, see
            :func:`~codec.batch.plan.read_manifest`; None takes all.
        shard: the part of the images to work on.
        force: also work on images whose output is there. Without, an output's name alone tells that it is.
        batch: images of a task in a cluster.
        planned: called with the number of images that are to be worked on, before the work begins.
        each: called with each row as it comes, in no order.
        passed: called with the name of each file that the task does not take.
        note: called with what people should know meanwhile.

    Returns:
        Summary: what became of them. An image that fails does not end the job.

    Raises:
        CodecError: there are no images, or none can be worked on at all: a model is missing, or the cluster is gone.
        OSError: a source is out of reach, or the table cannot be written.
        ValueError: an output folder is missing, or given to a task that makes none.
    """
    if (out is None) != (not task.suffix):
        raise ValueError("out: expected a folder" if out is None else "out: this task makes no outputs")
    if out is None and table is None:
        raise ValueError("table: expected an address, as this task makes nothing else")
    sources = [storage.absolute(s) for s in ([sources] if isinstance(sources, str) else sources)]
    out = None if out is None else storage.absolute(out)
    table = None if table is None else storage.absolute(table if shard is None else _of_shard(table, shard))
    if out is not None and storage.is_archive(out):
        raise CodecError(f"{out}: outputs cannot go into an archive")
    for address in (*sources, out, table):
        if address is not None:
            storage.forget(address)
    job = _mark(task, sources, out, table, shard)
    mark = f"{job}-{secrets.token_hex(3)}"
    rows = None if table is None else Table(table, task, mark)
    names = None if manifest is None else read_manifest(manifest)
    ours = () if table is None else (table,)
    items = plan(sources, out, task, names=names, shard=shard, ours=ours, passed=passed)
    if not items:
        raise CodecError(f"{', '.join(sources)}: no images found" + (" for this shard" if shard else ""))
    folders = {item.target.rpartition("/")[0] for item in items if item.target is not None}
    if rows is not None and table is not None:
        folders |= {table.rpartition("/")[0], rows.folder}
    _sweep(folders, job, of_this_run=False)
    counts, figures = dict.fromkeys((DONE, EXISTED, FAILED), 0), [0, 0, 0, 0]
    todo = items
    if rows is not None and not force:
        known = rows.done()
        todo = _missing(items, rows, known, out)
        counts[EXISTED] = len(items) - len(todo)
        figures[0] = sum(known.values()) if counts[EXISTED] else 0
    if planned is not None:
        planned(len(todo))

    def take(row: Row) -> None:
        counts[row.status] += 1
        if row.status == DONE:
            figures[0] += row.images_failed or 0
            figures[1] += row.bytes_in or 0
            figures[2] += row.bytes_out or 0
            figures[3] += (row.width or 0) * (row.height or 0)
        if rows is not None:
            rows.add(row)
        if each is not None:
            each(row)

    try:
        if client is None:
            work_in_threads(todo, task, take, threads=threads, force=force, mark=mark)
        elif todo:
            from codec.batch.cluster import ClusterRun

            ClusterRun(client, take, mark=mark, batch=batch, note=note).work(todo, task, force)
        if rows is not None:
            rows.finish()
    finally:
        if rows is not None:
            rows.flush()
        _sweep(folders, mark, of_this_run=True)
    return Summary(len(items), counts[DONE], counts[EXISTED], counts[FAILED], *figures)


def _missing(items: list[Item], rows: Table, known: Mapping[str, int], out: str | None) -> list[Item]:
    """Inputs without a row that says that all went well, or whose output is gone."""
    there: set[str] = set()
    if known and out is not None and storage.is_folder(out):
        there = {storage.joined(out, name) for name in storage.find(out, lambda error: None)}
    return [
        item
        for item in items
        if item.error is not None
        or not rows.is_known(item, known)
        or (item.target is not None and item.target not in there)
    ]


def _of_shard(table: str, shard: Shard) -> str:
    suffix = PurePosixPath(table).suffix
    return f"{table.removesuffix(suffix)}-{shard.index}-of-{shard.count}{suffix}"


def _mark(task: Task, sources: list[str], out: str | None, table: str | None, shard: Shard | None) -> str:
    """A name for a job that is the same when it is run again, so that it finds what a run that was killed left."""
    about: list[Any] = [type(task).__name__, sources, out, table, shard and [shard.index, shard.count]]
    return "batch-" + hashlib.sha256(json.dumps(about).encode()).hexdigest()[:12]


def _sweep(folders: set[str], mark: str, of_this_run: bool) -> None:
    for folder in folders:
        storage.sweep(folder, mark, of_this_run)
