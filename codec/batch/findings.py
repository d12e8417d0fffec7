"""What is found out about one image of many, coded or not, without an output: its embedding, or how odd it is."""

from __future__ import annotations

import io
from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from bitstream.container import MAX_PIXELS
from codec.api import SUFFIX
from codec.batch.tasks import OpenOutput, Outcome, Source, Task, byte_count, readable
from codec.decoding.lmc_file import LmcFile
from codec.engine.registry import DEFAULT_TUNE, shipped
from codec.util.progress import Progress

if TYPE_CHECKING:
    from codec.manifold.anomaly.calibration import Collection
    from codec.manifold.embedding import EmbeddingHead
    from codec.manifold.loading import AnyImage


class Finding(Task):
    """A task that reads an image's coordinates, and makes no output.

    Attributes:
        threads: for the networks; None takes ``CODEC_THREADS`` or else all cores.
        max_pixels: larger images are refused.
    """

    threads: int | None
    max_pixels: int

    @property
    @abstractmethod
    def head(self) -> EmbeddingHead:
        """Of the model whose coordinates are read."""

    @abstractmethod
    def look(self, file: LmcFile, image: AnyImage, progress: Progress | None) -> dict[str, Any]:
        """Values of an image, by the names of the columns.

        Args:
            file: the image as an ``.lmc`` file of the model.
            image: as it was given.
            progress: called as the work goes on.
        """

    def takes(self, suffix: str) -> bool:
        """See :meth:`Task.takes`."""
        return suffix == SUFFIX or suffix in readable()

    def prepare(self) -> None:
        """See :meth:`Task.prepare`."""
        shipped(self.threads, self.head.tune)

    def __call__(self, source: Source, name: str, output: OpenOutput, progress: Progress | None = None) -> Outcome:
        """See :meth:`Task.__call__`."""
        from codec.manifold.loading import open_coded

        image = source.getvalue() if isinstance(source, io.BytesIO) else source
        opened = open_coded(
            image, tune=self.head.tune, threads=self.threads, max_pixels=self.max_pixels, progress=progress
        )
        with opened as file:
            values = self.look(file, image, progress)
            return Outcome(byte_count(source), 0, file.file_bytes, *file.size, file.quality, values=values)


@dataclass(frozen=True)
class Embed(Finding):
    """An embedding of each image: images that are alike have embeddings whose cosine is near 1.

    Attributes:
        tune: of the model whose coordinates are embedded.
        threads: see :class:`Finding`.
        max_pixels: see :class:`Finding`.
    """

    tune: str = DEFAULT_TUNE
    threads: int | None = None
    max_pixels: int = MAX_PIXELS
    columns: ClassVar[dict[str, str]] = {"embedding": "list<float>"}

    @property
    def name(self) -> str:
        """See :attr:`Task.name`."""
        return f"embed {self.head.digest.hex()}"

    @property
    def head(self) -> EmbeddingHead:
        """See :attr:`Finding.head`."""
        from codec.manifold.embedding import shipped as shipped_head

        return shipped_head(self.tune)

    def look(self, file: LmcFile, image: AnyImage, progress: Progress | None) -> dict[str, Any]:
        """See :meth:`Finding.look`."""
        from codec.manifold.embedding import embed_file

        return {"embedding": embed_file(file, self.head, progress).tolist()}


@dataclass(frozen=True, eq=False)
class Score(Finding):
    """How odd each image is among those that ``codec anomaly fit`` has learned from.

    Attributes:
        collection: what is normal.
        threads: see :class:`Finding`.
        max_pixels: see :class:`Finding`.
    """

    collection: Collection
    threads: int | None = None
    max_pixels: int = MAX_PIXELS
    columns: ClassVar[dict[str, str]] = {"score": "double", "score_parts": "map<string, double>"}

    @property
    def name(self) -> str:
        """See :attr:`Task.name`."""
        return f"score {self.collection.digest.hex()}"

    @property
    def head(self) -> EmbeddingHead:
        """See :attr:`Finding.head`."""
        return self.collection.head

    def look(self, file: LmcFile, image: AnyImage, progress: Progress | None) -> dict[str, Any]:
        """See :meth:`Finding.look`."""
        from codec.manifold.anomaly.features import file_features
        from codec.manifold.loading import is_coded

        features = file_features(file, self.head, None if is_coded(image) else image, progress)
        found = self.collection.score(features)
        return {"score": float(found.score), "score_parts": {k: float(v) for k, v in found.parts.items()}}
