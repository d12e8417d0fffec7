"""The images that these measurements are made on: those that the embedding's head was not trained on."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sized
from pathlib import Path

import click
from PIL import Image
from tqdm import tqdm

from benchmarks.images import shown
from codec.images.pillow_compat import shallow
from codec.training.split import HEAD_EVERY, HEAD_TURN, find_images, split_validation


def split(folder: Path) -> tuple[list[Path], list[Path]]:
    """Images below a folder that the head was trained on, and those held out.

    Raises:
        click.UsageError: there is none, or the folder cannot be read.
    """
    try:
        return split_validation(find_images(folder), HEAD_EVERY, HEAD_TURN)
    except OSError as error:
        raise click.UsageError(str(error)) from error


def spread(paths: list[Path], most: int) -> list[Path]:
    """So many of them at most, evenly spread."""
    count = min(most, len(paths))
    return [paths[i * len(paths) // count] for i in range(count)]


def read_all(paths: Iterable[Path], side: int | None = None) -> Iterator[Image.Image]:
    """Images as :func:`read` gives them; those that cannot be read are named on stderr and left out."""
    for path in paths:
        try:
            yield read(path, side)
        except Exception as error:  # what a broken image raises is not documented
            tqdm.write(f"{shown(path)}: cannot be read, left out: {error}", file=sys.stderr)


def require(pictures: Sized, least: int, what: str) -> None:
    """Refuse to measure on too few images, before it takes any time.

    Raises:
        click.UsageError: there are fewer than ``least``.
    """
    if len(pictures) < least:
        raise click.UsageError(f"{len(pictures)} {what}, at least {least} are needed")


def read(path: Path, side: int | None = None) -> Image.Image:
    """An image in RGB, made smaller to ``side`` pixels a side at most."""
    with Image.open(path) as image:
        picture = shallow(image).convert("RGB")
    if side is not None:
        picture.thumbnail((side, side))
    return picture
