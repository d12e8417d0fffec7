"""This project's codec."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import numpy as np

import bitstream
import codec
from benchmarks.codecs.base import Codec, Pixels
from codec.engine.registry import DEFAULT_TUNE, loaded, shipped

WITHOUT_EFFECT = {"cli", "manifold", "training"}
"""Folders of the codec's source that neither encoder nor decoder run."""


@cache
def code_digest() -> str:
    """Short hash of the codec's source: a change of the encoder makes other files with the same weights."""
    return source_digest(Path(str(package.__file__)).parent for package in (codec, bitstream))


def source_digest(folders: Iterable[Path]) -> str:
    """Short hash of the Python files of packages at any depth, but those in folders :data:`WITHOUT_EFFECT`."""
    digest = hashlib.sha256()
    for folder in folders:
        for path in sorted(folder.rglob("*.py")):
            inside = path.relative_to(folder)
            if inside.parts[0] not in WITHOUT_EFFECT:
                digest.update(inside.as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:8]


class Lmc(Codec):
    """A model at default settings.

    Args:
        name: of the codec.
        tune: which of those that ship.
        model: folder of an exported one instead.
    """

    qualities = (0, 12, 24, 36, 48, 60, 72, 84, 96)
    quality_range = (0, 100)

    def __init__(self, name: str, tune: str = DEFAULT_TUNE, model: Path | None = None) -> None:
        self.name, self.tune, self.model = name, tune, model

    @property
    def settings(self) -> str:
        return f"{f'tune {self.tune}' if self.model is None else f'model {self.model}'}, effort 0"

    @property
    def version(self) -> str:
        runtime = shipped(tune=self.tune) if self.model is None else loaded(self.model)
        return f"manifold-codec {codec.__version__}, model {runtime.model_id.hex()}, code {code_digest()}"

    def encode(self, pixels: Pixels, quality: float, threads: int) -> bytes:
        tune = self.tune if self.model is None else None
        return codec.compress(pixels, quality, tune=tune, model=self.model, threads=threads)

    def decode(self, data: bytes, threads: int) -> Pixels:
        return np.asarray(codec.decompress(data, model=self.model, threads=threads))
