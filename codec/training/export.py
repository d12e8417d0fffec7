"""From a checkpoint to what the runtime loads: weights, graphs, tables and a manifest.

The weights are one ``model.safetensors`` in half precision, of all parameters, so that training can
start from it again. The ONNX graphs hold no weights: their initializers are byte ranges of that
same file, so that what the graphs share is stored once.
"""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import tempfile
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper
from safetensors.torch import save
from torch import Tensor, nn

from bitstream.geometry import BLOCK, Geometry
from bitstream.tables import Tables
from bitstream.tables_file import ModelTables, write_tables
from codec.engine.manifest import FILES, GRAPHS, MANIFEST, TABLES, WEIGHTS, model_id
from codec.engine.runtime import Runtime
from codec.models.architecture import Architecture
from codec.models.layers import Pointwise
from codec.training.halos import measure_halos

OPSET = 17
FEW = 3
"""Symbols that may differ however few there are: in a small model one in ten thousand is less than two."""


class _Graph(nn.Module):
    """One of the model's methods as a module, which is what the exporter takes."""

    def __init__(self, model: Architecture, method: str) -> None:
        super().__init__()
        self.model, self.method = model, method

    def forward(self, *inputs: Tensor) -> Tensor:
        output: Tensor = getattr(self.model, self.method)(*inputs)
        return output


def _trace(module: nn.Module, inputs: dict[str, Tensor], output: str, path: Path) -> None:
    # Several images at once, each with gains of its own, of any size.
    free = {name: {0: "images", 2: f"{name}_h", 3: f"{name}_w"} for name in [*inputs, output]}
    if "gains" in inputs:
        free["gains"] = {0: "images"}
    traced = io.BytesIO()
    Pointwise.as_conv = True
    try:
        torch.onnx.export(
            module, tuple(inputs.values()), traced, input_names=list(inputs), output_names=[output],
            dynamic_axes=free, opset_version=OPSET, do_constant_folding=False, dynamo=False,
        )  # fmt: skip
    finally:
        Pointwise.as_conv = False
    path.write_bytes(traced.getvalue())


def _tensor_ranges(path: Path) -> dict[str, tuple[int, int]]:
    """Offset and length in bytes of each tensor in a safetensors file."""
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        entries = json.loads(file.read(size))
    entries.pop("__metadata__", None)
    return {
        name: (8 + size + entry["data_offsets"][0], entry["data_offsets"][1] - entry["data_offsets"][0])
        for name, entry in entries.items()
    }


def _point_at_weights(path: Path, ranges: dict[str, tuple[int, int]]) -> None:
    """Replace a graph's float32 weights by casts of byte ranges of the half-precision file."""
    graph_model = onnx.load(path)
    graph = graph_model.graph
    casts = []
    for initializer in list(graph.initializer):
        name = initializer.name.removeprefix("model.")
        if name not in ranges:
            continue
        offset, length = ranges[name]
        stored = TensorProto(name=f"{initializer.name}.half", data_type=TensorProto.FLOAT16, dims=initializer.dims)
        stored.data_location = TensorProto.EXTERNAL
        for key, value in (("location", WEIGHTS), ("offset", offset), ("length", length)):
            stored.external_data.add(key=key, value=str(value))
        casts.append(helper.make_node("Cast", [stored.name], [initializer.name], to=TensorProto.FLOAT))
        graph.initializer.remove(initializer)
        graph.initializer.append(stored)
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    graph_model.doc_string = ""
    path.write_bytes(graph_model.SerializeToString(deterministic=True))


