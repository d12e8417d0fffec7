"""AVIF by libavif and its encoder through Pillow."""

from __future__ import annotations

from typing import Any

from PIL import AvifImagePlugin

from benchmarks.codecs.base import PillowCodec, Pixels, pillow_feature


class Avif(PillowCodec):
    """AVIF, 8 bits.

    Args:
        name: of these settings.
        speed: 0 (slowest) to 10.
        subsampling: of chroma, as Pillow names it.
        tune: what the encoder aims at; None leaves it to libavif: since 1.4 that is ``iq``, how images look to
            people, which costs PSNR.
    """

    format = "AVIF"
    qualities = (10, 20, 32, 45, 58, 70, 82, 92)
    quality_range = (0, 100)

    def __init__(self, name: str, speed: int, subsampling: str, tune: str | None = None) -> None:
        self.name, self.speed, self.subsampling, self.tune = name, speed, subsampling, tune

    @property
    def settings(self) -> str:
        return f"{self.subsampling}, speed {self.speed}, tune {self.tune or 'left to libavif'}"

    @property
    def version(self) -> str:
        return pillow_feature("avif")

    def options(self, quality: float, threads: int) -> dict[str, Any]:
        return {
            "quality": round(quality),
            "speed": self.speed,
            "subsampling": self.subsampling,
            "max_threads": threads,
            "advanced": {"tune": self.tune} if self.tune else {},
        }

    def decode(self, data: bytes, threads: int) -> Pixels:
        AvifImagePlugin.DEFAULT_MAX_THREADS = threads  # Pillow has no argument for it
        return super().decode(data, threads)
