"""Crops of decoded images at equal rates, for looking at."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from benchmarks.codecs import CODECS, Codec
from benchmarks.images import read_pixels, shown
from benchmarks.metrics import Pixels, array_psnr_db
from benchmarks.rows import Row

SIDE = 320
"""Side of a crop in pixels."""
TOLERANCE = 0.02


@dataclass(frozen=True)
class Crop:
    """A piece of an image as a codec left it.

    Attributes:
        codec: name; ``original`` for the image itself.
        rate_bpp: of the whole image's file; None for the image itself.
        psnr_db: of the whole image; None where it is exact.
        uri: the crop as a lossless image in a ``data:`` address.
    """

    codec: str
    rate_bpp: float | None
    psnr_db: float | None
    uri: str


@dataclass(frozen=True)
class Scene:
    """One place of one image at one rate.

    Attributes:
        image: file name.
        target_bpp: the rate that all were asked to meet.
        original: the crop of the image itself.
        crops: one a codec.
    """

    image: str
    target_bpp: float
    original: Crop
    crops: list[Crop]


def encode_at_rate(
    codec: Codec, pixels: Pixels, target_bpp: float, threads: int, known: Iterable[tuple[float, int]] = ()
) -> bytes:
    """The file whose rate is nearest to a target.

    By false position: the logarithm of the size is nearly linear in quality between two qualities that enclose
    the target, and by bisection until there are two.

    Args:
        codec: whose knob is turned.
        pixels: uint8 (H, W, 3).
        target_bpp: bits per pixel of the whole file.
        threads: for the codec.
        known: qualities and sizes in bytes that were measured before, which save encodings.

    Returns:
        bytes: the file; its rate may be far off where the codec cannot reach the target.
    """
    target = target_bpp * pixels[..., 0].size / 8
    low, high = codec.quality_range
    sizes = dict(known)
    best = b""
    for _ in range(9):
        below = max((q for q, size in sizes.items() if size <= target), default=None)
        above = min((q for q, size in sizes.items() if size > target and q > (below or low)), default=None)
        if below is None or above is None:
            quality = ((low if below is None else below) + (high if above is None else above)) / 2
        else:
            share = math.log(target / sizes[below]) / math.log(sizes[above] / sizes[below])
            quality = below + share * (above - below)
        data = codec.encode(pixels, quality, threads)
        stuck = data == best
        if not best or abs(len(data) - target) < abs(len(best) - target):
            best = data
        if stuck or abs(len(data) / target - 1) < TOLERANCE:
            break
        sizes[quality] = len(data)
    return best


def busiest(pixels: Pixels, side: int = SIDE) -> tuple[int, int]:
    """Top and left of the crop with the most median detail, where artefacts are to be judged.

    The median over blocks of local contrast, so that one sharp edge does not decide.
    """
    gray = pixels.mean(axis=2)
    height, width = gray.shape
    step = 32
    best, where = -1.0, (0, 0)
    for top in range(0, max(1, height - side + 1), step):
        for left in range(0, max(1, width - side + 1), step):
            part = gray[top : top + side, left : left + side]
            rows, columns = (n // 16 * 16 for n in part.shape)
            blocks = part[:rows, :columns].reshape(rows // 16 or 1, -1, max(1, columns // 16), min(16, columns or 1))
            detail = float(np.median(blocks.std(axis=(1, 3)))) if blocks.size else 0.0
            if detail > best:
                best, where = detail, (top, left)
    return where


def lossless_uri(pixels: Pixels) -> str:
    """Pixels as a lossless image in a ``data:`` address."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "WEBP", lossless=True, method=4)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()


def scenes(
    images: list[Path], codec_names: list[str], targets: list[float], threads: int, rows: list[Row]
) -> list[Scene]:
    """Code pictures at each rate with each codec and cut the same crop from all.

    Args:
        images: pictures.
        codec_names: in :data:`CODECS`.
        targets: bits per pixel.
        threads: for the codecs.
        rows: what was measured of these pictures, to start the searches from.

    Returns:
        list[Scene]: by picture, then rate; a codec that fails is missing.
    """
    found = []
    with tqdm(total=len(images) * len(targets) * len(codec_names), desc="crops", unit="crop") as progress:
        for path in images:
            pixels = read_pixels(path)
            top, left = busiest(pixels)
            cut = np.s_[top : top + SIDE, left : left + SIDE]
            original = Crop("original", None, None, lossless_uri(pixels[cut]))
            for target in targets:
                crops = []
                for name in codec_names:
                    progress.update()
                    try:
                        known = [
                            (r.quality, r.file_bytes)
                            for r in rows
                            if (r.codec, r.image, r.error) == (name, shown(path), None)
                        ]
                        data = encode_at_rate(CODECS[name], pixels, target, threads, known)
                        decoded = CODECS[name].decode(data, threads)
                    except Exception as error:  # a gap, like those of the curves
                        tqdm.write(f"{name} {shown(path)}: {type(error).__name__}: {error}")
                        continue
                    rate, psnr = 8 * len(data) / pixels[..., 0].size, array_psnr_db(pixels, decoded)
                    crops.append(Crop(name, rate, psnr if math.isfinite(psnr) else None, lossless_uri(decoded[cut])))
                if crops:
                    found.append(Scene(shown(path), target, original, crops))
    return found
