"""Decoded pictures to Pillow images and to files of any format that Pillow writes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bitstream.boxes import Form, Metadata
from bitstream.errors import ImageError
from codec.images import exif, png, pnm
from codec.images import metadata as metadata_of

Strips = Iterable[tuple[int, NDArray[Any]]]
"""Row of the picture at which each part begins, and its pixels, (h, W, components), from top to bottom."""

_GOOD_JPEG = {"quality": 95, "subsampling": 0}
_FORMATS = ("PNG", "JPEG", "WEBP", "AVIF", "TIFF", "BMP", "GIF", "PPM", "JPEG2000", "TGA", "ICO", "HEIF", "JXL")
_KEEPS = {
    "PNG": ("icc_profile", "exif", "xmp"),
    "JPEG": ("icc_profile", "exif", "xmp"),
    "WEBP": ("icc_profile", "exif", "xmp"),
    "AVIF": ("icc_profile", "exif", "xmp"),
    "TIFF": ("icc_profile",),
}
"""Metadata that each format is written with, by the names of Pillow's options."""
_JPEG_SEGMENT = 65_000
_JPEG_PROFILE = 255 * 65_519
"""It may be spread over so many segments, numbered by a byte."""
_OPAQUE = ("JPEG", "PPM", "BMP", "GIF")
"""Formats without transparency, or with all or nothing of it; Pillow's writers of most drop it without a word."""
_MAX_ICON = 256


def writable_suffixes() -> dict[str, str]:
    """Formats that can be written, by lower-case suffix."""
    formats = Image.registered_extensions()
    known = {suffix: name for suffix, name in formats.items() if name in Image.SAVE and name in _FORMATS}
    return {suffix: name for suffix, name in known.items() if suffix not in (".pbm", ".pfm")}


def format_of(suffix: str, form: Form) -> str:
    """Pillow's name of the format that a lower-case suffix stands for.

    Raises:
        ImageError: it is not for such pixels.
    """
    if suffix == ".pgm" and form.components == 3:
        raise ImageError("cannot be written as .pgm, which is gray: .ppm holds colours")
    return writable_suffixes()[suffix]


def to_array(strips: Strips, width: int, height: int, form: Form, alpha: NDArray[Any] | None) -> NDArray[Any]:
    """All pixels as an array.

    Returns:
        NDArray: uint8 or uint16, (H, W) for gray, else (H, W, C), the last channel being transparency if any.
    """
    channels = form.components + (alpha is not None)
    pixels = np.empty((height, width, channels), f"u{form.depth // 8}")
    for top, strip in strips:
        pixels[top : top + len(strip), :, : form.components] = strip
    if alpha is not None:
        pixels[:, :, -1] = alpha
    return pixels[:, :, 0] if channels == 1 else pixels


def to_image(
    strips: Strips, width: int, height: int, form: Form, alpha: NDArray[Any] | None, metadata: Metadata
) -> Image.Image:
    """A Pillow image: L, LA, RGB, RGBA, or I;16 for gray of 16 bits; Pillow has no more for other wide pixels."""
    if form == Form(1, 16) and alpha is None:
        image = Image.fromarray(to_array(strips, width, height, form, alpha))
    else:
        made: Image.Image | None = None
        for top, strip in strips:
            rows = _eight_bits(strip)
            part = Image.fromarray(rows.squeeze(2) if form.components == 1 else rows)
            if part.size == (width, height):
                made = part
                continue
            if made is None:
                made = Image.new(part.mode, (width, height))
            made.paste(part, (0, top))
        assert made is not None  # no side is zero
        image = made
        if alpha is not None:
            image.putalpha(Image.fromarray(_eight_bits(alpha)))
    image.info.update(metadata_of.to_info(metadata))
    return image


def _eight_bits(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    if pixels.dtype == np.uint8:
        return pixels
    return ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)


def write(
    file: BinaryIO,
    format_name: str,
    strips: Strips,
    width: int,
    height: int,
    form: Form,
    alpha: NDArray[Any] | None,
    metadata: Metadata,
) -> list[str]:
    """Write a picture.

    Args:
        file: to write to.
        format_name: Pillow's name of the format.
        strips: the pixels.
        width: of the picture.
        height: of the picture.
        form: of the pixels.
        alpha: transparency, (H, W), or None.
        metadata: written as far as the format can hold it.

    Returns:
        list[str]: what the format could not hold, for people to read.

    Raises:
        ImageError: the format cannot hold the picture.
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
        rows = png.Writer(file, width, height, channels, form.depth, metadata)
        for top, strip in strips:
            rows.write(strip if alpha is None else np.dstack([strip, alpha[top : top + len(strip)]]))
        rows.finish()
        return notes
    image = to_image(strips, width, height, form, alpha, Metadata())
    if form.depth == 16 and image.mode != "I;16":
        notes.append(f"16 bits of {image.mode} were cut to 8; .png and .ppm hold them")
    if image.mode == "I;16" and format_name != "TIFF":
        image = Image.fromarray(_eight_bits(np.asarray(image).astype(np.uint16)))
        notes.append(f"16 bits were cut to 8: {format_name} holds no more")
    if format_name == "GIF" and image.mode != "L":
        notes.append("colours were cut to 256: GIF holds no more")
    try:
        image.save(file, format=format_name, **options)
    except (OSError, ValueError, KeyError) as error:
        if getattr(error, "errno", None) is not None:  # of the system, such as a full disk
            raise
        raise ImageError(f"cannot be written as {format_name}: {error}") from error
    return notes


def _options(format_name: str, form: Form, metadata: Metadata) -> tuple[dict[str, Any], list[str]]:
    """Options of Pillow's writer, and what of the metadata it leaves out."""
    options: dict[str, Any] = {}
    notes = []
    for name, data in metadata_of.to_info(metadata).items():
        if name not in _KEEPS.get(format_name, ()):
            notes.append(f"{name} is not written to {format_name}")
        elif name == "exif" and format_name == "AVIF" and not exif.is_rewritable(data):
            notes.append("exif cannot be read, and AVIF's writer would have to")
        elif name == "icc_profile" and format_name == "JPEG" and len(data) > _JPEG_PROFILE:
            notes.append(f"an ICC profile of {len(data)} bytes does not fit into JPEG")
        elif format_name == "JPEG" and name != "icc_profile" and len(data) > _JPEG_SEGMENT:
            notes.append(f"{name} of {len(data)} bytes does not fit into JPEG")
        elif name == "icc_profile" and format_name == "PNG" and not metadata_of.fits(data, form.components):
            notes.append("the ICC profile is of another colour space than a PNG of these pixels may have")
        else:
            options[name] = data
    if format_name == "JPEG":
        options |= _GOOD_JPEG
    elif format_name in ("WEBP", "AVIF"):
        options["quality"] = 95
    elif format_name == "TIFF":
        options["compression"] = "tiff_adobe_deflate"
    return options, notes
