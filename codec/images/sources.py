"""Pictures to compress, whatever they come from: parts of their pixels, form, transparency and metadata."""

from __future__ import annotations

import io
import os
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, UnidentifiedImageError

from bitstream.boxes import Form, Metadata
from bitstream.container import MAX_PIXELS, MAX_SIDE
from bitstream.errors import ImageError
from codec.images import metadata, pnm
from codec.images.exif import ORIENTATIONS, Corners, orientation_of
from codec.images.pillow_compat import clear_of, crop, frames_of, is_wide, load, open_image

Picture = str | os.PathLike[str] | BinaryIO | Image.Image | NDArray[Any]
"""What the codec takes as a picture."""


class Source(ABC):
    """A picture that can be read in parts.

    Attributes:
        width: pixels.
        height: pixels.
        form: of the pixels, without transparency.
        metadata: to be kept.
        notes: what of the picture cannot be kept, for people to read.
    """

    width: int
    height: int
    form: Form
    metadata: Metadata = Metadata()
    notes: tuple[str, ...] = ()

    @abstractmethod
    def crop(self, top: int, bottom: int, left: int, right: int) -> NDArray[Any]:
        """Pixels of a part: uint8 or uint16 (bottom - top, right - left, components)."""

    @abstractmethod
    def alpha(self) -> NDArray[Any] | None:
        """Transparency of the whole picture, uint8 or uint16 (H, W), or None."""


class ArraySource(Source):
    """An array of uint8 or uint16: (H, W), or (H, W, C) with gray, gray and alpha, RGB, or RGB and alpha.

    Raises:
        ImageError: another type or shape.
    """

    def __init__(self, array: NDArray[Any]) -> None:
        if array.dtype.kind != "u" or array.dtype.itemsize > 2:
            raise ImageError(f"array: found dtype {array.dtype}, expected uint8 or uint16")
        if array.ndim == 2:
            array = array[:, :, None]
        if array.ndim != 3 or not 1 <= array.shape[2] <= 4:
            raise ImageError(f"array: found shape {array.shape}, expected (H, W) or (H, W, 1 to 4)")
        self.height, self.width, channels = array.shape
        self.form = Form(1 if channels <= 2 else 3, 8 * array.dtype.itemsize)
        self._array, self._alpha = array, channels in (2, 4)

    def crop(self, top: int, bottom: int, left: int, right: int) -> NDArray[Any]:
        """See :meth:`Source.crop`."""
        return self._array[top:bottom, left:right, : self.form.components]

    def alpha(self) -> NDArray[Any] | None:
        """See :meth:`Source.alpha`."""
        return self._array[:, :, -1] if self._alpha else None


class PixmapSource(Source):
    """A portable pixmap, read as it is coded."""

    def __init__(self, pixmap: pnm.Pixmap) -> None:
        self.height, self.width, components = pixmap.shape
        self.form = Form(components, 8 * pixmap.dtype.itemsize)
        self._pixmap = pixmap

    def crop(self, top: int, bottom: int, left: int, right: int) -> NDArray[Any]:
        """See :meth:`Source.crop`."""
        return self._pixmap.crop(top, bottom, left, right)

    def alpha(self) -> NDArray[Any] | None:
        """None: pixmaps have no transparency."""
        return None


