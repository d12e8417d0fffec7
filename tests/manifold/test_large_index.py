"""Indexes of many images: a graph beside the database, parts made elsewhere and put together."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray

from bitstream.errors import ModelError
from codec.cli import main
from codec.manifold import graph, index
from codec.manifold.embedding import shipped
from codec.manifold.index import Index
from codec.manifold.record import Record


def unit_vectors(count: int, seed: int = 0) -> NDArray[np.float32]:
    """Points on the sphere of embeddings near a surface of few dimensions, as those of photographs are."""
    rng, dimensions = np.random.default_rng(seed), shipped().dimensions
    axes = np.random.default_rng(99).normal(size=(24, dimensions)).astype(np.float32)
    vectors = rng.normal(size=(count, 24)).astype(np.float32) @ axes
    vectors += 0.3 * rng.normal(size=vectors.shape).astype(np.float32)
    found: NDArray[np.float32] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return found


def fill(database: Index, folder: Path, vectors: NDArray[np.float32], first: int = 0) -> None:
    """Add images of which nothing but their embeddings matters."""
    for i, vector in enumerate(vectors, first):
        database.store.put(folder / f"{i:04d}", (0, 0), Record(1, 1, vector, b""))


def names(database: Index, query: NDArray[np.float32], k: int = 5) -> list[int]:
    """Numbers of the nearest."""
    return [int(match.path.name) for match in database.nearest(query, k)]


@pytest.fixture
def large(tmp_path, monkeypatch):
    """An index that needs a graph, and its embeddings."""
    monkeypatch.setattr(index, "EXACT_MOST", 100)
    vectors = unit_vectors(400)
    with Index(tmp_path / "i", create=True) as database:
        fill(database, tmp_path, vectors)
        database.build_graph()
        yield database, vectors


def test_a_graph_finds_what_comparing_with_all_finds(large, tmp_path, monkeypatch):
    database, vectors = large
    assert [path.name for path in tmp_path.glob("i.*")] == ["i.graph-400"]
    looked: list[int] = []
    candidates = graph.Graph.candidates
    monkeypatch.setattr(
        graph.Graph, "candidates", lambda self, e, count: looked.append(count) or candidates(self, e, count)
    )
    for i in range(0, 400, 40):
        assert names(database, vectors[i]) == np.argsort(-(vectors @ vectors[i]))[:5].tolist()
    assert looked == [5 * index.TO_RANK + 64] * 10


def test_what_came_or_went_since_is_seen(large, tmp_path):
    database, vectors = large
    new = unit_vectors(3, seed=1)
    fill(database, tmp_path, new, first=400)
    database.store.remove([tmp_path / "0007"])
    fill(database, tmp_path, -vectors[8:9], first=8)  # another image in its place
    assert names(database, new[1])[0] == 401
    assert 7 not in names(database, vectors[7]) and names(database, -vectors[8])[0] == 8
    assert 8 not in names(database, vectors[8])
    database.build_graph()
    assert [path.name for path in tmp_path.glob("i.*")] == ["i.graph-404"]
    assert names(database, new[1])[0] == 401 and names(database, -vectors[8])[0] == 8
    assert len(graph.Graph(tmp_path / "i.graph-404", database.head.dimensions)) == 404  # those that went as well
    database.store.remove([tmp_path / f"{i:04d}" for i in range(100, 200)])
    fill(database, tmp_path, new[:1], first=500)
    database.build_graph()
    assert len(graph.Graph(tmp_path / "i.graph-405", database.head.dimensions)) == len(database) == 303


def test_many_that_are_gone_do_not_leave_too_few(large, tmp_path, monkeypatch):
    """Neighbours of a query, that the graph still knows."""
    database, vectors = large
    near = vectors[0] + 0.01 * unit_vectors(300, seed=5)
    fill(database, tmp_path, near / np.linalg.norm(near, axis=1, keepdims=True), first=1000)
    database.build_graph()
    monkeypatch.setattr(index, "GONE_SHARE", 0.9)
    database.store.remove([tmp_path / f"{i:04d}" for i in range(1000, 1300)])
    database.build_graph()
    wanted = np.argsort(-(vectors @ vectors[0]))
    assert names(database, vectors[0]) == wanted[:5].tolist()
    monkeypatch.setattr(index, "MOST_CANDIDATES", 100)
    assert names(database, vectors[0], 20) == wanted[:20].tolist()
    monkeypatch.setattr(index, "GONE_SHARE", 0.2)
    database.build_graph()  # nothing came since, and much went
    assert len(graph.Graph(tmp_path / "i.graph-700", database.head.dimensions)) == 400


def test_another_process_may_write_and_build_meanwhile(large, tmp_path):
    database, vectors = large
    pages = database.store.embeddings_after(None)
    next(pages)
    with Index(tmp_path / "i") as other:
        other.store._database.execute("PRAGMA busy_timeout = 200")
        fill(other, tmp_path, -vectors[:1], first=400)
        other.build_graph()
    database.store.set_graph(400, b"of an older graph")
    graph.remove_older(tmp_path / "i", 400)
    assert (tmp_path / "i.graph-401").exists() and names(database, -vectors[0])[0] == 400


def test_no_row_is_named_twice(large, tmp_path):
    database, vectors = large
    database.store.remove([tmp_path / "0399"])
    fill(database, tmp_path, -vectors[:1], first=600)
    assert names(database, -vectors[0])[0] == 600 and database.store.last_row() == 401


@pytest.mark.parametrize("damage", ["gone", "cut", "other", "inside"])
def test_without_its_graph_it_takes_longer_and_is_right(large, tmp_path, monkeypatch, damage):
    _, vectors = large
    path = tmp_path / "i.graph-400"
    data = path.read_bytes()
    path.unlink()
    if damage == "cut":
        path.write_bytes(data[: len(data) // 2])
    elif damage == "inside":  # where the digest does not look
        monkeypatch.setattr(graph, "_DIGESTED", 8)
        path.write_bytes(data)
        with Index(tmp_path / "i") as again:
            again.store.set_graph(400, graph.digest(path))
        path.write_bytes(data[:16] + b"x" * 64 + data[80:])
    elif damage == "other":
        path.write_bytes(b"something else" * 99)
    with Index(tmp_path / "i") as again:
        assert names(again, vectors[9]) == np.argsort(-(vectors @ vectors[9]))[:5].tolist()
        fill(again, tmp_path, -vectors[:1], first=400)
        again.build_graph()
        assert names(again, -vectors[0])[0] == 400 and len(again) == 401


def test_parts_are_put_together(collection_of_photos, tmp_path):
    folder = collection_of_photos
    run = CliRunner()
    for i in range(3):
        part = str(tmp_path / f"part-{i}")
        written = str(folder) if i else os.path.relpath(folder)  # however a machine calls it
        assert run.invoke(main, ["search", "index", written, "--index", part, "--shard", f"{i}/3"]).exit_code == 0
    parts = [str(tmp_path / f"part-{i}") for i in range(3)]
    (tmp_path / "elsewhere").mkdir()
    whole = str(tmp_path / "elsewhere" / "whole")
    result = run.invoke(main, ["search", "merge", *parts, "--index", whole])
    assert result.exit_code == 0 and "6 images" in result.stderr
    assert run.invoke(main, ["search", "index", str(folder), "--index", str(tmp_path / "one")]).exit_code == 0
    with Index(whole) as put_together, Index(tmp_path / "one") as one:
        assert sorted(put_together.store.paths()) == sorted(one.store.paths()) == sorted(folder.iterdir())
        query = dict(zip(*one.embeddings(), strict=True))[one.store.name(folder / "2.png")]
        found, wanted = put_together.nearest(query), one.nearest(query)
        assert [match.path for match in found] == [match.path for match in wanted]
        assert [match.thumbnail for match in found] == [match.thumbnail for match in wanted]
    again = run.invoke(main, ["search", "index", str(folder), "--index", whole])
    assert "0 added, 6 unchanged" in again.stderr
    itself = run.invoke(main, ["search", "merge", whole, "--index", whole])
    assert itself.exit_code == 2 and "is the index" in itself.stderr


def test_indexes_of_different_models_do_not_mix(tmp_path):
    with (
        Index(tmp_path / "a", create=True) as a,
        Index(tmp_path / "b", create=True, tune="psnr") as b,
        pytest.raises(ModelError, match="another model"),
    ):
        a.merge(b)


@pytest.fixture(scope="module")
def collection_of_photos(tmp_path_factory):
    """A folder of six small photographs."""
    from PIL import Image
    from skimage import data

    folder = tmp_path_factory.mktemp("photos")
    for i, photo in enumerate((data.astronaut(), data.coffee(), data.chelsea())):
        Image.fromarray(np.ascontiguousarray(photo[:100, :120])).save(folder / f"{2 * i}.png")
        Image.fromarray(np.ascontiguousarray(photo[100:200, 100:220])).save(folder / f"{2 * i + 1}.png")
    return folder


@pytest.mark.heavy
def test_a_million_embeddings(tmp_path):
    """Built in parts, put together, searched; memory is that of a process of its own."""
    script = """
