"""Images written by Pillow, and decoded images as Pillow's."""

from __future__ import annotations

from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bitstream.boxes import Metadata, PixelFormat
from bitstream.errors import ImageError
from codec.images.arrays import Strips, eight_bits, to_array
from codec.images.metadata import to_info


def to_image(
    strips: Strips, width: int, height: int, form: PixelFormat, alpha: NDArray[Any] | None, metadata: Metadata
) -> Image.Image:
    """A Pillow image: L, LA, RGB, RGBA, or I;16 for gray of 16 bits; Pillow has no more for other wide pixels."""
    if form == PixelFormat(1, 16) and alpha is None:
        image = Image.fromarray(to_array(strips, width, height, form, alpha))
    else:
        made: Image.Image | None = None
        for top, strip in strips:
            rows = eight_bits(strip)
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
            image.putalpha(Image.fromarray(eight_bits(alpha)))
    image.info.update(to_info(metadata))
    return image


def save(
    file: BinaryIO,
    format_name: str,
    strips: Strips,
    width: int,
    height: int,
    form: PixelFormat,
    alpha: NDArray[Any] | None,
    options: dict[str, Any],
) -> list[str]:
    """Write an image by Pillow's writer of a format.

    Args:
        file: to write to.
        format_name: Pillow's name of the format.
        strips: the pixels.
        width: of the image.
        height: of the image.
        form: of the pixels.
        alpha: transparency, (H, W), or None.
        options: of the writer.

    Returns:
        list[str]: what the format could not hold, for people to read.

    Raises:
        ImageError: the format cannot hold the image.
    """
    notes = []
    image = to_image(strips, width, height, form, alpha, Metadata())
    if form.depth == 16 and image.mode != "I;16":
        notes.append(f"16 bits of {image.mode} were cut to 8; .png and .ppm hold them")
    if image.mode == "I;16" and format_name not in ("TIFF", "JPEG2000"):
        image = Image.fromarray(eight_bits(np.asarray(image).astype(np.uint16)))
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
