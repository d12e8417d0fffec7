"""A rate-distortion run: every codec on every image at every quality, resumable, several at a time."""

from __future__ import annotations

import signal
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context
from pathlib import Path

from tqdm import tqdm

from benchmarks.codecs import CODECS
from benchmarks.images import read_pixels, shown
from benchmarks.measure import Timing, measure_image
from benchmarks.metrics import METRICS, judges
from benchmarks.rows import Key, Row, RowStore, row_key


@dataclass(frozen=True)
class _Task:
    """One codec on one image at one quality: what is lost at most when a run is stopped."""

    codec: str
    path: Path
    quality: float
    digest: str
    timing: Timing
    metrics: tuple[str, ...]

    def work(self) -> Row:
        return next(measure_image(self.codec, self.path, [self.quality], self.timing, self.metrics))

    def failed(self, error: str) -> Row:
        pixels = read_pixels(self.path)
        size = pixels.shape[1], pixels.shape[0]
        identity = CODECS[self.codec].identity
        return Row(
            self.codec, identity, shown(self.path), self.digest, *size, self.quality, error=error,
            **asdict(self.timing), judged_by=judges(),
        )  # fmt: skip


def _leave_interrupts_to_the_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _pool(jobs: int) -> ProcessPoolExecutor:
    # A forked child would share locks with threads that it does not have.
    return ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=_leave_interrupts_to_the_parent)


def _in_parallel(tasks: list[_Task], jobs: int, progress: tqdm[None]) -> Iterator[Row]:
    """Rows as they are done. Only as many tasks as there are jobs are handed out, so that a stop is a stop.

    A task whose process died is tried again alone, and reported if its process dies again.
    """
    waiting = list(reversed(tasks))
    suspects: list[_Task] = []
    while waiting or suspects:
        alone = not waiting
        pool = _pool(1 if alone else jobs)
        running: dict[Future[Row], _Task] = {}
        try:
            while waiting or running or (alone and suspects):
                while len(running) < (1 if alone else jobs) and (suspects if alone else waiting):
                    source = suspects if alone else waiting
                    running[pool.submit(source[-1].work)] = source[-1]
                    source.pop()  # not before: a pool that has just broken takes no task
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    task = running[future]
                    progress.set_postfix_str(f"{task.codec} {shown(task.path)}")
                    row = future.result()
                    del running[future]
                    yield row
        except BrokenProcessPool:
            if alone and running:
                yield next(iter(running.values())).failed("its process died")
            else:
                suspects += running.values()
        except BaseException:
            for process in list(pool._processes.values()):
                process.terminate()
            raise
        finally:
            pool.shutdown(cancel_futures=True)


def run(
    images: dict[Path, str],
    codec_names: Iterable[str],
    store: RowStore,
    timing: Timing,
    metrics: Collection[str] = tuple(METRICS),
) -> list[Row]:
    """Measure what the store does not hold yet.

    Args:
        images: images and their digests, of :func:`benchmarks.images.find_images`.
        codec_names: in :data:`CODECS`.
        store: where rows are kept; those of the same codec, settings, pixels, timing and packages of metrics are not
            measured again, those that failed are.
        timing: how times are taken; with several jobs they compare only with each other.
        metrics: which to compute; a row that lacks one is measured again.

    Returns:
        list[Row]: all rows of these codecs and images, by codec, image and quality.
    """
    wanted: dict[Key, _Task] = {}
    for name in codec_names:
        identity = CODECS[name].identity
        for path, digest in images.items():
            for quality in CODECS[name].qualities:
                key = row_key(identity, digest, quality, **asdict(timing), judged_by=judges())
                wanted[key] = _Task(name, path, quality, digest, timing, tuple(metrics))
    held = {row.key: set(row.metrics) for row in store if row.error is None}
    # What is measured again keeps the metrics that it had.
    tasks = [
        replace(task, metrics=tuple(name for name in METRICS if name in held.get(key, set()) | set(metrics)))
        for key, task in wanted.items()
        if not set(metrics) <= held.get(key, set())
    ]
    with tqdm(total=len(tasks), unit="point", mininterval=1.0, miniters=1) as progress:
        for row in _in_parallel(tasks, timing.jobs, progress):
            store.add(row)
            progress.update()
            if row.error:
                tqdm.write(f"{row.codec} {row.image} quality {row.quality:g}: {row.error}")
    order = {key: i for i, key in enumerate(wanted)}
    return sorted((row for row in store if row.key in order), key=lambda row: order[row.key])
