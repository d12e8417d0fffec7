"""The interface of a codec under measurement: whole files out, pixels back from the file alone."""

from __future__ import annotations

import io
from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import PIL
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]


class Codec(ABC):
    """A codec at fixed settings, with quality as its only knob.

    Attributes:
        name: unique; says which codec and settings.
        qualities: settings of the knob to measure, each better than the one before.
        quality_range: smallest and largest setting, to search for a rate.
    """

    name: str
    qualities: tuple[float, ...]
    quality_range: tuple[float, float]

    @property
    @abstractmethod
    def settings(self) -> str:
        """All that is fixed, in words."""

    @property
    @abstractmethod
    def version(self) -> str:
        """Libraries and their versions."""

    @abstractmethod
    def encode(self, pixels: Pixels, quality: float, threads: int) -> bytes:
        """A whole file, as a user would store it, of uint8 (H, W, 3)."""

    @abstractmethod
    def decode(self, data: bytes, threads: int) -> Pixels:
        """Pixels of a file, uint8 (H, W, 3), by the codec's own decoder."""

    @property
    def identity(self) -> str:
        """What a stored measurement is valid for."""
        try:
            version = self.version
        except (ImportError, OSError, RuntimeError) as error:
            version = f"not installed ({error})"
        return f"{self.name} | {version} | {self.settings}"


class PillowCodec(Codec):
    """A codec that is a Pillow format."""

    format: str
    quality_range: tuple[float, float] = (1, 100)

    def options(self, quality: float, threads: int) -> dict[str, Any]:
        """Arguments of ``Image.save``."""
        return {"quality": round(quality)}

    def encode(self, pixels: Pixels, quality: float, threads: int) -> bytes:
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, self.format, **self.options(quality, threads))
        return buffer.getvalue()

    def decode(self, data: bytes, threads: int) -> Pixels:
        with Image.open(io.BytesIO(data), formats=[self.format]) as image:
            return np.asarray(image.convert("RGB"))


def pillow_feature(name: str) -> str:
    """Pillow's version and that of the library behind one of its formats."""
    from PIL import features

    return f"Pillow {PIL.__version__}, {name} {features.version(name)}"
