"""Encode and decode on one platform; needs nothing but the installed package and what its engine takes.

Run as a script by the Python of the platform under test::

    worker.py decode FILES OUT --engine onnx --threads 2 --qualities 45
    worker.py encode PICTURES OUT --threads 2 --qualities 10,45,80

Decoding writes ``OUT/NAME.npz`` for each file: a hash of its symbols, their number, and its pixels if its quality is
one of those.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import codec
from codec.api import read_symbols
from codec.engine.registry import SHIPPED
from codec.engine.runtime import Runtime

Networks = Callable[[Any, Any, int], Any]
"""From z and y, float32 with a batch of one, and a level, to pixels in [0, 1], (1, 3, H, W)."""


def torch_networks(runtime: Runtime, threads: int) -> Networks:
    """The training framework, the whole image at once."""
    import torch

    from codec.models.registry import load_exported

    torch.set_num_threads(threads)
    model = load_exported(SHIPPED)

    def run(z: Any, y: Any, level: int) -> Any:
        with torch.no_grad():
            gains = torch.from_numpy(runtime.gains(level))
            return model.decode(torch.from_numpy(z), torch.from_numpy(y), gains).numpy()

    return run


def openvino_networks(runtime: Runtime, threads: int, precision: str) -> Networks:
    """Another inference engine, the whole image at once."""
    import openvino

    core = openvino.Core()
    config = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": precision}
    graphs = [core.compile_model(str(SHIPPED / f"{g}.onnx"), "CPU", config) for g in ("reconstruction", "synthesis")]

    def run(z: Any, y: Any, level: int) -> Any:
        gains = runtime.gains(level)
        y_hat = graphs[0]({"z_hat": z, "symbols": y, "gains": gains})[0]
        return graphs[1]({"y_hat": y_hat, "gains": gains})[0]

    return run


def decode(files: Path, out: Path, qualities: list[str], engine: str, threads: int) -> None:
    """Decode the symbols of all files of a folder, and the pixels of some."""
    runtime = Runtime(SHIPPED, threads)
    networks: Networks | None = None
    if engine == "torch":
        networks = torch_networks(runtime, threads)
    elif engine.startswith("openvino"):
        networks = openvino_networks(runtime, threads, engine.split("-")[1])
    out.mkdir(parents=True, exist_ok=True)
    for path in sorted(files.glob("*.lmc")):
        data = path.read_bytes()
        file, z, y = read_symbols(runtime, data)
        digest = hashlib.sha256(z.astype("<i4").tobytes() + y.astype("<i4").tobytes()).hexdigest()
        if path.stem.rpartition("-")[2] not in qualities:
            np.savez(out / f"{path.stem}.npz", digest=digest, symbols=z.size + y.size)
            continue
        if networks is None:
            pixels = np.asarray(codec.decompress(data, threads=threads))
        else:
            x = networks(z[None].astype(np.float32), y[None].astype(np.float32), file.header.quality_index)
            x = x[0, :, : file.size[1], : file.size[0]].transpose(1, 2, 0)
            pixels = np.rint(np.clip(x, 0, 1) * 255).astype(np.uint8)
        np.savez_compressed(out / f"{path.stem}.npz", pixels=pixels, digest=digest, symbols=z.size + y.size)


def encode(pictures: Path, out: Path, qualities: list[str], threads: int) -> None:
    """Encode all images of a folder."""
    out.mkdir(parents=True, exist_ok=True)
    for path in sorted(p for p in pictures.iterdir() if p.suffix.lower() in (".png", ".ppm")):
        pixels = np.asarray(Image.open(path).convert("RGB"))
        for quality in qualities:
            (out / f"{path.stem}-{quality}.lmc").write_bytes(codec.compress(pixels, int(quality), threads=threads))


def main() -> None:
    """Run."""
    parser = argparse.ArgumentParser()
    parser.add_argument("task", choices=["encode", "decode"])
    parser.add_argument("source", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--engine", default="onnx", choices=["onnx", "torch", "openvino-f32", "openvino-bf16"])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--qualities", required=True)
    options = parser.parse_args()
    qualities = options.qualities.split(",")
    if options.task == "encode":
        encode(options.source, options.out, qualities, options.threads)
    else:
        decode(options.source, options.out, qualities, options.engine, options.threads)


if __name__ == "__main__":
    main()
