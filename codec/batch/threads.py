"""The work of a job in threads of this process."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from itertools import islice
from typing import Any, TypeVar

from codec.batch.plan import Item
from codec.batch.rows import Row, perform
from codec.batch.tasks import Task
from codec.datasets.parquet import preload
from codec.datasets.shards import holds_many
from codec.util.progress import Watch

T = TypeVar("T")
R = TypeVar("R")


def in_threads(
    things: Sequence[T], function: Callable[[T], R], threads: int, watch: Watch
) -> Generator[tuple[T, R | Exception], None, None]:
    """Call a function for many things, several at a time; results, or errors instead, as they come.

    Args:
        things: what it is called with.
        function: safe to call from threads; calls ``watch`` now and then, which ends it when nobody wants results.
        threads: calls at a time.
        watch: is stopped when the caller gives up, by an error or by closing this generator.

    Yields:
        tuple: what the function was called with, and what it returned or raised.
    """
    remaining = iter(things)
    with ThreadPoolExecutor(threads) as pool:
        running: dict[Any, T] = {}
        try:
            while True:
                for thing in islice(remaining, 2 * threads - len(running)):
                    running[pool.submit(function, thing)] = thing
                if not running:
                    return
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    thing, error = running.pop(future), future.exception()
                    if error is not None and not isinstance(error, Exception):
                        raise error
                    yield thing, error if error is not None else future.result()
        finally:
            watch.stop()
            for future in running:
                future.cancel()


def work_in_threads(
    items: Sequence[Item], task: Task, each: Callable[[Row], None], *, threads: int, force: bool, mark: str
) -> None:
    """Work on images in threads of this process.

    Args:
        items: the images.
        task: what is done with each.
        each: called with each row as it comes.
        threads: images at a time.
        force: do it even where its output is there.
        mark: of temporary files, see :func:`codec.util.storage.writing`.

    Raises:
        CodecError: the task cannot begin.
    """
    task.prepare()
    if any(holds_many(item.source) for item in items):
        preload()
    watch = Watch()

    def one(item: Item) -> Row:
        return next(perform([item], task, force=force, mark=mark, progress=watch))

    for _, row in in_threads(items, one, threads, watch):
        if isinstance(row, Exception):
            raise row
        each(row)
