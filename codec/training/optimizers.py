"""The optimisers of a run: AdamW for everything, or SOAP for the networks' large matrices and Adam for the rest.

Reference:
    Vyas et al., "SOAP: Improving and Stabilizing Shampoo using Adam", ICLR 2025.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from bitstream.errors import CodecError
from codec.models.architecture import Architecture
from codec.training.config import TrainingConfig

SMALLEST_MATRIX = 32
"""Matrices with a side below this go to Adam: there is nothing to precondition."""
BASIS_STEPS = "precondition_frequency"
"""The library's name for the steps between two bases."""
LARGEST_SIDE = 1024
"""A side of a matrix above this is left as it is: its basis would cost more than it gains."""


def _groups(model: Architecture, parameters: list[nn.Parameter], linear_rate: float) -> list[dict[str, Any]]:
    """Parameters, those of the linear path apart with a factor of their own on the learning rate."""
    linear = {id(p) for p in model.linear_parameters()}
    return [
        {"params": [p for p in parameters if id(p) not in linear], "factor": 1.0},
        {"params": [p for p in parameters if id(p) in linear], "factor": linear_rate},
    ]


def _is_matrix(parameter: Tensor) -> bool:
    return parameter.ndim == 2 and min(parameter.shape) >= SMALLEST_MATRIX


def _soap(groups: list[dict[str, Any]], basis_steps: int, statistics_steps: int) -> Optimizer:
    """SOAP with the statistics behind its basis gathered every few steps: on a CPU each gathering costs as much as a
    tenth of the networks' gradient, and the basis changes slowly."""
    try:
        from pytorch_optimizer import SOAP
    except ImportError as error:
        raise CodecError("--optimizer soap: needs pytorch_optimizer, which the extra [train] brings") from error

    class PatientSoap(SOAP):  # type: ignore[misc]
        def update_pre_conditioner(self, grad: Tensor, state: Any, step: int, **options: Any) -> None:
            if state["Q"] is None or step % statistics_steps == 0:
                super().update_pre_conditioner(grad, state, step, **options)

    return PatientSoap(
        groups, betas=(0.95, 0.95), weight_decay=0.0,
        precondition_frequency=basis_steps, max_precondition_dim=LARGEST_SIDE,
    )  # fmt: skip


def build_optimizers(model: Architecture, config: TrainingConfig) -> list[Optimizer]:
    """The optimisers of a run. Together they hold each parameter once; each group has a ``factor`` on the rate.

    Args:
        model: on the device that trains.
        config: of the run; its learning rate is set at each step.

    Raises:
        CodecError: the basis of SOAP would be renewed at steps at which no statistics are gathered, or its package is
            missing.
    """
    trained = [p for p in model.parameters() if p.requires_grad]
    # The entropy model learns slowly under SOAP, and the lowest rates suffer, where z has most of the bits.
    entropy = {id(p) for p in model.entropy_parameters()}
    uses_soap = config.optimizer == "soap"
    matrices = [p for p in trained if uses_soap and _is_matrix(p) and id(p) not in entropy]
    chosen = {id(p) for p in matrices}
    adam = torch.optim.AdamW(
        _groups(model, [p for p in trained if id(p) not in chosen], config.linear_rate),
        betas=(0.9, 0.99), weight_decay=0.0, fused=True,
    )  # fmt: skip
    if config.optimizer != "soap":
        return [adam]
    if config.soap_basis_steps % config.soap_statistics_steps:
        raise CodecError(
            f"--soap-basis {config.soap_basis_steps}: expected a multiple of --soap-statistics "
            f"{config.soap_statistics_steps}"
        )
    groups = [group for group in _groups(model, matrices, config.linear_rate) if group["params"]]
    return [adam, _soap(groups, config.soap_basis_steps, config.soap_statistics_steps)] if groups else [adam]


def set_learning_rate(optimizers: list[Optimizer], rate: float) -> None:
    """Set the rate of the next step, of each group by its factor."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = rate * group["factor"]


def load_state(optimizers: list[Optimizer], states: list[dict[str, Any]]) -> None:
    """Go on from the states of a checkpoint, on whichever device; what is configured stays that of this run."""
    for optimizer, state in zip(optimizers, states, strict=True):
        configured = [
            {name: group[name] for name in ("factor", BASIS_STEPS) if name in group} for group in optimizer.param_groups
        ]
        optimizer.load_state_dict(state)
        for group, own in zip(optimizer.param_groups, configured, strict=True):
            group.update(own)
            for parameter in group["params"] if BASIS_STEPS in own else ():
                optimizer.state[parameter][BASIS_STEPS] = own[BASIS_STEPS]  # where it is kept once more
