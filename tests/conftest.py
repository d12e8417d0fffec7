"""Fixtures that several test files share."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import settings
from PIL import Image

# What may fail by chance fails for whoever changed nothing; tests.fuzz is for finding more.
settings.register_profile("same", derandomize=True)
settings.load_profile("same")

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