import resource, sys, time
from pathlib import Path
import numpy as np
from codec.manifold.index import Index
from codec.manifold.record import Record
from tests.manifold.test_large_index import unit_vectors
work, count, parts = Path(sys.argv[1]), int(sys.argv[2]), 4
started = time.perf_counter()
for part in range(parts):
    with Index(work / f"part-{part}", create=True) as database:
        rows = []
        for start in range(0, count // parts, 10_000):
            vectors = unit_vectors(10_000, seed=part * 1000 + start)
            with database.store._database:
                database.store._database.executemany(
                    "INSERT INTO picture VALUES (?, 0, 0, 1, 1, ?, x'')",
                    [(f"{part}-{start + i}".encode(), v.tobytes()) for i, v in enumerate(vectors)])
print("parts", time.perf_counter() - started)
started = time.perf_counter()
with Index(work / "whole", create=True) as whole:
    for part in range(parts):
        with Index(work / f"part-{part}") as one:
            whole.merge(one)
    print("merged", time.perf_counter() - started)
    started = time.perf_counter()
    whole.build_graph(2)
print("graph", time.perf_counter() - started)
print("peak", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""
    count = 1_000_000
    root = Path(__file__).parents[2]
    made = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path), str(count)], cwd=root, capture_output=True, text=True, check=True
    )
    figures = dict(line.split() for line in made.stdout.splitlines())
    with Index(tmp_path / "whole") as whole:
        assert len(whole) == count
        queries = unit_vectors(10_000, seed=2000)[:20]  # of the third part
        whole.nearest(queries[0])
        seconds, hits = [], 0
        for query in queries:
            started = time.perf_counter()
            matches = whole.nearest(query)
            seconds.append(time.perf_counter() - started)
            hits += matches[0].similarity > 0.999
        end = whole._graph_end()
        fresh, exact = unit_vectors(200, seed=777_777)[:20], 0
        by_graph = [{match.path for match in whole.nearest(query)} for query in fresh]
        graph.path_of(tmp_path / "whole", count).rename(tmp_path / "aside")
        for query, found in zip(fresh, by_graph, strict=True):
            exact += len(found & {match.path for match in whole.nearest(query)})
        (tmp_path / "aside").rename(graph.path_of(tmp_path / "whole", count))
        end = whole._graph_end()
    print(figures)
    print(f"query {np.median(seconds) * 1e3:.1f} ms, at most {max(seconds) * 1e3:.1f}; recall {exact / 200}",
          f"graph {graph.path_of(tmp_path / 'whole', end).stat().st_size / 1e6:.0f} MB",
          f"database {(tmp_path / 'whole').stat().st_size / 1e6:.0f} MB")  # fmt: skip
    assert hits == len(queries) and exact >= 180
    assert float(figures["peak"]) < 1500
