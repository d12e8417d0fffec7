"""Decoding time against a research codec in the same run: ``python -m benchmarks.speed`` (extra ``[train]``).

The peer is CompressAI's ``mbt2018_mean(quality=4)`` with random weights, its entropy coding included.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import click
import torch
from compressai.zoo import mbt2018_mean

import codec
from codec.imaging import to_pixels
from codec.training.data import to_tensor


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
    times: list[tuple[float, float]] = []
    for _ in range(runs + 1):
        start = time.perf_counter()
        ours()
        middle = time.perf_counter()
        theirs()
        times.append((middle - start, time.perf_counter() - middle))
    mine, peers = zip(*times[1:], strict=True)
    ratio = statistics.median(b / a for a, b in times[1:])
    return statistics.median(mine), statistics.median(peers), ratio


@click.command()
@click.argument("image", type=click.Path(path_type=Path, exists=True))
@click.option("--threads", type=int, default=2, show_default=True)
@click.option("--runs", type=int, default=7, show_default=True)
@click.option("--quality", type=float, default=50.0, show_default=True, help="Of ours.")
def main(image: Path, threads: int, runs: int, quality: float) -> None:
    """Time encoding and decoding of IMAGE, warm."""
    torch.set_num_threads(threads)
    pixels = to_pixels(image)
    height, width = (n // 64 * 64 for n in pixels.shape[:2])
    pixels = pixels[:height, :width]
    data = codec.compress(pixels, quality=quality, threads=threads)
    torch.manual_seed(0)
    peer = mbt2018_mean(quality=4, pretrained=False).eval()
    peer.update()
    x = to_tensor([pixels])
    with torch.no_grad():
        coded = peer.compress(x)
        encode = paired_seconds(
            lambda: codec.compress(pixels, quality=quality, threads=threads), lambda: peer.compress(x), runs
        )
        decode = paired_seconds(
            lambda: codec.decompress(data, threads=threads),
            lambda: peer.decompress(coded["strings"], coded["shape"]),
            runs,
        )
    print(f"{width} x {height}, {threads} threads, median of {runs}, seconds")
    print(f"lmc           encode {encode[0]:.3f}  decode {decode[0]:.3f}")
    print(f"mbt2018_mean  encode {encode[1]:.3f}  decode {decode[1]:.3f}")
    print(f"ratio         encode {encode[2]:.1f}  decode {decode[2]:.1f}")


if __name__ == "__main__":
    main()
