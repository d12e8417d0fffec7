"""Measure one codec on one image, and the memory it takes in a process of its own."""

from __future__ import annotations

import multiprocessing
import statistics
import time
import warnings
from collections.abc import Callable, Collection, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TypeVar

from benchmarks.codecs import CODECS
from benchmarks.images import pixel_digest, read_pixels, shown
from benchmarks.memory import forget_peak, peak_megabytes
from benchmarks.metrics import METRICS, judges, measure
from benchmarks.rows import Row

_T = TypeVar("_T")
_warm: set[tuple[str, tuple[int, ...], int]] = set()
"""What this process has run once, so that it is loaded and has its memory."""


def timed(run: Callable[[], _T], repeats: int) -> tuple[_T, float]:
    """Result of a function and the median seconds it takes."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = run()
        seconds.append(time.perf_counter() - start)
    return result, statistics.median(seconds)


@dataclass(frozen=True)
class Timing:
    """How times are taken.

    Attributes:
        repeats: timed runs of encoding and of decoding, after one that is not counted.
        threads: for the codec.
        jobs: measurements side by side.
    """

    repeats: int = 1
    threads: int = 1
    jobs: int = 1


def measure_image(
    codec_name: str, path: Path, qualities: list[float], timing: Timing, metrics: Collection[str] = tuple(METRICS)
) -> Iterator[Row]:
    """Measure a codec on a picture; what fails becomes a row with an error.

    Args:
        codec_name: in :data:`CODECS`.
        path: the picture.
        qualities: settings to measure.
        timing: how times are taken.
        metrics: which to compute.

    Yields:
        Row: one a quality, in order.
    """
    codec, pixels = CODECS[codec_name], read_pixels(path)
    digest, identity, threads = pixel_digest(pixels), codec.identity, timing.threads
    for quality in qualities:
        row = Row(
            codec.name, identity, shown(path), digest, pixels.shape[1], pixels.shape[0], quality, **asdict(timing),
            judged_by=judges(),
        )  # fmt: skip
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                if (codec_name, pixels.shape, threads) not in _warm:
                    codec.decode(codec.encode(pixels, quality, threads), threads)
                    _warm.add((codec_name, pixels.shape, threads))
                data, encode_s = timed(lambda q=quality: codec.encode(pixels, q, threads), timing.repeats)  # type: ignore[misc]
                decoded, decode_s = timed(lambda d=data: codec.decode(d, threads), timing.repeats)  # type: ignore[misc]
                values = measure(pixels, decoded, metrics)
        except Exception as error:  # whatever a codec does wrong is a result, not an end
            yield replace(row, error=f"{type(error).__name__}: {error}")
            continue
        yield replace(row, file_bytes=len(data), metrics=values, encode_s=encode_s, decode_s=decode_s)


def _memory_worker(codec_name: str, path: Path, quality: float, threads: int, send: object) -> None:
    codec, pixels = CODECS[codec_name], read_pixels(path)
    forget_peak()  # of what reading the image took
    before = peak_megabytes()
    codec.decode(codec.encode(pixels, quality, threads), threads)
    send.send((before, peak_megabytes()))  # type: ignore[attr-defined]


def codec_megabytes(codec_name: str, path: Path, threads: int) -> float | None:
    """How much encoding and decoding an image adds to the peak memory of a fresh process that holds it.

    Returns:
        float | None: megabytes at the codec's middle quality, or None if it failed.
    """
    qualities = CODECS[codec_name].qualities
    context = multiprocessing.get_context("spawn")
    receive, send = context.Pipe(duplex=False)
    args = (codec_name, path, qualities[len(qualities) // 2], threads, send)
    process = context.Process(target=_memory_worker, args=args)
    process.start()
    send.close()
    try:
        before, after = receive.recv()
    except EOFError:
        return None
    finally:
        process.join()
    return float(after - before)
