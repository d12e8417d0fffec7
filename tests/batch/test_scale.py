"""Very many images, and what a task costs: by hand, with ``-m heavy``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import codec
from codec.batch import Compress, run

pytestmark = [pytest.mark.heavy, pytest.mark.cluster]
ROOT = Path(__file__).parents[2]


def test_a_hundred_thousand_tiny_images_in_bounded_memory(tmp_path):
    """Of 8 x 8 pixels, none of them exact, so that much of the time goes into all but the codec.

    Memory is that of the driver, a process of its own, and of its workers.
    """
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
        options = EncodeOptions(threads=1, graphics=False)
        summary = run(Compress(options), source, out, client=client, table=table)
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


def plain(sources: list[str], out: str) -> None:
    """What a worker would do without any of this."""
    Path(out).mkdir(exist_ok=True)
    for source in sources:
        (Path(out) / f"{Path(source).stem}.lmc").write_bytes(codec.compress(source, threads=1))


def test_tasks_cost_little_beside_the_images(client, tmp_path):
    """Photographs of a megapixel, in CPU time of the workers, where each does its share in a loop or by tasks."""
    from skimage import data

    (tmp_path / "in").mkdir()
    photo = np.tile(data.astronaut(), (2, 2, 1))
    for i in range(24):
        Image.fromarray(np.roll(photo, 61 * i, axis=1)).save(tmp_path / "in" / f"{i}.png", compress_level=1)
    sources = sorted(map(str, (tmp_path / "in").iterdir()))
    task = Compress(codec.EncodeOptions(threads=1))
    workers = list(client.nthreads())

    def busy() -> float:
        return sum(client.run(time.process_time).values())

    def by_loops(out: str) -> None:
        shares = [client.submit(plain, sources[i::2], out, workers=[w], pure=False) for i, w in enumerate(workers)]
        client.gather(shares)

    def by_tasks(out: str) -> None:
        run(task, str(tmp_path / "in"), out, client=client, table=f"{out}.jsonl", batch=4)

    seconds: dict[str, list[float]] = {"loops": [], "tasks": []}
    by_loops(str(tmp_path / "warm"))
    for turn in range(4):
        for name, work in (("loops", by_loops), ("tasks", by_tasks)):
            before = busy()
            work(str(tmp_path / f"{name}-{turn}"))
            seconds[name].append(busy() - before)
    ratios = [tasks / loops for tasks, loops in zip(seconds["tasks"], seconds["loops"], strict=True)]
    print(f"24 images of 1 MP, CPU s by loops and tasks: {seconds}, ratio of the medians "
          f"{np.median(seconds['tasks']) / np.median(seconds['loops']):.3f}")  # fmt: skip
    assert np.median(ratios) < 1.05
