"""One or many files through one function, all of them though some may fail."""

from __future__ import annotations

import io
import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import click

from bitstream.errors import CodecError
from codec.batch.tasks import Outcome, Source, Task
from codec.batch.threads import in_threads
from codec.cli.common import describe
from codec.cli.plan import Job, same
from codec.util.files import replacing
from codec.util.progress import Progress, Watch

DAMAGED = 3
"""Exit code when all went well, but parts of an output are made up."""


def _is_done(job: Job) -> bool:
    """Whether an output is there, and its input as well, which is another file."""
    if job.source is None or job.target is None or not job.source.exists():
        return False
    return job.former is not None or (job.target.is_file() and not same(job.source, job.target))


def check_output(job: Job, force: bool) -> None:
    """Find out before the work begins whether there is an input, and an output may be written.

    Raises:
        FileNotFoundError: there is no input.
        FileExistsError: the output is there, and may not be replaced, or is the input.
        click.UsageError: it would be a terminal.
        CodecError: it would be stdout, which is closed.
    """
    if job.source is not None:
        job.source.stat()
        if job.target is not None and same(job.source, job.target):
            raise FileExistsError(f"{job.source}: its output would take its place")
    if job.target is None:
        if sys.stdout is None:
            raise CodecError("stdout is closed")
        if sys.stdout.isatty():
            raise click.UsageError("will not write an image to a terminal; name an output")
    elif job.target.is_file() and not force:
        raise FileExistsError(f"{job.target} exists; use -f to overwrite it")


class Passed:
    """Files in folders that a command does not take, told of in a line."""

    def __init__(self) -> None:
        self._kinds: Counter[str] = Counter()

    def __call__(self, path: Path) -> None:
        self._kinds[path.suffix.lower() or "no suffix"] += 1

    def tell(self, hint: Callable[[str], str] = lambda kind: "") -> None:
        """Print how many there are of each kind, if there are any.

        Args:
            hint: what to say of a kind, beside its number.
        """
        if self._kinds:
            kinds = ", ".join(f"{count} {kind}{hint(kind)}" for kind, count in sorted(self._kinds.items()))
            click.echo(f"Note: passed over in folders: {kinds}", err=True)


@contextmanager
def open_output(job: Job, force: bool, watch: Watch, preserve_time: bool = False) -> Iterator[BinaryIO]:
    """A file to write to, which only becomes the output if all goes well and nobody stopped the job; with the input's
    time of modification if asked for."""
    if job.target is None:
        buffer = io.BytesIO()
        yield buffer
        watch(1, 1)
        try:
            sys.stdout.buffer.write(buffer.getvalue())
            sys.stdout.buffer.flush()
        except BrokenPipeError:
            raise
        except OSError as error:  # of the output, not of the image that is about to be named
            raise OSError(error.errno, error.strerror, "stdout") from error
        return
    job.target.parent.mkdir(parents=True, exist_ok=True)
    with replacing(job.target, force) as temporary:
        with temporary.open("w+b") as file:
            yield file
            watch(1, 1)
        if preserve_time and job.source is not None:
            found = job.source.stat()
            os.utime(temporary, ns=(found.st_atime_ns, found.st_mtime_ns))


def work_on(
    task: Task, job: Job, read_stdin: Callable[[], Source], watch: Watch, force: bool, preserve_time: bool
) -> Outcome:
    """Do one job.

    Args:
        task: what is done.
        job: whose output it is.
        read_stdin: gives the image if the job names none; called once it is known that there may be an output.
        watch: stops it.
        force: replace an output that is there.
        preserve_time: give the output its input's time of modification.

    Returns:
        Outcome: of the task.

    Raises:
        click.UsageError: the output would be a terminal.
        CodecError: as the task.
        OSError: as the task; or the output is there, and may not be replaced.
    """
    if job.source is not None:
        task.check(job.source, job.name)
    check_output(job, force)
    source = read_stdin() if job.source is None else job.source
    return task(source, job.name, lambda: open_output(job, force, watch, preserve_time), watch)


