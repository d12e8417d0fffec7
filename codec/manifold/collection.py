"""Many pictures through one function: which they are, several at a time, one that fails not stopping the others."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import TypeVar

from codec.images import readable_suffixes

T = TypeVar("T")
CODED_SUFFIX = ".lmc"


def find_pictures(paths: Iterable[Path]) -> list[Path]:
    """Files named, and the pictures in folders and those below, coded or not, sorted by name within a folder.

    Raises:
        FileNotFoundError: one is not there.
    """
    known = readable_suffixes() | {CODED_SUFFIX}
    found: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            inside = (Path(top) / name for top, _, names in os.walk(path) for name in names)
            found |= dict.fromkeys(sorted(p for p in inside if p.suffix.lower() in known and not _hidden(p)))
        elif path.exists():
            found[path] = None
        else:
            raise FileNotFoundError(2, os.strerror(2), str(path))
    return list(found)


def _hidden(path: Path) -> bool:
    return path.name.startswith(".")


def each(paths: Iterable[Path], function: Callable[[Path], T], jobs: int = 1) -> Iterator[tuple[Path, T | Exception]]:
    """Results, or the errors instead, in the order of the paths; only a few are worked on ahead.

    Args:
        paths: pictures.
        function: safe to call from threads.
        jobs: calls at a time.
    """
    waiting: list[tuple[Path, Future[T]]] = []
    remaining = iter(paths)
    with ThreadPoolExecutor(jobs) as pool:
        try:
            while True:
                for path in islice(remaining, 2 * jobs - len(waiting)):
                    waiting.append((path, pool.submit(function, path)))
                if not waiting:
                    return
                path, future = waiting.pop(0)
                try:
                    result: T | Exception = future.result()
                except Exception as error:  # whatever a picture fails with, the others go on
                    result = error
                yield path, result
        finally:
            for _, future in waiting:
                future.cancel()
