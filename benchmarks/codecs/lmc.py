"""This project's codec."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import numpy as np

import bitstream
import codec
from benchmarks.codecs.base import Codec, Pixels
from codec.runtime import shipped


@cache
def code_digest() -> str:
    """Short hash of the codec's source: a change of the encoder makes other files with the same weights."""
    digest = hashlib.sha256()
    for package in (codec, bitstream):
        for path in sorted(Path(str(package.__file__)).parent.glob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:8]


class Lmc(Codec):
    """A shipped model at default settings.

    Args:
        name: of the codec.
        tune: which model.
    """

    qualities = (0, 12, 24, 36, 48, 60, 72, 84, 96)
    quality_range = (0, 100)

    def __init__(self, name: str, tune: str) -> None:
        self.name, self.tune = name, tune

    @property
    def settings(self) -> str:
        return f"tune {self.tune}, effort 0"

    @property
    def version(self) -> str:
        model = shipped(tune=self.tune).model_id.hex()
        return f"manifold-codec {codec.__version__}, model {model}, code {code_digest()}"

    def encode(self, pixels: Pixels, quality: float, threads: int) -> bytes:
        return codec.compress(pixels, quality, tune=self.tune, threads=threads)

    def decode(self, data: bytes, threads: int) -> Pixels:
        return np.asarray(codec.decompress(data, threads=threads))
