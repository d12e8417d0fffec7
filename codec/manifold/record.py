"""What is kept of an image once it has been looked at: where it lies, and a small view of it."""

from __future__ import annotations

import io
from dataclasses import dataclass

from codec.decoding.lmc_file import LmcFile
from codec.images.pillow_compat import as_rgb
from codec.manifold.embedding import EmbeddingHead, Floats, embed_file, shipped
from codec.manifold.loading import AnyImage, named, open_coded
from codec.util.progress import Progress

THUMBNAIL = 160
"""Pixels of a thumbnail's longer side, at most ..."""
MIN_SIDE = 64
"""... and at least, if the image has them."""


@dataclass(frozen=True)
class Record:
    """An image as collections know it.

    Attributes:
        width: pixels.
        height: pixels.
        embedding: float32 (D,), of length 1.
        thumbnail: a JPEG, made from the preview.
    """

    width: int
    height: int
    embedding: Floats
    thumbnail: bytes


def make_record(
    image: AnyImage,
    *,
    head: EmbeddingHead | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Record:
    """Look at an image: embedding and thumbnail.

    Args:
        image: a path, the bytes of a file, or a Pillow image; coded in memory first if it is not an ``.lmc`` file of
            the head's model.
        head: embeds; None takes the one that ships for the default tune.
        threads: for the networks; None takes ``CODEC_THREADS`` or else all cores.
        progress: of each step of the work.

    Raises:
        CodecError: it is damaged, or not an image.
    """
    head = head or shipped()
    with named(image), open_coded(image, tune=head.tune, threads=threads, progress=progress) as file:
        return Record(*file.size, embed_file(file, head, progress), make_thumbnail(file, progress))


def make_thumbnail(file: LmcFile, progress: Progress | None = None) -> bytes:
    """A small view of an open file, as a JPEG."""
    # By the preview network where that shows enough; small images are cheap to synthesise.
    side = max(file.size)
    scale = 16 if side >= 16 * THUMBNAIL else next((s for s in (8, 4, 2) if side >= MIN_SIDE * s), 1)
    view = as_rgb(file.preview(scale, progress))
    view.thumbnail((THUMBNAIL, THUMBNAIL))
    buffer = io.BytesIO()
    view.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()
