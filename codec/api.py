"""The library's face: pictures to bytes, bytes to pictures, and what a file holds."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bitstream.container import MAX_PIXELS, Box
from bitstream.errors import ImageError
from codec import quality as quality_of
from codec.decoder import LmcFile
from codec.encoder import Progress, boxes_of, encode
from codec.rate import TOLERANCE, Target, search
from codec.reader import File
from codec.runtime import Runtime, shipped
from codec.sources import ArraySource, Picture, Source, open_source

QUALITY = 50.0
SAMPLE_PIXELS = 1 << 22
"""Pictures with twice as many are searched on a sample of about this many first."""


@dataclass(frozen=True)
class Info:
    """What :func:`inspect` tells of a file.

    Attributes:
        width: pixels.
        height: pixels.
        mode: ``L`` or ``RGB``, with an ``A`` if there is transparency.
        depth: bits of a component.
        quality: 0 to 100.
        model_id: which model the file needs, hexadecimal.
        model_available: whether it is the one that ships with this version.
        file_bytes: size of the whole file.
        rate_bpp: bits of the whole file per pixel.
        chunk_bytes: payload of each chunk.
        box_bytes: payload of each box beside the picture, by name.
        overhead_bytes: everything that is not payload.
    """

    width: int
    height: int
    mode: str
    depth: int
    quality: float
    model_id: str
    model_available: bool
    file_bytes: int
    rate_bpp: float
    chunk_bytes: list[int]
    box_bytes: dict[str, int]
    overhead_bytes: int


def level_of(quality: float, levels: int) -> int:
    """The level nearest to a quality of 0 to 100.

    Raises:
        ValueError: the quality is out of range.
    """
    if not 0 <= quality <= 100:  # also refuses NaN
        raise ValueError(f"quality: found {quality}, expected 0 to 100")
    return round(quality / 100 * (levels - 1))


def compress(
    image: Picture,
    quality: float = QUALITY,
    *,
    target: Target | None = None,
    strip: bool = False,
    threads: int | None = None,
    max_pixels: int = MAX_PIXELS,
    progress: Progress | None = None,
) -> bytes:
    """Code a picture.

    Args:
        image: a path, a binary file, a Pillow image, or an array of uint8 or uint16: (H, W), or (H, W, C) with gray,
            gray and alpha, RGB, or RGB and alpha.
        quality: 0 (smallest) to 100 (best), in steps of a quarter.
        target: a size or distortion to meet instead of a quality.
        strip: drop ICC profile, EXIF and XMP.
        threads: for the networks; None takes ``CODEC_THREADS`` or else all cores.
        max_pixels: larger pictures are refused.
        progress: called with pixels done and pixels in all.

    Returns:
        bytes: an ``.lmc`` file.

    Raises:
        ImageError: the picture cannot be read or coded, or no quality meets the target.
        ValueError: the quality is out of range.
    """
    runtime = shipped(threads)
    level = level_of(quality, runtime.tables.levels)
    source = open_source(image, max_pixels)
    return compress_source(runtime, source, level, target=target, strip=strip, progress=progress)


def compress_source(
    runtime: Runtime,
    source: Source,
    quality_index: int,
    *,
    target: Target | None = None,
    strip: bool = False,
    progress: Progress | None = None,
) -> bytes:
    """Code a picture that is open, see :func:`compress`."""
    boxes = boxes_of(source, strip)
    if target is None:
        return encode(runtime, source, quality_index, boxes, progress)
    return _to_target(runtime, source, boxes, target, progress)


def compress_pixels(runtime: Runtime, pixels: NDArray[Any], quality_index: int) -> bytes:
    """Code an array with a given model at one of its levels."""
    return compress_source(runtime, ArraySource(pixels), quality_index)


def _to_target(runtime: Runtime, source: Source, boxes: list[Box], target: Target, progress: Progress | None) -> bytes:
    """The file that meets a target best, see :class:`Target`."""
    files: dict[int, bytes] = {}

    def coded(level: int) -> bytes:
        files[level] = encode(runtime, source, level, boxes, progress)
        return files[level]

    levels = runtime.tables.levels
    beside = sum(len(box.data) for box in boxes)
    pixels = source.width * source.height
    # Middling photographs; the search corrects what the picture at hand has of its own.
    rate_step, db_step = math.log(20) / (levels - 1), 14 / (levels - 1)
    if target.kind == "bytes":
        wanted = math.log(max(target.value - beside, 1))
        guess = (wanted - math.log(0.09 * pixels / 8 + 60)) / rate_step

        def measure(level: int) -> float:
            return math.log(max(len(coded(level)) - beside, 1))

        if pixels > 2 * SAMPLE_PIXELS:
            guess = _sampled_guess(runtime, source, wanted, guess, rate_step)
        level = search(
            measure, wanted, levels, at_most=True, guess=guess, slope=rate_step, tolerance=TOLERANCE
        )  # fmt: skip
        if level is None:
            raise ImageError(f"target: no quality gives {target.value:.0f} bytes; the smallest is {len(files[0])}")
    else:
        distortion = _distortion(source, target.kind, runtime)
        start, step = (27.0, db_step) if target.kind == "psnr" else (9.5, db_step)
        level = search(
            lambda n: distortion(coded(n)), target.value, levels, at_most=False,
            guess=(target.value - start) / step, slope=step, tolerance=TOLERANCE * target.value / 4,
        )  # fmt: skip
        if level is None:
            raise ImageError(f"target: no quality gives {target.kind} {target.value:g} dB")
    return files[level]


def _sampled_guess(runtime: Runtime, source: Source, wanted: float, guess: float, slope: float) -> float:
    """Level at which a sample of a large picture has its share of the bytes; only a place to begin."""
    side = 1024
    across, down = source.width // side or 1, source.height // side or 1
    places = [
        (i // across, i % across) for i in range(0, across * down, max(1, across * down * side**2 // SAMPLE_PIXELS))
    ]
    parts = [
        ArraySource(
            source.crop(r * side, min((r + 1) * side, source.height), c * side, min((c + 1) * side, source.width))
        )
        for r, c in places
    ]
    share = sum(p.width * p.height for p in parts) / (source.width * source.height)
    levels = runtime.tables.levels

    def measure(level: int) -> float:
        return math.log(sum(len(encode(runtime, part, level, [])) for part in parts) / share)

    level = search(measure, wanted, levels, at_most=True, guess=guess, slope=slope, tolerance=TOLERANCE)
    return guess if level is None else float(level)


def _distortion(source: Source, kind: str, runtime: Runtime) -> Callable[[bytes], float]:
    """Function from a file to the distortion of its picture, in dB."""
    depth = source.form.depth
    if kind == "psnr":

        def psnr(data: bytes) -> float:
            strips = LmcFile(data, runtime=runtime, max_pixels=source.width * source.height).strips()
            return quality_of.psnr_db(
                ((source.crop(top, top + len(strip), 0, source.width), strip) for top, strip in strips), depth
            )

        return psnr
    original = source.crop(0, source.height, 0, source.width)
    if min(original.shape[:2]) < quality_of.SMALLEST_SIDE:
        raise ImageError(f"target: MS-SSIM needs sides of at least {quality_of.SMALLEST_SIDE} pixels")

    def ms_ssim(data: bytes) -> float:
        decoded = np.empty_like(original)
        for top, strip in LmcFile(data, runtime=runtime, max_pixels=source.width * source.height).strips():
            decoded[top : top + len(strip)] = strip
        return quality_of.ms_ssim_db(original, decoded, depth)

    return ms_ssim


def decompress(data: bytes, *, threads: int | None = None, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """Decode a file.

    Args:
        data: an ``.lmc`` file.
        threads: for the networks; None takes ``CODEC_THREADS`` or else all cores.
        max_pixels: larger pictures are refused.

    Returns:
        Image.Image: in mode L, LA, RGB, RGBA or I;16, with the file's metadata in its ``info``.

    Raises:
        BitstreamError: the file is damaged, or no ``.lmc`` file.
        ModelError: it needs a model that is not here.
    """
    with LmcFile(data, threads=threads, max_pixels=max_pixels) as file:
        file.verify()
        return file.load()


def open(file: File, *, threads: int | None = None, max_pixels: int = MAX_PIXELS) -> LmcFile:
    """Open a file lazily: its header is read now, its chunks when they are needed.

    Args:
        file: a path, bytes, or a binary file.
        threads: for the networks; None takes ``CODEC_THREADS`` or else all cores.
        max_pixels: larger pictures are refused.

    Raises:
        BitstreamError: the file is damaged, or no ``.lmc`` file.
    """
    return LmcFile(file, threads=threads, max_pixels=max_pixels)


def read_symbols(
    runtime: Runtime, data: bytes, max_pixels: int = MAX_PIXELS
) -> tuple[LmcFile, NDArray[np.int32], NDArray[np.int32]]:
    """Decode a file's integers, without running a network.

    Returns:
        tuple: the file, z, int32 (channels, rows, columns), and y, int32 (channels, 4 rows, 4 columns).
    """
    file = LmcFile(data, runtime=runtime, max_pixels=max_pixels)
    file.verify()
    return file, *file.symbols()


def decompress_pixels(runtime: Runtime, data: bytes, *, max_pixels: int = MAX_PIXELS) -> NDArray[Any]:
    """Decode a file to an array, see :meth:`LmcFile.array`, with a given model."""
    file = LmcFile(data, runtime=runtime, max_pixels=max_pixels)
    file.verify()
    return file.array()


def inspect(data: File, *, max_pixels: int = MAX_PIXELS) -> Info:
    """What a file holds, from its header; every checksum is verified, no network runs.

    Raises:
        BitstreamError: the file is damaged, or no ``.lmc`` file.
    """
    with LmcFile(data, max_pixels=max_pixels) as file:
        file.verify()
        header, runtime = file.header, shipped()
        payloads = sum(file.chunk_bytes) + sum(file.box_bytes.values())
        return Info(
            width=header.width,
            height=header.height,
            mode=("L" if file.form.components == 1 else "RGB") + "A" * file.has_alpha,
            depth=file.form.depth,
            quality=round(100 * header.quality_index / (runtime.tables.levels - 1), 2),
            model_id=header.model_id.hex(),
            model_available=header.model_id == runtime.model_id,
            file_bytes=file.file_bytes,
            rate_bpp=8 * file.file_bytes / (header.width * header.height),
            chunk_bytes=file.chunk_bytes,
            box_bytes=file.box_bytes,
            overhead_bytes=file.file_bytes - payloads,
        )
