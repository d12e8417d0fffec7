"""This project's codec."""

from __future__ import annotations

import numpy as np

import codec
from benchmarks.codecs.base import Codec, Pixels
from codec.runtime import shipped


class Lmc(Codec):
    """The shipped model at default settings."""

    name = "lmc"
    qualities = (0, 12, 24, 36, 48, 60, 72, 84)
    quality_range = (0, 100)
    settings = "default"

    @property
    def version(self) -> str:
        return f"manifold-codec {codec.__version__}, model {shipped().model_id.hex()}"

    def encode(self, pixels: Pixels, quality: float, threads: int) -> bytes:
        return codec.compress(pixels, quality, threads=threads)

    def decode(self, data: bytes, threads: int) -> Pixels:
        return np.asarray(codec.decompress(data, threads=threads))
