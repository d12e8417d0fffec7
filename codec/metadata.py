"""Metadata between Pillow's pictures and a file's boxes."""

from __future__ import annotations

import struct

from PIL import Image

from bitstream.boxes import Metadata

EXIF_PREFIX = b"Exif\0\0"
ORIENTATION = 0x0112


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
            if tag == ORIENTATION and kind == 3:
                return exif[: entry + 8] + struct.pack(order + "H", 1) + exif[entry + 10 :]
    except struct.error:
        pass
    return exif


def of_image(image: Image.Image) -> Metadata:
    """Metadata of a Pillow image, its orientation made upright."""
    exif, xmp = image.info.get("exif"), image.info.get("xmp", image.info.get("XML:com.adobe.xmp"))
    if isinstance(xmp, str):
        xmp = xmp.encode()
    return Metadata(
        icc=image.info.get("icc_profile") or None,
        exif=upright(exif.removeprefix(EXIF_PREFIX)) if exif else None,
        xmp=xmp or None,
    )


def to_info(metadata: Metadata) -> dict[str, bytes]:
    """Entries of a Pillow image's ``info``, which are its writers' options as well."""
    exif = EXIF_PREFIX + metadata.exif if metadata.exif else None
    entries = {"icc_profile": metadata.icc, "exif": exif, "xmp": metadata.xmp}
    return {name: data for name, data in entries.items() if data}
