"""WebP by libwebp through Pillow."""

from __future__ import annotations

from typing import Any

from benchmarks.codecs.base import PillowCodec, pillow_feature


class WebP(PillowCodec):
    """Lossy WebP, 4:2:0 as the format wants it.

    Args:
        name: of these settings.
        method: 0 (fast) to 6 (best).
    """

    format = "WEBP"
    qualities = (0, 5, 15, 30, 50, 70, 85, 95)
    quality_range = (0, 100)

    def __init__(self, name: str, method: int) -> None:
        self.name, self.method = name, method

    @property
    def settings(self) -> str:
        return f"4:2:0, method {self.method}"

    @property
    def version(self) -> str:
        return pillow_feature("webp")

    def options(self, quality: float, threads: int) -> dict[str, Any]:
        return {"quality": round(quality), "method": self.method}