class PillowSource(Source):
    """A Pillow image, converted part by part, upright as its EXIF orientation says.

    Raises:
        ImageError: its mode cannot be coded.
    """

    def __init__(self, image: Image.Image) -> None:
        wide = is_wide(image)
        frames, sound = frames_of(image)
        self._clear, exact = clear_of(image)
        load(image)
        if self._clear is not None:
            image.info["transparency"] = self._clear
        self._orientation = ORIENTATIONS.get(orientation_of(image))
        self.metadata = metadata.of_image(image)
        notes = ["more than 8 bits a component were cut to 8 by the reader of this format"] if wide else []
        if frames > 1:
            notes.append(f"only the first of {frames if sound else 'several'} frames is kept")
        if not exact:
            notes.append("what is transparent was told by 16 bits, and is told by 8")
        if image.mode == "CMYK":
            image, note = self._from_cmyk(image)
            notes.append(note)
        self._mode, self.form = self._target(image)
        icc = self.metadata.icc
        if icc and self.form.components == 3 and not metadata.fits(icc, 3):
            self.metadata = Metadata(None, self.metadata.exif, self.metadata.xmp)
            notes.append("the ICC profile is of another colour space than the RGB that is kept, and was dropped")
        self._image = image
        self.notes = tuple(notes)
        swapped = self._orientation is not None and self._orientation[0] in (
            Image.Transpose.TRANSPOSE,
            Image.Transpose.ROTATE_270,
            Image.Transpose.TRANSVERSE,
            Image.Transpose.ROTATE_90,
        )
        self.width, self.height = image.size[::-1] if swapped else image.size

    def _from_cmyk(self, image: Image.Image) -> tuple[Image.Image, str]:
        """RGB of a CMYK picture by its profile if it has one, which no longer holds afterwards."""
        profile = self.metadata.icc
        self.metadata = Metadata(None, self.metadata.exif, self.metadata.xmp)
        if profile:
            try:
                space = ImageCms.createProfile("sRGB")
                converted = ImageCms.profileToProfile(image, io.BytesIO(profile), space, outputMode="RGB")
                if converted is not None:
                    return converted, "CMYK converted to sRGB by the picture's profile"
            except (ImageCms.PyCMSError, OSError, ValueError):
                pass
        return image.convert("RGB"), "CMYK converted to RGB without a profile"

    @staticmethod
    def _target(image: Image.Image) -> tuple[str, Form]:
        """Mode to convert parts to, empty for 16 bits of gray, and its form."""
        mode = image.mode
        if mode.startswith("I;16"):
            return "", Form(1, 16)
        if mode == "I":
            low, high = (int(end) for end in image.getextrema())  # type: ignore[arg-type]
            if low < 0 or high > 65_535:
                raise ImageError(f"mode I: values {low} to {high}, expected 0 to 65535")
            return "", Form(1, 16)
        if mode == "F":
            raise ImageError("mode F: pictures of real numbers cannot be coded")
        transparent = image.has_transparency_data
        if mode in ("1", "L", "LA", "La"):
            return ("LA" if transparent else "L"), Form(1, 8)
        return ("RGBA" if transparent else "RGB"), Form(3, 8)

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
        # Of a picture with 16 bits of gray, the one level that stands for nothing at all.
        clear = self._clear if not self._mode else None
        if not self._mode.endswith("A") and not isinstance(clear, int):
            return None
        plane = np.empty((self.height, self.width), np.uint8 if self._mode else np.uint16)
        for top in range(0, self.height, 1024):  # parts, so that no second whole picture is held
            bottom = min(top + 1024, self.height)
            part = self._convert(self._part((0, top, self.width, bottom)))
            plane[top:bottom] = part[:, :, -1] if self._mode else np.where(part == clear, 0, 65_535)
        return plane if self._mode or not plane.all() else None


def open_source(picture: Picture, max_pixels: int = MAX_PIXELS) -> Source:
    """Make any picture readable in parts.

    Args:
        picture: a path, a binary file, a Pillow image, or an array, see :class:`ArraySource`.
        max_pixels: larger pictures are refused.

    Raises:
        ImageError: it cannot be read or coded, or is too large.
        OSError: the file is not there, is a folder, or may not be read.
    """
    if isinstance(picture, np.ndarray):
        return _checked(ArraySource(picture), max_pixels)
    if isinstance(picture, Image.Image):
        _check_size(picture.width, picture.height, max_pixels)
        return _checked(_readable("picture", lambda: PillowSource(picture)), max_pixels)
    if isinstance(picture, str | os.PathLike):
        path = Path(picture)
        return _readable(str(path), lambda: _open(path, max_pixels))
    if not hasattr(picture, "read"):
        raise ImageError(f"picture: found {type(picture).__name__}, expected a path, file, Pillow image or array")
    return _readable("input", lambda: _open(picture, max_pixels))


def _readable(name: str, read: Callable[[], Source]) -> Source:
    """What ``read`` gives; whatever a reader of pictures fails with becomes one error that names the picture."""
    try:
        return read()
    except (FileNotFoundError, PermissionError, IsADirectoryError, MemoryError):
        raise
    except UnidentifiedImageError as error:
        raise ImageError(f"{name}: not a picture in a known format") from error
    except ImageError as error:
        text = str(error)
        raise ImageError(text if text.startswith(name) else f"{name}: {text}") from error
    except Exception as error:  # readers of many formats, each with errors of its own
        raise ImageError(f"{name}: cannot be read: {error}") from error


def _open(file: Path | BinaryIO, max_pixels: int) -> Source:
    if isinstance(file, Path) and file.is_file():
        if file.stat().st_size == 0:
            raise ImageError("empty file")
        pixmap = pnm.read(file)
    else:  # also of a pipe, which can be read only once
        if not isinstance(file, Path) and getattr(file, "seekable", bool)():
            file.seek(0)
        data = file.read_bytes() if isinstance(file, Path) else file.read()
        if not data:
            raise ImageError("empty file")
        pixmap = pnm.read(data)
        file = io.BytesIO(data)
    if pixmap is not None:
        _check_size(pixmap.shape[1], pixmap.shape[0], max_pixels)
        return PixmapSource(pixmap)
    with open_image(file) as image:
        _check_size(image.width, image.height, max_pixels)
        return _checked(PillowSource(image), max_pixels)


def _check_size(width: int, height: int, max_pixels: int) -> None:
    if not (1 <= width <= MAX_SIDE and 1 <= height <= MAX_SIDE):
        raise ImageError(f"{width} x {height} pixels: sides must be 1 to {MAX_SIDE}")
    if width * height > max_pixels:
        raise ImageError(f"{width} x {height} pixels: limit {max_pixels}")


def _checked(source: Source, max_pixels: int) -> Source:
    _check_size(source.width, source.height, max_pixels)
    return source
