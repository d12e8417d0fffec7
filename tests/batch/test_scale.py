"""Very many images, and what a task costs: by hand, with ``-m heavy``."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from codec import EncodeOptions
from codec.batch import Compress, run
from tests.batch.conftest import rows

pytestmark = [pytest.mark.heavy, pytest.mark.cluster]
ROOT = Path(__file__).parents[2]


def test_a_hundred_thousand_tiny_images_in_bounded_memory(tmp_path):
    """Of 8 x 8 pixels, so that all but the networks is what takes time. Memory is that of the driver, a process of its
    own, and of its workers."""
    count = 100_000
    pixels = np.random.default_rng(0).integers(0, 256, (64, 8, 8, 3), np.uint8)
    files = []
    for i, image in enumerate(pixels):
        Image.fromarray(image).save(tmp_path / f"{i}.png")
        files.append((tmp_path / f"{i}.png").read_bytes())
    for i in range(count):
        path = tmp_path / "in" / f"{i % 100}" / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(files[i % 64])
    script = """
import json, resource, sys
from distributed import Client, LocalCluster
from codec import EncodeOptions
from codec.batch import Compress, run
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
if __name__ == "__main__":
    source, out, table = sys.argv[1:]
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:
        before = peak()
        summary = run(Compress(EncodeOptions(threads=1)), source, out, client=client, table=table)
        print(json.dumps([summary.done, before, peak(), max(client.run(peak).values())]))
"""
    program = tmp_path / "program.py"
    program.write_text(script)
    started = time.monotonic()
    made = subprocess.run(
        [sys.executable, str(program), *(str(tmp_path / name) for name in ("in", "out", "t.parquet"))],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    done, before, driver, worker = json.loads(made.stdout)
    seconds = time.monotonic() - started
    print(f"{done} images in {seconds:.0f} s; driver {before:.0f} -> {driver:.0f} MB, worker {worker:.0f} MB")
    import pyarrow.parquet as parquet

    table = parquet.read_table(tmp_path / "t.parquet", columns=["source", "status"]).to_pydict()
    assert done == count == len(set(table["source"])) and set(table["status"]) == {"done"}
    assert driver - before < 250 and worker < 700


def test_what_a_cluster_costs_beside_threads_of_this_process(client, tmp_path):
    """Photographs of a megapixel, as CPU time of all processes, so that other work on the machine matters less."""
    from skimage import data

    (tmp_path / "in").mkdir()
    photo = np.tile(data.astronaut(), (2, 2, 1))
    for i in range(16):
        Image.fromarray(np.roll(photo, 61 * i, axis=1)).save(tmp_path / "in" / f"{i}.png", compress_level=1)
    task = Compress(EncodeOptions(threads=1))

    def busy() -> float:
        return sum(client.run(lambda: time.process_time()).values())

    seconds: dict[str, list[float]] = {"cluster": [], "threads": [], "images": []}
    for turn in range(3):
        before = busy()
        run(
            task,
            str(tmp_path / "in"),
            str(tmp_path / f"c{turn}"),
            client=client,
            table=str(tmp_path / f"c{turn}.jsonl"),
        )
        seconds["cluster"].append(busy() - before)
        seconds["images"].append(sum(row["seconds"] for row in rows(tmp_path / f"c{turn}.jsonl")))
        used = resource.getrusage(resource.RUSAGE_SELF)
        run(task, str(tmp_path / "in"), str(tmp_path / f"t{turn}"), threads=2)
        now = resource.getrusage(resource.RUSAGE_SELF)
        seconds["threads"].append(now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime)
    best = {name: min(values) for name, values in seconds.items()}
    print(f"16 images of 1 MP, CPU s: cluster {best['cluster']:.2f}, threads {best['threads']:.2f}, "
          f"ratio {best['cluster'] / best['threads']:.3f}")  # fmt: skip
    assert best["cluster"] < 1.05 * best["threads"]
