"""Every codec of the benchmarks behind one interface, by name."""

from __future__ import annotations

from pathlib import Path

from benchmarks.codecs.avif import Avif
from benchmarks.codecs.base import Codec
from benchmarks.codecs.heic import Heic
from benchmarks.codecs.jpeg import Jpeg
from benchmarks.codecs.jpeg2000 import Jpeg2000
from benchmarks.codecs.jpegli import Jpegli
from benchmarks.codecs.jxl import JpegXl
from benchmarks.codecs.lmc import Lmc
from benchmarks.codecs.vvc import Vvc
from benchmarks.codecs.webp import WebP

MODEL_PREFIX = "lmc:"


class _Codecs(dict[str, Codec]):
    """Codecs by name; ``lmc:FOLDER`` is ours with the model exported to a folder."""

    def __missing__(self, name: str) -> Codec:
        if not name.startswith(MODEL_PREFIX):
            raise KeyError(name)
        return Lmc(name, model=Path(name.removeprefix(MODEL_PREFIX)))


CODECS: dict[str, Codec] = _Codecs(
    (codec.name, codec)
    for codec in (
        Lmc("lmc", tune="visual"),
        Lmc("lmc-psnr", tune="psnr"),
        Jpeg("jpeg", progressive=True, optimize=True),
        Jpeg("jpeg-444", progressive=True, optimize=True, subsampling="4:4:4"),
        Jpeg("jpeg-baseline", progressive=False, optimize=False),
        Jpegli(),
        WebP("webp", method=6),
        WebP("webp-default", method=4),
        Avif("avif", speed=6, subsampling="4:4:4"),
        Avif("avif-psnr", speed=6, subsampling="4:4:4", tune="psnr"),
        Avif("avif-420", speed=6, subsampling="4:2:0"),
        Avif("avif-slow", speed=2, subsampling="4:4:4"),
        Avif("avif-slow-psnr", speed=2, subsampling="4:4:4", tune="psnr"),
        Avif("avif-slow-420", speed=2, subsampling="4:2:0"),
        JpegXl("jxl", effort=7),
        Jpeg2000(),
        Vvc("vvc", preset="medium", for_looks=True),
        Vvc("vvc-psnr", preset="medium", for_looks=False),
        Heic("heic", chroma=444),
        Heic("heic-psnr", chroma=444, tune="psnr"),
        Heic("heic-420", chroma=420),
    )
)
"""All codecs, ours first. A name stands for fixed settings and is never given to others. ``lmc:FOLDER`` is ours with
the model exported to a folder."""

__all__ = ["CODECS", "MODEL_PREFIX", "Codec"]
