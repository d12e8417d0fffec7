"""The library's face: images to bytes, bytes to images, and what a file holds."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bitstream.container import MAX_PIXELS
from bitstream.errors import CodecError, ConversionWarning
from codec.decoding.streams import SUFFIX, read_bounded
from codec.encoding.options import DEFAULT_QUALITY, EncodeOptions, Model, Target
from codec.engine.registry import DEFAULT_TUNE, FORMER_TUNES, TUNES, loaded, shipped, tune_by_id

if TYPE_CHECKING:
    from PIL import Image

    from codec.decoding.lmc_file import LmcFile
    from codec.decoding.streams import File
    from codec.engine.runtime import Runtime
    from codec.images.source import Source
    from codec.images.sources import ImageInput
    from codec.util.progress import Progress


_OPEN_AT_ONCE = 256


@dataclass(frozen=True)
class Encoded:
    """What became of an image.

    Attributes:
        data: an ``.lmc`` file.
        width: pixels.
        height: pixels.
        notes: what of the image was lost or converted, for people to read.
    """

    data: bytes
    width: int
    height: int
    notes: tuple[str, ...]


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
        exact_share: of the pixels, how many are exact: 1 for a lossless file.
        box_bytes: payload of each box beside the image, by name, or by number where the name is not known.
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
    exact_share: float
    box_bytes: dict[str, int]
    overhead_bytes: int


def encode(
    image: ImageInput | LmcFile, options: EncodeOptions = EncodeOptions(), *, progress: Progress | None = None
) -> Encoded:
    """Code an image, and say what of it was lost or converted.

    Args:
        image: see :func:`compress`; or an ``.lmc`` file that is open, to be coded anew with all that it keeps.
        options: how.
        progress: called with pixels done and pixels in all.

    Raises:
        ImageError: the image cannot be read or coded, or no quality meets the target.
        OSError: the file is not there, is a folder, or may not be read.
        LimitError: ICC profile, EXIF or XMP is longer than 64 MiB.
        CodecError: effort needs packages that are not installed, or ``CODEC_THREADS`` is not a number.
        ModelError: the model is damaged, or there is none.
        ValueError: there is no such tune.
    """
    from codec.decoding.lmc_file import LmcFile
    from codec.encoding.encoder import source_boxes
    from codec.encoding.filling import visible
    from codec.encoding.graphics import encode_image, encode_lossless
    from codec.encoding.losses import narrow_range_note
    from codec.images.sources import open_source

    runtime = model_for(options)
    source = _decoded(image) if isinstance(image, LmcFile) else open_source(image, options.max_pixels)
    boxes = source_boxes(source, options.strip)
    effort, graphics = options.refinement, options.graphics
    if options.lossless:
        data = encode_lossless(runtime, source, boxes, progress)
    elif options.target is None:
        level = runtime.scale.level(options.chosen_quality)
        data = encode_image(runtime, visible(source), level, boxes, progress, effort, graphics)
    else:
        from codec.encoding.rate_control import encode_to_target

        data = encode_to_target(runtime, visible(source), boxes, options.target, progress, effort, graphics)
    note = None if options.lossless else narrow_range_note(source)
    notes = source.notes + ((note,) if note else ())
    if isinstance(image, LmcFile):
        notes += tuple(map(str, image.damage))
    return Encoded(data, source.width, source.height, notes)


def _decoded(file: LmcFile) -> Source:
    """The pixels of a file and its metadata as an image."""
    from codec.images.sources import ArraySource

    source = ArraySource(file.array())
    source.metadata = file.metadata
    return source


def model_for(options: EncodeOptions) -> Runtime:
    """The model that an image is coded with.

    Raises:
        ModelError: it is damaged, or there is none.
        ValueError: there is no such tune.
    """
    if options.model is not None:
        return loaded(options.model, options.threads)
    for_target = "psnr" if options.target is not None and options.target.kind == "psnr" else DEFAULT_TUNE
    return shipped(options.threads, options.tune or for_target)


def compress(
    image: ImageInput,
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
    lossless: bool = False,
    graphics: bool = True,
    progress: Progress | None = None,
) -> bytes:
    """Code an image.

    A :class:`~bitstream.errors.ConversionWarning` says what of it is lost or converted.

    Args:
        image: a path, a binary file, read from its beginning, a Pillow image, or an array of uint8 or uint16: (H, W),
            or (H, W, C) with gray, gray and alpha, RGB, or RGB and alpha. EXIF orientation is applied to an image as
            ``Image.open`` gave it. Images derived from it, such as by ``convert`` or
            ``rotate``, are taken as they are: call ``ImageOps.exif_transpose`` before deriving them.
        quality: see :class:`~codec.encoding.options.EncodeOptions`, as all that follows.
        tune: ``"visual"`` or ``"psnr"``.
        model: folder of an exported model.
        target: a size or distortion to meet instead of a quality.
        effort: 0 to 9.
        budget: seconds to spend on effort.
        strip: drop ICC profile, EXIF and XMP.
        threads: for the networks.
        max_pixels: larger images are refused.
        lossless: keep every pixel as it is.
        graphics: code flat graphics exactly where that is better.
        progress: called with pixels done and pixels in all.

    Returns:
        bytes: an ``.lmc`` file.

    Raises:
        ImageError: the image cannot be read or coded, or no quality meets the target.
        OSError: the file is not there, is a folder, or may not be read.
        LimitError: ICC profile, EXIF or XMP is longer than 64 MiB.
        CodecError: effort needs packages that are not installed, or ``CODEC_THREADS`` is not a number.
        ModelError: the model is damaged, or there is none.
        ValueError: quality, tune, effort or budget is out of range, or there are both a tune and a model, both a
            quality and a target, or one of those or an effort beside ``lossless``.
        TypeError: quality is not a number, or target not a :class:`Target`.
    """
    options = EncodeOptions(
        quality, tune, model, target, effort, budget, strip, threads, max_pixels, lossless, graphics
    )
    encoded = encode(image, options, progress=progress)
    for note in encoded.notes:
        warnings.warn(note, ConversionWarning, stacklevel=2)
    return encoded.data


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
        max_pixels: larger images are refused.
        on_damage: ``"raise"`` an error, or ``"fill"`` what can be filled; see :attr:`LmcFile.damage`.

    Returns:
        Image.Image: in mode L, LA, RGB, RGBA or I;16, with the file's metadata in its ``info``, and what was filled,
        if anything was, as ``info["damage"]``. Pillow has no other mode of 16 bits: those are cut to 8, with a
        :class:`~bitstream.errors.ConversionWarning`; :meth:`LmcFile.array` keeps them.

    Raises:
        BitstreamError: the file is damaged, or no ``.lmc`` file.
        ModelError: it needs a model that is not here.
        OSError: the file cannot be opened or read.
        TypeError: it is neither a path nor bytes nor a binary file.
        ValueError: there is no such ``on_damage``.
        CodecError: ``CODEC_THREADS`` is not a number.
    """
    with open(data, model=model, threads=threads, max_pixels=max_pixels, on_damage=on_damage) as file:
        file.verify()
        image = file.load()
        if file.form.depth == 16 and image.mode != "I;16":
            warnings.warn(f"16 bits of {image.mode} were cut to 8", ConversionWarning, stacklevel=2)
        if file.damage:
            image.info["damage"] = file.damage
        return image


