"""Metadata between Pillow's pictures and a file's boxes."""

from __future__ import annotations

import re
import struct

from PIL import Image, ImageFile

from bitstream.boxes import Metadata

EXIF_PREFIX = b"Exif\0\0"
ORIENTATION = 0x0112


_ORDERS = {b"II*\0": "<", b"MM\0*": ">", b"II\0*": "<", b"MM*\0": ">"}
"""First bytes of a TIFF structure, those as well that are not in order but are read; how its numbers are."""
_INTEGERS = {1: "B", 3: "H", 4: "I", 6: "B", 8: "H", 9: "I"}
"""Types of a TIFF field that may hold an orientation."""
_XMP_ORIENTATION = re.compile(rb"(tiff:Orientation\s*(?:=\s*[\"']|>)\s*)[2-8]")
# What describes a picture rather than how a file stores it.
_DESCRIPTIVE = (0x010E, 0x010F, 0x0110, 0x0131, 0x0132, 0x013B, 0x8298)
_PARTS = (0x8769, 0x8825)
_SPACES = {1: b"GRAY", 3: b"RGB "}


def read(exif: bytes) -> Image.Exif | None:
    """EXIF as Pillow makes sense of it; None if it does not."""
    found = Image.Exif()
    try:
        found.load(exif)
    except Exception:  # what it raises of odd bytes is not documented
        return None
    return found


def is_rewritable(exif: bytes) -> bool:
    """Whether Pillow can read EXIF and take the orientation out of it, as its writer of AVIF does."""
    found = read(exif)
    if found is None:
        return False
    try:
        if ORIENTATION not in found:
            return True  # it stays as it is
        turn = found[ORIENTATION]
        found.tobytes()
    except Exception:  # of tags of odd types, and what it raises is not documented
        return False
    return isinstance(turn, int) and 0 <= turn < 1 << 16


def orientation(exif: bytes) -> int:
    """How EXIF says that a picture is to be turned, as Pillow reads it; 1, not at all, if it cannot be read."""
    found = read(exif)
    try:
        value = 1 if found is None else found.get(ORIENTATION, 1)
    except Exception:  # of a tag of an odd type, and what it raises is not documented
        return 1
    return value if isinstance(value, int) else 1


def upright(exif: bytes) -> bytes:
    """The same EXIF, its orientation set to upright; all else stays byte for byte, if it is not stored too oddly.

    Args:
        exif: a TIFF structure.

    Returns:
        bytes: what is no TIFF structure comes back as it is; none, if nobody can make it upright.
    """
    fixed = _with_upright_field(exif)
    found = read(fixed)
    if found is None or orientation(fixed) == 1:
        return fixed
    found[ORIENTATION] = 1  # Pillow finds one where we did not: it is to write all of it anew
    try:
        return found.tobytes().removeprefix(EXIF_PREFIX)
    except Exception:  # of tags of odd types, and what it raises is not documented
        return b""


def _with_upright_field(exif: bytes) -> bytes:
    order = _ORDERS.get(exif[:4])
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


def fits(icc: bytes, components: int) -> bool:
    """Whether an ICC profile is not known to be of another colour space."""
    return icc[36:40] != b"acsp" or icc[16:20] == _SPACES[components]


def to_info(metadata: Metadata) -> dict[str, bytes]:
    """Entries of a Pillow image's ``info``, which are its writers' options as well."""
    exif = EXIF_PREFIX + metadata.exif if metadata.exif else None
    entries = {"icc_profile": metadata.icc, "exif": exif, "xmp": metadata.xmp}
    return {name: data for name, data in entries.items() if data}