def run(
    jobs: list[Job],
    work: Callable[[Job, Watch], Outcome],
    *,
    parallel: int,
    force: bool,
    skip_existing: bool,
    verbose: bool,
    quiet: bool,
) -> None:
    """Do all jobs; one that fails does not stop the others.

    Raises:
        click.ClickException: there are no jobs.
        click.UsageError: outputs are to be both replaced and left as they are.
        SystemExit: with code 1, if any failed; with DAMAGED, if none did and parts of an output are made up.
    """
    if not jobs:
        raise click.ClickException("no files found")

    def attempt(job: Job) -> Outcome:
        if job.error is not None:
            raise job.error
        return work(job, watch)

    if force and skip_existing:
        raise click.UsageError("--force and --skip-existing cannot be given together")
    planned = len(jobs)
    done = {job for job in jobs if skip_existing and _is_done(job)}
    jobs = [job for job in jobs if job not in done]
    skipped = f", {len(done)} were there" if done else ""
    started, results, failed, damaged = time.perf_counter(), list[Outcome](), 0, False
    terminal = sys.stderr.isatty() and not quiet

    def tell(line: str) -> None:
        # Over a progress bar, which is drawn again below.
        click.echo(("\r\x1b[K" if terminal else "") + line, err=True)

    if verbose and not quiet:
        for job in sorted(done, key=lambda job: job.name):
            tell(f"{job.name}: left out, {job.former or job.target} is there")
    with _bar(jobs, terminal) as (pixels, files):
        watch = Watch(pixels)
        outcomes = in_threads(jobs, attempt, parallel, watch)
        try:
            for job, outcome in outcomes:
                if isinstance(outcome, click.ClickException | BrokenPipeError):
                    raise outcome
                if isinstance(outcome, Exception):  # one job must not stop the others, whatever it fails with
                    failed += 1
                    text = describe(outcome)
                    tell(f"Error: {text}" if text.startswith(job.name) else f"Error: {job.name}: {text}")
                else:
                    results.append(outcome)
                    if verbose and not quiet:
                        target = "stdout" if job.target is None else job.target
                        tell(f"{job.name} -> {target}: {_figures([outcome])}")
                    for note in (() if quiet else outcome.notes) + outcome.damage:
                        tell(f"Note: {job.name}: {note}")
                    damaged = damaged or bool(outcome.damage)
                files()
        except BaseException:
            with ignoring_signals():  # while running jobs end at their next tile
                outcomes.close()
            raise
    if (planned > 1 or done) and not quiet:
        seconds = time.perf_counter() - started
        speed = sum(r.pixels for r in results) / 1e6 / seconds
        tell(f"{len(results)} of {planned} files{skipped}, {_figures(results)}, {speed:.1f} MP/s")
    if failed or damaged:
        sys.exit(1 if failed else DAMAGED)


@contextmanager
def ignoring_signals() -> Iterator[None]:
    """Ignore signals that would keep jobs from removing what they have half written."""
    names = ("SIGINT", "SIGTERM", "SIGHUP") if threading.current_thread() is threading.main_thread() else ()
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    before = [signal.signal(number, signal.SIG_IGN) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def _figures(results: list[Outcome]) -> str:
    before, after = sum(r.bytes_in for r in results), sum(r.bytes_out for r in results)
    rate = sum(r.coded for r in results) * 8 / max(1, sum(r.pixels for r in results))
    share = f"{after / before:.1%}, " if all(r.bytes_in for r in results) and before else ""  # pipes have no size
    return f"{before} -> {after} bytes ({share}{rate:.3f} bpp)"


@contextmanager
def _bar(jobs: list[Job], shown: bool) -> Iterator[tuple[Progress | None, Callable[[], None]]]:
    """A bar over the pixels of one file, or over files."""
    if not shown:
        yield None, lambda: None
    elif len(jobs) == 1:
        with click.progressbar(length=1000, file=sys.stderr, label=jobs[0].name[-40:]) as bar:

            def pixels(done: int, total: int) -> None:
                bar.update(1000 * done // total - bar.pos)

            yield pixels, lambda: None
    else:
        with click.progressbar(length=len(jobs), file=sys.stderr, show_pos=True) as bar:
            yield None, lambda: bar.update(1)
