"""What stands beside an image in a file: metadata, the form of its pixels, transparency. ``FORMAT.md`` section 8."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import IntEnum

from bitstream.container import Box
from bitstream.errors import CorruptError, LimitError, UnsupportedVersionError

MAX_METADATA = 1 << 26
"""No metadata may expand to more bytes than this."""
SLACK = 1 << 16
"""Bytes that a box may take beyond what it holds."""


class BoxType(IntEnum):
    """Kinds of boxes. A reader must understand those of odd type."""

    ALPHA = 1
    FORM = 2
    EXACT = 3
    ICC = 4
    EXIF = 6
    XMP = 8


@dataclass(frozen=True)
class Metadata:
    """What cameras and programs say of an image, as bytes; None where there is none.

    Attributes:
        icc: ICC profile of the pixels.
        exif: EXIF, a TIFF structure without the ``Exif`` prefix that JPEG gives it.
        xmp: XMP packet, UTF-8.
    """

    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None

    def without_icc(self) -> Metadata:
        """The same without an ICC profile."""
        return replace(self, icc=None)


@dataclass(frozen=True)
class PixelFormat:
    """PixelFormat of the pixels that were coded.

    Attributes:
        components: 1 for gray, 3 for RGB.
        depth: bits of each component, 8 or 16.
    """

    components: int = 3
    depth: int = 8

    def __post_init__(self) -> None:
        if self.components not in (1, 3) or self.depth not in (8, 16):
            raise CorruptError(f"form: {self.components} components of {self.depth} bits")


def metadata_boxes(metadata: Metadata) -> list[Box]:
    """Boxes for the metadata that is present.

    Raises:
        LimitError: one is longer than :data:`MAX_METADATA`.
    """
    boxes = []
    for kind, data in ((BoxType.ICC, metadata.icc), (BoxType.EXIF, metadata.exif), (BoxType.XMP, metadata.xmp)):
        if data:
            if len(data) > MAX_METADATA:
                raise LimitError(f"{kind.name}: {len(data)} bytes, limit {MAX_METADATA}")
            boxes.append(Box(kind, zlib.compress(data, 9)))
    return boxes


def form_boxes(form: PixelFormat) -> list[Box]:
    """Box of a form; none for the usual one."""
    return [] if form == PixelFormat() else [Box(BoxType.FORM, bytes([form.components, form.depth]))]


def alpha_box(flat: int | None, png: bytes = b"") -> Box:
    """Box of a transparency plane: one value for all pixels, or else a PNG image."""
    return Box(BoxType.ALPHA, b"\0" + flat.to_bytes(2, "little") if flat is not None else b"\1" + png)


def check_types(types: Iterable[int]) -> None:
    """Refuse what this version cannot read, by the types of a file's boxes alone.

    Raises:
        CorruptError: two boxes are of one type.
        UnsupportedVersionError: one is not known and must be understood.
    """
    seen: set[int] = set()
    for kind in types:
        if kind in seen:
            raise CorruptError(f"boxes: two of type {kind}")
        seen.add(kind)
        if kind % 2 and not is_known(kind):
            raise UnsupportedVersionError(f"box type: {kind} is not known and must be understood")


def is_known(kind: int) -> bool:
    """Whether a type is one of :class:`BoxType`."""
    return kind in BoxType.__members__.values()


def max_box_bytes(kind: BoxType, pixels: int) -> int:
    """Upper bound on the bytes of a sound box of this kind, in a file of an image with this many pixels.

    Metadata is a zlib stream, which at worst is slightly longer than what it holds; transparency is a PNG image of at
    most two bytes a pixel.
    """
    return {BoxType.FORM: 2, BoxType.EXACT: 1, BoxType.ALPHA: 4 * pixels}.get(kind, 2 * MAX_METADATA) + SLACK


def expand(kind: BoxType, data: bytes) -> bytes:
    """What a box of metadata holds.

    Raises:
        CorruptError: it cannot be expanded.
        LimitError: it expands to more than :data:`MAX_METADATA`.
    """
    expander = zlib.decompressobj()
    try:
        expanded = expander.decompress(data, MAX_METADATA + 1)
    except zlib.error as error:
        raise CorruptError(f"{kind.name}: {error}") from error
    if len(expanded) > MAX_METADATA:
        raise LimitError(f"{kind.name}: more than {MAX_METADATA} bytes")
    if not expander.eof or expander.unused_data:
        raise CorruptError(f"{kind.name}: not one whole zlib stream")
    return expanded


def read_form(boxes: dict[BoxType, bytes]) -> PixelFormat:
    """PixelFormat of the pixels of a file.

    Raises:
        CorruptError: the box is not a valid form.
    """
    data = boxes.get(BoxType.FORM)
    if data is None:
        return PixelFormat()
    if len(data) != 2:
        raise CorruptError(f"form: found {len(data)} bytes, expected 2")
    return PixelFormat(data[0], data[1])


def read_alpha(boxes: dict[BoxType, bytes]) -> int | bytes | None:
    """Transparency of a file: one value for all pixels, a PNG image not yet read, or None.

    Raises:
        CorruptError: the box is neither.
    """
    data = boxes.get(BoxType.ALPHA)
    if data is None:
        return None
    if data[:1] == b"\0" and len(data) == 3:
        return int.from_bytes(data[1:], "little")
    if data[:1] == b"\1":
        return data[1:]
    raise CorruptError("alpha: unknown kind")
