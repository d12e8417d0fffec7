"""An image as one vector of fixed length, from its coordinates alone: near for related images, far for others.

A small head looks at each position, and at each cell of 4 x 4 positions, keeps the mean and the spread of what it
sees over the image, and maps those to a point on the unit sphere. It is trained by contrast, see
:mod:`codec.manifold.training`, and belongs to one model of the codec, whose coordinates it reads.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bitstream.errors import CorruptError, ModelError
from bitstream.geometry import HYPER_STRIDE
from codec.decoding.lmc_file import LmcFile
from codec.engine.registry import DEFAULT_TUNE, TUNES, id_by_tune, known_tune, tune_by_id
from codec.manifold.loading import AnyImage, open_coded
from codec.util.progress import Progress

Floats = NDArray[np.float32]
HEADS = Path(__file__).parent / "weights"
"""A head for each tune, in a file of its name."""
SPREAD_FLOOR = 1e-4
"""Added to variances, so that the slope of their root stays finite."""


@dataclass(frozen=True)
class EmbeddingHead:
    """The head's weights, all float32.

    Attributes:
        scale: (channels of y,), what each coordinate is divided by.
        position, position_bias: (channels of y, F) and (F,), what is seen at a position.
        cell, cell_bias: (F, F) and (F,), what is seen in a cell.
        hidden, hidden_bias: (4 F, H) and (H,), from statistics to a hidden layer.
        output: (H, D), to the embedding.
        model_id: of the model whose coordinates it reads.
    """

    scale: Floats
    position: Floats
    position_bias: Floats
    cell: Floats
    cell_bias: Floats
    hidden: Floats
    hidden_bias: Floats
    output: Floats
    model_id: bytes

    @property
    def tune(self) -> str:
        """Tune of the model that it belongs to; the default if that model does not ship."""
        return tune_by_id(self.model_id) or DEFAULT_TUNE

    @property
    def dimensions(self) -> int:
        """Length of an embedding."""
        return int(self.output.shape[1])

    def check(self, file: LmcFile) -> None:
        """Refuse a file whose coordinates mean nothing to this head.

        Raises:
            ModelError: it is of another model.
        """
        if file.header.model_id != self.model_id:
            raise ModelError(
                f"embedding: belongs to model {self.model_id.hex()}, the file is of {file.header.model_id.hex()}"
            )

    @property
    def digest(self) -> bytes:
        """Eight bytes that name the head: embeddings compare only if they are of one."""
        digest = hashlib.sha256()
        for name in ARRAYS:
            digest.update(getattr(self, name).astype("<f2").tobytes())
        return digest.digest()[:8]

    def statistics(self, latents: Iterable[Floats]) -> Floats:
        """Means and spreads of what is seen over an image, float32 (4 F,).

        Args:
            latents: parts of y_hat, (channels, rows, columns), rows and columns multiples of 4, as of
                :meth:`LmcFile.latents`.
        """
        return pooled(self.features(part) for part in latents)

    def features(self, part: Floats) -> tuple[Floats, Floats]:
        """What is seen at each position and in each cell.

        Args:
            part: y_hat, float32 (channels, 4 rows, 4 columns).

        Returns:
            tuple: float32 (rows, columns, 16, F) and (rows, columns, F).
        """
        channels, rows, columns = part.shape
        h, w = rows // HYPER_STRIDE, columns // HYPER_STRIDE
        blocks = part.reshape(channels, h, HYPER_STRIDE, w, HYPER_STRIDE).transpose(1, 3, 2, 4, 0)
        y = np.arcsinh(blocks.reshape(h, w, HYPER_STRIDE**2, channels) / self.scale)
        at_position = silu(y @ self.position + self.position_bias)
        return at_position, silu(at_position.mean(axis=2) @ self.cell + self.cell_bias)

    def positions(self, part: Floats) -> Floats:
        """What is seen at each position, as an image of features, float32 (4 rows, 4 columns, F).

        Args:
            part: y_hat, float32 (channels, 4 rows, 4 columns).
        """
        seen, _ = self.features(part)
        rows, columns, _, width = seen.shape
        grid = seen.reshape(rows, columns, HYPER_STRIDE, HYPER_STRIDE, width).transpose(0, 2, 1, 3, 4)
        return grid.reshape(HYPER_STRIDE * rows, HYPER_STRIDE * columns, width)

    def project(self, statistics: Floats) -> Floats:
        """Embedding of statistics, float32 (D,), of length 1."""
        vector: Floats = silu(statistics @ self.hidden + self.hidden_bias) @ self.output
        vector /= max(float(np.linalg.norm(vector)), 1e-12)
        return vector


ARRAYS = tuple(field.name for field in fields(EmbeddingHead) if field.name != "model_id")
"""The weights among a head's attributes."""


