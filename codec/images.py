"""Opening pictures with Pillow as a program must that does not know who made them."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import BinaryIO

from PIL import Image

# They run other programs, or are mere stubs without a reader.
_EXCLUDED = {"EPS", "WMF", "BUFR", "GRIB", "HDF5", "MPEG", "FITS", "LMC"}
# fmt: off
_SUFFIXES = [
    ".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".avif", ".avifs", ".tif",
    ".tiff", ".bmp", ".dib", ".gif", ".ppm", ".pgm", ".pbm", ".pnm", ".jp2", ".j2k",
    ".jpx", ".tga", ".ico", ".pcx", ".dds", ".sgi", ".heic", ".heif", ".jxl", ".qoi",
    ".psd",
]
# fmt: on
_limit = threading.Lock()


def open_image(file: Path | BinaryIO, formats: tuple[str, ...] | None = None) -> Image.Image:
    """Pillow's ``open`` without its limit on pixels: callers check sizes before anything is decoded.

    Args:
        file: a path or a binary file.
        formats: Pillow's names of those allowed; None allows all that read by themselves.
    """
    if formats is None:
        Image.init()
        formats = tuple(name for name in Image.ID if name not in _EXCLUDED)
    with _limit:
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            return Image.open(file, formats=formats)
        finally:
            Image.MAX_IMAGE_PIXELS = limit


def as_rgb(image: Image.Image) -> Image.Image:
    """A picture for people to look at: 8 bits, RGB, on white where it is transparent."""
    if image.mode == "I;16":
        image = image.point(lambda value: value / 257).convert("L")
    if "A" in image.getbands():
        ground = Image.new("RGBA", image.size, "white")
        ground.alpha_composite(image.convert("RGBA"))
        image = ground
    return image.convert("RGB")


def readable_suffixes() -> set[str]:
    """Suffixes of pictures, lower-case, for finding them in folders."""
    known = Image.registered_extensions()
    return {suffix for suffix in _SUFFIXES if known.get(suffix) in Image.OPEN}
