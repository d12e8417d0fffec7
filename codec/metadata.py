"""Metadata between Pillow's pictures and a file's boxes."""

from __future__ import annotations

import re
import struct

from PIL import Image, ImageFile

from bitstream.boxes import Metadata

EXIF_PREFIX = b"Exif\0\0"
ORIENTATION = 0x0112


_INTEGERS = {1: "B", 3: "H", 4: "I"}
"""Types of a TIFF field that may hold an orientation."""
_XMP_ORIENTATION = re.compile(rb"(tiff:Orientation\s*(?:=\s*[\"']|>)\s*)[2-8]")
# What describes a picture rather than how a file stores it.
_DESCRIPTIVE = (0x010E, 0x010F, 0x0110, 0x0131, 0x0132, 0x013B, 0x8298)
_PARTS = (0x8769, 0x8825)
_SPACES = {1: b"GRAY", 3: b"RGB "}


def upright(exif: bytes) -> bytes:
    """The same EXIF, its orientation set to upright; all else stays byte for byte.

    Args:
        exif: a TIFF structure.

    Returns:
        bytes: of the same length; what is no TIFF structure comes back as it is.
    """
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4])
    if order is None:
        return exif
    try:
        (at,) = struct.unpack_from(order + "I", exif, 4)
        (count,) = struct.unpack_from(order + "H", exif, at)
        for entry in range(at + 2, at + 2 + 12 * count, 12):
            tag, kind = struct.unpack_from(order + "HH", exif, entry)
            if tag == ORIENTATION and kind in _INTEGERS:
                value = struct.pack(order + _INTEGERS[kind], 1)
                return exif[: entry + 8] + value + exif[entry + 8 + len(value) :]
    except struct.error:
        pass
    return exif


def of_image(image: Image.Image) -> Metadata:
    """Metadata of a Pillow image, any orientation in it made upright."""
    exif, xmp = image.info.get("exif"), image.info.get("xmp", image.info.get("XML:com.adobe.xmp"))
    if isinstance(xmp, str):
        xmp = xmp.encode()
    if not exif and isinstance(image, ImageFile.ImageFile):
        exif = _described(image)
    return Metadata(
        icc=image.info.get("icc_profile") or None,
        exif=upright(exif.removeprefix(EXIF_PREFIX)) if exif else None,
        xmp=_XMP_ORIENTATION.sub(rb"\g<1>1", xmp) if xmp else None,
    )


def _described(image: Image.Image) -> bytes | None:
    """EXIF made of the tags of formats that keep them elsewhere, such as TIFF, whose own say how pixels are stored."""
    found, kept = image.getexif(), Image.Exif()
    for tag in _DESCRIPTIVE:
        if tag in found:
            kept[tag] = found[tag]
    for part in _PARTS:
        if part in found:
            kept.get_ifd(part).update(found.get_ifd(part))
    try:
        return kept.tobytes() if len(kept) or any(kept.get_ifd(part) for part in _PARTS) else None
    except (struct.error, TypeError, ValueError, KeyError):  # tags of odd types
        return None


def fits(icc: bytes, components: int) -> bool:
    """Whether an ICC profile is not known to be of another colour space."""
    return icc[36:40] != b"acsp" or icc[16:20] == _SPACES[components]


def to_info(metadata: Metadata) -> dict[str, bytes]:
    """Entries of a Pillow image's ``info``, which are its writers' options as well."""
    exif = EXIF_PREFIX + metadata.exif if metadata.exif else None
    entries = {"icc_profile": metadata.icc, "exif": exif, "xmp": metadata.xmp}
    return {name: data for name, data in entries.items() if data}
