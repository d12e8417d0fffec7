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


def median_seconds(run: Callable[[], object], runs: int) -> float:
    """Median of several runs after one that does not count."""
    run()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


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
    ours = median_seconds(lambda: codec.decompress(data, threads=threads), runs)
    encode = median_seconds(lambda: codec.compress(pixels, quality=quality, threads=threads), runs)
    torch.manual_seed(0)
    peer = mbt2018_mean(quality=4, pretrained=False).eval()
    peer.update()
    with torch.no_grad():
        coded = peer.compress(to_tensor([pixels]))
        theirs = median_seconds(lambda: peer.decompress(coded["strings"], coded["shape"]), runs)
        their_encode = median_seconds(lambda: peer.compress(to_tensor([pixels])), runs)
    print(f"{width} x {height}, {threads} threads, median of {runs}, seconds")
    print(f"lmc           encode {encode:.3f}  decode {ours:.3f}")
    print(f"mbt2018_mean  encode {their_encode:.3f}  decode {theirs:.3f}")
    print(f"ratio         encode {their_encode / encode:.1f}  decode {theirs / ours:.1f}")


if __name__ == "__main__":
    main()
