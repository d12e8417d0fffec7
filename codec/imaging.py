"""Pictures in and out: from paths, Pillow images or arrays to RGB pixels, and back to files."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from bitstream.container import MAX_PIXELS, MAX_SIDE
from bitstream.errors import ImageError

Picture = str | os.PathLike[str] | Image.Image | NDArray[np.uint8]
"""What the codec takes as a picture."""


def to_pixels(picture: Picture) -> NDArray[np.uint8]:
    """RGB pixels of a picture, upright as its EXIF orientation says.

    Args:
        picture: a path, a Pillow image, or a uint8 array (H, W), (H, W, 1) or (H, W, 3).

    Returns:
        NDArray[np.uint8]: (H, W, 3).

    Raises:
        ImageError: it cannot be read, has transparency or more than 8 bits, or is too large.
    """
    if isinstance(picture, np.ndarray):
        return _check_size(_from_array(picture))
    if isinstance(picture, Image.Image):
        return _check_size(_from_pillow(picture))
    path = Path(picture)
    try:
        with warnings.catch_warnings():
            # Our own limit, which is checked before pixels are decoded, replaces Pillow's.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                _check_sides(image.height, image.width)
                return _check_size(_from_pillow(image))
    except (FileNotFoundError, PermissionError, IsADirectoryError):
        raise
    except UnidentifiedImageError as error:
        raise ImageError(f"{path}: not a picture in a known format") from error
    except Image.DecompressionBombError as error:
        raise ImageError(f"{path}: {error}") from error
    except ImageError as error:
        raise ImageError(f"{path}: {error}") from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise ImageError(f"{path}: cannot be read: {error}") from error


def _from_array(array: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if array.dtype != np.uint8:
        raise ImageError(f"array: found dtype {array.dtype}, expected uint8")
    if array.ndim == 2:
        array = array[:, :, None]
    if array.ndim != 3 or array.shape[2] not in (1, 3):
        raise ImageError(f"array: found shape {array.shape}, expected (H, W), (H, W, 1) or (H, W, 3)")
    return np.broadcast_to(array, (*array.shape[:2], 3))


def _from_pillow(image: Image.Image) -> NDArray[np.uint8]:
    image = ImageOps.exif_transpose(image)
    if image.mode in ("I", "F") or image.mode.startswith("I;"):
        raise ImageError(f"mode {image.mode}: more than 8 bits a component cannot be coded")
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        if rgba.getchannel("A").getextrema()[0] != 255:
            raise ImageError("transparency cannot be coded; flatten the picture first")
        image = rgba
    return np.asarray(image.convert("RGB"))


def _check_sides(height: int, width: int) -> None:
    if not (1 <= height <= MAX_SIDE and 1 <= width <= MAX_SIDE) or height * width > MAX_PIXELS:
        raise ImageError(f"{width} x {height} pixels: sides must be 1 to {MAX_SIDE}, at most {MAX_PIXELS} pixels")


def _check_size(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    _check_sides(*pixels.shape[:2])
    return pixels


def writable_suffixes() -> dict[str, str]:
    """Formats Pillow can write, by lower-case suffix."""
    formats = Image.registered_extensions()
    return {suffix: name for suffix, name in formats.items() if name in Image.SAVE}
