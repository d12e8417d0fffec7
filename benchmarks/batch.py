"""What coding a collection takes: threads beside a cluster, one worker beside two, and a million photographs."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
from PIL import Image

import codec
from benchmarks.images import find_images, read_pixels
from bitstream.errors import CodecError

SIDE = 1024
"""Of the crops that are coded: a megapixel each."""
RUNS = 3


@dataclass(frozen=True)
class Cost:
    """What an image takes beyond the first, whose cost includes starting.

    Attributes:
        cpu: seconds of all cores, of all processes.
        wall: seconds by the clock.
    """

    cpu: float
    wall: float


def crops(images: Sequence[Path], folder: Path, count: int) -> int:
    """Write crops of a megapixel as JPEG at quality 92; bytes of all.

    Args:
        images: are repeated in a mirror, where they are smaller.
        folder: for the crops; made.
        count: of them.
    """
    folder.mkdir(parents=True)
    total = 0
    for i in range(count):
        pixels = read_pixels(images[i % len(images)])
        grown = np.pad(
            pixels, [(0, max(0, SIDE - pixels.shape[0])), (0, max(0, SIDE - pixels.shape[1])), (0, 0)], "symmetric"
        )
        path = folder / f"{i:03d}.jpg"
        Image.fromarray(grown[:SIDE, :SIDE]).save(path, quality=92)
        total += path.stat().st_size
    return total


def timed(command: Sequence[str]) -> Cost:
    """What a command of ours takes, with all processes that it starts.

    Raises:
        CodecError: it fails.
    """
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    environment = {**os.environ, "CODEC_THREADS": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-m", "codec", *command], env=environment, capture_output=True, text=True)
    if done.returncode:
        raise CodecError(f"codec {command[0]}: {done.stderr.strip().splitlines()[-1]}")
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = now.ru_utime + now.ru_stime - before.ru_utime - before.ru_stime
    return Cost(cpu, time.perf_counter() - started)


def marginal(few: Cost, many: Cost, images: int) -> Cost:
    """What each image costs beyond those of a run with few.

    Args:
        few: the run with few.
        many: the run with more.
        images: how many more.
    """
    return Cost((many.cpu - few.cpu) / images, (many.wall - few.wall) / images)


def measure(work: Path, count: int) -> dict[str, Cost]:
    """Costs of an image in each way of working, the least of :data:`RUNS` runs each, in turns."""
    photos = work / "in", work / "one"
    coded = work / "coded", work / "one-coded"

    def alone(jobs: int) -> list[str]:
        return ["compress", "-r", "IN", "--out-dir", "OUT", "-j", str(jobs), "-f"]

    def together(task: str, workers: int) -> list[str]:
        places = ["--table", "TABLE"] if task == "embed" else ["OUT"]
        return ["batch", task, "IN", *places, "--workers", str(workers), "-f"]

    ways = {
        "compress -r -j 1": (alone(1), photos),
        "compress -r -j 2": (alone(2), photos),
        "batch compress, 1 worker": (together("compress", 1), photos),
        "batch compress, 2 workers": (together("compress", 2), photos),
        "batch decompress, 2 workers": (together("decompress", 2), coded),
        "batch embed, 2 workers": (together("embed", 2), coded),
    }
    few = len(list((work / "one").iterdir()))
    for source, target in zip(photos, coded, strict=True):
        timed(["compress", "-r", str(source), "--out-dir", str(target)])
    costs: dict[str, list[Cost]] = {name: [] for name in ways}
    with click.progressbar(length=RUNS * len(ways), file=sys.stderr) as bar:
        for turn in range(RUNS):
            for name, (command, (many, less)) in ways.items():
                found = []
                for source in (less, many):
                    places = {"IN": str(source), "OUT": str(work / f"out-{turn}"), "TABLE": str(work / "t.jsonl")}
                    found.append(timed([places.get(word, word) for word in command]))
                costs[name].append(marginal(found[0], found[1], count - few))
                bar.update(1)
    return {name: Cost(min(c.cpu for c in runs), min(c.wall for c in runs)) for name, runs in costs.items()}


def together(images: Sequence[Path], side: int) -> float:
    """CPU time of small images decoded together, over that of one by one: the median of many turns.

    Args:
        images: to take crops from.
        side: of each, in pixels.
    """
    files = []
    for i in range(20):
        pixels = read_pixels(images[i % len(images)])
        files.append(codec.compress(np.ascontiguousarray(pixels[:side, :side]), threads=1, graphics=False))
    ratios = []
    for _ in range(15):
        started = time.process_time()
        codec.decompress_batch(files, threads=1)
        middle = time.process_time()
        for data in files:
            codec.decompress(data, threads=1)
        ratios.append((middle - started) / (time.process_time() - middle))
    return float(np.median(ratios))


@click.command("batch")
@click.argument("images", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--count", type=click.IntRange(8), default=24, show_default=True, help="Crops of a megapixel to code.")
@click.option("--megapixels", type=click.FloatRange(0.01), default=12.0, show_default=True, help="Of a photograph.")
@click.option("--price", type=click.FloatRange(0), default=0.04, show_default=True, help="Of a core for an hour.")
@click.option("--storage-price", type=click.FloatRange(0), default=0.02, show_default=True, help="Of a GB for a month.")
@click.option("--out", type=click.Path(path_type=Path), help="File for the figures as JSON.")
def main(images: Path, count: int, megapixels: float, price: float, storage_price: float, out: Path | None) -> None:
    """Measure coding of a folder's IMAGES by threads and by a cluster, and reckon for a million photographs.

    Where other programs run, CPU time still tells what an image costs; scaling needs a quiet machine.
    """
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        paths = list(find_images(images, count))
        originals = crops(paths, work / "in", count)
        crops(paths, work / "one", 2)
        costs = measure(work, count)
        coded = sum(path.stat().st_size for path in (work / "coded").iterdir())
        small = {side: together(paths, side) for side in (64, 128, 192)}
    pixels = count * SIDE**2 / 1e6
    click.echo(f"{count} crops of {SIDE} x {SIDE} pixels; JPEG {originals / pixels / 1e3:.0f} KB, "
               f"ours {coded / pixels / 1e3:.0f} KB a megapixel")  # fmt: skip
    per_pixel = SIDE**2 / 1e6
    for name, cost in costs.items():
        click.echo(
            f"{name:28s} {cost.cpu / per_pixel:6.3f} CPU s, {cost.wall / per_pixel:6.3f} s by the clock, a megapixel"
        )
    one, two = costs["batch compress, 1 worker"], costs["batch compress, 2 workers"]
    click.echo(f"two workers are {one.wall / two.wall:.2f} times as fast as one; a worker takes "
               f"{one.cpu / costs['compress -r -j 1'].cpu:.2f} of the CPU time of compress -r -j 1")  # fmt: skip
    for side, ratio in small.items():
        click.echo(
            f"decompress_batch of 20 images of {side} x {side} pixels: {ratio:.2f} of the CPU time of one by one"
        )
    click.echo(f"A million photographs of {megapixels:g} megapixels, reckoned from these:")
    for name, label in (("batch compress, 2 workers", "compress"), ("batch decompress, 2 workers", "decompress"),
                        ("batch embed, 2 workers", "embed, of .lmc files")):  # fmt: skip
        hours = costs[name].cpu / per_pixel * megapixels * 1e6 / 3600
        click.echo(f"  {label:22s} {hours:8,.0f} core hours, {hours * price:8,.0f} at {price:g} an hour")
    for label, size in (("as JPEG", originals), ("as .lmc", coded)):
        gigabytes = size / pixels * megapixels * 1e6 / 1e9
        click.echo(
            f"  {label:22s} {gigabytes:8,.0f} GB, {gigabytes * storage_price:8,.0f} a month at {storage_price:g} a GB"
        )
    if out is not None:
        figures = {name: {"cpu_s_per_mp": cost.cpu / per_pixel, "wall_s_per_mp": cost.wall / per_pixel}
                   for name, cost in costs.items()}  # fmt: skip
        bytes_per_mp = {"jpeg": originals / pixels, "lmc": coded / pixels}
        out.write_text(json.dumps({"costs": figures, "bytes_per_mp": bytes_per_mp}, indent=1) + "\n")
