"""The browser's decoder reads the symbols that Python's does; by Node, without a browser."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from skimage import data

import codec
from bitstream import CodecError
from bitstream.entropy import decode_chunk, encode_chunk
from bitstream.tables import Tables
from bitstream.tables_file import ModelTables, write_tables
from codec.engine.registry import MODELS
from tests.bitstream.test_vectors import NAMES, PICTURES, digest
from tests.common import MODEL, VECTORS, small_tables

NODE = shutil.which("node")
HERE = Path(__file__).parent
pytestmark = pytest.mark.skipif(NODE is None, reason="Node is not installed")


def run(script: str, *args: object, text: str = "") -> str:
    done = subprocess.run(
        [str(NODE), str(HERE / script), *map(str, args)], input=text, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def read_chunks(tables: Tables, chunks: list[dict[str, Any]], folder: Path) -> list[dict[str, Any]]:
    """What the browser's decoder makes of chunks."""
    knots = np.zeros((2, 1), np.float32)
    write_tables(folder / "tables.npz", ModelTables(tables, knots, 0))
    found: list[dict[str, Any]] = json.loads(run("chunk.mjs", folder / "tables.npz", text=json.dumps(chunks)))
    return found


def test_every_pinned_file_has_the_same_symbols():
    lines = run("symbols.mjs", MODEL / "tables.npz", *(PICTURES / f"{name}.lmc" for name in NAMES)).splitlines()
    expected = json.loads((PICTURES / "expected.json").read_text())
    assert [json.loads(line)["symbols"] for line in lines] == [expected[name]["symbols"] for name in NAMES]


@pytest.mark.parametrize("tune", ["visual", "psnr"])
def test_files_of_the_models_that_ship_have_the_same_symbols(tune, tmp_path):
    paths, expected = [], []
    for quality in (5, 60, 100):
        path = tmp_path / f"{quality}.lmc"
        path.write_bytes(codec.compress(data.astronaut()[:200, :330], quality, tune=tune))
        with codec.open(path) as file:
            expected.append(digest(*file.symbols()))
        paths.append(path)
    lines = run("symbols.mjs", MODELS / tune / "tables.npz", *paths).splitlines()
    assert [json.loads(line)["symbols"] for line in lines] == expected


@pytest.mark.parametrize(("name", "context"), [("chunks", False), ("chunks-context", True)])
def test_every_pinned_chunk_is_read(name, context, tmp_path):
    for number, vector in enumerate(json.loads((VECTORS / f"{name}.json").read_text())):
        z, y = np.array(vector["z"]), np.array(vector["y"])
        chunk = {key: vector[key] for key in ("quality_index", "payload")}
        folder = tmp_path / str(number)
        folder.mkdir()
        tables = small_tables(vector["tables_seed"], context=context)
        (found,) = read_chunks(tables, [{**chunk, "rows": z.shape[1], "columns": z.shape[2]}], folder)
        assert found == {"z": z.ravel().tolist(), "y": y.ravel().tolist()}


@pytest.mark.parametrize("context", [False, True])
def test_escapes_of_all_sizes_are_read(context, tmp_path):
    tables = small_tables(3, context=context)
    rng = np.random.default_rng(0)
    chunks, expected = [], []
    for bits in range(0, 29):
        z = rng.integers(-(2 ** min(bits, 20)), 2 ** min(bits, 20) + 1, (3, 2, 3)).astype(np.int32)
        y = rng.integers(-(2**bits), 2**bits + 1, (5, 8, 12)).astype(np.int32)
        payload = encode_chunk(tables, 2, z, y).hex()
        chunks.append({"quality_index": 2, "rows": 2, "columns": 3, "payload": payload})
        expected.append({"z": z.ravel().tolist(), "y": y.ravel().tolist()})
    assert read_chunks(tables, chunks, tmp_path) == expected


def test_of_any_bytes_both_decoders_say_the_same(tmp_path):
    tables = small_tables(1, context=True)
    rng = np.random.default_rng(1)
    sound = encode_chunk(tables, 4, np.ones((3, 2, 2), np.int32), np.ones((5, 8, 8), np.int32))
    payloads = [b"", sound, sound + b"\1", sound[:-1], sound + b"\0"]
    for _ in range(300):
        changed = bytearray(sound)
        changed[rng.integers(len(changed))] ^= 1 << int(rng.integers(8))
        payloads += [bytes(changed), rng.bytes(int(rng.integers(1, 200)))]
    chunks = [{"quality_index": 4, "rows": 2, "columns": 2, "payload": payload.hex()} for payload in payloads]
    errors = 0
    for payload, found in zip(payloads, read_chunks(tables, chunks, tmp_path), strict=True):
        try:
            z, y = decode_chunk(tables, 4, 2, 2, payload)
            assert found == {"z": z.ravel().tolist(), "y": y.ravel().tolist()}
        except CodecError:
            errors += 1
            assert found == {"error": "CorruptError"}, found
    assert errors > 100
