"""A model as the browser's decoder takes it: one zip archive of what decoding needs.

Members: ``manifest.json`` (model id, geometry, name of the weights), ``tables.npz``, the graphs for decoding, and their
weights.
"""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

from bitstream.errors import CodecError, ModelError
from codec.engine.manifest import TABLES, WEIGHTS, read_manifest
from codec.engine.runtime import Runtime

DECODING_GRAPHS = ("reconstruction.onnx", "synthesis.onnx", "preview.onnx")
SLIM_WEIGHTS = "weights.bin"
"""Name of weights that only decoding needs."""
_ALIGNMENT = 64
"""Bytes that the weights of a tensor begin at a multiple of."""
_FIXED_TIME = (1980, 1, 1, 0, 0, 0)
"""Of members, so that the same model gives the same archive."""


def pack_model(folder: Path, slim: bool = False) -> bytes:
    """The archive of a model.

    Args:
        folder: of an exported model.
        slim: keep only weights that decoding needs, a third of all, and compress them. Takes the package ``onnx``.

    Returns:
        bytes: a zip archive.

    Raises:
        ModelError: files of the model are missing or damaged.
        CodecError: ``onnx`` is not installed, and ``slim`` needs it.
    """
    runtime = Runtime(folder)
    runtime.check_all()
    manifest = read_manifest(folder)
    try:
        files = {name: (folder / name).read_bytes() for name in (TABLES, *DECODING_GRAPHS)}
        weights = (folder / WEIGHTS).read_bytes()
    except OSError as error:
        raise ModelError(f"{folder}: {error}") from error
    name = WEIGHTS
    if slim:
        name = SLIM_WEIGHTS
        graphs, weights = _slim({graph: files[graph] for graph in DECODING_GRAPHS}, weights)
        files |= graphs
    described = {"model_id": manifest.model_id.hex(), "geometry": runtime.geometry.as_dict(), "weights": name}
    files = {"manifest.json": json.dumps(described).encode(), **files, name: weights}
    archive = io.BytesIO()
    method = zipfile.ZIP_DEFLATED if slim else zipfile.ZIP_STORED
    with zipfile.ZipFile(archive, "w", method, compresslevel=9) as opened:
        for member, data in files.items():
            opened.writestr(zipfile.ZipInfo(member, _FIXED_TIME), data, method, 9)
    return archive.getvalue()


def _slim(graphs: dict[str, bytes], weights: bytes) -> tuple[dict[str, bytes], bytes]:
    """Graphs that refer to a file of nothing but their weights, and that file."""
    try:
        import onnx
    except ImportError as error:
        raise CodecError(f"this needs the extra [train], see the README on how to install it ({error})") from error

    kept = bytearray()
    places: dict[tuple[int, int], int] = {}
    slim = {}
    for name, data in graphs.items():
        model = onnx.load_model_from_string(data)
        for tensor in model.graph.initializer:
            entries = {entry.key: entry for entry in tensor.external_data}
            if not entries:
                continue
            offset, length = int(entries["offset"].value), int(entries["length"].value)
            if (offset, length) not in places:
                kept += bytes(-len(kept) % _ALIGNMENT)
                places[offset, length] = len(kept)
                kept += weights[offset : offset + length]
            entries["location"].value = SLIM_WEIGHTS
            entries["offset"].value = str(places[offset, length])
        _without_doubles(model.graph)
        slim[name] = model.SerializeToString(deterministic=True)
    return slim, bytes(kept)


def _without_doubles(graph: Any) -> None:
    """Make a graph's constants of double precision single: what runs graphs on a GPU in browsers has no others."""
    import numpy as np
    from onnx import TensorProto, numpy_helper

    for node in graph.node:
        for attribute in node.attribute if node.op_type == "Constant" else ():
            if attribute.t.data_type == TensorProto.DOUBLE:
                value = numpy_helper.to_array(attribute.t).astype(np.float32)
                attribute.t.CopyFrom(numpy_helper.from_array(value, attribute.t.name))