def export(model: Architecture, folder: Path) -> Path:
    """Write all that the runtime needs, checked against the torch model, then move it into place.

    Args:
        model: put into evaluation mode; its weights and buffers are rounded to half precision in place.
        folder: where the files go; replaced only once everything is checked.

    Returns:
        Path: the folder.

    Raises:
        RuntimeError: graphs and tables do not give the torch model's symbols, scales and pixels.
        ValueError: a network reaches so far that images cannot be cut into tiles.
        OSError: a file cannot be written; what was there stays.
    """
    model.eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(parameter.half())
        for buffer in model.buffers():
            if buffer.is_floating_point():
                buffer.copy_(buffer.half())
    folder.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=".export-", dir=folder.parent))
    try:
        state = {k: v.half().contiguous() if v.is_floating_point() else v for k, v in model.state_dict().items()}
        (work / WEIGHTS).write_bytes(save(state, {"config": json.dumps(model.config.as_dict())}))
        ranges = _tensor_ranges(work / WEIGHTS)
        _trace_graphs(model, work)
        for graph in GRAPHS:
            _point_at_weights(work / graph, ranges)
        knots, exponentials = model.gain_knots()
        tables = model.tables()
        write_tables(work / TABLES, ModelTables(tables, knots.detach().numpy().astype(np.float32), exponentials))
        digests = {name: hashlib.sha256((work / name).read_bytes()).hexdigest() for name in FILES}
        manifest = {
            "model_id": model_id(digests).hex(),
            "architecture": model.config.architecture,
            "geometry": _geometry(model, tables).as_dict(),
            "sha256": digests,
        }
        (work / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")
        check(model, Runtime(work))
        folder.mkdir(parents=True, exist_ok=True)
        for name in (*FILES, MANIFEST):
            (work / name).chmod(0o644)
            (work / name).replace(folder / name)
    except OSError as error:  # of a write, which does not know its file's name
        raise OSError(error.errno, error.strerror, error.filename or str(folder)) from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return folder


@torch.no_grad()
def _preview_factor(model: Architecture) -> int:
    """Pixels a side that stand behind one of the preview's."""
    return BLOCK // model.preview(torch.zeros(1, model.latent_scale.numel(), 1, 1)).shape[2]


def _geometry(model: Architecture, tables: Tables) -> Geometry:
    return Geometry(measure_halos(model, tables.hyper_latents), tables.levels, _preview_factor(model))


def _trace_graphs(model: Architecture, folder: Path) -> None:
    x = torch.rand(1, 3, 128, 192)
    gains = model.gains(torch.tensor([0.5])).detach()
    with torch.no_grad():
        y = model.analyse(x, gains)
        z_hat, symbols = model.encode(x, gains)
    for graph, method, inputs, output in (
        ("analysis.onnx", "analyse", {"x": x, "gains": gains}, "y"),
        ("hyper_analysis.onnx", "hyper_round", {"y": y, "gains": gains}, "z_hat"),
        ("quantisation.onnx", "quantise", {"y": y, "z_hat": z_hat, "gains": gains}, "symbols"),
        ("reconstruction.onnx", "reconstruct", {"z_hat": z_hat, "symbols": symbols, "gains": gains}, "y_hat"),
        ("synthesis.onnx", "synthesise", {"y_hat": y, "gains": gains}, "x_hat"),
        ("preview.onnx", "preview", {"y_hat": y}, "x_hat"),
    ):
        _trace(_Graph(model, method), inputs, output, folder / graph)


@torch.no_grad()
def check(model: Architecture, runtime: Runtime, tolerance: float = 1e-4) -> None:
    """Compare an exported model with the torch model it came from.

    Rounding may fall either way where two engines differ in a last digit, so one symbol in ten thousand may differ, or
    :data:`FEW`; and the scale of a symbol may be the one beside the nearest, as the tables round their map.

    Args:
        model: the torch model.
        runtime: the exported one.
        tolerance: largest share of symbols that may differ.

    Raises:
        RuntimeError: they differ.
    """
    generator = torch.Generator().manual_seed(7)
    coarse = torch.rand(1, 3, 24, 32, generator=generator)
    x = torch.nn.functional.interpolate(coarse, scale_factor=16, mode="bicubic").clamp(0, 1)
    levels = runtime.tables.levels
    for level in (0, levels // 2, levels - 1):
        t = torch.linspace(0, 1, levels)[level : level + 1]
        gains = model.gains(t)
        z_hat, symbols = model.encode(x, gains)
        y = runtime.analyse(x.numpy(), level)
        z_run = runtime.hyper_analyse(y, level)
        symbols_run = runtime.quantise(y, z_run, level)
        z_differ, y_differ = (z_hat.numpy() != z_run).mean(), (symbols.numpy() != symbols_run).mean()
        if z_differ > tolerance or y_differ > max(tolerance, FEW / symbols.numel()):
            differ = max(z_differ, y_differ)
            raise RuntimeError(f"level {level}: {differ:.2%} of the exported encoder's symbols differ")
        numbers = model.scale_numbers(model.scales(z_hat, t, gains))[0].numpy()
        apart = np.abs(numbers - runtime.tables.scale_index(z_hat[0].numpy().astype(np.int32), level)).max()
        if apart > model.scale_tolerance:
            raise RuntimeError(f"level {level}: the exported map of scales is {apart:.2f} of a step off")
        y_hat = model.reconstruct(z_hat, symbols, gains)
        y_run = runtime.reconstruct(z_hat.numpy(), symbols.numpy(), level)
        for name, ours, theirs in (
            ("decoder", model.synthesise(y_hat, gains), runtime.synthesise(y_run, level)),
            ("preview", model.preview(y_hat), runtime.preview(y_run)),
        ):
            error = np.abs(ours.numpy() - theirs).max() * 255
            if error > 0.5:
                raise RuntimeError(f"level {level}: the exported {name} is off by {error:.3f} levels")
