"""Opening images with Pillow as a program must that does not know who made them; and what its readers leave unsaid."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, UnidentifiedImageError

from codec.images import plugins
from codec.util.fork import after_fork_in_child

# They run other programs, or are mere stubs without a reader.
_EXCLUDED = {"EPS", "WMF", "BUFR", "GRIB", "HDF5", "MPEG", "FITS", "LMC"}
# fmt: off
_SUFFIXES = [
    ".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".webp", ".avif", ".avifs", ".tif",
    ".tiff", ".bmp", ".dib", ".gif", ".ppm", ".pgm", ".pbm", ".pnm", ".jp2", ".j2k",
    ".jpx", ".tga", ".ico", ".pcx", ".dds", ".sgi", ".heic", ".heif", ".jxl", ".qoi",
    ".psd",
]
# fmt: on
_lock = threading.Lock()
_users, _limit = 0, Image.MAX_IMAGE_PIXELS


@contextmanager
def without_limit() -> Iterator[None]:
    """Pillow's limit on pixels lifted, as callers check sizes before anything is decoded.

    It is the limit of the whole process, so this must not last longer than it has to.
    """
    global _users, _limit
    with _lock:
        if not _users:
            _limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        _users += 1
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if not _users and Image.MAX_IMAGE_PIXELS is None:  # else somebody has set another meanwhile
                Image.MAX_IMAGE_PIXELS = _limit


def _after_fork() -> None:
    """Renew lock and limit in a forked child, where threads that held the one or lifted the other do not exist."""
    global _lock, _users
    _lock = threading.Lock()
    if _users:
        _users, Image.MAX_IMAGE_PIXELS = 0, _limit


after_fork_in_child(_after_fork)


def open_image(file: Path | BinaryIO, formats: tuple[str, ...] | None = None) -> Image.Image:
    """Pillow's ``open`` without its limit on pixels: callers check sizes before anything is decoded.

    Args:
        file: a path or a binary file.
        formats: Pillow's names of those allowed; None allows all that read by themselves.
    """
    if formats is not None:
        with without_limit():
            return Image.open(file, formats=formats)
    try:
        with without_limit():
            return Image.open(file, formats=_all_formats())
    except UnidentifiedImageError:
        if not plugins.load():
            raise
        if not isinstance(file, Path):
            file.seek(0)
        with without_limit():
            return Image.open(file, formats=_all_formats())


def _all_formats() -> tuple[str, ...]:
    Image.init()
    return tuple(name for name in Image.ID if name not in _EXCLUDED)


@contextmanager
def _allowing(width: int, height: int) -> Iterator[None]:
    """Pillow's limit lifted if it would refuse so many pixels, or if somebody has lifted it and may set it again."""
    limit = Image.MAX_IMAGE_PIXELS
    if limit is not None and width * height <= limit:
        yield
    else:
        with without_limit():
            yield


def load(image: Image.Image) -> None:
    """Pillow's ``load``, without the limit on pixels that some of its readers ask about once more."""
    with _allowing(*image.size):
        image.load()


def crop(image: Image.Image, box: tuple[int, int, int, int]) -> Image.Image:
    """Pillow's ``crop``, without the limit on pixels that it asks about, too."""
    with _allowing(box[2] - box[0], box[3] - box[1]):
        return image.crop(box)


def shallow(image: Image.Image) -> Image.Image:
    """An image of 8 bits a component, where Pillow's ``convert`` would cut off deeper gray at 255."""
    if image.mode != "I" and not image.mode.startswith("I;16"):
        return image
    levels = np.asarray(image).astype(np.int64).clip(0, 65_535)
    return Image.fromarray(((levels + 128) // 257).astype(np.uint8))


def as_rgb(image: Image.Image) -> Image.Image:
    """An image for people to look at: 8 bits, RGB, on white where it is transparent."""
    image = shallow(image)
    if "A" in image.getbands():
        ground = Image.new("RGBA", image.size, "white")
        ground.alpha_composite(image.convert("RGBA"))
        image = ground
    return image.convert("RGB")


def readable_suffixes() -> set[str]:
    """Suffixes of images, lower-case, for finding them in folders."""
    known = Image.registered_extensions() | {".mpo": "JPEG"}  # whose reader reads them
    return {suffix for suffix in _SUFFIXES if known.get(suffix) in Image.OPEN} | plugins.installed_suffixes()


_GRAY_LEVELS = {"L;2": 3, "L;4": 15}
"""Of what Pillow calls grays of fewer than 8 bits, the largest."""


def is_wide(image: Image.Image) -> bool:
    """Whether a reader of Pillow says it cuts pixels to 8 bits: by a raw mode, or for pixmaps by their maximum."""
    if image.mode not in ("L", "LA", "RGB", "RGBA"):
        return False
    depth = image.info.get("bit_depth")  # of HEIC
    if isinstance(depth, int) and depth > 8 and image.format in ("HEIF", "AVIF"):
        return True
    for tile in getattr(image, "tile", ()):
        parts = tile[3] if isinstance(tile[3], tuple) else (tile[3],)
        if any(isinstance(part, str) and ";16" in part for part in parts[:2]):
            return True
        # Elsewhere a number may be anything, such as the length of a row.
        if image.format == "PPM" and any(isinstance(part, int) and part > 255 for part in parts[:2]):
            return True
    return False


def frame_count(image: Image.Image) -> tuple[int, bool]:
    """How many frames an image file has, at least, and whether all of them can be read."""
    try:
        return getattr(image, "n_frames", 1), True
    except Exception:  # readers of many formats, each with errors of its own
        image.seek(0)
        return 2, False


_FOUND = "_transparency_found"
"""Attribute of an image: its ``info["transparency"]``, and what that was on the scale of the pixels. Nothing else of a
caller's image is changed."""


def transparent_level(image: Image.Image) -> tuple[Any, bool]:
    """The level or colour that stands for transparency, on the scale of the pixels, and whether it is exact.

    Ask before the pixels are loaded: once they are, nothing says which scale ``image.info`` is on. If others loaded an
    image, or it is a copy, it is taken to be the pixels'.
    """
    told = image.info.get("transparency")
    found: tuple[Any, bool]
    before, found = getattr(image, _FOUND, (None, (None, True)))
    if told is None or told != before:
        found = _transparent_level(image)
        if found[0] != told:
            setattr(image, _FOUND, (told, found))
    return found


def _transparent_level(image: Image.Image) -> tuple[Any, bool]:
    clear, tile = image.info.get("transparency"), getattr(image, "tile", None)
    raw = tile[0][3] if tile and isinstance(tile[0][3], str) else ""
    if image.format != "PNG":
        return clear, True
    if isinstance(clear, int) and raw in _GRAY_LEVELS:  # pixels are scaled to 8 bits, this is not
        return clear * 255 // _GRAY_LEVELS[raw], True
    if isinstance(clear, tuple) and raw.startswith("RGB;16"):
        return tuple(level >> 8 for level in clear), False
    return clear, True
