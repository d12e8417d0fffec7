"""Any image as a point of the manifold: a file that is coded already, or an image that is coded in passing."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from PIL import Image

from bitstream.container import MAGIC, MAX_PIXELS, MAX_SIDE, header_bytes, parse_header
from bitstream.errors import CodecError
from codec.api import EncodeOptions, encode
from codec.decoding.lmc_file import LmcFile
from codec.decoding.streams import SUFFIX, read_bounded
from codec.engine.registry import DEFAULT_TUNE, TUNES, known_tune, tune_by_id
from codec.util.progress import Progress

AnyImage = str | os.PathLike[str] | bytes | Image.Image
SURVEYED = 1000
"""About how many files are looked at to find the most common tune."""


@contextmanager
def named(image: AnyImage) -> Iterator[None]:
    """Have errors on an image say which it is, if it has a name."""
    try:
        yield
    except CodecError as error:
        name = os.fspath(image) if isinstance(image, str | os.PathLike) else ""
        if str(error).startswith(name):
            raise
        raise type(error)(f"{name}: {error}") from error


def at_rest(image: AnyImage) -> AnyImage:
    """The bytes of what can be read but once, such as a pipe; anything else as it is."""
    if isinstance(image, str | os.PathLike) and Path(image).exists() and not Path(image).is_file():
        with Path(image).open("rb") as pipe:
            return read_all_bytes(pipe)
    return image


def read_all_bytes(pipe: BinaryIO) -> bytes:
    """All that a pipe brings, or if it is an ``.lmc`` file no more than that."""
    start = pipe.read(len(MAGIC))
    return read_bounded(pipe, start=start).getvalue() if start == MAGIC else start + pipe.read()


def is_coded(image: AnyImage) -> bool:
    """Whether an image is an ``.lmc`` file, by its first bytes."""
    if isinstance(image, Image.Image):
        return False
    if isinstance(image, bytes):
        return image.startswith(MAGIC)
    with Path(image).open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def own_tune(image: AnyImage) -> str | None:
    """The tune that an image was coded with; None if it is not an ``.lmc`` file, or of a model that does not ship.

    Args:
        image: not a pipe, from which what is read would be gone.
    """
    if not is_coded(image):
        return None
    assert not isinstance(image, Image.Image)
    with io.BytesIO(image) if isinstance(image, bytes) else Path(image).open("rb") as file, suppress(CodecError):
        start = file.read(16)
        start += file.read(header_bytes(start) - len(start))
        return tune_by_id(parse_header(start, MAX_SIDE**2).header.model_id)
    return None


def most_common_tune(images: Sequence[Path]) -> str:
    """The tune that most ``.lmc`` files of a collection were coded with, so that the fewest need to be coded again.

    Args:
        images: files; only the headers of ``.lmc`` files are read, of :data:`SURVEYED` spread over a large
            collection.

    Returns:
        str: of :data:`~codec.engine.registry.TUNES`, the first if there are no such files.
    """
    files = [path for path in images if path.suffix.lower() == SUFFIX and path.is_file()]
    counts = dict.fromkeys(TUNES, 0)
    for path in files[:: 1 + len(files) // SURVEYED]:
        with suppress(OSError):
            tune = own_tune(path)
            if tune is not None:
                counts[tune] += 1
    return max(counts, key=counts.__getitem__)  # the first of equals


def open_coded(
    image: AnyImage,
    *,
    tune: str | None = DEFAULT_TUNE,
    threads: int | None = None,
    max_pixels: int = MAX_PIXELS,
    progress: Progress | None = None,
) -> LmcFile:
    """Open an image as an ``.lmc`` file of one model, so that its coordinates compare with those of others.

    Any other image is coded in memory first, at the default quality. So is a file of another model, and one with exact
    blocks, as its symbols do not tell what those show.

    Args:
        image: a path, the bytes of a file, or a Pillow image.
        tune: of the model; None takes the image's own if it was coded with a model that ships, else the default.
        threads: for the networks; None takes ``CODEC_THREADS`` or else all cores.
        max_pixels: larger images are refused.
        progress: of coding it.

    Raises:
        CodecError: it is damaged, too large, or not an image.
    """
    image = at_rest(image)
    tune = (own_tune(image) or DEFAULT_TUNE) if tune is None else known_tune(tune)
    options = EncodeOptions(tune=tune, strip=True, threads=threads, max_pixels=max_pixels, graphics=False)
    if not is_coded(image):
        source = io.BytesIO(image) if isinstance(image, bytes) else image
        image = encode(source, options, progress=progress).data
    assert not isinstance(image, Image.Image)
    file = LmcFile(image, threads=threads, max_pixels=max_pixels)
    if tune_by_id(file.header.model_id) in (tune, None) and not file.has_exact_blocks:
        return file  # in need of a model that is not here, it says so when it is read
    with file:
        file.verify()
        pixels = file.array(progress)
        again = encode(pixels, options, progress=progress).data
        return LmcFile(again, threads=threads, max_pixels=max_pixels)
