"""The pictures that these measurements are made on: those that the embedding's head was not trained on."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from codec.images import shallow
from codec.training.split import HEAD_EVERY, HEAD_TURN, find_images, split_validation


def split(folder: Path) -> tuple[list[Path], list[Path]]:
    """Pictures below a folder that the head was trained on, and those held out."""
    return split_validation(find_images(folder), HEAD_EVERY, HEAD_TURN)


def spread(paths: list[Path], most: int) -> list[Path]:
    """So many of them at most, evenly spread."""
    count = min(most, len(paths))
    return [paths[i * len(paths) // count] for i in range(count)]


def read(path: Path, side: int | None = None) -> Image.Image:
    """A picture in RGB, made smaller to ``side`` pixels a side at most."""
    with Image.open(path) as image:
        picture = shallow(image).convert("RGB")
    if side is not None:
        picture.thumbnail((side, side))
    return picture
