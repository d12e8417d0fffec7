"""A searchable collection of images in one file: a database of embeddings and thumbnails.

The database is SQLite, so what has been added survives an interruption, and the nearest are found by comparing the
query with every embedding, by usearch: exact, without a graph that would have to be built and kept in step.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np

from bitstream.errors import CodecError, ModelError
from codec.engine.registry import DEFAULT_TUNE
from codec.manifold.collection import absolute, each
from codec.manifold.embedding import EmbeddingHead, Floats, shipped, shipped_by_digest
from codec.manifold.record import Record, make_record
from codec.util.progress import Progress

APPLICATION = 0x4C4D4349
"""Marks our databases."""
VERSION = 1
_SCHEMA = (
    f"PRAGMA application_id = {APPLICATION}",
    f"PRAGMA user_version = {VERSION}",
    "CREATE TABLE head (digest BLOB NOT NULL)",
    "CREATE TABLE picture (path BLOB PRIMARY KEY, bytes INTEGER NOT NULL, modified_ns INTEGER NOT NULL, "
    "width INTEGER NOT NULL, height INTEGER NOT NULL, embedding BLOB NOT NULL, thumbnail BLOB NOT NULL)",
)
"""Paths are bytes, as the system has them, because not all of them are text."""


@dataclass(frozen=True)
class Match:
    """An image that was found.

    Attributes:
        path: of its file.
        similarity: cosine between its embedding and the query's, -1 to 1.
        width: pixels.
        height: pixels.
        thumbnail: a JPEG.
    """

    path: Path
    similarity: float
    width: int
    height: int
    thumbnail: bytes


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

    head: EmbeddingHead

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
        with self._errors():
            self._database = sqlite3.connect(path, timeout=30)
            try:
                self._begin(head or shipped(tune) if create else None, head)
            except BaseException:
                self._database.close()
                raise

    def _begin(self, new_head: EmbeddingHead | None, head: EmbeddingHead | None) -> None:
        database = self._database
        if new_head is not None:
            with database:
                database.execute("BEGIN IMMEDIATE")  # another process may be about to do the same
                if not database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                    for statement in _SCHEMA:
                        database.execute(statement)
                    database.execute("INSERT INTO head VALUES (?)", (new_head.digest,))
        found = (
            database.execute("PRAGMA application_id").fetchone()[0],
            database.execute("PRAGMA user_version").fetchone()[0],
        )
        if found != (APPLICATION, VERSION):
            raise CodecError(f"{self.path}: not an index of this version")
        (digest,) = database.execute("SELECT digest FROM head").fetchone() or (b"",)
        made_with = head or shipped_by_digest(digest)
        if made_with is None or made_with.digest != digest:
            raise ModelError(f"{self.path}: made with another model; remove it and index again")
        self.head = made_with

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise CodecError(f"{self.path}: {error}") from error

    def __enter__(self) -> Index:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the database."""
        self._database.close()

    def __len__(self) -> int:
        with self._errors():
            return int(self._database.execute("SELECT count(*) FROM picture").fetchone()[0])

    def _name(self, path: Path) -> bytes:
        """How an image is named in the database: from the database's folder, so that both can move together."""
        path = absolute(path)
        with suppress(ValueError):  # another drive
            path = Path(os.path.relpath(path, absolute(self.path.parent)))
        return os.fsencode(path.as_posix())

    def _path(self, name: bytes) -> Path:
        return Path(os.path.normpath(self.path.parent / os.fsdecode(name)))

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
        """
        with self._errors():
            rows = self._database.execute("SELECT path, bytes, modified_ns FROM picture")
            known = {name: (size, modified) for name, size, modified in rows}
        todo: list[Path] = []
        paths = [Path(image) for image in images]
        for path in paths:
            stamp = _stamp(path)
            if stamp is None or known.get(self._name(path)) != stamp:
                todo.append(path)
        removed = self._forget(known, forget_below)
        failed: dict[Path, Exception] = {}
        done = len(paths) - len(todo)
        if progress:
            progress(done, len(paths))

        def look(path: Path, watch: Progress) -> tuple[tuple[int, int] | None, Record]:
            stamp = _stamp(path)  # before it is read: a change meanwhile is then seen the next time
            return stamp, make_record(path, head=self.head, threads=threads, progress=watch)

        for path, result in each(todo, look, jobs):
            if isinstance(result, Exception):
                failed[path] = result
                removed += self._remove([self._name(path)])  # what it was before it was spoilt
            elif result[0] is not None:
                self._put(path, result[0], result[1])
            done += 1
            if progress:
                progress(done, len(paths))
        return Update(len(todo) - len(failed), len(paths) - len(todo), removed, failed)

    def holds(self, path: Path) -> bool:
        """Whether anything of a path is in the index: an image, or images below a folder."""
        with self._errors():
            names = self._database.execute("SELECT path FROM picture").fetchall()
        root = absolute(path)
        return any(absolute(self._path(name)).is_relative_to(root) for (name,) in names)

    def _put(self, path: Path, stamp: tuple[int, int], record: Record) -> None:
        row = (
            self._name(path), *stamp, record.width, record.height,
            record.embedding.astype("<f4").tobytes(), record.thumbnail,
        )  # fmt: skip
        with self._errors(), self._database:
            self._database.execute("INSERT OR REPLACE INTO picture VALUES (?, ?, ?, ?, ?, ?, ?)", row)

    def _forget(self, names: Iterable[bytes], folders: Iterable[Path]) -> int:
        """Remove images that are gone."""
        roots = [absolute(folder) for folder in folders]
        gone = []
        for name in names:
            path = absolute(self._path(name))
            if any(path.is_relative_to(root) for root in roots) and _gone(path):
                gone.append(name)
        return self._remove(gone)

    def _remove(self, names: list[bytes]) -> int:
        with self._errors(), self._database:
            rows = [(name,) for name in names]
            return self._database.executemany("DELETE FROM picture WHERE path = ?", rows).rowcount

    def embeddings(self) -> tuple[list[bytes], Floats]:
        """Names of all images and their embeddings, float32 (images, D)."""
        with self._errors():
            rows = self._database.execute("SELECT path, embedding FROM picture ORDER BY path").fetchall()
        vectors = np.frombuffer(b"".join(blob for _, blob in rows), "<f4")
        if vectors.size != len(rows) * self.head.dimensions:
            raise CodecError(f"{self.path}: damaged: embeddings of a wrong size")
        return [name for name, _ in rows], vectors.reshape(len(rows), self.head.dimensions).astype(np.float32)

    def nearest(self, embedding: Floats, k: int = 10) -> list[Match]:
        """The images nearest to an embedding, nearest first.

        Args:
            embedding: float32 (D,), of length 1.
            k: how many, at most.
        """
        from usearch.compiled import MetricKind
        from usearch.index import search

        names, vectors = self.embeddings()
        if not names or k < 1:
            return []
        found = search(vectors, embedding, min(k, len(names)), MetricKind.IP, exact=True)
        matches = []
        for key, distance in zip(found.keys, found.distances, strict=True):
            name = names[int(key)]
            with self._errors():
                row = self._database.execute(
                    "SELECT width, height, thumbnail FROM picture WHERE path = ?", (name,)
                ).fetchone()
            if row is not None:  # else another process removed it just now
                matches.append(Match(self._path(name), 1 - float(distance), *row))
        return matches


def _gone(path: Path) -> bool:
    """Whether a file is not there any more, rather than out of reach."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def _stamp(path: Path) -> tuple[int, int] | None:
    """Size and time of change of a file, which tell whether it is still the one that was read."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns
