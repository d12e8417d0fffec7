"""Time and memory by image size, beside peers in the same run: ``python -m benchmarks speed IMAGE``."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import click
import numpy as np
from PIL import Image

import codec
from benchmarks.codecs import CODECS, Codec
from benchmarks.codecs.neural import ARCHITECTURES, CompressAi
from benchmarks.images import read_pixels
from benchmarks.metrics import Pixels

REST = 0.3
"""Seconds before each run: threads of one library that wait for work in a loop would slow the other."""


def paired_seconds(ours: Callable[[], object], theirs: Callable[[], object], runs: int) -> tuple[float, float, float]:
    """Time two functions in turn, after one run each that does not count.

    Args:
        ours: what is judged.
        theirs: what it is compared with.
        runs: counted runs of each.

    Returns:
        tuple[float, float, float]: median seconds of both, and the median over pairs of theirs / ours, which holds
        where the machine's speed drifts.
    """
    times = [(_seconds(ours), _seconds(theirs)) for _ in range(runs + 1)]
    mine, peers = zip(*times[1:], strict=True)
    ratio = statistics.median(b / a for a, b in times[1:])
    return statistics.median(mine), statistics.median(peers), ratio


def _seconds(run: Callable[[], object]) -> float:
    time.sleep(REST)
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def resized(pixels: Pixels, megapixels: float) -> Pixels:
    """An image of a size: the middle of a larger one, or a smaller one continued by its mirror image."""
    height, width = pixels.shape[:2]
    factor = (megapixels * 1e6 / (height * width)) ** 0.5
    rows, columns = max(1, round(height * factor)), max(1, round(width * factor))
    pad = [(0, max(0, rows - height)), (0, max(0, columns - width)), (0, 0)]
    whole = np.pad(pixels, pad, mode="symmetric")
    top, left = (whole.shape[0] - rows) // 2, (whole.shape[1] - columns) // 2
    return np.ascontiguousarray(whole[top : top + rows, left : left + columns])


def process_figures(arguments: list[str]) -> tuple[float, float]:
    """Wall seconds and peak megabytes of a whole ``codec`` process."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "benchmarks.memory", *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return time.perf_counter() - start, float(done.stdout.split()[-1])


def known_peers(names: str) -> list[Codec]:
    """Codecs of a comma-separated list, CompressAI's architectures among them."""
    peers: list[Codec] = []
    for name in filter(None, names.split(",")):
        if name in CODECS:
            peers.append(CODECS[name])
        elif name in ARCHITECTURES:
            peers.append(CompressAi(name))
        else:
            raise click.UsageError(f"unknown peer {name!r}; known are {', '.join([*CODECS, *ARCHITECTURES])}")
    return peers


def _middle(codec: Codec) -> float:
    return codec.qualities[len(codec.qualities) // 2]


@click.command()
@click.argument("image", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--sizes", default="0.1,0.4,2,12,50", show_default=True, help="Megapixels.")
@click.option("--threads", "thread_counts", default="2", show_default=True, help="Of each codec, one run a number.")
@click.option("--peers", default="jpeg,webp,avif,mbt2018-mean", show_default=True)
@click.option("--peers-up-to", type=float, default=2.0, show_default=True, help="Largest size for peers, megapixels.")
@click.option("--runs", type=click.IntRange(1), default=5, show_default=True)
@click.option("--quality", type=click.FloatRange(0, 100), default=50.0, show_default=True, help="Of ours.")
def main(
    image: Path, sizes: str, thread_counts: str, peers: str, peers_up_to: float, runs: int, quality: float
) -> None:
    """Time encoding and decoding of IMAGE, continued or cut to each size: warm, as whole processes, and its memory."""
    pixels, ours, others = read_pixels(image), CODECS["lmc"], known_peers(peers)
    for threads in (int(n) for n in thread_counts.split(",")):
        click.echo(f"{threads} threads, median of {runs} warm runs; ratio: time of the peer over ours, pair by pair")
        for size in (float(s) for s in sizes.split(",")):
            picture = resized(pixels, size)
            _report_size(picture, size, ours, others if size <= peers_up_to else [], threads, runs, quality)


def _report_size(
    picture: Pixels, size: float, ours: Codec, peers: list[Codec], threads: int, runs: int, quality: float
) -> None:
    data = ours.encode(picture, quality, threads)
    label = f"{size:g} MP ({picture.shape[1]} x {picture.shape[0]})"
    encode, decode, _ = paired_seconds(
        lambda: ours.encode(picture, quality, threads), lambda: ours.decode(data, threads), runs
    )
    with tempfile.TemporaryDirectory() as folder:
        original, coded, back = (str(Path(folder) / n) for n in ("a.png", "a.lmc", "b.ppm"))
        Image.fromarray(picture).save(original, compress_level=1)
        options = ["-f", "--threads", str(threads)]
        compress = process_figures(["compress", original, coded, "-q", str(quality), *options])
        decompress = process_figures(["decompress", coded, back, *options])
    click.echo(f"{label}\n  lmc            encode {encode:8.4f} s  decode {decode:8.4f} s")
    click.echo(f"  a megapixel    encode {encode / size:8.4f} s  decode {decode / size:8.4f} s")
    click.echo(_partial(data, threads, runs))
    click.echo(f"  whole process  encode {compress[0]:8.4f} s  decode {decompress[0]:8.4f} s")
    click.echo(f"  peak memory    encode {compress[1]:8.0f} MB decode {decompress[1]:8.0f} MB")
    for peer in peers:
        try:
            click.echo(_compared(picture, data, ours, peer, threads, runs, quality))
        except Exception as error:  # a peer that is not installed, or fails, is a gap
            click.echo(f"  {peer.name:22s} failed: {type(error).__name__}: {error}")


def _partial(data: bytes, threads: int, runs: int) -> str:
    """Times of a region and of a preview, as ratios of the whole's."""
    with codec.open(data, threads=threads) as file:
        width, height = (min(512, side) for side in file.size)
        x, y = (file.size[0] - width) // 2, (file.size[1] - height) // 2

    def region() -> object:
        with codec.open(data, threads=threads) as file:
            return file.region(x, y, width, height)

    def preview() -> object:
        with codec.open(data, threads=threads) as file:
            return file.preview()

    part, _, ratio = paired_seconds(region, lambda: codec.decompress(data, threads=threads), runs)
    small, _, small_ratio = paired_seconds(preview, lambda: codec.decompress(data, threads=threads), runs)
    return (
        f"  region {width}x{height}                     decode {part:8.4f} s (whole: {ratio:.1f} times)\n"
        f"  preview 1/8                        decode {small:8.4f} s (whole: {small_ratio:.1f} times)"
    )


def _compared(picture: Pixels, data: bytes, ours: Codec, peer: Codec, threads: int, runs: int, quality: float) -> str:
    theirs = peer.encode(picture, _middle(peer), threads)
    encode = paired_seconds(
        lambda: ours.encode(picture, quality, threads), lambda: peer.encode(picture, _middle(peer), threads), runs
    )
    decode = paired_seconds(lambda: ours.decode(data, threads), lambda: peer.decode(theirs, threads), runs)
    return (
        f"  {peer.name:22s} encode {encode[1]:8.4f} s (ratio {encode[2]:.2f})  "
        f"decode {decode[1]:8.4f} s (ratio {decode[2]:.2f})"
    )


if __name__ == "__main__":
    main()
