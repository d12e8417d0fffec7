"""Pillow images as sources: what their readers leave unsaid is asked first, then parts are converted as needed."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from bitstream.boxes import PixelFormat
from bitstream.errors import ImageError
from codec.images.exif import ORIENTATIONS, Corners, find_orientation
from codec.images.metadata import fits
from codec.images.pillow_compat import crop, frame_count, is_wide, load, transparent_level
from codec.images.pillow_metadata import image_metadata, lost_colour_space, lost_descriptions
from codec.images.source import Source

_TURNED = (
    Image.Transpose.TRANSPOSE,
    Image.Transpose.ROTATE_270,
    Image.Transpose.TRANSVERSE,
    Image.Transpose.ROTATE_90,
)
"""Ways of making an image upright that swap its sides."""


class PillowSource(Source):
    """A Pillow image, converted part by part, upright as its EXIF orientation says.

    Raises:
        ImageError: its mode cannot be coded.
    """

    def __init__(self, image: Image.Image) -> None:
        notes = []
        # What the file's reader says has to be asked before the pixels are loaded.
        if is_wide(image):
            notes.append("more than 8 bits a component were cut to 8 by the reader of this format")
        frames, sound = frame_count(image)
        if frames > 1:
            notes.append(f"only the first of {frames if sound else 'several'} frames is kept")
        notes += lost_colour_space(image)
        self._clear, exact = transparent_level(image)
        if not exact:
            notes.append("what is transparent was told by 16 bits, and is told by 8")
        load(image)
        self._orientation = ORIENTATIONS.get(find_orientation(image))
        self.metadata = image_metadata(image)
        notes += lost_descriptions(image, self.metadata)
        if image.mode == "CMYK":
            image, note = _from_cmyk(image, self.metadata.icc)
            notes.append(note)
            self.metadata = self.metadata.without_icc()  # it was of the CMYK
        self._mode, self.form = _target(image)
        if self.metadata.icc and self.form.components == 3 and not fits(self.metadata.icc, 3):
            notes.append("the ICC profile is of another colour space than the RGB that is kept, and was dropped")
            self.metadata = self.metadata.without_icc()
        self._image = image
        self.notes = tuple(notes)
        swapped = self._orientation is not None and self._orientation[0] in _TURNED
        self.width, self.height = image.size[::-1] if swapped else image.size

    def _part(self, box: Corners) -> Image.Image:
        if self._orientation is None:
            part = crop(self._image, box)
        else:
            method, place = self._orientation
            part = crop(self._image, place(box, *self._image.size)).transpose(method)
        if self._clear is not None:
            part.info["transparency"] = self._clear
        return part

    def _convert(self, part: Image.Image) -> NDArray[Any]:
        if not self._mode:
            return np.asarray(part).astype(np.uint16)
        if part.mode == "La" or part.mode == "RGBa":
            part = part.convert(part.mode[:-1] + "A")
        try:
            return np.asarray(part.convert(self._mode))
        except ValueError as error:
            raise ImageError(f"mode {part.mode}: {error}") from error

    def crop(self, top: int, bottom: int, left: int, right: int) -> NDArray[Any]:
        """See :meth:`Source.crop`."""
        pixels = self._convert(self._part((left, top, right, bottom)))
        return pixels.reshape(bottom - top, right - left, -1)[:, :, : self.form.components]

    def alpha(self) -> NDArray[Any] | None:
        """See :meth:`Source.alpha`."""
        # Of an image with 16 bits of gray, the one level that stands for nothing at all.
        clear = self._clear if not self._mode else None
        if not self._mode.endswith("A") and not isinstance(clear, int):
            return None
        plane = np.empty((self.height, self.width), np.uint8 if self._mode else np.uint16)
        for top in range(0, self.height, 1024):  # parts, so that no second whole image is held
            bottom = min(top + 1024, self.height)
            part = self._convert(self._part((0, top, self.width, bottom)))
            plane[top:bottom] = part[:, :, -1] if self._mode else np.where(part == clear, 0, 65_535)
        return plane if self._mode or not plane.all() else None


def _from_cmyk(image: Image.Image, profile: bytes | None) -> tuple[Image.Image, str]:
    """RGB of a CMYK image, by its profile if it has one, and what to say of it."""
    if profile:
        try:
            space = ImageCms.createProfile("sRGB")
            converted = ImageCms.profileToProfile(image, io.BytesIO(profile), space, outputMode="RGB")
            if converted is not None:
                return converted, "CMYK converted to sRGB by the image's profile"
        except (ImageCms.PyCMSError, OSError, ValueError):
            pass
    return image.convert("RGB"), "CMYK converted to RGB without a profile"


def _target(image: Image.Image) -> tuple[str, PixelFormat]:
    """Mode to convert parts to, empty for 16 bits of gray, and its form."""
    mode = image.mode
    if mode.startswith("I;16"):
        return "", PixelFormat(1, 16)
    if mode == "I":
        low, high = (int(end) for end in image.getextrema())  # type: ignore[arg-type]
        if low < 0 or high > 65_535:
            raise ImageError(f"mode I: values {low} to {high}, expected 0 to 65535")
        return "", PixelFormat(1, 16)
    if mode == "F":
        raise ImageError("mode F: images of real numbers cannot be coded")
    transparent = image.has_transparency_data
    if mode in ("1", "L", "LA", "La"):
        return ("LA" if transparent else "L"), PixelFormat(1, 8)
    return ("RGBA" if transparent else "RGB"), PixelFormat(3, 8)
