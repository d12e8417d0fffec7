"""What the tests of batch jobs share: a collection, what it becomes on one machine, and a cluster."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

import codec.batch

if TYPE_CHECKING:
    from distributed import Client

IMAGES = 12


@pytest.fixture(scope="session")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of small photographs, some in a folder within, two that differ in their suffix alone."""
    from skimage import data

    folder = tmp_path_factory.mktemp("collection")
    (folder / "within").mkdir()
    for i in range(IMAGES - 1):
        image = Image.fromarray(np.ascontiguousarray(data.astronaut()[20 * i : 20 * i + 72, 100:188]))
        image.save(folder / ("within" if i % 2 else ".") / f"{i}.png")
    image.save(folder / "0.jpg")
    return folder


@pytest.fixture(scope="session")
def alone(collection: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What the collection becomes on one machine, by name."""
    out = tmp_path_factory.mktemp("alone")
    codec.batch.run(codec.batch.Compress(), str(collection), str(out))
    return contents(out)


def contents(folder: Path) -> dict[str, bytes]:
    """All files of a folder, also hidden ones, by name."""
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def rows(table: Path) -> list[dict[str, Any]]:
    """Rows of a table of JSON lines."""
    return [json.loads(line) for line in table.read_text().splitlines()]


@pytest.fixture
def client() -> Iterator[Client]:
    """Of a cluster of two workers."""
    dask = pytest.importorskip("dask", reason="needs the extra [cluster]")
    from distributed import Client, LocalCluster

    with (
        dask.config.set({"distributed.scheduler.worker-saturation": 1.0}),
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50) as cluster,
        Client(cluster) as found,
    ):
        yield found
