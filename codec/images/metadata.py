"""Metadata by the names that Pillow's images and writers have for it."""

from __future__ import annotations

from bitstream.boxes import Metadata

EXIF_PREFIX = b"Exif\0\0"
"""What JPEG puts before the TIFF structure that EXIF is."""
_SPACES = {1: b"GRAY", 3: b"RGB "}


def fits(icc: bytes, components: int) -> bool:
    """Whether an ICC profile is not known to be of another colour space."""
    return icc[36:40] != b"acsp" or icc[16:20] == _SPACES[components]


def to_info(metadata: Metadata) -> dict[str, bytes]:
    """Entries of a Pillow image's ``info``, which are its writers' options as well."""
    exif = EXIF_PREFIX + metadata.exif if metadata.exif else None
    entries = {"icc_profile": metadata.icc, "exif": exif, "xmp": metadata.xmp}
    return {name: data for name, data in entries.items() if data}
