"""What learns from batches: the model, its optimisers, the running average of its weights, the guard against spikes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel

from codec.models.architecture import Architecture
from codec.models.device import autocast
from codec.models.registry import current
from codec.training.config import TrainingConfig
from codec.training.loss import RateDistortion, rate_distortion
from codec.training.optimizers import build_optimizers, load_state, set_learning_rate
from codec.training.schedule import SpikeGuard

Weights = tuple[Tensor, ...] | list[Tensor]


def warm_average(decay: float) -> Callable[[Weights, Weights, Tensor | int], None]:
    """Exponential running average that forgets its start: without this, a thousand steps at 0.999 still
    hold a third of the initial weights.

    Args:
        decay: of the average once it is warm.

    Returns:
        Callable: as :class:`AveragedModel` takes it for all weights at once.
    """

    def update(average: Weights, current: Weights, count: Tensor | int) -> None:
        warm = min(decay, (1 + int(count)) / (10 + int(count)))
        torch._foreach_lerp_(average, current, 1 - warm)

    return update


class Objective(nn.Module):
    """The model together with its loss, so that one forward pass can be spread over processes."""

    def __init__(self, model: Architecture, precision: str) -> None:
        super().__init__()
        self.model = model
        self.precision = precision

    def forward(self, x: Tensor, t: Tensor) -> RateDistortion:
        """Code a batch and measure it; see :func:`rate_distortion`."""
        with autocast(x.device, self.precision):
            coded = self.model(x, t)
        return rate_distortion(x, t, coded, self.model.config.lmbdas, self.model.config.metric)


class Learner:
    """One process of what learns.

    Attributes:
        model: as it is after the last step.
        average: the running average of its weights, which is what ships.
        is_whole: whether weights and optimisers are those of one step; False while one is being taken.

    Args:
        model: on the device that trains.
        config: of the run.
        processes: how many share the work, each with batches of its own.
    """

    def __init__(self, model: Architecture, config: TrainingConfig, processes: int) -> None:
        self.model = model
        self.config = config
        self.processes = processes
        self.device = next(model.parameters()).device
        self.average = AveragedModel(model, multi_avg_fn=warm_average(config.average))
        self.optimizers = build_optimizers(model, config)
        self.guard = SpikeGuard()
        self.is_whole = True
        objective = Objective(model, config.precision)
        if config.compile:
            objective.compile(dynamic=False)
        self.objective = DistributedDataParallel(objective) if processes > 1 else objective

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps of it."""
        return {
            "config": self.model.config.as_dict(),
            "model": self.model.state_dict(),
            "average": self.average.module.state_dict(),
            "n_averaged": int(self.average.n_averaged),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "guard": self.guard.state(),
        }

    def resume(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint, on whichever device; optimisers of another kind begin anew."""
        self.model.load_state_dict(current(state["model"]))
        self.average.module.load_state_dict(current(state["average"]))
        self.average.n_averaged.fill_(state["n_averaged"])
        if state.get("settings", {}).get("optimizer", "adamw") == self.config.optimizer:
            load_state(self.optimizers, state["optimizers"])
        self.guard.resume(state["guard"])

    def agree(self, value: float) -> float:
        """Mean of a number over processes, so that all take the same decision."""
        if self.processes == 1:
            return value
        shared = torch.tensor([value], device=self.device)
        dist.all_reduce(shared)
        return float(shared) / self.processes

    def _exchanging(self, last: bool) -> AbstractContextManager[None]:
        """Processes exchange the gradients of a batch once, with its last part."""
        if last or not isinstance(self.objective, DistributedDataParallel):
            return contextlib.nullcontext()
        without: AbstractContextManager[None] = self.objective.no_sync()
        return without

    def _gradients(self, x: Tensor, t: Tensor) -> Tensor:
        """Compute gradients, in parts if so configured.

        Returns:
            Tensor: float (4,), the level of the loss, bits per pixel, those of z, and PSNR.
        """
        sums = torch.zeros(4, device=self.device)
        parts = list(zip(x.tensor_split(self.config.accumulate), t.tensor_split(self.config.accumulate), strict=True))
        for number, (part, qualities) in enumerate(parts, 1):
            share = len(part) / len(x)
            with self._exchanging(number == len(parts)):
                result: RateDistortion = self.objective(part, qualities)
                (share * result.loss).backward()
            psnr_db = 10 * torch.log10(255**2 / result.mse)
            means = (result.level, (result.y_bpp + result.z_bpp).mean(), result.z_bpp.mean(), psnr_db.mean())
            sums += share * torch.stack(means)
        return sums

    def learn(self, x: Tensor, t: Tensor, rate: float) -> dict[str, float]:
        """Take one step.

        Args:
            x: float32 (N, 3, H, W), in [0, 1].
            t: float32 (N,), qualities in [0, 1].
            rate: learning rate.

        Returns:
            dict[str, float]: figures of the step by name.
        """
        set_learning_rate(self.optimizers, rate)
        for optimizer in self.optimizers:
            optimizer.zero_grad()
        sums = self._gradients(x, t)
        norm_tensor = nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip)
        # All at once, as the CPU waits for a GPU each time.
        norm, loss, rate_bpp, z_bpp, psnr_db = torch.cat([norm_tensor.reshape(1), sums]).tolist()
        loss = self.agree(loss)
        self.is_whole = False
        if self.guard.accepts(loss, norm):
            for optimizer in self.optimizers:
                optimizer.step()
            self.average.update_parameters(self.model)
        elif self.guard.is_astray():
            self.model.load_state_dict(self.average.module.state_dict())
            for optimizer in self.optimizers:
                optimizer.state.clear()
        self.is_whole = True
        return {
            "loss": loss,
            "rate_bpp": rate_bpp,
            "z_bpp": z_bpp,
            "psnr_db": psnr_db,
            "gradient_norm": norm,
            "learning_rate": rate,
        }
