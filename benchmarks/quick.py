"""BD-rate against Pillow's JPEG from whole files: ``python -m benchmarks.quick DIR`` (extra ``[bench]``).

With ``--estimate`` (extra ``[train]``) also the model's own estimate of each file's bits.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import bjontegaard
import click
import numpy as np
from numpy.typing import NDArray
from PIL import Image

import codec
from codec.api import level_of
from codec.imaging import to_pixels
from codec.runtime import SHIPPED, shipped

QUALITIES = (0, 16, 32, 48, 64, 80)
JPEG_QUALITIES = (3, 6, 10, 20, 35, 50, 65, 80, 90, 95)

_Pixels = NDArray[np.uint8]


def psnr_db(a: _Pixels, b: _Pixels) -> float:
    """Peak signal-to-noise ratio over all components, of 8-bit pixels."""
    return float(10 * np.log10(255**2 / np.mean((a.astype(np.float64) - b) ** 2)))


def through_jpeg(pixels: _Pixels, quality: int) -> tuple[int, _Pixels]:
    """Bytes of the file, and pixels from it: Pillow's JPEG, progressive and optimised."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality, progressive=True, optimize=True)
    return buffer.getbuffer().nbytes, np.asarray(Image.open(buffer))


def through_lmc(pixels: _Pixels, quality: int) -> tuple[int, _Pixels]:
    """Bytes of the file, and pixels from it: this codec."""
    data = codec.compress(pixels, quality=quality)
    return len(data), np.asarray(codec.decompress(data))


def measure(
    images: list[_Pixels], coder: Callable[[_Pixels, int], tuple[int, _Pixels]], qualities: tuple[int, ...]
) -> NDArray[np.float64]:
    """Rate and distortion: (qualities, images, 2), bits per pixel of the whole file and PSNR."""
    rows = np.empty((len(qualities), len(images), 2))
    with click.progressbar(length=rows[..., 0].size, label=coder.__name__) as progress:
        for i, j in np.ndindex(*rows.shape[:2]):
            size, decoded = coder(images[j], qualities[i])
            rows[i, j] = 8 * size / images[j][..., 0].size, psnr_db(images[j], decoded)
            progress.update(1)
    return rows


def estimated_bytes(images: list[_Pixels], quality: float) -> float:
    """Mean over images of what the torch model estimates a file's symbols to take."""
    import torch

    from codec.training.data import to_tensor
    from codec.training.export import load_exported

    model = load_exported(SHIPPED)
    levels = shipped().tables.levels
    t = torch.tensor([level_of(quality, levels) / (levels - 1)])
    total = 0.0
    with torch.no_grad():
        for pixels in images:
            coded = model(to_tensor([pixels]), t)
            total += float(coded.y_bits + coded.z_bits) / 8
    return total / len(images)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--estimate", is_flag=True, help="Compare with the model's own estimate; sides must be multiples of 64.")
@click.option("--most", type=click.IntRange(1), help="No more than this many images.")
def main(folder: Path, estimate: bool, most: int | None) -> None:
    """Measure this codec and JPEG on the PNG images in FOLDER."""
    images = [to_pixels(path) for path in sorted(folder.glob("*.png"))[:most]]
    ours, jpeg = measure(images, through_lmc, QUALITIES), measure(images, through_jpeg, JPEG_QUALITIES)
    for quality, rows in zip(QUALITIES, ours, strict=True):
        line = f"lmc  q {quality:3d}  {rows[:, 0].mean():.4f} bpp  {rows[:, 1].mean():.3f} dB"
        if estimate:
            size = (rows[:, 0] * [im[..., 0].size for im in images]).mean() / 8
            bits = estimated_bytes(images, quality)
            line += f"  file {size:.0f} bytes, estimate {bits:.0f} ({size - bits:+.0f}, {size / bits - 1:+.2%})"
        print(line)
    for quality, rows in zip(JPEG_QUALITIES, jpeg, strict=True):
        print(f"jpeg q {quality:3d}  {rows[:, 0].mean():.4f} bpp  {rows[:, 1].mean():.3f} dB")
    print(f"monotone on every image: {bool((np.diff(ours, axis=0) > 0).all())}")
    (r, d), (a_r, a_d) = ours.mean(axis=1).T, jpeg.mean(axis=1).T
    bd = bjontegaard.bd_rate(a_r, a_d, r, d, method="akima", require_matching_points=False, min_overlap=0)
    print(f"BD-rate against JPEG: {bd:+.2f}% on {len(images)} images, {max(d[0], a_d[0]):.2f} to {d[-1]:.2f} dB")


if __name__ == "__main__":
    main()
