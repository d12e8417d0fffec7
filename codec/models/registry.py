"""Architectures by name, and models of stored weights."""

from __future__ import annotations

import json
import re
from importlib import import_module
from pathlib import Path
from typing import Any

from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor

from bitstream.errors import ModelError
from codec.models.architecture import Architecture, ModelConfig

WEIGHTS = "model.safetensors"
"""File of an exported model's weights."""
DEFAULT = "v1"
"""Architecture of new runs, and of what was stored before there were several."""
_MODULES = {"v1": "codec.models.v1.network", "v2": "codec.models.v2.network"}
"""Modules that register the architectures that ship, imported when they are asked for."""
_architectures: dict[str, type[Architecture]] = {}
_FORMER = re.compile(r"conditional_y\..*|.*\.bound|prior_z\.(quantiles|target|_offset|_quantized_cdf|_cdf_length)")
"""Entries that a state may still have from when densities were CompressAI's, none of which the networks used."""


def register(architecture: type[Architecture]) -> type[Architecture]:
    """Make an architecture known by the name in its config; a decorator of its class."""
    _architectures[architecture.Config.architecture] = architecture
    return architecture


def architecture(name: str) -> type[Architecture]:
    """The architecture of a name.

    Raises:
        ModelError: there is none.
    """
    if name not in _architectures and name in _MODULES:
        import_module(_MODULES[name])
    if name not in _architectures:
        known = sorted({*_architectures, *_MODULES})
        raise ModelError(f"architecture: found {name!r}, expected one of {', '.join(known)}")
    return _architectures[name]


def build(config: ModelConfig) -> Architecture:
    """A model with new weights."""
    return architecture(config.architecture)(config)


def stored_config(values: dict[str, Any]) -> ModelConfig:
    """The sizes of a stored model, from plain values.

    Raises:
        ModelError: there is no such architecture.
        TypeError: they are not its sizes.
    """
    return architecture(values.get("architecture", DEFAULT)).Config.stored(values)


def current(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """A stored state without what only earlier versions had."""
    return {name: value for name, value in state.items() if not _FORMER.fullmatch(name)}


def load_exported(folder: Path) -> Architecture:
    """The torch model of an exported folder, in evaluation mode.

    Raises:
        ModelError: the weights are damaged, do not fit the networks, or are of an architecture that is not known.
        OSError: they cannot be read.
    """
    try:
        with safe_open(folder / WEIGHTS, framework="pt") as file:
            config = stored_config(json.loads(file.metadata()["config"]))
        model = build(config)
        stored = current(load_file(folder / WEIGHTS))
        missing = model.load_state_dict(
            {k: v.float() if v.is_floating_point() else v for k, v in stored.items()}, strict=False
        )
    except (OSError, MemoryError):
        raise
    except ModelError as error:
        raise ModelError(f"{folder / WEIGHTS}: {error}") from error
    except Exception as error:  # of three libraries, each with errors of its own
        raise ModelError(f"{folder / WEIGHTS}: cannot read weights of a model: {error}") from error
    lost = [k for k in missing.missing_keys if k in dict(model.named_parameters())]
    if lost or missing.unexpected_keys:
        raise ModelError(f"{folder / WEIGHTS}: weights do not fit: {lost} {missing.unexpected_keys}")
    return model.eval()
