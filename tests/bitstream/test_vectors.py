"""Small files of an old version, with the model they were coded with, that every version must decode alike."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from codec.api import read_symbols
from codec.engine.runtime import Runtime
from tests.common import MODEL, VECTORS

PICTURES = VECTORS / "pictures"
NAMES = [
    "alpha", "chunks", "colour-high", "colour-low", "colour-middle", "deep", "exact", "exact-deep",
    "exact-lines", "exact-text", "gray", "line", "noise", "pixel",
]  # fmt: skip
"""Written out, so that a vector that goes missing fails."""

Symbols = tuple[NDArray[np.int32], NDArray[np.int32]]


@pytest.fixture(scope="module")
def runtime() -> Runtime:
    return Runtime(MODEL, threads=1)


def digest(z: NDArray[np.int32], y: NDArray[np.int32]) -> str:
    """Of symbols, whatever the machine's order of bytes."""
    return hashlib.sha256(z.astype("<i4").tobytes() + y.astype("<i4").tobytes()).hexdigest()


def read(runtime: Runtime, path: Path) -> tuple[Symbols, NDArray[Any]]:
    """Symbols and pixels of a file."""
    payload = path.read_bytes()
    file, z, y = read_symbols(runtime, payload)
    return (z, y), file.array()


def test_no_vector_is_missing():
    assert sorted(p.stem for p in PICTURES.glob("*.lmc")) == NAMES
    assert sorted(json.loads((PICTURES / "expected.json").read_text())) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_pinned_file_decodes_to_the_same_symbols_and_pixels(runtime, name):
    symbols, pixels = read(runtime, PICTURES / f"{name}.lmc")
    assert digest(*symbols) == json.loads((PICTURES / "expected.json").read_text())[name]["symbols"]
    with np.load(PICTURES / f"{name}.npz") as stored:
        expected = stored["pixels"]
    assert pixels.shape == expected.shape and pixels.dtype == expected.dtype
    assert np.abs(pixels.astype(int) - expected).max() <= (1 if expected.dtype == np.uint8 else 257)


def test_vectors_cover_silence_and_escapes():
    largest = {k: v["largest"] for k, v in json.loads((PICTURES / "expected.json").read_text()).items()}
    assert largest["noise"] > 100 and len(set(largest.values())) > 4
