"""Which pictures of a folder are trained on, and which are held out."""

from __future__ import annotations

import hashlib
from pathlib import Path

SUFFIXES = frozenset([".avif", ".bmp", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"])


def find_images(folder: Path) -> list[Path]:
    """All pictures below a folder, in a fixed order.

    Raises:
        FileNotFoundError: there is none.
    """
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES)
    if not paths:
        raise FileNotFoundError(f"no pictures below {folder}")
    return paths


def split_validation(paths: list[Path], every: int = 64) -> tuple[list[Path], list[Path]]:
    """Hold out about one picture in ``every``, chosen by its name, for validation.

    By name, so that adding pictures never moves one from one side to the other.

    Returns:
        tuple[list[Path], list[Path]]: for training, for validation.
    """
    held_out = {p for p in paths if int(hashlib.sha256(p.name.encode()).hexdigest(), 16) % every == 0}
    return [p for p in paths if p not in held_out], [p for p in paths if p in held_out]
