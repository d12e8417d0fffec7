"""HEIC (HEVC) by libheif and x265 through pillow-heif."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from benchmarks.codecs.base import PillowCodec, Pixels


class Heic(PillowCodec):
    """HEVC intra frames in a HEIF file.

    Args:
        name: of these settings.
        chroma: 420 or 444.
        tune: what x265 aims at, ``"ssim"``, which is libheif's choice, or ``"psnr"``.
    """

    format = "HEIF"
    qualities = (5, 15, 25, 35, 45, 55, 65, 75)

    def __init__(self, name: str, chroma: int, tune: str = "ssim") -> None:
        self.name, self.chroma, self.tune = name, chroma, tune

    @property
    def settings(self) -> str:
        return f"chroma {self.chroma}, tune {self.tune}, otherwise the encoder's defaults"

    @property
    def version(self) -> str:
        import pillow_heif

        return f"pillow-heif {version('pillow-heif')}, libheif {pillow_heif.libheif_version()}"

    def options(self, quality: float, threads: int) -> dict[str, Any]:
        parameters = {"tune": self.tune, "x265:pools": str(threads)}
        return {"quality": round(quality), "chroma": self.chroma, "enc_params": parameters}

    def encode(self, pixels: Pixels, quality: float, threads: int) -> bytes:
        import pillow_heif

        pillow_heif.register_heif_opener()
        return super().encode(pixels, quality, threads)

    def decode(self, data: bytes, threads: int) -> Pixels:
        import pillow_heif

        pillow_heif.register_heif_opener(decode_threads=threads)
        return super().decode(data, threads)
