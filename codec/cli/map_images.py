"""Looking at many images with a bar, where one that cannot be read is named and does not stop the rest."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import click

from codec.cli.common import report_error
from codec.util.progress import Progress

T = TypeVar("T")


def map_images(images: Sequence[Path], look: Callable[[Path, Progress], T], jobs: int) -> tuple[dict[Path, T], int]:
    """Results of ``look`` for each image that it can read, in their order, and the number of those that it cannot.

    Args:
        images: files.
        look: safe to call from threads, see :func:`codec.manifold.collection.each`.
        jobs: calls at a time.
    """
    from codec.manifold.collection import each

    found: dict[Path, T] = {}
    with click.progressbar(length=len(images), file=sys.stderr, show_pos=True, hidden=not sys.stderr.isatty()) as bar:
        for path, result in each(images, look, jobs):
            if isinstance(result, Exception):
                report_error(path, result)
            else:
                found[path] = result
            bar.update(1)
    return found, len(images) - len(found)
