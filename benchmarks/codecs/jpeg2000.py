"""JPEG 2000 by OpenJPEG through Pillow."""

from __future__ import annotations

from typing import Any

from benchmarks.codecs.base import PillowCodec, pillow_feature


class Jpeg2000(PillowCodec):
    """Irreversible JPEG 2000 in a JP2 file, aimed at a rate: quality is bits per pixel."""

    name = "jpeg2000"
    format = "JPEG2000"
    qualities = (0.1, 0.2, 0.35, 0.6, 1.0, 1.5, 2.2)
    quality_range = (0.02, 12.0)
    settings = "9/7 wavelet, one tile, one layer at a target rate"

    @property
    def version(self) -> str:
        return pillow_feature("jpg_2000")

    def options(self, quality: float, threads: int) -> dict[str, Any]:
        return {"irreversible": True, "mct": 1, "quality_mode": "rates", "quality_layers": [24 / quality]}
