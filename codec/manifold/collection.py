"""Many images through one function: which they are, several at a time, one that fails not stopping the others."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import TypeVar

from codec.decoding.streams import SUFFIX
from codec.images.pillow_compat import readable_suffixes
from codec.util.files import find_files
from codec.util.progress import Progress, Watch

T = TypeVar("T")


def image_files(paths: Iterable[Path]) -> list[Path]:
    """Files named, and the images in folders and those below, coded or not, sorted in each; but hidden ones.

    Raises:
        FileNotFoundError: one is not there.
        OSError: a folder cannot be read.
    """
    known = readable_suffixes() | {SUFFIX}
    found: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            found |= dict.fromkeys(sorted(p for p in find_files(path) if p.suffix.lower() in known))
        elif path.exists():
            found[path] = None
        else:
            raise FileNotFoundError(2, os.strerror(2), str(path))
    return list(found)


def without_copies(images: list[Path]) -> list[Path]:
    """Images without the files that ``codec compress`` put beside them: ``a.lmc`` or ``a.png.lmc`` of ``a.png``."""
    places = [absolute(path) for path in images]
    plain = {place for place in places if place.suffix.lower() != SUFFIX}
    originals = {str(place.with_suffix("")) for place in plain} | {str(place) for place in plain}
    return [
        path
        for path, place in zip(images, places, strict=True)
        if place in plain or str(place.with_suffix("")) not in originals
    ]


def absolute(path: Path) -> Path:
    """From the root and without detours; links are not followed, so that what is found by them stays where it is."""
    return Path(os.path.normpath(path.absolute()))


def each(
    paths: Iterable[Path], function: Callable[[Path, Progress], T], jobs: int = 1
) -> Iterator[tuple[Path, T | Exception]]:
    """Results, or the errors instead, in the order of the paths; only a few are worked on ahead.

    Args:
        paths: images.
        function: safe to call from threads; the progress that it is given to call raises an error, and so stops it,
            once nobody wants the results.
        jobs: calls at a time.
    """
    watch = Watch()
    waiting: list[tuple[Path, Future[T]]] = []
    remaining = iter(paths)
    with ThreadPoolExecutor(jobs) as pool:
        try:
            while True:
                for path in islice(remaining, 2 * jobs - len(waiting)):
                    waiting.append((path, pool.submit(function, path, watch)))
                if not waiting:
                    return
                path, future = waiting.pop(0)
                try:
                    result: T | Exception = future.result()
                except Exception as error:  # whatever an image fails with, the others go on
                    result = error
                yield path, result
        finally:
            watch.stop()
            for _, future in waiting:
                future.cancel()
