"""Any picture as a point of the manifold: a file that is coded already, or a picture that is coded in passing."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from PIL import Image

from bitstream.container import MAGIC, MAX_PIXELS
from bitstream.errors import CodecError
from codec.api import QUALITY, compress
from codec.catalogue import TUNES, tune_of
from codec.decoder import LmcFile
from codec.pipes import held
from codec.progress import Progress

Pictured = str | os.PathLike[str] | bytes | Image.Image


@contextmanager
def named(picture: Pictured) -> Iterator[None]:
    """Have errors on a picture say which it is, if it has a name."""
    try:
        yield
    except CodecError as error:
        name = os.fspath(picture) if isinstance(picture, str | os.PathLike) else ""
        if str(error).startswith(name):
            raise
        raise type(error)(f"{name}: {error}") from error


def at_rest(picture: Pictured) -> Pictured:
    """The bytes of what can be read but once, such as a pipe; anything else as it is."""
    if isinstance(picture, str | os.PathLike) and Path(picture).exists() and not Path(picture).is_file():
        with Path(picture).open("rb") as pipe:
            return bytes_of(pipe)
    return picture


def bytes_of(pipe: BinaryIO) -> bytes:
    """All that a pipe brings, or if it is an ``.lmc`` file no more than that."""
    start = pipe.read(len(MAGIC))
    return held(pipe, start=start).getvalue() if start == MAGIC else start + pipe.read()


def is_coded(picture: Pictured) -> bool:
    """Whether a picture is an ``.lmc`` file, by its first bytes."""
    if isinstance(picture, Image.Image):
        return False
    if isinstance(picture, bytes):
        return picture.startswith(MAGIC)
    with Path(picture).open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def open_coded(
    picture: Pictured, *, threads: int | None = None, max_pixels: int = MAX_PIXELS, progress: Progress | None = None
) -> LmcFile:
    """Open a picture as an ``.lmc`` file of the first model that ships, whose coordinates all pictures share.

    Any other picture, and a file of another model, is coded in memory first, at the default quality.

    Args:
        picture: a path, the bytes of a file, or a Pillow image.
        threads: for the networks; None takes ``CODEC_THREADS`` or else all cores.
        max_pixels: larger pictures are refused.
        progress: of coding it.

    Raises:
        CodecError: it is damaged, too large, or no picture.
    """
    picture = at_rest(picture)
    if not is_coded(picture):
        source = io.BytesIO(picture) if isinstance(picture, bytes) else picture
        picture = compress(source, QUALITY, strip=True, threads=threads, max_pixels=max_pixels, progress=progress)
    assert not isinstance(picture, Image.Image)
    file = LmcFile(picture, threads=threads, max_pixels=max_pixels)
    if tune_of(file.header.model_id) in (TUNES[0], None):
        return file  # in need of a model that is not here, it says so when it is read
    with file:
        file.verify()
        pixels = file.array(progress)
        again = compress(pixels, QUALITY, strip=True, threads=threads, max_pixels=max_pixels, progress=progress)
        return LmcFile(again, threads=threads, max_pixels=max_pixels)
