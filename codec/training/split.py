"""Which images of some folders are trained on, and which are held out."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from codec.util.files import find_files

SUFFIXES = frozenset([".avif", ".bmp", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"])
HEAD_EVERY, HEAD_TURN = 4, 1
"""The embedding's head is trained without one image in four. How to train it was chosen on those of turn 0, and it is
measured on those of turn 1, see :func:`split_validation`."""


def find_images(*folders: Path) -> list[Path]:
    """All images below some folders, in a fixed order, but hidden ones.

    Raises:
        FileNotFoundError: one of the folders has none.
        OSError: a folder cannot be read.
    """
    found: list[Path] = []
    for folder in folders:
        paths = sorted(path for path in find_files(folder) if path.suffix.lower() in SUFFIXES)
        if not paths:
            raise FileNotFoundError(f"no images below {os.fsdecode(folder)}")
        found += paths
    return found


def split_validation(paths: list[Path], every: int = 64, turn: int = 0) -> tuple[list[Path], list[Path]]:
    """Hold out about one image in ``every``, chosen by its name, for validation.

    By name, so that adding images never moves one from one side to the other.

    Args:
        paths: the images.
        every: one in so many.
        turn: which, 0 to ``every - 1``; no two turns hold out the same.

    Returns:
        tuple[list[Path], list[Path]]: for training, for validation.
    """
    held_out = {p for p in paths if int(hashlib.sha256(os.fsencode(p.name)).hexdigest(), 16) % every == turn}
    return [p for p in paths if p not in held_out], [p for p in paths if p in held_out]
