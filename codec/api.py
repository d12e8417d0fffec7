"""The library's face: pictures to bytes, bytes to pictures, and what a file holds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bitstream import Container, CorruptError, Header, ModelError, decode_chunk, encode_chunk, parse, serialize
from bitstream.container import MAX_PIXELS
from bitstream.tables import HYPER
from codec.imaging import Picture, to_pixels
from codec.runtime import Runtime, shipped
from codec.tiling import analyse, synthesise

QUALITY = 50.0


@dataclass(frozen=True)
class Info:
    """What :func:`inspect` tells of a file.

    Attributes:
        width: pixels.
        height: pixels.
        quality: 0 to 100.
        model_id: which model the file needs, hexadecimal.
        model_available: whether it is the one that ships with this version.
        file_bytes: size of the whole file.
        rate_bpp: bits of the whole file per pixel.
        chunk_bytes: payload of each chunk.
        overhead_bytes: everything that is not payload.
    """

    width: int
    height: int
    quality: float
    model_id: str
    model_available: bool
    file_bytes: int
    rate_bpp: float
    chunk_bytes: list[int]
    overhead_bytes: int


def level_of(quality: float, levels: int) -> int:
    """The level nearest to a quality of 0 to 100.

    Raises:
        ValueError: the quality is out of range.
    """
    if not 0 <= quality <= 100:  # also refuses NaN
        raise ValueError(f"quality: found {quality}, expected 0 to 100")
    return round(quality / 100 * (levels - 1))


def compress(image: Picture, quality: float = QUALITY, *, threads: int | None = None) -> bytes:
    """Code a picture.

    Args:
        image: a path, a Pillow image, or a uint8 array (H, W), (H, W, 1) or (H, W, 3).
        quality: 0 (smallest) to 100 (best), in steps of a quarter.
        threads: for the networks; None takes ``CODEC_THREADS`` or else all cores.

    Returns:
        bytes: an ``.lmc`` file.

    Raises:
        ImageError: the picture cannot be read or coded.
        ValueError: the quality is out of range.
    """
    runtime = shipped(threads)
    level = level_of(quality, runtime.tables.levels)
    return compress_pixels(runtime, to_pixels(image), level)


def compress_pixels(runtime: Runtime, pixels: NDArray[np.uint8], quality_index: int) -> bytes:
    """Code pixels, uint8 (H, W, 3), with a given model at one of its levels."""
    z, y = analyse(runtime, pixels, quality_index)
    header = Header(pixels.shape[1], pixels.shape[0], runtime.model_id, quality_index)
    chunks = []
    for top, left, rows, columns in header.chunk_cells():
        z_part = z[:, top : top + rows, left : left + columns]
        y_part = y[:, HYPER * top : HYPER * (top + rows), HYPER * left : HYPER * (left + columns)]
        chunks.append(encode_chunk(runtime.tables, quality_index, z_part, y_part))
    return serialize(Container(header, chunks))


def decompress(data: bytes, *, threads: int | None = None, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """Decode a file.

    Args:
        data: an ``.lmc`` file.
        threads: for the networks; None takes ``CODEC_THREADS`` or else all cores.
        max_pixels: larger pictures are refused.

    Returns:
        Image.Image: in mode RGB.

    Raises:
        BitstreamError: the file is damaged, or no ``.lmc`` file.
        ModelError: it needs a model that is not here.
    """
    return Image.fromarray(decompress_pixels(shipped(threads), data, max_pixels=max_pixels))


def read_symbols(
    runtime: Runtime, data: bytes, max_pixels: int = MAX_PIXELS
) -> tuple[Header, NDArray[np.int32], NDArray[np.int32]]:
    """Decode a file's integers, without running a network.

    Returns:
        tuple: header, z, int32 (channels, rows, columns), and y, int32 (channels, 4 rows, 4 columns).
    """
    container = parse(data, max_pixels)
    header = container.header
    if header.model_id != runtime.model_id:
        raise ModelError(f"model: file needs {header.model_id.hex()}, here is {runtime.model_id.hex()}")
    if header.quality_index >= runtime.tables.levels:
        raise CorruptError(f"quality_index: found {header.quality_index}, model has {runtime.tables.levels}")
    rows, columns = header.cells
    z = np.empty((runtime.tables.hyper_latents, rows, columns), np.int32)
    y = np.empty((runtime.tables.latents, HYPER * rows, HYPER * columns), np.int32)
    for (top, left, h, w), payload in zip(header.chunk_cells(), container.chunks, strict=True):
        z_part, y_part = decode_chunk(runtime.tables, header.quality_index, h, w, payload)
        z[:, top : top + h, left : left + w] = z_part
        y[:, HYPER * top : HYPER * (top + h), HYPER * left : HYPER * (left + w)] = y_part
    return header, z, y


def decompress_pixels(runtime: Runtime, data: bytes, *, max_pixels: int = MAX_PIXELS) -> NDArray[np.uint8]:
    """Decode a file to pixels, uint8 (H, W, 3), with a given model."""
    header, z, y = read_symbols(runtime, data, max_pixels)
    return synthesise(runtime, z, y, (header.height, header.width), header.quality_index)


def inspect(data: bytes, *, max_pixels: int = MAX_PIXELS) -> Info:
    """What a file holds, from its header; every checksum is verified, no network runs.

    Raises:
        BitstreamError: the file is damaged, or no ``.lmc`` file.
    """
    container = parse(data, max_pixels)
    header, runtime = container.header, shipped()
    chunk_bytes = [len(chunk) for chunk in container.chunks]
    return Info(
        width=header.width,
        height=header.height,
        quality=round(100 * header.quality_index / (runtime.tables.levels - 1), 2),
        model_id=header.model_id.hex(),
        model_available=header.model_id == runtime.model_id,
        file_bytes=len(data),
        rate_bpp=8 * len(data) / (header.width * header.height),
        chunk_bytes=chunk_bytes,
        overhead_bytes=len(data) - sum(chunk_bytes),
    )
