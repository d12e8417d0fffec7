"""The library's face: pictures to bytes, bytes to pictures, and what a file holds."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bitstream.container import MAX_PIXELS
from codec.decoding.lmc_file import LmcFile
from codec.decoding.streams import File
from codec.encoding.effort import ONE_PASS, Effort, effort_of
from codec.encoding.encoder import boxes_of, encode
from codec.encoding.rate import Target
from codec.encoding.rate_control import encode_to_target
from codec.engine.registry import TUNES, loaded, shipped, tune_of
from codec.engine.runtime import Runtime
from codec.images.sources import ArraySource, Picture, Source, open_source
from codec.util.progress import Progress

QUALITY = 50.0
Model = str | os.PathLike[str]
"""A folder that ``codec export`` made."""


@dataclass(frozen=True)
class Info:
    """What :func:`inspect` tells of a file.

    Attributes:
        width: pixels.
        height: pixels.
        mode: ``L`` or ``RGB``, with an ``A`` if there is transparency.
        depth: bits of a component.
        quality: 0 to 100; None if the model that its levels are of is not available.
        model_id: which model the file needs, hexadecimal.
        model_available: whether it is one that ships with this version.
        tune: what that model is good at, ``"visual"`` or ``"psnr"``; None if it is not available.
        file_bytes: size of the whole file.
        rate_bpp: bits of the whole file per pixel.
        chunk_bytes: payload of each chunk.
        box_bytes: payload of each box beside the picture, by name, or by number where the name is not known.
        overhead_bytes: everything that is not payload.
    """

    width: int
    height: int
    mode: str
    depth: int
    quality: float | None
    model_id: str
    model_available: bool
    tune: str | None
    file_bytes: int
    rate_bpp: float
    chunk_bytes: list[int]
    box_bytes: dict[str, int]
    overhead_bytes: int


def compress(
    image: Picture,
    quality: float | None = None,
    *,
    tune: str | None = None,
    model: Model | None = None,
    target: Target | None = None,
    effort: int | None = None,
    budget: float | None = None,
    strip: bool = False,
    threads: int | None = None,
    max_pixels: int = MAX_PIXELS,
    progress: Progress | None = None,
) -> bytes:
    """Code a picture.

    Args:
        image: a path, a binary file, read from its beginning, a Pillow image, or an array of uint8 or uint16: (H, W),
            or (H, W, C) with gray, gray and alpha, RGB, or RGB and alpha. The orientation that EXIF tells of is applied
            to what is still the file that Pillow opened; what was made from it, as by ``convert`` or ``rotate``, is
            taken as it is, since it may have been turned: ``ImageOps.exif_transpose`` goes before.
        quality: 0 (smallest) to 100 (best), in some 400 steps. The same number looks about the same with any of the
            models that ship. None is 50, or what the target asks for.
        tune: ``"visual"`` for what people see, ``"psnr"`` for the smallest squared error of pixels. ``"ms-ssim"`` is
            an older name of ``"visual"``. None is ``"psnr"`` for a target in PSNR, else ``"visual"``.
        model: folder of an exported model to use instead of those that ship; whoever decodes the file needs it, too.
        target: a size or distortion to meet instead of a quality.
        effort: 0 (one pass of the networks) to 9 (hundreds of passes, for a smaller file); from 1 on it needs the
            extra ``[train]``. None is 0, or 9 if there is a budget. With ``"visual"``, what is less than 161 pixels
            high or wide is coded in one pass.
        budget: seconds to spend on effort; what they suffice for depends on the machine, and so does the file.
        strip: drop ICC profile, EXIF and XMP.
        threads: for the networks; None takes ``CODEC_THREADS`` or else all cores.
        max_pixels: larger pictures are refused.
        progress: called with pixels done and pixels in all.

    Returns:
        bytes: an ``.lmc`` file.

    Raises:
        ImageError: the picture cannot be read or coded, or no quality meets the target.
        OSError: the file is not there, is a folder, or may not be read.
        LimitError: ICC profile, EXIF or XMP is longer than 64 MiB.
        CodecError: effort needs packages that are not installed, or ``CODEC_THREADS`` is no number.
        ModelError: the model is damaged, or there is none.
        ValueError: quality, tune, effort or budget is out of range, or there are both a tune and a model, or both a
            quality and a target.
        TypeError: quality is no number, or target no :class:`Target`.
    """
    if target is not None and not isinstance(target, Target):
        raise TypeError(f"target: expected codec.Target(kind, value), found {target!r}")
    if quality is not None and target is not None:
        raise ValueError("target: stands in place of a quality; leave one of them out")
    if model is not None and tune is not None:
        raise ValueError("tune: says which of the models that ship is to be used; leave it out, or the model")
    runtime = shipped(threads, tune or tune_for(target)) if model is None else loaded(model, threads)
    level = runtime.scale.level(QUALITY if quality is None else quality)
    chosen = effort_of(effort, budget)
    source = open_source(image, max_pixels)
    return compress_source(runtime, source, level, target=target, effort=chosen, strip=strip, progress=progress)


def tune_for(target: Target | None) -> str:
    """The tune that gives the smallest files for a target; the default without one."""
    return "psnr" if target is not None and target.kind == "psnr" else TUNES[0]


def compress_source(
    runtime: Runtime,
    source: Source,
    quality_index: int,
    *,
    target: Target | None = None,
    effort: Effort = ONE_PASS,
    strip: bool = False,
    progress: Progress | None = None,
) -> bytes:
    """Code a picture that is open, see :func:`compress`."""
    boxes = boxes_of(source, strip)
    if target is None:
        return encode(runtime, source, quality_index, boxes, progress, effort)
    return encode_to_target(runtime, source, boxes, target, progress, effort)


def compress_pixels(runtime: Runtime, pixels: NDArray[Any], quality_index: int) -> bytes:
    """Code an array with a given model at one of its levels."""
    return compress_source(runtime, ArraySource(pixels), quality_index)


def decompress(
    data: File,
    *,
    model: Model | None = None,
    threads: int | None = None,
    max_pixels: int = MAX_PIXELS,
    on_damage: str = "raise",
) -> Image.Image:
    """Decode a file.

    Args:
        data: an ``.lmc`` file: a path, bytes, or a binary file, read from its beginning.
        model: folder of the exported model that the file needs; None takes the one of those that ship that it names.
        threads: for the networks; None takes ``CODEC_THREADS`` or else all cores.
        max_pixels: larger pictures are refused.
        on_damage: ``"raise"`` an error, or ``"fill"`` what can be filled; see :attr:`LmcFile.damage`.

    Returns:
        Image.Image: in mode L, LA, RGB, RGBA or I;16, with the file's metadata in its ``info``, and what was filled,
        if anything was, as ``info["damage"]``.

    Raises:
        BitstreamError: the file is damaged, or no ``.lmc`` file.
        ModelError: it needs a model that is not here.
        OSError: the file cannot be opened or read.
        TypeError: it is no path, bytes or binary file.
        ValueError: there is no such ``on_damage``.
        CodecError: ``CODEC_THREADS`` is no number.
    """
    with open(data, model=model, threads=threads, max_pixels=max_pixels, on_damage=on_damage) as file:
        file.verify()
        image = file.load()
        if file.damage:
            image.info["damage"] = file.damage
        return image


def open(
    file: File,
    *,
    model: Model | None = None,
    threads: int | None = None,
    max_pixels: int = MAX_PIXELS,
    on_damage: str = "raise",
) -> LmcFile:
    """Open a file lazily: header and boxes are read now, chunks when they are needed.

    Args:
        file: a path, bytes, or a binary file, read from its beginning.
        model: folder of the exported model that the file needs; None takes the one of those that ship that it names.
        threads: for the networks; None takes ``CODEC_THREADS`` or else all cores.
        max_pixels: larger pictures are refused.
        on_damage: ``"raise"`` an error, or ``"fill"`` what can be filled; see :attr:`LmcFile.damage`.

    Raises:
        BitstreamError: the file is damaged, or no ``.lmc`` file.
        ModelError: the model is damaged, or there is none.
        OSError: the file cannot be opened or read.
        TypeError: it is no path, bytes or binary file.
        ValueError: there is no such ``on_damage``.
    """
    runtime = None if model is None else loaded(model, threads)
    return LmcFile(file, threads=threads, max_pixels=max_pixels, runtime=runtime, on_damage=on_damage)


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

    Args:
        data: an ``.lmc`` file: a path, bytes, or a binary file, read from its beginning.
        max_pixels: larger pictures are refused.

    Raises:
        BitstreamError: the file is damaged, or no ``.lmc`` file.
        OSError: the file cannot be opened or read.
        TypeError: it is no path, bytes or binary file.
    """
    with LmcFile(data, max_pixels=max_pixels) as file:
        file.verify()
        header, tune = file.header, tune_of(file.header.model_id)
        quality = None
        if tune is not None:
            quality = file.runtime.scale.quality(header.quality_index)
        payloads = sum(file.chunk_bytes) + sum(file.box_bytes.values())
        return Info(
            width=header.width,
            height=header.height,
            mode=("L" if file.form.components == 1 else "RGB") + "A" * file.has_alpha,
            depth=file.form.depth,
            quality=quality,
            model_id=header.model_id.hex(),
            model_available=tune is not None,
            tune=tune,
            file_bytes=file.file_bytes,
            rate_bpp=8 * file.file_bytes / (header.width * header.height),
            chunk_bytes=file.chunk_bytes,
            box_bytes=file.box_bytes,
            overhead_bytes=file.file_bytes - payloads,
        )
