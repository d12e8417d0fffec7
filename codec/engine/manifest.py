"""What an exported model says of itself: its files, its name, its geometry and its scale of quality."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

from bitstream.errors import ModelError

WEIGHTS = "model.safetensors"
TABLES = "tables.npz"
GRAPHS = tuple(
    f"{name}.onnx" for name in ("analysis", "hyper_analysis", "quantisation", "reconstruction", "synthesis", "preview")
)
FILES = (WEIGHTS, TABLES, *GRAPHS)
MANIFEST = "manifest.json"
MAX_MANIFEST_BYTES = 1 << 16


class Manifest(NamedTuple):
    """What an exported model says of itself.

    Attributes:
        model_id: its name.
        digests: what its files should be, by SHA-256.
        quality_scale: see :meth:`~codec.engine.quality_scale.QualityScale.stored`.
        geometry: see :meth:`~bitstream.geometry.Geometry.stored`.
    """

    model_id: bytes
    digests: dict[str, str]
    quality_scale: Any
    geometry: Any


def model_id(digests: dict[str, str]) -> bytes:
    """Four bytes that name a model. They depend on its numbers, not on how the graphs that use these are written.

    Args:
        digests: SHA-256 of each file, hexadecimal.
    """
    return hashlib.sha256((digests[WEIGHTS] + digests[TABLES]).encode()).digest()[:4]


def read_manifest(folder: Path) -> Manifest:
    """Read a model's manifest.

    Raises:
        ModelError: there is no manifest, or none that can be read.
    """
    try:
        with (folder / MANIFEST).open("rb") as file:
            manifest = json.loads(file.read(MAX_MANIFEST_BYTES))
        digests = {name: str(manifest["sha256"][name]) for name in FILES}
        name = bytes.fromhex(manifest["model_id"])
        return Manifest(name, digests, manifest.get("quality_scale"), manifest.get("geometry"))
    except FileNotFoundError as error:
        raise ModelError(f"{folder}: not an exported model: it has no {MANIFEST}") from error
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ModelError(f"{folder}: cannot read the model manifest: {error}") from error
