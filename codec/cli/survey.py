"""Looking at many pictures with a bar, where one that cannot be read is named and does not stop the rest."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import click

from codec.cli.common import complain
from codec.util.progress import Progress

T = TypeVar("T")


def survey(pictures: Sequence[Path], look: Callable[[Path, Progress], T], jobs: int) -> tuple[dict[Path, T], int]:
    """What ``look`` tells of each picture that it can read, in their order, and how many it cannot.

    Args:
        pictures: files.
        look: safe to call from threads, see :func:`codec.manifold.collection.each`.
        jobs: calls at a time.
    """
    from codec.manifold.collection import each

    found: dict[Path, T] = {}
    with click.progressbar(length=len(pictures), file=sys.stderr, show_pos=True, hidden=not sys.stderr.isatty()) as bar:
        for path, result in each(pictures, look, jobs):
            if isinstance(result, Exception):
                complain(path, result)
            else:
                found[path] = result
            bar.update(1)
    return found, len(pictures) - len(found)
