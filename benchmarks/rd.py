"""A rate-distortion run: every codec on every picture at every quality, resumable, several at a time."""

from __future__ import annotations

import signal
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from tqdm import tqdm

from benchmarks.codecs import CODECS
from benchmarks.measure import digest_of, measure_image, read_pixels
from benchmarks.rows import Row, RowStore

SUFFIXES = frozenset([".avif", ".bmp", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"])


@dataclass(frozen=True)
class _Task:
    codec: str
    path: Path
    qualities: list[float]
    repeats: int
    threads: int


def find_pictures(folder: Path) -> list[Path]:
    """Pictures directly in a folder, by name.

    Raises:
        FileNotFoundError: there is none.
    """
    paths = sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES)
    if not paths:
        raise FileNotFoundError(f"no pictures in {folder}")
    return paths


def _work(task: _Task) -> list[Row]:
    return list(measure_image(task.codec, task.path, task.qualities, task.repeats, task.threads))


def _leave_interrupts_to_the_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def run(
    images: list[Path], codec_names: Iterable[str], store: RowStore, *, repeats: int, threads: int, jobs: int
) -> list[Row]:
    """Measure what the store does not hold yet.

    Args:
        images: pictures.
        codec_names: in :data:`CODECS`.
        store: where rows are kept; those of the same codec, settings and pixels are not measured again,
            those that failed are.
        repeats: timed runs of each step.
        threads: for each codec.
        jobs: processes side by side; more than one makes times comparable only with each other.

    Returns:
        list[Row]: all rows of these codecs and pictures, by codec, picture and quality.
    """
    names = list(codec_names)
    digests = {path: digest_of(read_pixels(path)) for path in images}
    done = {row.key for row in store if row.error is None}
    tasks = []
    for name in names:
        for path, digest in digests.items():
            missing = [q for q in CODECS[name].qualities if (CODECS[name].identity, digest, q) not in done]
            if missing:
                tasks.append(_Task(name, path, missing, repeats, threads))
    progress = tqdm(total=sum(len(task.qualities) for task in tasks), unit="point", disable=None)
    context = get_context("spawn")  # a forked child would share locks with threads that it does not have
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=_leave_interrupts_to_the_parent) as pool:
        futures = {pool.submit(_work, task): task for task in tasks}
        try:
            for future in as_completed(futures):
                task = futures[future]
                progress.set_postfix_str(f"{task.codec} {task.path.name}")
                for row in future.result():
                    store.add(row)
                    progress.update()
                    if row.error:
                        tqdm.write(f"{row.codec} {row.image} quality {row.quality:g}: {row.error}")
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    progress.close()
    identities = {CODECS[name].identity: order for order, name in enumerate(names)}
    wanted = {digest: order for order, digest in enumerate(digests.values())}
    rows = [row for row in store if row.identity in identities and row.digest in wanted]
    return sorted(rows, key=lambda r: (identities[r.identity], wanted[r.digest], r.quality))
