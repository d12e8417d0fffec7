"""Rooms depend on those below them alone, no module on itself by a circle, and the runtime never on torch."""

from __future__ import annotations

import ast
import subprocess
import sys
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LAYERS = (
    ("bitstream",),
    ("codec.util", "codec.metrics"),
    ("codec.images", "codec.engine", "codec.models"),
    ("codec.decoding",),
    ("codec.encoding", "codec.training"),
    ("codec.api",),
    ("codec.pillow_plugin", "codec.manifold", "codec.web", "codec.desktop"),
    ("codec.datasets",),
    ("codec.batch",),
    ("codec",),
    ("codec.cli",),
    ("codec.__main__", "benchmarks"),
)
"""From the bottom up; rooms of one layer do not know each other."""


@cache
def modules() -> dict[str, Path]:
    """All modules by name."""
    found = {}
    for package in ("bitstream", "codec", "benchmarks"):
        for path in (ROOT / package).rglob("*.py"):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def imports(path: Path) -> set[str]:
    """Modules of ours that a module imports, at its top, within functions, or for types alone."""
    names, waiting = set(), list(ast.parse(path.read_text(encoding="utf-8")).body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            inside = {f"{node.module}.{alias.name}" for alias in node.names}
            names |= inside & set(modules()) if inside <= set(modules()) else inside | {node.module}
        waiting += [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt | ast.ExceptHandler)]
    return {name for name in names if name in modules()}


def room(module: str) -> str:
    """The room of a module, the longest that it begins with."""
    rooms = [name for layer in LAYERS for name in layer if module == name or module.startswith(name + ".")]
    return max(rooms, key=len)


def test_no_room_knows_one_above_it_or_beside_it():
    level = {name: i for i, layer in enumerate(LAYERS) for name in layer}
    wrong = [
        f"{module} imports {other}"
        for module, path in modules().items()
        for other in imports(path)
        if room(module) != room(other) and level[room(other)] >= level[room(module)]
    ]
    assert not wrong


def test_modules_depend_on_each_other_in_no_circle():
    graph = {module: imports(path) - {module} for module, path in modules().items()}
    order = list(TopologicalSorter(graph).static_order())  # raises CycleError
    assert set(order) == set(graph) and any(graph.values())


def test_the_layers_would_be_missed():
    """That the tests above can fail."""
    path = ROOT / "codec" / "encoding" / "rate_control.py"
    assert "codec.decoding.lmc_file" in imports(path) and room("codec.decoding.lmc_file") == "codec.decoding"
    assert room("codec.metrics") == "codec.metrics" and room("codec.api") == "codec.api"


@pytest.mark.parametrize("package", ["bitstream", "codec"])
def test_importing_loads_nothing_heavy(package):
    code = f"import sys, {package}; print(' '.join(sorted(sys.modules)))"
    loaded = set(
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    )
    heavy = {"torch", "compressai", "matplotlib", "scipy", "onnxruntime", "click", "PIL", "importlib.metadata"}
    assert package in loaded and not heavy & loaded
    if package == "bitstream":
        assert not any(name == "codec" or name.startswith("codec.") for name in loaded)


def test_nothing_that_runs_a_model_imports_torch():
    for module, path in modules().items():
        if module.startswith(("bitstream", "codec.engine", "codec.decoding", "codec.images", "codec.util")):
            assert "torch" not in {name.split(".")[0] for name in _all_imports(path)}, module


def _all_imports(path: Path) -> set[str]:
    tree = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    found = set()
    for node in tree:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found
