"""Metadata of Pillow's images."""

from __future__ import annotations

import re

from PIL import Image, ImageFile

from bitstream.boxes import Metadata
from codec.images.exif import upright
from codec.images.metadata import EXIF_PREFIX

_XMP_ORIENTATION = re.compile(rb"(tiff:Orientation\s*(?:=\s*[\"']|>)\s*)[2-8]")
# What describes an image rather than how a file stores it.
_DESCRIPTIVE = (0x010E, 0x010F, 0x0110, 0x0131, 0x0132, 0x013B, 0x8298)
_PARTS = (0x8769, 0x8825)


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
        for tag in _DESCRIPTIVE:
            if tag in found:
                kept[tag] = found[tag]
        for part in _PARTS:
            if part in found:
                kept.get_ifd(part).update(found.get_ifd(part))
        return kept.tobytes() if len(kept) or any(kept.get_ifd(part) for part in _PARTS) else None
    except Exception:  # of tags of odd types, and what it raises is not documented
        return None
