"""A searchable collection of images in one file, see :mod:`codec.manifold.store`.

The nearest are found by comparing the query with every embedding, which is exact. A collection of more than
:data:`EXACT_MOST` images has a graph beside it, see :mod:`codec.manifold.graph`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from bitstream.errors import CodecError, ModelError
from codec.engine.registry import DEFAULT_TUNE
from codec.manifold import graph
from codec.manifold.collection import absolute, each
from codec.manifold.embedding import EmbeddingHead, Floats, shipped
from codec.manifold.record import Record, make_record
from codec.manifold.store import Match, Stamp, Store
from codec.util.progress import Progress

EXACT_MOST = 50_000
"""Images in a collection that is searched without a graph."""
TO_RANK = 8
"""Candidates of a graph for each image that is wanted."""
MOST_CANDIDATES = 20_000
"""After which comparing with all is as fast."""
GONE_SHARE = 0.2
"""Of a graph's images that may be gone from the database before it is built anew."""


@dataclass(frozen=True)
class Update:
    """What :meth:`Index.update` did: how many images of each fate, and what failed."""

    added: int
    kept: int
    removed: int
    failed: dict[Path, Exception]


class Index:
    """A database of images; close it, or use it in a ``with``.

    Args:
        path: of the database.
        create: make it if it is not there.
        head: embeds; None takes the one that the database was made with, if that ships.
        tune: a new database is made with the head of this tune, unless a head is given.

    Attributes:
        head: what embeds.

    Raises:
        CodecError: it is not there, or no database of this kind.
        ModelError: its embeddings are of another head.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        create: bool = False,
        head: EmbeddingHead | None = None,
        tune: str = DEFAULT_TUNE,
    ) -> None:
        self.path = path = Path(path)
        if not create and not (path.is_file() and path.stat().st_size):
            raise CodecError(f"{path}: no index there; make one with: codec search index FOLDER --index {path}")
        self.store = Store(path, head or shipped(tune) if create else None, head)
        self.head = self.store.head
        self._graph: tuple[int, graph.Graph] | None = None

    def __enter__(self) -> Index:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the database."""
        self.store.close()

    def __len__(self) -> int:
        return len(self.store)

    def update(
        self,
        images: Iterable[str | os.PathLike[str]],
        *,
        forget_below: Iterable[Path] = (),
        jobs: int = 1,
        threads: int | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Update:
        """Add images that are new or have changed; each is safe once it is added.

        Args:
            images: files, coded or not.
            forget_below: folders and files; what the index has of them, or below, and is gone is removed.
            jobs: images at a time.
            threads: for the networks, each of the jobs.
            progress: called with images done and images in total.

        Raises:
            CodecError: the database is damaged.
            OSError: the graph cannot be written.
        """
        paths = [Path(image) for image in images]
        todo = [path for path in paths if (stamp := _stamp(path)) is None or self.store.stamp(path) != stamp]
        removed = self._forget(forget_below)
        failed: dict[Path, Exception] = {}
        done = len(paths) - len(todo)
        if progress:
            progress(done, len(paths))

        def look(path: Path, watch: Progress) -> tuple[Stamp | None, Record]:
            stamp = _stamp(path)  # before it is read: a change meanwhile is then seen the next time
            return stamp, make_record(path, head=self.head, threads=threads, progress=watch)

        for path, result in each(todo, look, jobs):
            if isinstance(result, Exception):
                failed[path] = result
                removed += self.store.remove([path])  # what it was before it was spoilt
            elif result[0] is not None:
                self.store.put(path, result[0], result[1])
            done += 1
            if progress:
                progress(done, len(paths))
        self.build_graph(jobs)
        return Update(len(todo) - len(failed), len(paths) - len(todo), removed, failed)

    def _forget(self, folders: Iterable[Path]) -> int:
        """Remove images that are gone."""
        roots = [absolute(folder) for folder in folders]
        if not roots:
            return 0
        paths = map(absolute, self.store.paths())
        return self.store.remove([p for p in paths if any(p.is_relative_to(root) for root in roots) and _gone(p)])

    def holds(self, path: Path) -> bool:
        """Whether anything of a path is in the index: an image, or images below a folder."""
        root = absolute(path)
        return any(absolute(found).is_relative_to(root) for found in self.store.paths())

    def merge(self, other: Index, progress: Callable[[int, int], None] | None = None) -> None:
        """Take all images of another index, also those that this has. Call :meth:`build_graph` after the last.

        Args:
            other: of the same head.
            progress: called with images done and images in total.

        Raises:
            ModelError: it is of another head.
            CodecError: one of the two is damaged.
        """
        if other.head.digest != self.head.digest:
            raise ModelError(f"{other.path}: made with another model than {self.path}; index again")
        total = len(other)
        for done in self.store.take(other.store):
            if progress:
                progress(done, total)

    def build_graph(self, threads: int = 1) -> None:
        """Bring the graph up to date, if the collection is large enough to need one.

        Args:
            threads: that it is built by.

        Raises:
            CodecError: the database is damaged.
            OSError: the graph cannot be written.
        """
        last, before = self.store.last_row(), self._graph_end()
        if len(self) <= EXACT_MOST:
            return
        if before is not None:
            try:
                known = len(graph.Graph(graph.path_of(self.path, before), self.head.dimensions))
            except OSError:
                known = 0
            if not known or self.store.rows_to(before) < (1 - GONE_SHARE) * known:
                before = None
        if before == last:
            return
        rows = self.store.embeddings_after(before)
        digest = graph.extend(self.path, before, last, self.head.dimensions, rows, threads)
        self.store.set_graph(last, digest)
        graph.remove_older(self.path, last)

    def _graph_end(self) -> int | None:
        """The last row that the graph knows; None if there is no graph, or its file is gone or damaged."""
        found = self.store.graph()
        with suppress(OSError):
            if found is not None and graph.digest(graph.path_of(self.path, found[0])) == found[1]:
                return found[0]
        return None

    def embeddings(self) -> tuple[list[bytes], Floats]:
        """Names of all images and their embeddings, float32 (images, D)."""
        return self.store.embeddings()

    def nearest(self, embedding: Floats, k: int = 10) -> list[Match]:
        """The images nearest to an embedding, nearest first; beyond :data:`EXACT_MOST` images, nearly always those.

        Args:
            embedding: float32 (D,), of length 1.
            k: how many, at most.

        Raises:
            CodecError: the index is damaged.
        """
        if k < 1:
            return []
        matches = (self.store.match(row, similarity) for row, similarity in self._best(embedding, k))
        return [match for match in matches if match is not None]

    def _best(self, embedding: Floats, k: int) -> list[tuple[int, float]]:
        """Rows of the nearest and their similarities, nearest first."""
        end = self._graph_end()  # without counting images, which takes longer than the search
        best: list[tuple[int, float]] = []
        if end is not None:
            found = self._likely(end, embedding, k)
            if found is None:
                end = None  # then all are compared
            else:
                best += _ranked(*found, embedding, k)
        for numbers, vectors in self.store.embeddings_after(end):
            best += _ranked(numbers, vectors, embedding, k)
        # Of images that are equally near, the one that was added first.
        return sorted(best, key=lambda entry: (-entry[1], entry[0]))[:k]

    def _likely(self, end: int, embedding: Floats, wanted: int) -> tuple[NDArray[np.int64], Floats] | None:
        """Rows that a graph finds and that are still there, and their embeddings.

        Returns:
            tuple | None: at least ``wanted`` of them, if there are so many; None if it finds too few, or is gone or
            damaged.
        """
        try:
            if self._graph is None or self._graph[0] != end:
                self._graph = end, graph.Graph(graph.path_of(self.path, end), self.head.dimensions)
        except OSError:
            return None
        count = TO_RANK * wanted + 64
        while True:
            found = self.store.embeddings_of(self._graph[1].candidates(embedding, count))
            if len(found[0]) >= wanted or len(found[0]) >= self.store.rows_to(end):
                return found
            count *= 4  # its nearest are gone from the database
            if count > MOST_CANDIDATES:
                return None


def _ranked(numbers: NDArray[np.int64], vectors: Floats, embedding: Floats, k: int) -> list[tuple[int, float]]:
    """The k rows nearest to an embedding, in no order, and their similarities."""
    similarities = vectors @ embedding
    if len(similarities) > k:
        chosen = np.argpartition(-similarities, k - 1)[:k]
        numbers, similarities = numbers[chosen], similarities[chosen]
    return [(int(n), float(s)) for n, s in zip(numbers, similarities, strict=True)]


def _gone(path: Path) -> bool:
    """Whether a file is not there any more, rather than out of reach."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def _stamp(path: Path) -> Stamp | None:
    """Size and time of change of a file, which tell whether it is still the one that was read."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns
