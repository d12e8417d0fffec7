"""Decoded images to Pillow images and to files of any format that Pillow writes."""

from __future__ import annotations

from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from bitstream.boxes import Metadata, PixelFormat
from bitstream.errors import ImageError
from codec.images import metadata as metadata_of
from codec.images import png, pnm
from codec.images.arrays import Strips

_GOOD_JPEG = {"quality": 95, "subsampling": 0}
_FORMATS = ("PNG", "JPEG", "WEBP", "AVIF", "TIFF", "BMP", "GIF", "PPM", "JPEG2000", "TGA", "ICO", "HEIF", "JXL")
_OWN = {".png": "PNG", ".ppm": "PPM", ".pgm": "PPM", ".pnm": "PPM"}
"""Suffixes of the formats that are written here, row by row."""
_KEEPS = {
    "PNG": ("icc_profile", "exif", "xmp"),
    "JPEG": ("icc_profile", "exif", "xmp"),
    "WEBP": ("icc_profile", "exif", "xmp"),
    "AVIF": ("icc_profile", "exif", "xmp"),
    "TIFF": ("icc_profile",),
}
"""Metadata that each format is written with, by the names of Pillow's options."""
_WITH_RESOLUTION = ("PNG", "JPEG", "TIFF", "BMP")
"""Formats that have a place of their own for pixels an inch; others have it in EXIF if they keep that."""
_JPEG_SEGMENT = 65_000
_JPEG_PROFILE = 255 * 65_519
"""It may be spread over so many segments, numbered by a byte."""
_OPAQUE = ("JPEG", "PPM", "BMP", "GIF")
"""Formats without transparency, or with all or nothing of it; Pillow's writers of most drop it without a word."""
_MAX_ICON = 256


def writable_suffixes() -> dict[str, str]:
    """Formats that can be written, by lower-case suffix."""
    from PIL import Image

    formats = Image.registered_extensions()
    known = {suffix: name for suffix, name in formats.items() if name in Image.SAVE and name in _FORMATS}
    return {suffix: name for suffix, name in known.items() if suffix not in (".pbm", ".pfm")} | _OWN


def is_writable(suffix: str) -> bool:
    """Whether a lower-case suffix is one of :func:`writable_suffixes`."""
    return suffix in _OWN or suffix in writable_suffixes()  # Pillow takes a while to tell


def format_for(suffix: str, form: PixelFormat) -> str:
    """Pillow's name of the format that a suffix stands for.

    Raises:
        ImageError: there is no such format, or it is not for such pixels.
    """
    suffix = suffix.lower()
    if suffix == ".pgm" and form.components == 3:
        raise ImageError("cannot be written as .pgm, which is gray: .ppm holds colours")
    if not is_writable(suffix):
        raise ImageError(f"cannot be written as {suffix!r}; known are {' '.join(sorted(writable_suffixes()))}")
    return _OWN[suffix] if suffix in _OWN else writable_suffixes()[suffix]


def write(
    file: BinaryIO,
    format_name: str,
    strips: Strips,
    width: int,
    height: int,
    form: PixelFormat,
    alpha: NDArray[Any] | None,
    metadata: Metadata,
) -> list[str]:
    """Write an image.

    Args:
        file: to write to.
        format_name: Pillow's name of the format.
        strips: the pixels.
        width: of the image.
        height: of the image.
        form: of the pixels.
        alpha: transparency, (H, W), or None.
        metadata: written as far as the format can hold it.

    Returns:
        list[str]: what the format could not hold, for people to read.

    Raises:
        ImageError: the format cannot hold the image.
    """
    if alpha is not None and format_name in _OPAQUE:
        if alpha.min() < (1 << form.depth) - 1:
            raise ImageError(f"cannot be written as {format_name}: .png and .webp hold transparency")
        alpha = None  # it is opaque all over
    if format_name == "ICO" and max(width, height) > _MAX_ICON:
        raise ImageError(f"cannot be written as ICO: {width} x {height} pixels, icons have {_MAX_ICON} a side at most")
    options, notes = _options(format_name, form, metadata)
    if format_name == "ICO":
        options["sizes"] = [(width, height)]
    if format_name == "PPM":
        writer = pnm.Writer(file, width, height, form.components, form.depth)
        for _, strip in strips:
            writer.write(strip)
        return notes
    if format_name == "PNG":
        channels = form.components + (alpha is not None)
        if "icc_profile" not in options:
            metadata = metadata.without_icc()
        rows = png.Writer(file, width, height, channels, form.depth, metadata, options.get("dpi"))
        for top, strip in strips:
            rows.write(strip if alpha is None else np.dstack([strip, alpha[top : top + len(strip)]]))
        rows.finish()
        return notes
    from codec.images import pillow_sink  # slow to import, and not needed for the formats above

    return notes + pillow_sink.save(file, format_name, strips, width, height, form, alpha, options)


def _options(format_name: str, form: PixelFormat, metadata: Metadata) -> tuple[dict[str, Any], list[str]]:
    """Options of Pillow's writer, and what of the metadata it leaves out."""
    options: dict[str, Any] = {}
    notes = []
    for name, data in metadata_of.to_info(metadata).items():
        if name not in _KEEPS.get(format_name, ()):
            notes.append(f"{name} is not written to {format_name}")
        elif name == "exif" and format_name == "AVIF" and not _is_rewritable(data):
            notes.append("exif cannot be read, and AVIF's writer would have to")
        elif name == "icc_profile" and format_name == "JPEG" and len(data) > _JPEG_PROFILE:
            notes.append(f"an ICC profile of {len(data)} bytes does not fit into JPEG")
        elif format_name == "JPEG" and name != "icc_profile" and len(data) > _JPEG_SEGMENT:
            notes.append(f"{name} of {len(data)} bytes does not fit into JPEG")
        elif name == "icc_profile" and format_name == "PNG" and not metadata_of.fits(data, form.components):
            notes.append("the ICC profile is of another colour space than a PNG of these pixels may have")
        else:
            options[name] = data
    resolution = _resolution(metadata)
    if resolution is not None:
        if format_name in _WITH_RESOLUTION:
            options["dpi"] = resolution
        elif "exif" not in options:
            notes.append(f"the resolution is not written to {format_name}")
    if format_name == "JPEG":
        options |= _GOOD_JPEG
    elif format_name in ("WEBP", "AVIF"):
        options["quality"] = 95
    elif format_name == "TIFF":
        options["compression"] = "tiff_adobe_deflate"
    return options, notes


def _resolution(metadata: Metadata) -> tuple[float, float] | None:
    """Pixels an inch, where EXIF says it."""
    if not metadata.exif:
        return None
    from codec.images.pillow_metadata import exif_resolution

    return exif_resolution(metadata.exif)


def _is_rewritable(data: bytes) -> bool:
    from codec.images.exif import is_rewritable

    return is_rewritable(data)
