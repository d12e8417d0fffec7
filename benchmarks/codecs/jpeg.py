"""JPEG by libjpeg-turbo through Pillow."""

from __future__ import annotations

from typing import Any

from PIL import ImageFile

from benchmarks.codecs.base import PillowCodec, Pixels, pillow_feature


class Jpeg(PillowCodec):
    """JPEG.

    Args:
        name: of these settings.
        progressive: several scans, smaller files.
        optimize: Huffman tables made for the picture.
        subsampling: of chroma, as Pillow names it; 4:2:0 is its default.
    """

    format = "JPEG"
    qualities = (3, 6, 10, 20, 35, 50, 65, 80, 90, 95)

    def __init__(self, name: str, progressive: bool, optimize: bool, subsampling: str = "4:2:0") -> None:
        self.name, self.progressive, self.optimize, self.subsampling = name, progressive, optimize, subsampling

    @property
    def settings(self) -> str:
        return f"{self.subsampling}, progressive {self.progressive}, optimised {self.optimize}"

    @property
    def version(self) -> str:
        return pillow_feature("libjpeg_turbo")

    def options(self, quality: float, threads: int) -> dict[str, Any]:
        return {
            "quality": round(quality),
            "progressive": self.progressive,
            "optimize": self.optimize,
            "subsampling": self.subsampling,
        }

    def encode(self, pixels: Pixels, quality: float, threads: int) -> bytes:
        """See :meth:`Codec.encode`."""
        # Pillow writes scans into one buffer, whose usual size does not suffice for noise.
        ImageFile.MAXBLOCK = max(ImageFile.MAXBLOCK, 2 * pixels.nbytes)
        return super().encode(pixels, quality, threads)
