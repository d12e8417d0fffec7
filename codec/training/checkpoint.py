"""The state of a training run in one file, written so that a kill never leaves half of one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch

from codec.model.network import ManifoldCodec, ModelConfig
from codec.model.stored import current

VERSION = 1


def save(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint beside its place, flush it to disk, then move it there."""
    temporary = path.with_name(path.name + ".tmp")
    with temporary.open("wb") as file:
        torch.save({"version": VERSION, **state}, file)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def load(path: Path) -> dict[str, Any]:
    """Read a checkpoint: tensors and plain values only, no code.

    Raises:
        ValueError: it was written by another version of the trainer.
    """
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    if state.get("version") != VERSION:
        raise ValueError(f"{path}: checkpoint version {state.get('version')}, expected {VERSION}")
    return state


def load_model(path: Path, averaged: bool = True) -> ManifoldCodec:
    """The model of a checkpoint, ready for evaluation.

    Args:
        path: a checkpoint.
        averaged: the running average of the weights rather than the last ones.

    Returns:
        ManifoldCodec: in evaluation mode.
    """
    state = load(path)
    model = ManifoldCodec(ModelConfig.stored(state["config"]))
    model.load_state_dict(current(state["average"] if averaged else state["model"]))
    return model.eval()
