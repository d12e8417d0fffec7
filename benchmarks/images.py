"""The images of a folder that are measured on, as users have them: broken ones are named and passed over."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import click
import numpy as np
from PIL import Image
from tqdm import tqdm

from benchmarks.metrics import Pixels
from codec.images.pillow_compat import shallow

SUFFIXES = frozenset([".avif", ".bmp", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"])


def shown(path: Path) -> str:
    """A file's name as text that any report can hold, also if it is not UTF-8."""
    return click.format_filename(path.name)


def read_pixels(path: Path) -> Pixels:
    """RGB pixels of an image, uint8 (H, W, 3)."""
    with Image.open(path) as image:
        return np.asarray(shallow(image).convert("RGB"))


def pixel_digest(pixels: Pixels) -> str:
    """Short hash of an image's size and pixels."""
    return hashlib.sha256(repr(pixels.shape).encode() + np.ascontiguousarray(pixels).tobytes()).hexdigest()[:16]


def find_images(folder: Path, most: int | None = None) -> dict[Path, str]:
    """Images directly in a folder, by name, with a digest of their pixels.

    Hidden files are left out. Those that cannot be read, and of equal ones all but the first, are named on stderr and
    left out.

    Args:
        folder: where to look.
        most: no more than this many.

    Raises:
        FileNotFoundError: there is none that can be read.
    """
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.suffix.lower() not in SUFFIXES:
            continue
        if len(found) == most:
            break
        try:
            digest = pixel_digest(read_pixels(path))
        except Exception as error:  # what a broken image raises is not documented
            tqdm.write(f"{shown(path)}: cannot be read, left out: {error}", file=sys.stderr)
            continue
        first = found.setdefault(digest, path)
        if first != path:
            tqdm.write(f"{shown(path)}: the same pixels as {shown(first)}, left out", file=sys.stderr)
    if not found:
        raise FileNotFoundError(f"no readable images in {click.format_filename(folder)}")
    return {path: digest for digest, path in found.items()}


def images_or_usage_error(folder: Path, most: int | None = None) -> list[Path]:
    """Paths of :func:`find_images`, for commands.

    Raises:
        click.UsageError: there is none.
    """
    try:
        return list(find_images(folder, most))
    except OSError as error:
        raise click.UsageError(str(error)) from error
