"""Metadata of Pillow's images."""

from __future__ import annotations

import os
import re

from PIL import Image, ImageFile

from bitstream.boxes import Metadata
from codec.images.exif import read, upright
from codec.images.metadata import EXIF_PREFIX

_XMP_ORIENTATION = re.compile(rb"(tiff:Orientation\s*(?:=\s*[\"']|>)\s*)[2-8]")
# What describes an image rather than how a file stores it.
_DESCRIPTIVE = (0x010E, 0x010F, 0x0110, 0x0131, 0x0132, 0x013B, 0x8298)
_PARTS = (0x8769, 0x8825)
_RESOLUTION = (0x011A, 0x011B)
_RESOLUTION_UNIT = 0x0128
_INCH = 2
_UNITS = {_INCH: 1.0, 3: 2.54}
"""Units an inch; of other numbers the resolution is but the shape of a pixel."""
_MOST_DPI = 65_535
"""As much as JPEG can say."""
_UNKNOWN_DPI = 72
"""What EXIF takes the resolution for if nobody knows it."""
_GAMMA = 1 / 2.2
_PRIMARIES = (0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)
"""White, red, green and blue of sRGB, x and y."""


def image_metadata(image: Image.Image) -> Metadata:
    """Metadata of a Pillow image, any orientation in it made upright."""
    # Tags of TIFF may be of any type.
    icc, exif = (
        found if isinstance(found := image.info.get(name), bytes) else None for name in ("icc_profile", "exif")
    )
    xmp = image.info.get("xmp", image.info.get("XML:com.adobe.xmp"))
    if isinstance(xmp, str):
        xmp = xmp.encode()
    if not exif and isinstance(image, ImageFile.ImageFile):
        exif = _described(image)
    exif = exif or _with_resolution(image)
    while exif and exif.startswith(EXIF_PREFIX):  # there are files with two
        exif = exif.removeprefix(EXIF_PREFIX)
    return Metadata(
        icc=icc or None,
        exif=(upright(exif) or None) if exif else None,
        xmp=_XMP_ORIENTATION.sub(rb"\g<1>1", xmp) if isinstance(xmp, bytes) and xmp else None,
    )


def _described(image: Image.Image) -> bytes | None:
    """EXIF made of the tags of formats that keep them elsewhere, such as TIFF, whose own say how pixels are stored."""
    try:
        found, kept = image.getexif(), Image.Exif()
        for tag in _DESCRIPTIVE + ((*_RESOLUTION, _RESOLUTION_UNIT) if _resolution(image) else ()):
            if tag in found:
                kept[tag] = found[tag]
        for part in _PARTS:
            if part in found:
                kept.get_ifd(part).update(found.get_ifd(part))
        return kept.tobytes() if len(kept) or any(kept.get_ifd(part) for part in _PARTS) else None
    except Exception:  # of tags of odd types, and what it raises is not documented
        return None


def _resolution(image: Image.Image) -> tuple[float, float] | None:
    """Pixels an inch, across and down; None if nothing is said, or no more than that nobody knows."""
    found = image.info.get("dpi")
    try:
        across, down = (float(value) for value in found)  # type: ignore[union-attr]
    except (TypeError, ValueError):
        return None
    if not (min(across, down) > 1 and max(across, down) <= _MOST_DPI):  # TIFF is full of ones
        return None
    return (across, down) if {round(across), round(down)} != {_UNKNOWN_DPI} else None


def _with_resolution(image: Image.Image) -> bytes | None:
    """EXIF that says nothing but the resolution of an image, if it has one."""
    resolution = _resolution(image)
    if resolution is None:
        return None
    exif = Image.Exif()
    for tag, value in zip(_RESOLUTION, resolution, strict=True):
        exif[tag] = round(value, 3)
    exif[_RESOLUTION_UNIT] = _INCH
    return exif.tobytes()


def exif_resolution(exif: bytes) -> tuple[float, float] | None:
    """Pixels an inch, across and down, as EXIF says it; None if it does not."""
    found = read(exif)
    try:
        if found is None:
            return None
        per_inch = _UNITS[found.get(_RESOLUTION_UNIT, _INCH)]
        across, down = (per_inch * float(found[tag]) for tag in _RESOLUTION)
    except Exception:  # of tags that are not there or of odd types, and what it raises is not documented
        return None
    return (across, down) if min(across, down) > 0 and max(across, down) <= _MOST_DPI else None


def lost_descriptions(image: Image.Image, metadata: Metadata) -> list[str]:
    """What describes an image and is not kept: texts of PNG, comments, a resolution that its EXIF does not have."""
    notes = []
    texts = {name for name in getattr(image, "text", {}) if name != "XML:com.adobe.xmp"}
    if "comment" in image.info:
        texts.add("comment")
    if texts:
        notes.append(f"texts are not kept: {', '.join(sorted(texts))}")
    # Pillow makes one up from EXIF where JPEG has none of its own, and takes one number for both directions.
    resolution = None if image.format == "JPEG" and "jfif_density" not in image.info else _resolution(image)
    if resolution is not None and metadata.exif:
        kept = exif_resolution(metadata.exif)
        if kept is None or any(abs(a - b) > 0.5 for a, b in zip(resolution, kept, strict=True)):
            notes.append(f"the resolution of {resolution[0]:g} x {resolution[1]:g} dpi is not kept")
    return notes


def lost_colour_space(image: Image.Image) -> list[str]:
    """What a PNG says of its colours other than by an ICC profile, if that is not sRGB; to be asked before the pixels
    are loaded."""
    if image.format != "PNG" or image.info.get("icc_profile"):
        return []
    space = _coding_points(image)
    if space is not None:
        return [] if space[:2] == _SRGB_POINTS else [f"the colour space is not kept: cICP {space[0]}, {space[1]}"]
    if isinstance(image.info.get("srgb"), int):  # a text may have that name
        return []
    said = []
    gamma, primaries = image.info.get("gamma"), image.info.get("chromaticity")
    if isinstance(gamma, float) and abs(gamma - _GAMMA) > 0.01:
        said.append(f"gamma {gamma:g}")
    if isinstance(primaries, tuple) and max(abs(a - b) for a, b in zip(primaries, _PRIMARIES, strict=True)) > 0.005:
        said.append("primaries")
    return [f"the colour space is not kept, pixels are taken as sRGB: {' and '.join(said)} of the PNG"] if said else []


_SRGB_POINTS = (1, 13)
"""Primaries and transfer function of sRGB, by the numbers of ITU-T H.273."""


def _coding_points(image: Image.Image) -> tuple[int, int] | None:
    """Primaries and transfer function of a PNG's cICP chunk, which Pillow passes over; None if there is none."""
    file = getattr(image, "fp", None)
    if file is None:
        return None
    place = file.tell()
    try:
        file.seek(8)
        while len(head := file.read(8)) == 8 and head[4:] != b"IDAT":
            length = int.from_bytes(head[:4], "big")
            if head[4:] == b"cICP":
                found = file.read(min(length, 2))
                return (found[0], found[1]) if len(found) == 2 else None
            file.seek(length + 4, os.SEEK_CUR)
    finally:
        file.seek(place)
    return None
