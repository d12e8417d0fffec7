"""The database behind an index: a row for each image, in SQLite, so that what has been added survives anything."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bitstream.errors import CodecError, ModelError
from codec.manifold.collection import absolute
from codec.manifold.embedding import EmbeddingHead, Floats, shipped_by_digest
from codec.manifold.record import Record

APPLICATION = 0x4C4D4349
"""Marks our databases."""
VERSION = 1
AT_ONCE = 4096
"""Embeddings that are read at a time."""
_GRAPH_TABLE = "CREATE TABLE IF NOT EXISTS graph (last INTEGER NOT NULL, digest BLOB NOT NULL)"
_SCHEMA = (
    f"PRAGMA application_id = {APPLICATION}",
    f"PRAGMA user_version = {VERSION}",
    "CREATE TABLE head (digest BLOB NOT NULL)",
    "CREATE TABLE picture (path BLOB PRIMARY KEY, bytes INTEGER NOT NULL, modified_ns INTEGER NOT NULL, "
    "width INTEGER NOT NULL, height INTEGER NOT NULL, embedding BLOB NOT NULL, thumbnail BLOB NOT NULL)",
)
"""Paths are bytes, as the system has them, because not all of them are text."""
_COLUMNS = "path, bytes, modified_ns, width, height, embedding, thumbnail"
_LAST_ROW = "max(ifnull((SELECT max(rowid) FROM picture), 0), ifnull((SELECT last FROM graph), 0))"
"""No number of a row is given twice: the graph may still know the first that had it."""
_PUT = f"INSERT OR REPLACE INTO picture (rowid, {_COLUMNS}) VALUES ({_LAST_ROW} + 1, ?, ?, ?, ?, ?, ?, ?)"

Stamp = tuple[int, int]
"""Size and time of change of a file, which tell whether it is still the one that was read."""


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


class Store:
    """A database of images. Every error of SQLite becomes a :class:`CodecError` that names the file.

    Args:
        path: of the file.
        new_head: makes the database, with this head, if it is not there; None does not.
        head: that it has to be of; None takes the one that it was made with, if that ships.

    Attributes:
        head: what embeds.

    Raises:
        CodecError: it is no database of this kind.
        ModelError: its embeddings are of another head.
    """

    head: EmbeddingHead

    def __init__(self, path: Path, new_head: EmbeddingHead | None, head: EmbeddingHead | None) -> None:
        self.path = path
        with self._errors():
            self._database = sqlite3.connect(path, timeout=30)
            try:
                self._begin(new_head, head)
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
        if new_head is not None:
            with database:
                database.execute(_GRAPH_TABLE)
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

    def close(self) -> None:
        """Let go of the database."""
        self._database.close()

    def __len__(self) -> int:
        with self._errors():
            return int(self._database.execute("SELECT count(*) FROM picture").fetchone()[0])

    def name(self, path: Path) -> bytes:
        """How an image is named in the database: from the database's folder, so that both can move together."""
        path = absolute(path)
        with suppress(ValueError):  # another drive
            path = Path(os.path.relpath(path, absolute(self.path.parent)))
        return os.fsencode(path.as_posix())

    def path_of(self, name: bytes) -> Path:
        """Where an image is by its name."""
        return Path(os.path.normpath(self.path.parent / os.fsdecode(name)))

    def paths(self) -> Iterator[Path]:
        """Of all images."""
        with self._errors():
            for (name,) in self._database.execute("SELECT path FROM picture"):
                yield self.path_of(name)

    def stamp(self, path: Path) -> Stamp | None:
        """Of an image's file when it was added; None if it is not in the database."""
        query = "SELECT bytes, modified_ns FROM picture WHERE path = ?"
        with self._errors():
            found: Stamp | None = self._database.execute(query, (self.name(path),)).fetchone()
            return found

    def put(self, path: Path, stamp: Stamp, record: Record) -> None:
        """Add an image, or what it has become."""
        row = (
            self.name(path), *stamp, record.width, record.height,
            record.embedding.astype("<f4").tobytes(), record.thumbnail,
        )  # fmt: skip
        with self._errors(), self._database:
            self._database.execute(_PUT, row)

    def remove(self, paths: Iterable[Path]) -> int:
        """Remove images; how many of them there were."""
        rows = [(self.name(path),) for path in paths]
        with self._errors(), self._database:
            return self._database.executemany("DELETE FROM picture WHERE path = ?", rows).rowcount if rows else 0

    def take(self, other: Store) -> Iterator[int]:
        """Copy all images of another database; yields how many are copied so far."""
        done = 0
        # Page by page, so that others may write meanwhile.
        query = f"SELECT rowid, {_COLUMNS} FROM picture WHERE rowid > ? ORDER BY rowid LIMIT ?"
        last = 0
        with self._errors(), other._errors():
            while part := other._database.execute(query, (last, AT_ONCE // 4)).fetchall():
                with self._database:
                    self._database.executemany(_PUT, [(self.name(other.path_of(row[1])), *row[2:]) for row in part])
                last, done = part[-1][0], done + len(part)
                yield done

    def last_row(self) -> int:
        """Number of the last row that there is or was."""
        with self._errors():
            return int(self._database.execute(f"SELECT {_LAST_ROW}").fetchone()[0])

    def rows_to(self, last: int) -> int:
        """How many images there are up to a row."""
        with self._errors():
            return int(self._database.execute("SELECT count(*) FROM picture WHERE rowid <= ?", (last,)).fetchone()[0])

    def graph(self) -> tuple[int, bytes] | None:
        """The last row that the graph knows, and its digest; None if there is none."""
        with self._errors():
            if not self._database.execute("SELECT count(*) FROM sqlite_master WHERE name = 'graph'").fetchone()[0]:
                return None  # a database from before there were graphs, opened to be read
            found: tuple[int, bytes] | None = self._database.execute("SELECT last, digest FROM graph").fetchone()
            return found

    def set_graph(self, last: int, digest: bytes) -> None:
        """Say which row the graph knows last, and its digest."""
        with self._errors(), self._database:
            self._database.execute("BEGIN IMMEDIATE")
            found = self._database.execute("SELECT last FROM graph").fetchone()
            if found is None or found[0] <= last:  # else another process has built a newer one
                self._database.execute("DELETE FROM graph")
                self._database.execute("INSERT INTO graph VALUES (?, ?)", (last, digest))

    def embeddings(self) -> tuple[list[bytes], Floats]:
        """Names of all images and their embeddings, float32 (images, D)."""
        with self._errors():
            rows = self._database.execute("SELECT path, embedding FROM picture ORDER BY path").fetchall()
        return [name for name, _ in rows], self._vectors([blob for _, blob in rows])

    def embeddings_after(self, row: int | None) -> Iterator[tuple[NDArray[np.int64], Floats]]:
        """Numbers of rows after one, or of all, and their embeddings, some thousand at a time."""
        query = "SELECT rowid, embedding FROM picture WHERE rowid > ? ORDER BY rowid LIMIT ?"
        last = row or 0
        with self._errors():
            while part := self._database.execute(query, (last, AT_ONCE)).fetchall():
                last = part[-1][0]
                yield np.array([number for number, _ in part], np.int64), self._vectors([blob for _, blob in part])

    def embeddings_of(self, rows: Sequence[int]) -> tuple[NDArray[np.int64], Floats]:
        """Of those of some rows that are there, in no order."""
        found = []
        with self._errors():
            for start in range(0, len(rows), AT_ONCE):
                part = list(rows[start : start + AT_ONCE])
                query = f"SELECT rowid, embedding FROM picture WHERE rowid IN ({', '.join('?' * len(part))})"
                found += self._database.execute(query, part).fetchall()
        return np.array([number for number, _ in found], np.int64), self._vectors([blob for _, blob in found])

    def match(self, row: int, similarity: float) -> Match | None:
        """The image of a row; None if another process removed it just now."""
        query = "SELECT path, width, height, thumbnail FROM picture WHERE rowid = ?"
        with self._errors():
            found = self._database.execute(query, (row,)).fetchone()
        return None if found is None else Match(self.path_of(found[0]), similarity, *found[1:])

    def _vectors(self, blobs: list[bytes]) -> Floats:
        """Embeddings of what the database holds, float32 (images, D)."""
        vectors = np.frombuffer(b"".join(blobs), "<f4")
        if vectors.size != len(blobs) * self.head.dimensions:
            raise CodecError(f"{self.path}: damaged: embeddings of a wrong size")
        return vectors.reshape(len(blobs), self.head.dimensions).astype(np.float32)