def pooled(features: Iterable[tuple[Floats, Floats]]) -> Floats:
    """Means and spreads over an image, float32 (4 F,), of its parts' features, see :meth:`EmbeddingHead.features`.

    Raises:
        CorruptError: they are not finite, as a hostile file can make them.
    """
    sums: list[NDArray[np.float64]] = []
    cells = 0
    for part in features:
        rows = [seen.reshape(-1, seen.shape[-1]) for seen in part]
        moments = [m for r in rows for m in (r.sum(axis=0, dtype=float), np.square(r).sum(axis=0, dtype=float))]
        sums = [s + m for s, m in zip(sums, moments, strict=True)] if sums else moments
        cells += len(rows[1])
    if not cells:
        raise ValueError("latents: found none")
    together = []
    for k, count in ((0, cells * HYPER_STRIDE**2), (2, cells)):
        mean = sums[k] / count
        together += [mean, np.sqrt(np.maximum(sums[k + 1] / count - mean**2, 0) + SPREAD_FLOOR)]
    result: Floats = np.concatenate(together).astype(np.float32)
    if not np.isfinite(result).all():
        raise CorruptError("coordinates: beyond the range of numbers")
    return result


def silu(x: Floats) -> Floats:
    """x times its sigmoid, by tanh, which does not overflow."""
    half = np.float32(0.5) * x
    result: Floats = half + half * np.tanh(half)
    return result


def save(path: Path, head: EmbeddingHead) -> None:
    """Write a head and the model it belongs to."""
    arrays = {name: getattr(head, name).astype(np.float16) for name in ARRAYS}
    with path.open("wb") as file:  # by its name NumPy would add a suffix
        np.savez_compressed(file, about=np.array(json.dumps({"model_id": head.model_id.hex()})), **arrays)


def load(path: Path, model_id: bytes | None = None) -> EmbeddingHead:
    """Read a head.

    Args:
        path: as :func:`save` wrote it.
        model_id: the model it has to belong to; None takes any.

    Raises:
        ModelError: it is damaged, or belongs to another model.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            about = json.loads(str(stored["about"]))
            belongs = bytes.fromhex(about["model_id"])
            head = EmbeddingHead(**{name: stored[name].astype(np.float32) for name in ARRAYS}, model_id=belongs)
    except Exception as error:  # what a damaged archive raises is not documented
        raise ModelError(f"{path}: cannot read an embedding head: {error}") from error
    if model_id is not None and belongs != model_id:
        raise ModelError(
            f"{path}: belongs to model {belongs.hex()}, files here are of {model_id.hex()}; "
            "codec train-embedding makes one that does"
        )
    return head


def shipped(tune: str = DEFAULT_TUNE) -> EmbeddingHead:
    """The head that ships for a tune, see :data:`~codec.engine.registry.TUNES`.

    Raises:
        ModelError: it is damaged, or belongs to another model than the one that ships for this tune.
        ValueError: there is no such tune.
    """
    return _shipped(known_tune(tune))


@lru_cache(maxsize=len(TUNES))
def _shipped(tune: str) -> EmbeddingHead:
    return load(HEADS / f"{tune}.npz", id_by_tune(tune))


def shipped_for(model_id: bytes) -> EmbeddingHead:
    """The head that ships for a model, or for the default tune if that model does not ship.

    Raises:
        ModelError: it is damaged, or belongs to another model.
    """
    return shipped(tune_by_id(model_id) or DEFAULT_TUNE)


def shipped_by_digest(digest: bytes) -> EmbeddingHead | None:
    """The head of this :attr:`~EmbeddingHead.digest`, if it ships."""
    for tune in TUNES:
        with suppress(ModelError):  # another may be sound
            head = shipped(tune)
            if head.digest == digest:
                return head
    return None


def embed_file(file: LmcFile, head: EmbeddingHead | None = None, progress: Progress | None = None) -> Floats:
    """Embedding of an open file, float32 (D,), of length 1; costs entropy decoding and the means, no synthesis.

    Args:
        file: an ``.lmc`` file.
        head: None takes the one that ships for the file's model. Embeddings by different heads do not compare.
        progress: of decoding it.

    Raises:
        ModelError: the head reads the coordinates of another model.
    """
    head = head or shipped_for(file.header.model_id)
    head.check(file)
    return head.project(head.statistics(file.latents(progress=progress)))


def embed(image: AnyImage, *, tune: str = DEFAULT_TUNE, threads: int | None = None) -> Floats:
    """Embedding of an image: the cosine between two of one tune says how alike they are.

    Args:
        image: a path, the bytes of a file, or a Pillow image; coded in memory first if it is not an ``.lmc`` file of
            this tune.
        tune: of the model whose coordinates are embedded; those of different tunes do not compare.
        threads: for the networks; None takes ``CODEC_THREADS`` or else all cores.

    Returns:
        NDArray: float32 (D,), of length 1.

    Raises:
        CodecError: it is damaged, or not an image.
        ModelError: the file needs a model that is not here.
    """
    with open_coded(image, tune=tune, threads=threads) as file:
        return embed_file(file, shipped(tune))
