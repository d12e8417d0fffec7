"""The work of a job on a Dask cluster, whose workers may die."""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from typing import Any

from distributed import Client, Future, KilledWorker, WorkerPlugin, get_worker
from distributed import wait as wait_for

from bitstream.errors import CodecError
from codec.batch.plan import Item
from codec.batch.rows import Row, perform
from codec.batch.tasks import Task
from codec.datasets.parquet import preload
from codec.util.progress import Watch

AHEAD = 3
"""Tasks for each thread of the workers that run or wait: no thread is idle, and little is lost when a worker dies."""
SILENCE_SECONDS = 60.0
"""Without a result until it is looked whether there are workers; and what running images get to end at a stop."""


class _Job(WorkerPlugin):  # type: ignore[misc]
    """What each worker keeps of a job: its task, and whether it is to stop."""

    def __init__(self, task: Task, mark: str, force: bool) -> None:
        self.task, self.mark, self.force, self.watch = task, mark, force, Watch()

    def __reduce__(self) -> tuple[Any, ...]:
        return _Job, (self.task, self.mark, self.force)

    def setup(self, worker: Any) -> None:
        """Load the model before the first image."""
        self.task.prepare()
        preload()

    def teardown(self, worker: Any) -> None:
        """Stop."""
        self.watch.stop()


def _perform(items: list[Item], name: str) -> list[Row]:
    """Work on images within a worker; those that are not done when the job stops have no row."""
    job: _Job = get_worker().plugins[name]
    rows = []
    try:
        for row in perform(items, job.task, force=job.force, mark=job.mark, progress=job.watch):
            rows.append(row)
    except InterruptedError:
        pass
    return rows


def _stop(name: str, dask_worker: Any) -> None:
    """End a job within a worker, at its next tile."""
    if name in dask_worker.plugins:
        dask_worker.plugins[name].watch.stop()


@contextmanager
def _reaching() -> Iterator[None]:
    """Raise :class:`CodecError` where the scheduler cannot be reached."""
    try:
        yield
    except (TimeoutError, asyncio.TimeoutError):
        raise
    except OSError as error:
        raise CodecError(f"the scheduler is gone; run it again to go on ({str(error).splitlines()[0]})") from error


class ClusterRun:
    """Images worked on by a Dask cluster.

    Args:
        client: of the cluster.
        each: called with each row as it comes.
        mark: of temporary files.
        batch: images of a task, at most.
        note: called with what people should know meanwhile.
    """

    def __init__(
        self, client: Client, each: Callable[[Row], None], *, mark: str, batch: int, note: Callable[[str], None]
    ) -> None:
        self._client, self._each, self._mark, self._batch, self._note = client, each, mark, batch, note
        self._name = f"{mark}-{secrets.token_hex(4)}"  # of no other job in the cluster
        self._running: dict[Future, list[Item]] = {}
        self._suspects: list[Item] = []
        self._rows: deque[Row] = deque()

    def work(self, items: Sequence[Item], task: Task, force: bool) -> None:
        """Work on images. What a worker that dies was at is done again by another.

        A task whose workers die again and again is taken apart. An image that still kills its process when nothing
        else runs fails with ``KilledWorker``; the rest go on. When the work is given up, by Ctrl-C or an error, what
        runs ends at its next tile, and rows of what was done are delivered.

        Args:
            items: the images.
            task: what is done with each.
            force: do it even where its output is there.

        Raises:
            CodecError: the task cannot be set up on a worker, or the scheduler is gone.
        """
        with self._client.as_current():
            try:
                self._client.register_plugin(_Job(task, self._mark, force), name=self._name)
            except Exception as error:  # whatever a worker failed with
                with suppress(Exception):
                    self._client.unregister_worker_plugin(self._name)
                raise CodecError(f"the cluster cannot begin: {error}") from error
            try:
                self._work(items, task)
            finally:
                self._end()

    def _work(self, items: Sequence[Item], task: Task) -> None:
        parts = self._parts(items)
        while True:
            room = AHEAD * max(1, self._threads()) - len(self._running)
            for part in islice(parts, max(0, room)):
                self._submit(part)
            if not self._running:
                break
            self._collect(task)
        for item in self._suspects:  # one alone, so that it answers for no other's death
            self._submit([item])
            while self._running:
                self._collect(task, alone=True)

    def _parts(self, items: Sequence[Item]) -> Iterator[list[Item]]:
        """Images of each task; fewer where the workers would not all have some."""
        size = max(1, min(self._batch, -(-len(items) // (AHEAD * max(1, self._threads())))))
        remaining = iter(items)
        while part := list(islice(remaining, size)):
            yield part

    def _threads(self) -> int:
        with _reaching():
            return sum(self._client.nthreads().values())

    def _submit(self, items: list[Item]) -> None:
        with _reaching():
            self._running[self._client.submit(_perform, items, self._name, pure=False)] = items

    def _take(self, future: Future) -> int:
        """Deliver the rows of a task that is done; how many there are."""
        with _reaching():
            rows = future.result()
        self._rows.extend(rows)
        self._deliver()
        return len(rows)

    def _deliver(self) -> None:
        """Hand over rows. One counts as handed over even if whoever gets it wants no more."""
        while self._rows:
            self._each(self._rows.popleft())

    def _collect(self, task: Task, alone: bool = False) -> None:
        """Take the rows of tasks that end next."""
        try:
            with _reaching():
                wait_for(list(self._running), timeout=SILENCE_SECONDS, return_when="FIRST_COMPLETED")
        except (TimeoutError, asyncio.TimeoutError):
            if not self._threads():
                self._note("no worker is connected; waiting for one")
            return
        except asyncio.CancelledError:
            pass  # see below
        for future in [future for future in self._running if future.done()]:
            items = self._running.pop(future)
            if future.status == "cancelled":
                raise CodecError("the scheduler is gone, or the job was cancelled there; run it again to go on")
            error = future.exception()
            if error is None:
                done = self._take(future)
                if 0 < done < len(items):  # a worker that is being closed
                    self._submit(items[done:])
                if done:
                    continue
                told = "InterruptedError", "the worker was stopped before it began"
            elif isinstance(error, KilledWorker):
                told = "KilledWorker", "the process that worked on it died, again and again"
            else:
                raise CodecError(f"a task failed in the cluster: {error}") from error
            if len(items) > 1:
                for item in items:
                    self._submit([item])
            elif not alone:
                self._suspects += items
            else:
                self._each(Row.failure(items[0], task, *told))

    def _end(self) -> None:
        """Stop what still runs, take what it did, and leave nothing in the cluster."""
        try:
            self._deliver()
            if self._running:
                self._client.run(_stop, self._name, on_error="ignore")
                if self._threads():
                    with suppress(TimeoutError, asyncio.TimeoutError, asyncio.CancelledError):
                        wait_for(list(self._running), timeout=SILENCE_SECONDS)
                for future in self._running:
                    if future.status == "finished":
                        self._take(future)
                self._client.cancel(list(self._running))
            self._client.unregister_worker_plugin(self._name)
        except (Exception, asyncio.CancelledError) as error:  # of a cluster that is gone
            self._note(f"the cluster could not be tidied: {error or type(error).__name__}")
