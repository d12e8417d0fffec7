"""What can be coded: an image whose pixels can be read in parts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from numpy.typing import NDArray

from bitstream.boxes import Metadata, PixelFormat


class Source(ABC):
    """An image that can be read in parts.

    Attributes:
        width: pixels.
        height: pixels.
        form: of the pixels, without transparency.
        metadata: to be kept.
        notes: what of the image cannot be kept, for people to read.
    """

    width: int
    height: int
    form: PixelFormat
    metadata: Metadata = Metadata()
    notes: tuple[str, ...] = ()

    @abstractmethod
    def crop(self, top: int, bottom: int, left: int, right: int) -> NDArray[Any]:
        """Pixels of a part: uint8 or uint16 (bottom - top, right - left, components)."""

    @abstractmethod
    def alpha(self) -> NDArray[Any] | None:
        """Transparency of the whole image, uint8 or uint16 (H, W), or None."""
