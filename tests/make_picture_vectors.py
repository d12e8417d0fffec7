"""Write what is missing of ``vectors/pictures/`` and of the small model it is coded with. Nothing is ever replaced."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from skimage import data

from bitstream.boxes import Metadata, PixelFormat, form_boxes, metadata_boxes
from bitstream.container import Container, Header, serialize
from bitstream.exact_blocks import ChunkParts, ExactPicture, exact_box, join
from bitstream.turned_lines import turn
from codec.encoding.encoder import encode, source_boxes
from codec.engine.runtime import Runtime
from codec.images import vp8l
from codec.images.exact_pixels import to_picture
from codec.images.sources import open_source
from codec.models.v1.network import V1
from codec.training.checkpoint import load_model
from codec.training.config import TrainingConfig
from codec.training.export import export
from codec.training.loop import Trainer
from tests.bitstream.test_vectors import PICTURES, digest, read
from tests.common import MODEL
from tests.tiny import TINY


def trained(folder: Path) -> V1:
    """A small model, trained long enough that its symbols are of all sizes."""
    photos = folder / "photos"
    photos.mkdir()
    for name in ("astronaut", "coffee", "chelsea"):
        Image.fromarray(np.ascontiguousarray(getattr(data, name)())).save(photos / f"{name}.png")
    config = TrainingConfig(
        (photos,),
        folder / "run",
        validation=(photos,),
        steps=600,
        batch=4,
        size=128,
        warmup=50,
        model=TINY,
        harden_steps=0,
    )
    Trainer(config).run()
    return load_model(folder / "run" / "stable.pt")


def pictures() -> dict[str, tuple[NDArray[np.generic], int, int, NDArray[np.bool_] | None]]:
    """Arrays, levels of quality, chunk sizes and exact blocks, by name; made here, from noise and waves alone."""
    rng = np.random.default_rng(20261125)
    v, h = np.mgrid[0:150, 0:210] / 30
    waves = np.stack([np.sin(v * h), np.cos(v - 2 * h), np.sin(v + h**1.5)], axis=2)
    colour = np.rint(127.5 + 100 * waves + rng.normal(0, 6, waves.shape)).clip(0, 255).astype(np.uint8)
    deep = np.rint(32768 + 25000 * waves[:70, :90]).astype(np.uint16)
    noise = rng.integers(0, 256, (65, 129, 3), np.uint8)
    veil = np.dstack([colour[:64, :100], np.linspace(0, 255, 6400).reshape(64, 100).astype(np.uint8)])
    some = np.arange(16) < 12 - np.arange(12)[:, None] // 8  # a cell or two without symbols, and one at its edge
    letters = np.where(rng.random((9, 7, 6, 1)) < 0.4, rng.integers(0, 120, (9, 7, 6, 3)), 250).astype(np.uint8)
    text = np.full((120, 260, 3), 250, np.uint8)
    for at, letter in enumerate(rng.integers(0, 9, 150)):
        row, column = 5 + 19 * (at // 30), 10 + 8 * (at % 30)
        text[row : row + 7, column : column + 6] = letters[letter]
    text[64:, 192:] = colour[:56, :68]
    page = np.add.outer(np.arange(8), np.arange(20)) < 22
    return {
        "colour-low": (colour, 20, 2, None),
        "colour-middle": (colour, 200, 2, None),
        "colour-high": (colour, 380, 2, None),
        "chunks": (colour, 120, 0, None),
        "gray": (colour[:, :, 1], 200, 2, None),
        "deep": (deep, 300, 2, None),
        "alpha": (veil, 150, 2, None),
        "noise": (noise, 400, 2, None),
        "pixel": (colour[:1, :1], 200, 2, None),
        "line": (colour[:1], 0, 2, None),
        "exact": (colour, 200, 1, some),
        "exact-deep": (deep[:, :, 0], 300, 2, np.ones((8, 8), bool)),
        "exact-text": (text, 200, 2, page),
    }


def with_many_lines(runtime: Runtime) -> bytes:
    """A gray file of 16 bits, all exact, whose lines are of several heights, overlap, and fill two columns in a row of
    their picture."""
    rng = np.random.default_rng(20261201)
    pixels = (257 * rng.integers(0, 9, (128, 256, 1)) + np.arange(256)[:, None]).astype(np.uint16)
    rows, columns, count = 256, 256, 70
    height = rng.integers(1, 4, count)
    left = rng.integers(0, 9, count)
    lines = np.stack([rng.integers(0, rows - height), left, height, columns - left - rng.integers(0, 9, count)], axis=1)
    whole = to_picture(pixels)
    rest = whole.copy()
    for top, begin, high, wide in lines:
        rest[top : top + high, begin : begin + wide] = 77  # means nothing
    turned = turn(whole, lines, rng.integers(0, 256, (count, 3), np.uint8))
    picture = ExactPicture(vp8l.encode(rest), lines, vp8l.encode(turned))
    header = Header(256, 128, runtime.model_id, 300, 2)
    payload = join(ChunkParts(b"", np.ones((8, 16), bool), picture))
    return serialize(Container(header, [payload], [*form_boxes(PixelFormat(1, 16)), exact_box()]))


def main() -> None:
    """Make what is not there."""
    if not MODEL.exists():
        with tempfile.TemporaryDirectory() as folder:
            export(trained(Path(folder)), MODEL)
    runtime = Runtime(MODEL)
    PICTURES.mkdir(exist_ok=True)
    known = PICTURES / "expected.json"
    expected = json.loads(known.read_text()) if known.exists() else {}
    if "exact-lines" not in expected:
        (PICTURES / "exact-lines.lmc").write_bytes(with_many_lines(runtime))
        _remember(runtime, "exact-lines", expected)
    for name, (pixels, level, chunk_log2, exact) in pictures().items():
        if name in expected:
            continue
        source = open_source(pixels)
        boxes = source_boxes(source)
        if name == "gray":
            boxes += metadata_boxes(Metadata(xmp=b"<x:xmpmeta/>"))
        path = PICTURES / f"{name}.lmc"
        path.write_bytes(encode(runtime, source, level, boxes, chunk_log2=chunk_log2, exact=exact))
        _remember(runtime, name, expected)
    known.write_text(json.dumps(expected, indent=1) + "\n")


def _remember(runtime: Runtime, name: str, expected: dict[str, dict[str, object]]) -> None:
    """Keep what a file decodes to."""
    path = PICTURES / f"{name}.lmc"
    symbols, decoded = read(runtime, path)
    np.savez_compressed(path.with_suffix(".npz"), pixels=decoded)
    expected[name] = {"symbols": digest(*symbols), "largest": int(max(abs(s).max() for s in symbols))}


if __name__ == "__main__":
    main()