def decompress_batch(
    files: Sequence[File],
    *,
    model: Model | None = None,
    threads: int | None = None,
    max_pixels: int = MAX_PIXELS,
) -> list[Image.Image]:
    """Decode many files. Small images of one size go through the networks together, which takes less time.

    Args:
        files: ``.lmc`` files, see :func:`decompress`.
        model: folder of the exported model that the files need; None takes those that ship that they name.
        threads: for the networks; None takes ``CODEC_THREADS`` or else all cores.
        max_pixels: larger images are refused.

    Returns:
        list: an image of each, as :func:`decompress` gives, up to one level of a pixel.

    Raises:
        BitstreamError: a file is damaged, or no ``.lmc`` file; the text begins with its place among the files.
        ModelError: one needs a model that is not here.
        OSError: one cannot be opened or read.
    """
    from codec.decoding.together import load_together

    images: list[Image.Image] = []
    for start in range(0, len(files), _OPEN_AT_ONCE):
        with ExitStack() as stack:
            opened: list[LmcFile] = []
            for i, file in enumerate(files[start : start + _OPEN_AT_ONCE], start):
                try:
                    opened.append(stack.enter_context(open(file, model=model, threads=threads, max_pixels=max_pixels)))
                    opened[-1].verify()
                    opened[-1].runtime  # noqa: B018 - which may be missing
                except CodecError as error:
                    raise type(error)(f"file {i}: {error}") from error
            images += load_together(opened)
            for one, image in zip(opened, images[start:], strict=True):
                if one.form.depth == 16 and image.mode != "I;16":
                    warnings.warn(f"16 bits of {image.mode} were cut to 8", ConversionWarning, stacklevel=2)
    return images


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
        max_pixels: larger images are refused.
        on_damage: ``"raise"`` an error, or ``"fill"`` what can be filled; see :attr:`LmcFile.damage`.

    Raises:
        BitstreamError: the file is damaged, or no ``.lmc`` file.
        ModelError: there is no such model, or its manifest or tables are damaged.
        OSError: the file cannot be opened or read.
        TypeError: it is neither a path nor bytes nor a binary file.
        ValueError: there is no such ``on_damage``.
    """
    from codec.decoding.lmc_file import LmcFile

    runtime = None if model is None else loaded(model, threads)
    return LmcFile(file, threads=threads, max_pixels=max_pixels, runtime=runtime, on_damage=on_damage)


def writable_suffixes() -> dict[str, str]:
    """Formats that :meth:`LmcFile.write` writes, by lower-case suffix."""
    from codec.images import sinks

    return sinks.writable_suffixes()


def is_writable(suffix: str) -> bool:
    """Whether a lower-case suffix is one of :func:`writable_suffixes`."""
    from codec.images import sinks

    return sinks.is_writable(suffix)


def readable_suffixes() -> set[str]:
    """Lower-case suffixes of the images that :func:`compress` reads."""
    from codec.images import pillow_compat

    return pillow_compat.readable_suffixes()


def package_to_read(suffix: str) -> str | None:
    """The package of a Pillow plugin that would read images of a lower-case suffix, if it is not installed."""
    from codec.images import plugins

    return plugins.missing_for(suffix)


def encode_at_level(runtime: Runtime, pixels: NDArray[Any], quality_index: int) -> bytes:
    """Code an array with a given model at one of its levels, without metadata.

    Args:
        runtime: the model.
        pixels: uint8 or uint16, see :func:`compress`.
        quality_index: level of quality.
    """
    from codec.encoding.encoder import encode as encode_source
    from codec.encoding.encoder import source_boxes
    from codec.images.sources import ArraySource

    source = ArraySource(pixels)
    return encode_source(runtime, source, quality_index, source_boxes(source))


def read_symbols(
    runtime: Runtime, data: bytes, max_pixels: int = MAX_PIXELS
) -> tuple[LmcFile, NDArray[np.int32], NDArray[np.int32]]:
    """Decode a file's integers, without running a network.

    Returns:
        tuple: the file, z, int32 (channels, rows, columns), and y, int32 (channels, 4 rows, 4 columns).
    """
    from codec.decoding.lmc_file import LmcFile

    file = LmcFile(data, runtime=runtime, max_pixels=max_pixels)
    file.verify()
    return file, *file.symbols()


def inspect(data: File, *, max_pixels: int = MAX_PIXELS) -> Info:
    """What a file holds, from its header; every checksum is verified, no network runs.

    Args:
        data: an ``.lmc`` file: a path, bytes, or a binary file, read from its beginning.
        max_pixels: larger images are refused.

    Raises:
        BitstreamError: the file is damaged, or no ``.lmc`` file.
        OSError: the file cannot be opened or read.
        TypeError: it is neither a path nor bytes nor a binary file.
    """
    with open(data, max_pixels=max_pixels) as file:
        file.verify()
        header, tune = file.header, tune_by_id(file.header.model_id)
        payloads = sum(file.chunk_bytes) + sum(file.box_bytes.values())
        return Info(
            width=header.width,
            height=header.height,
            mode=("L" if file.form.components == 1 else "RGB") + "A" * file.has_alpha,
            depth=file.form.depth,
            quality=file.quality,
            model_id=header.model_id.hex(),
            model_available=tune is not None,
            tune=tune,
            file_bytes=file.file_bytes,
            rate_bpp=8 * file.file_bytes / (header.width * header.height),
            chunk_bytes=file.chunk_bytes,
            exact_share=file.exact_share,
            box_bytes=file.box_bytes,
            overhead_bytes=file.file_bytes - payloads,
        )


__all__ = [
    "DEFAULT_QUALITY",
    "FORMER_TUNES",
    "MAX_PIXELS",
    "SUFFIX",
    "TUNES",
    "EncodeOptions",
    "Encoded",
    "Info",
    "Target",
    "compress",
    "decompress",
    "decompress_batch",
    "encode",
    "encode_at_level",
    "inspect",
    "is_writable",
    "model_for",
    "open",
    "package_to_read",
    "read_bounded",
    "read_symbols",
    "readable_suffixes",
    "writable_suffixes",
]
