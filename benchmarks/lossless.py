"""Lossless files of ours beside those of others: ``python -m benchmarks lossless FOLDER``."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from pathlib import Path
from statistics import geometric_mean

import click
import numpy as np
from PIL import Image

import codec
from benchmarks.codecs.base import Pixels
from benchmarks.images import images_or_usage_error, read_pixels

Coder = Callable[[Pixels], bytes]


def _pillow(format_name: str, **options: object) -> Coder:
    def encode(pixels: Pixels) -> bytes:
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, format_name, **options)
        return buffer.getvalue()

    return encode


def _jxl(pixels: Pixels) -> bytes:
    import pillow_jxl  # noqa: F401  registers the format

    return _pillow("JXL", lossless=True, effort=7, num_threads=1)(pixels)


CODERS: dict[str, Coder] = {
    "lmc": lambda pixels: codec.compress(pixels, lossless=True, threads=1),
    "webp": _pillow("WEBP", lossless=True),
    "png": _pillow("PNG", optimize=True),
    "jxl": _jxl,
}
"""Of pixels uint8 (H, W, 3). WebP has Pillow's usual settings, JPEG XL effort 7."""


def _decoded(name: str, data: bytes) -> Pixels:
    if name == "lmc":
        with codec.open(data, threads=1) as file:
            return np.asarray(file.array())
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
def main(folder: Path) -> None:
    """Code the images in FOLDER without loss, check that none is lost, and print bytes and time against PNG's."""
    paths = images_or_usage_error(folder)
    size: dict[str, list[int]] = {name: [] for name in CODERS}
    seconds: dict[str, list[float]] = {name: [] for name in CODERS}
    pixel_count = 0
    for path in paths:
        pixels = read_pixels(path)
        pixel_count += pixels.shape[0] * pixels.shape[1]
        for name, encode in CODERS.items():
            begin = time.perf_counter()
            data = encode(pixels)
            seconds[name].append(time.perf_counter() - begin)
            size[name].append(len(data))
            if not np.array_equal(_decoded(name, data), pixels):
                raise click.ClickException(f"{path}: {name} changed it")
    click.echo(f"{len(paths)} images; bytes and time of encoding are geometric means of ratios to PNG's")
    for name in CODERS:
        ratio, slower = (
            geometric_mean(ours / png for ours, png in zip(values[name], values["png"], strict=True))
            for values in (size, seconds)
        )
        bpp = 8 * sum(size[name]) / pixel_count
        click.echo(
            f"{name:5s} {sum(size[name]):10d} bytes  {bpp:6.3f} bpp  {ratio:.3f} of PNG  {slower:.2f} of its time"
        )
