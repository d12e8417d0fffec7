"""CompressAI's architectures with random weights: peers for speed, whose rates mean nothing (extra ``[train]``)."""

from __future__ import annotations

import io
import json
from functools import cached_property
from importlib.metadata import version
from typing import Any

import numpy as np

from benchmarks.codecs.base import Codec, Pixels

ARCHITECTURES = {
    "bmshj2018-hyperprior": ("bmshj2018_hyperprior", 4),
    "mbt2018-mean": ("mbt2018_mean", 4),
    "cheng2020-anchor": ("cheng2020_anchor", 3),
}
"""Names of the peers, and constructor and quality in ``compressai.zoo``."""


class CompressAi(Codec):
    """One architecture, its own entropy coding included.

    Args:
        name: in :data:`ARCHITECTURES`.
    """

    qualities = (0,)
    quality_range = (0, 0)

    def __init__(self, name: str) -> None:
        self.name = name
        self.constructor, self.size = ARCHITECTURES[name]

    @property
    def settings(self) -> str:
        return f"{self.constructor}(quality={self.size}), random weights"

    @property
    def version(self) -> str:
        return f"compressai {version('compressai')}, torch {version('torch')}"

    @cached_property
    def _model(self) -> Any:
        import compressai.zoo
        import torch

        torch.manual_seed(0)
        model = getattr(compressai.zoo, self.constructor)(quality=self.size, pretrained=False).eval()
        model.update()
        return model

    def encode(self, pixels: Pixels, quality: float, threads: int) -> bytes:
        import torch

        torch.set_num_threads(threads)
        x = torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 255
        pad = [side for n in pixels.shape[1::-1] for side in (0, -n % 64)]
        with torch.no_grad():
            coded = self._model.compress(torch.nn.functional.pad(x, pad))
        # It has no file format; sizes and lengths in front of its strings stand in for one.
        lengths = [[len(string) for string in strings] for strings in coded["strings"]]
        head = json.dumps([pixels.shape[:2], list(coded["shape"]), lengths]).encode()
        return b"\n".join([head, b"".join(string for strings in coded["strings"] for string in strings)])

    def decode(self, data: bytes, threads: int) -> Pixels:
        import torch

        torch.set_num_threads(threads)
        head, body = data.split(b"\n", 1)
        (height, width), shape, lengths = json.loads(head)
        parts = io.BytesIO(body)
        strings = [[parts.read(length) for length in group] for group in lengths]
        with torch.no_grad():
            x_hat = self._model.decompress(strings, shape)["x_hat"][0, :, :height, :width]
        pixels: Pixels = (x_hat.permute(1, 2, 0).clamp(0, 1) * 255).round().to(torch.uint8).numpy().astype(np.uint8)
        return pixels
