"""The torch model of exported weights."""

from __future__ import annotations

import json
import re
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor

from bitstream.errors import ModelError
from codec.engine.manifest import WEIGHTS
from codec.models.v1.network import ManifoldCodec, ModelConfig

FORMER = re.compile(r"conditional_y\..*|.*\.bound|prior_z\.(quantiles|target|_offset|_quantized_cdf|_cdf_length)")
"""Entries that a state may still have from when densities were CompressAI's, none of which the networks used."""


def current(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """A stored state without what only earlier versions had."""
    return {name: value for name, value in state.items() if not FORMER.fullmatch(name)}


def load_exported(folder: Path) -> ManifoldCodec:
    """The torch model of an exported folder, in evaluation mode.

    Raises:
        ModelError: the weights are damaged, or do not fit the networks.
        OSError: they cannot be read.
    """
    try:
        with safe_open(folder / WEIGHTS, framework="pt") as file:
            config = ModelConfig.stored(json.loads(file.metadata()["config"]))
        model = ManifoldCodec(config)
        stored = current(load_file(folder / WEIGHTS))
        missing = model.load_state_dict(
            {k: v.float() if v.is_floating_point() else v for k, v in stored.items()}, strict=False
        )
    except (OSError, MemoryError):
        raise
    except Exception as error:  # of three libraries, each with errors of its own
        raise ModelError(f"{folder / WEIGHTS}: no weights of a model: {error}") from error
    lost = [k for k in missing.missing_keys if k in dict(model.named_parameters())]
    if lost or missing.unexpected_keys:
        raise ModelError(f"{folder / WEIGHTS}: weights do not fit: {lost} {missing.unexpected_keys}")
    return model.eval()
