"""Clusters of processes of their own, to be killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from codec.batch import Row

ROOT = Path(__file__).parents[2]


def environment() -> dict[str, str]:
    """Of processes that import the tests, with what is set for this one now."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "CODEC_THREADS": "1"}


def kill_once(victim: Callable[[], None], after: int = 2) -> Callable[[Row], None]:
    """A function for rows that kills what ``victim`` gives, once."""
    seen: list[Row] = []

    def each(row: Row) -> None:
        seen.append(row)
        if len(seen) == after:
            victim()

    return each


@contextmanager
def started(*command: str) -> Iterator[subprocess.Popen[str]]:
    """A process in a group of its own, which is killed with it at the end."""
    process = subprocess.Popen(
        [sys.executable, "-m", *command], env=environment(), start_new_session=True, cwd=ROOT, text=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield process
    finally:
        kill_group(process)


def kill_group(process: subprocess.Popen[str]) -> None:
    """A node dies: a supervising process and its workers."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextmanager
def nodes(folder: Path, count: int) -> Iterator[tuple[str, list[subprocess.Popen[str]]]]:
    """A scheduler's file, and the processes of nodes of one worker each, as on machines of their own; the scheduler's
    is the last."""
    with ExitStack() as stack:
        file = str(folder / "scheduler.json")
        quiet = ("--no-dashboard", "--scheduler-file", file)
        scheduler = stack.enter_context(
            started("distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0", *quiet)
        )
        workers = [
            stack.enter_context(started(
                "distributed.cli.dask_worker", "--nworkers", "1", "--nthreads", "1", "--local-directory",
                str(folder / f"node-{i}"), *quiet,
            ))
            for i in range(count)
        ]  # fmt: skip
        deadline = time.monotonic() + 60
        while not Path(file).exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        yield file, [*workers, scheduler]


DRIVER = """
import sys
from distributed import Client
from codec import EncodeOptions
from codec.batch import run
from tests.batch.tasks import Slow
file, source, out, table = sys.argv[1:]
with Client(scheduler_file=file) as client:
    run(Slow(EncodeOptions(threads=1)), source, out, client=client, table=table, batch=2)
"""


def wait_for_outputs(out: Path, count: int) -> None:
    """Wait until there are so many outputs."""
    deadline = time.monotonic() + 300
    while len(list(out.rglob("[!.]*.lmc"))) < count:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def kill_group_of(process: subprocess.Popen[bytes]) -> None:
    """A driver dies."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
