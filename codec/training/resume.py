"""Where a run goes on, and what of its settings has changed meanwhile."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from tqdm import tqdm

from bitstream.errors import CodecError
from codec.training import checkpoint
from codec.training.config import TrainingConfig

SETTINGS = (
    "optimizer", "soap_basis_steps", "soap_statistics_steps", "learning_rate", "linear_rate", "warmup", "average",
    "clip", "seed", "batch", "accumulate", "size", "precision", "decay_steps",
)  # fmt: skip
"""What makes another run of the same data if it changes on the way: allowed, but said; the metric as well."""


def state_to_resume(stable: Path, branch: Path, decay_steps: int) -> dict[str, Any] | None:
    """What a run begins with.

    Args:
        stable: checkpoint of the open-ended run.
        branch: of its decaying branch.
        decay_steps: length of the branch if it is to be trained, else 0.

    Returns:
        dict | None: a checkpoint; None if there is none yet, and no branch is asked for.

    Raises:
        CodecError: the branch is longer than ``decay_steps`` already, or has ended and the stable run has gone on
            since; or a checkpoint is damaged.
        OSError: one cannot be read, or there is no stable run to branch from.
    """
    if not decay_steps:
        return checkpoint.load(stable) if checkpoint.exists(stable) else None
    if not checkpoint.exists(branch):
        state = checkpoint.load(stable)
        return {**state, "decay_start": state["step"]}
    state = checkpoint.load(branch)
    start = state["decay_start"]
    if state["step"] > start + decay_steps:
        raise CodecError(
            f"{branch}: at step {state['step']}, and {decay_steps} steps of decay from {start} would have ended; "
            "give more, or move it (all of decay.pt*) away for a new branch"
        )
    if state["step"] == start + decay_steps and state.get("hardened") and checkpoint.exists(stable):
        now = checkpoint.load(stable)["step"]
        if now > start:
            raise CodecError(
                f"{branch}: has ended, and began at step {start} of a run now at {now}; "
                "move it (all of decay.pt*) away for a new branch"
            )
    return state


def settings(config: TrainingConfig, metric: str) -> dict[str, Any]:
    """Settings whose changes are reported, by name."""
    return {**{name: getattr(config, name) for name in SETTINGS}, "metric": metric}


def tell_changes(path: Path, state: dict[str, Any], now: dict[str, Any]) -> None:
    """A line on stderr for each setting that is not what it was."""
    before = {"metric": state["config"].get("metric", "psnr"), **state.get("settings", {})}
    for name, value in before.items():
        if now[name] != value and (name != "decay_steps" or value):  # each branch begins with another than none
            tqdm.write(f"{path}: {name} was {value}, goes on with {now[name]}", file=sys.stderr)
