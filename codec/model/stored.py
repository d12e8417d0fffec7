"""The torch model of exported weights."""

from __future__ import annotations

import json
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import load_file

from codec.model.network import ManifoldCodec, ModelConfig
from codec.runtime import WEIGHTS


def is_constant(name: str) -> bool:
    """Whether an entry of the state is a constant of the code, which half precision may round to nothing."""
    return name.startswith("conditional_y.") or name.endswith(".bound")


def load_exported(folder: Path) -> ManifoldCodec:
    """The torch model of an exported folder, in evaluation mode.

    Raises:
        ValueError: the weights do not fit the networks.
    """
    with safe_open(folder / WEIGHTS, framework="pt") as file:
        config = ModelConfig.stored(json.loads(file.metadata()["config"]))
    model = ManifoldCodec(config)
    stored = {k: v for k, v in load_file(folder / WEIGHTS).items() if not is_constant(k)}
    missing = model.load_state_dict(
        {k: v.float() if v.is_floating_point() else v for k, v in stored.items()}, strict=False
    )
    lost = [k for k in missing.missing_keys if k in dict(model.named_parameters())]
    if lost or missing.unexpected_keys:
        raise ValueError(f"{folder}: weights do not fit: {lost} {missing.unexpected_keys}")
    return model.eval()
