"""JPEG by jpegli, an encoder that decides by what people see, through pyjpegli."""

from __future__ import annotations

from importlib.metadata import version

import numpy as np

from benchmarks.codecs.base import Codec, Pixels


class Jpegli(Codec):
    """jpegli at its defaults."""

    name = "jpegli"
    qualities = (10, 20, 35, 50, 65, 78, 88, 95)
    quality_range = (1, 100)
    settings = "4:2:0, baseline, adaptive quantisation; its package offers no other"

    @property
    def version(self) -> str:
        return f"pyjpegli {version('pyjpegli')}"

    def encode(self, pixels: Pixels, quality: float, threads: int) -> bytes:
        import pyjpegli

        height, width = pixels.shape[:2]
        return bytes(pyjpegli.encode(np.ascontiguousarray(pixels).tobytes(), width, height, round(quality)))

    def decode(self, data: bytes, threads: int) -> Pixels:
        import pyjpegli

        pixels, width, height = pyjpegli.decode(data)
        return np.frombuffer(pixels, np.uint8).reshape(height, width, 3)
