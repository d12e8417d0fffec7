"""What is tested where, and fixtures that several test files share.

A test belongs to a group by its folder, or by what its file or function is marked with. The groups need extras; what
needs none and is fast is marked ``core``. Files that cannot be imported without an extra are not collected, and the
header says so.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import settings
from PIL import Image

# What may fail by chance fails for whoever changed nothing; tests.fuzz is for finding more.
settings.register_profile("same", derandomize=True)
settings.load_profile("same")

GROUPS = {
    "train": (
        ("tests/models", "tests/training", "tests/encoding/test_refinement.py"),
        ("torch", "onnx", "safetensors"),
    ),
    "cluster": (
        ("tests/batch/test_cluster.py", "tests/batch/test_command.py", "tests/batch/test_store.py"),
        ("distributed", "moto", "s3fs"),
    ),
    "bench": (("tests/benchmarks",), ("matplotlib", "bjontegaard", "torch")),
    "manifold": (("tests/manifold",), ("jinja2", "skimage", "sklearn", "usearch", "torch")),
}
"""Of each group the folders and files that belong to it, and packages that they are imported with."""
ROOT = Path(__file__).parent.parent


def _group(path: Path) -> str | None:
    """The group of a file by where it lies."""
    name = path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else ""
    return next((group for group, (places, _) in GROUPS.items() if name.startswith(places)), None)


def _missing(group: str) -> list[str]:
    return [package for package in GROUPS[group][1] if find_spec(package) is None]


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Leave out files that could not be imported."""
    group = _group(collection_path)
    return True if group and _missing(group) else None


def pytest_report_header() -> list[str]:
    """Say what is left out."""
    lines = [(group, _missing(group)) for group in GROUPS]
    return [f"not collected: tests marked {group}, for want of {', '.join(lost)}" for group, lost in lines if lost]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test with its group, and ``core`` if it has none and is fast."""
    for item in items:
        group = _group(item.path)
        if group:
            item.add_marker(group)
        if not any(item.get_closest_marker(name) for name in (*GROUPS, "metrics", "slow", "heavy")):
            item.add_marker("core")


if TYPE_CHECKING:
    from codec.training.config import TrainingConfig


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    """What commands and runs in this process set for all of it is put back: signals, and torch's threads."""
    numbers = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = [signal.getsignal(number) for number in numbers]
    torch = sys.modules.get("torch")
    threads = torch.get_num_threads() if torch else None
    yield
    for number, handler in zip(numbers, before, strict=True):
        if handler is not None:
            signal.signal(number, handler)
    if torch:
        torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def photo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of photographs that scikit-image ships, enough to train on for a few steps."""
    from skimage import data

    folder = tmp_path_factory.mktemp("photos")
    for name in ("astronaut", "coffee", "chelsea"):
        Image.fromarray(np.ascontiguousarray(getattr(data, name)())).save(folder / f"{name}.png")
    return folder


@pytest.fixture(scope="session")
def face() -> np.ndarray:
    """A part of a photograph, uint8 (200, 200, 3)."""
    from skimage import data

    return data.astronaut()[60:260, 120:320]


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two small parts of photographs."""
    from skimage import data

    folder = tmp_path_factory.mktemp("pictures")
    Image.fromarray(np.ascontiguousarray(data.astronaut()[:171, 100:300])).save(folder / "a.png")
    Image.fromarray(np.ascontiguousarray(data.coffee()[50:231, 100:301])).save(folder / "b.png")
    return folder


@pytest.fixture
def config(photo_folder: Path, tmp_path: Path) -> TrainingConfig:
    """A run of six steps of a small model."""
    from codec.training.config import TrainingConfig
    from tests.tiny import TINY

    return TrainingConfig(
        (photo_folder,), tmp_path / "run", validation=(photo_folder,), steps=6, batch=2, size=64, warmup=2, model=TINY,
        harden_steps=3, device="cpu",
    )  # fmt: skip
