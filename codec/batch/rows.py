"""What a job tells of each image, and doing one image of many: a row, whatever happens."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from bitstream.container import MAX_SIDE, header_bytes, parse_header
from bitstream.errors import CodecError
from codec import api
from codec.batch.plan import Item
from codec.batch.tasks import EachImage, Task
from codec.datasets.shards import holds_many
from codec.engine.registry import shipped, tune_by_id
from codec.util import storage
from codec.util.progress import Progress

DONE, EXISTED, FAILED = "done", "existed", "failed"


@dataclass(frozen=True)
class Row:
    """What came of an input.

    Attributes:
        source: its address.
        target: of its output; None if there is none.
        task: what was to be done, see :attr:`codec.batch.tasks.Task.name`.
        status: :data:`DONE`, :data:`EXISTED` if its output was there, or :data:`FAILED`.
        bytes_in: of the input; None if that is not known.
        bytes_out: of the output.
        seconds: that it took, by the clock.
        width: pixels.
        height: pixels.
        quality: of the ``.lmc`` file, 0 to 100.
        images: that it holds: 1, or those of a file of many.
        images_failed: of those that stay as they were, as they could not be worked on.
        notes: what people should know, in one line.
        error: the kind of error that it failed with.
        message: what that said.
        values: what the task found out, by the names of its columns.
    """

    source: str
    target: str | None
    task: str
    status: str
    bytes_in: int | None = None
    bytes_out: int | None = None
    seconds: float | None = None
    width: int | None = None
    height: int | None = None
    quality: float | None = None
    images: int | None = None
    images_failed: int | None = None
    notes: str = ""
    error: str | None = None
    message: str | None = None
    values: dict[str, Any] = field(default_factory=dict)

    def flat(self) -> dict[str, Any]:
        """As a row of a table: the task's columns after those that every row has."""
        plain = asdict(self)
        values = plain.pop("values")
        return {**plain, **values}

    @classmethod
    def failure(cls, item: Item, task: Task, error: str, message: str) -> Row:
        """Of an input that failed."""
        return cls(item.source, item.target, task.name, FAILED, error=error, message=message)


def perform(items: Iterable[Item], task: Task, *, force: bool, mark: str, progress: Progress) -> Iterator[Row]:
    """Work on images, one after the other; each gets a row, whatever it fails with.

    Args:
        items: the images.
        task: what is done with each.
        force: do it even where its output is there.
        mark: of temporary files, see :func:`codec.util.storage.writing`.
        progress: called as the work goes on; :class:`InterruptedError` from it ends the work.

    Raises:
        InterruptedError: the job is to stop.
    """
    for item in items:
        progress(0, 1)
        yield _row(item, task, force, mark, progress)


def _row(item: Item, task: Task, force: bool, mark: str, progress: Progress) -> Row:
    started = time.perf_counter()
    try:
        if item.error is not None:
            raise CodecError(item.error)
        if item.target is not None and not force:
            there = storage.size(item.target)
            if there is not None:
                return _existing(item, task, there)
        source = storage.source(item.source)
        if isinstance(source, Path) and item.target is not None and _same(source, item.target):
            raise CodecError(f"{item.source}: its output would take its place")
        worker = EachImage(task) if holds_many(item.source) else task
        worker.check(source, item.source)
        outcome = worker(source, item.source, lambda: storage.writing(str(item.target), force, mark), progress)
    except InterruptedError:
        raise
    except FileExistsError as error:  # another worker was thought to be dead, and was not
        there = storage.size(item.target) if item.target is not None else None
        return _failed(item, task, error) if there is None else _existing(item, task, there)
    except Exception as error:  # whatever one image fails with, the others go on
        return _failed(item, task, error)
    return Row(
        item.source, item.target, task.name, DONE, outcome.bytes_in, outcome.bytes_out if item.target else None,
        round(time.perf_counter() - started, 4), outcome.width, outcome.height, outcome.quality,
        outcome.images, outcome.images_failed, "; ".join(outcome.notes + outcome.damage), values=outcome.values,
    )  # fmt: skip


def _same(source: Path, target: str) -> bool:
    """Whether an output is there, by another name of the input."""
    path = storage.local_path(target)
    return not storage.is_remote(target) and path.exists() and path.samefile(source)


def _failed(item: Item, task: Task, error: Exception) -> Row:
    return Row.failure(item, task, type(error).__name__, str(error) or type(error).__name__)


def _existing(item: Item, task: Task, bytes_out: int) -> Row:
    """The row of an output that is there, with what the header of the ``.lmc`` file tells, be it output or input."""
    assert item.target is not None
    width = height = quality = None
    coded = next((a for a in (item.target, item.source) if _suffix(a) == api.SUFFIX), None)
    if coded is not None:
        with suppress(Exception):  # that the output is there is what the row says
            header = parse_header(storage.read(coded, header_bytes(storage.read(coded, 16))), MAX_SIDE**2).header
            width, height = header.width, header.height
            tune = tune_by_id(header.model_id)
            quality = None if tune is None else shipped(1, tune).scale.quality(header.quality_index)
    size = storage.size(item.source)
    return Row(item.source, item.target, task.name, EXISTED, size, bytes_out, None, width, height, quality)


def _suffix(address: str) -> str:
    return PurePosixPath(address.split("::")[0]).suffix.lower()
