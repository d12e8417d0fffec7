"""The nearest of many embeddings by a graph, beside the database that holds them.

Comparing a query with every embedding is exact, and fast enough for tens of thousands. Beyond, usearch's graph (HNSW)
finds candidates in a few milliseconds. It may miss some; what it finds is ranked by the embeddings themselves.

The graph is a file of its own, ``INDEX.graph-N``, where N is the last row of the database that it knows. A new one is
written whole before the database names it, so a crash between leaves the old one in use. The database also keeps a
digest of it, as usearch believes whatever a damaged file says, and crashes.

Reference: Malkov and Yashunin, Efficient and robust approximate nearest neighbor search using Hierarchical Navigable
Small World graphs, IEEE TPAMI 42, 2020.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codec.engine import silent_onnxruntime
from codec.util.files import replacing

Floats = NDArray[np.float32]
Rows = Iterator[tuple[NDArray[np.int64], Floats]]
"""Numbers of rows and their embeddings, (n,) and (n, D), some thousand at a time."""
_DIGESTED = 1 << 16
_CONNECTIONS = 16
_EFFORT_ADDING = 64
_EFFORT_SEARCHING = 128
"""Candidates that are looked at; of usearch's parameters these decide what is missed."""


def path_of(database: Path, last: int) -> Path:
    """Where the graph up to a row is."""
    return database.with_name(f"{database.name}.graph-{last}")


def _new(dimensions: int) -> Any:
    silent_onnxruntime.imported()  # ONNX Runtime 1.32 crashes where usearch 2.26 is loaded before it
    from usearch.index import Index

    return Index(
        ndim=dimensions, metric="cos", dtype="i8", connectivity=_CONNECTIONS, expansion_add=_EFFORT_ADDING,
        expansion_search=_EFFORT_SEARCHING,
    )  # fmt: skip


def digest(path: Path) -> bytes:
    """Of a graph's size, beginning and end, which a copy that is cut or mixed up has not; reading all takes too long.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(0)
        found = hashlib.sha256(size.to_bytes(8, "little") + file.read(_DIGESTED))
        file.seek(max(0, size - _DIGESTED))
        found.update(file.read(_DIGESTED))
    return found.digest()


def extend(database: Path, before: int | None, last: int, dimensions: int, rows: Rows, threads: int) -> bytes:
    """Write the graph up to a row.

    Args:
        database: that it is beside.
        before: the row up to which there is a graph that is sound, which is kept; None begins anew.
        last: the row up to which it shall know.
        dimensions: of an embedding.
        rows: those that are new.
        threads: that it is built by.

    Returns:
        bytes: its digest.

    Raises:
        OSError: it cannot be written.
    """
    graph = _new(dimensions)
    if before is not None:
        graph.load(str(path_of(database, before)))
    for numbers, vectors in rows:
        graph.add(numbers, vectors, threads=threads)
    with replacing(path_of(database, last), overwrite=True) as temporary:
        graph.save(str(temporary))
    return digest(path_of(database, last))


def remove_older(database: Path, last: int) -> None:
    """Remove graphs of before."""
    for path in database.parent.glob("*"):
        prefix = f"{database.name}.graph-"
        number = path.name[len(prefix) :] if path.name.startswith(prefix) else ""
        if number.isdecimal() and int(number) < last:
            path.unlink(missing_ok=True)


class Graph:
    """A graph to search in; its file is mapped, not read.

    Args:
        path: of the file, which is sound.
        dimensions: of an embedding.

    Raises:
        OSError: it was removed meanwhile, or is damaged where its digest does not see it.
    """

    def __init__(self, path: Path, dimensions: int) -> None:
        self._graph = _new(dimensions)
        try:
            self._graph.view(str(path))
        except RuntimeError as error:
            raise OSError(f"{path}: {error}") from error

    def __len__(self) -> int:
        return len(self._graph)

    def candidates(self, embedding: Floats, count: int) -> list[int]:
        """Rows that are likely to be the nearest, so many at most; some may be gone from the database.

        Args:
            embedding: float32 (D,), of length 1.
            count: how many.
        """
        found = self._graph.search(embedding, min(count, len(self)))
        return [int(key) for key in found.keys]
