"""Images to compress, whatever they come from: parts of their pixels, form, transparency and metadata."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from bitstream.boxes import PixelFormat
from bitstream.container import MAX_PIXELS, MAX_SIDE
from bitstream.errors import ImageError
from codec.images import jxl, plugins, pnm
from codec.images.pillow_compat import open_image
from codec.images.pillow_source import PillowSource
from codec.images.source import Source
from codec.util.files import is_seekable, read_all

ImageInput = str | os.PathLike[str] | BinaryIO | Image.Image | NDArray[Any]
"""What the codec takes as an image."""


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
        self.form = PixelFormat(1 if channels <= 2 else 3, 8 * array.dtype.itemsize)
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
        self.form = PixelFormat(components, 8 * pixmap.dtype.itemsize)
        self._pixmap = pixmap

    def crop(self, top: int, bottom: int, left: int, right: int) -> NDArray[Any]:
        """See :meth:`Source.crop`."""
        return self._pixmap.crop(top, bottom, left, right)

    def alpha(self) -> NDArray[Any] | None:
        """None: pixmaps have no transparency."""
        return None


def open_source(image: ImageInput, max_pixels: int = MAX_PIXELS) -> Source:
    """Make any image readable in parts.

    Args:
        image: a path, a binary file, a Pillow image, or an array, see :class:`ArraySource`.
        max_pixels: larger images are refused.

    Raises:
        ImageError: it cannot be read or coded, or is too large.
        OSError: the file is not there, is a folder, or may not be read.
    """
    if isinstance(image, np.ndarray):
        return _checked(ArraySource(image), max_pixels)
    if isinstance(image, Image.Image):
        _check_size(image.width, image.height, max_pixels)
        return _checked(_readable("image", lambda: PillowSource(image)), max_pixels)
    if isinstance(image, str | os.PathLike):
        path = Path(image)
        return _readable(str(path), lambda: _open(path, max_pixels))
    if not hasattr(image, "read"):
        raise ImageError(f"image: found {type(image).__name__}, expected a path, file, Pillow image or array")
    return _readable("input", lambda: _open(image, max_pixels))


def _readable(name: str, read: Callable[[], Source]) -> Source:
    """What ``read`` gives; whatever a reader of images fails with becomes one error that names the image."""
    try:
        return read()
    except (FileNotFoundError, PermissionError, IsADirectoryError, MemoryError):
        raise
    except UnidentifiedImageError as error:
        package = plugins.missing_for(Path(name).suffix)
        hint = f"; {Path(name).suffix} is read if the package {package} is installed" if package else ""
        raise ImageError(f"{name}: not an image in a known format{hint}") from error
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
        if not isinstance(file, Path) and is_seekable(file):
            file.seek(0)
        data = file.read_bytes() if isinstance(file, Path) else read_all(file)
        if not data:
            raise ImageError("empty file")
        pixmap = pnm.read(data)
        file = io.BytesIO(data)
    with file.open("rb") if isinstance(file, Path) else nullcontext(file) as opened:
        size = jxl.read_size(opened.read(jxl.FIRST_BYTES))
    if size is not None:
        _check_size(*size, max_pixels)
    if not isinstance(file, Path):
        file.seek(0)
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
