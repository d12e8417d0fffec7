"""The state of a training run in one file, written so that a kill never leaves half of one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch

from bitstream.errors import CodecError
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
        CodecError: it is none, or was written by another version of the trainer.
        OSError: the file cannot be read.
    """
    try:
        state: Any = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, MemoryError):
        raise
    except Exception as error:  # what another file makes it raise is not documented, and its advice is unsafe
        raise CodecError(f"{path}: no checkpoint of codec train, or a damaged one") from error
    version = state.get("version") if isinstance(state, dict) else None
    if version != VERSION:
        raise CodecError(f"{path}: checkpoint version {version}, expected {VERSION}")
    found: dict[str, Any] = state
    return found


def load_model(path: Path, averaged: bool = True) -> ManifoldCodec:
    """The model of a checkpoint, ready for evaluation.

    Args:
        path: a checkpoint.
        averaged: the running average of the weights rather than the last ones.

    Returns:
        ManifoldCodec: in evaluation mode.

    Raises:
        CodecError: it is no checkpoint, or was written by another version of the trainer.
        OSError: the file cannot be read.
    """
    state = load(path)
    model = ManifoldCodec(ModelConfig.stored(state["config"]))
    model.load_state_dict(current(state["average"] if averaged else state["model"]))
    return model.eval()
