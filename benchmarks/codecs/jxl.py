"""JPEG XL by libjxl through pillow-jxl-plugin."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from benchmarks.codecs.base import PillowCodec, Pixels


class JpegXl(PillowCodec):
    """Lossy JPEG XL (VarDCT, XYB).

    Args:
        name: of these settings.
        effort: 1 (fast) to 10.
    """

    format = "JXL"
    # At lower ones, 4 and 12, the curve has a kink: there libjxl seems to code the image at a smaller size.
    qualities = (20, 28, 38, 50, 62, 74, 84, 92)

    def __init__(self, name: str, effort: int) -> None:
        self.name, self.effort = name, effort

    @property
    def settings(self) -> str:
        return f"XYB, effort {self.effort}"

    @property
    def version(self) -> str:
        return f"pillow-jxl-plugin {version('pillow-jxl-plugin')}"

    def options(self, quality: float, threads: int) -> dict[str, Any]:
        return {"quality": round(quality), "effort": self.effort, "num_threads": threads}

    def encode(self, pixels: Pixels, quality: float, threads: int) -> bytes:
        import pillow_jxl  # noqa: F401  registers the format

        return super().encode(pixels, quality, threads)

    def decode(self, data: bytes, threads: int) -> Pixels:
        from pillow_jxl import JpegXLImagePlugin

        JpegXLImagePlugin.DECODE_THREADS = threads  # the plugin has no argument for it
        return super().decode(data, threads)
