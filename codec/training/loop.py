"""The training loop: open-ended at a constant rate, resumable after any kill, decaying in branches.

Files in the output folder: ``stable.pt`` is the open-ended run; ``decay.pt`` a decaying branch of
it, which leaves the stable run as it is; ``train-*.csv`` and ``validation-*.csv`` the figures of each.
"""

from __future__ import annotations

import copy
import os
import signal
import sys
import time
from dataclasses import replace
from types import FrameType
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel
from tqdm import tqdm

from bitstream.container import CELL
from bitstream.errors import CodecError
from codec.model.network import ManifoldCodec, ModelConfig
from codec.model.pca import initialise
from codec.model.precision import has_native_bf16
from codec.model.stored import current, load_exported
from codec.quality import SMALLEST_SIDE
from codec.training import checkpoint
from codec.training.average import warm_average
from codec.training.config import TrainingConfig
from codec.training.csvlog import CsvLog, set_aside
from codec.training.data import Photos, draw_batch, validation_crops
from codec.training.evaluate import rate_distortion_curve
from codec.training.harden import harden
from codec.training.loss import RateDistortion, rate_distortion
from codec.training.resume import settings, state_to_resume, tell_changes
from codec.training.schedule import SpikeGuard, WarmupStableDecay
from codec.training.split import find_images, split_validation

PCA_BATCHES = 24


class Objective(nn.Module):
    """The model together with its loss, so that one forward pass can be spread over processes."""

    def __init__(self, model: ManifoldCodec) -> None:
        super().__init__()
        self.model = model
        self.use_bf16 = has_native_bf16()

    def forward(self, x: Tensor, t: Tensor) -> RateDistortion:
        """Code a batch and measure it; see :func:`rate_distortion`."""
        with torch.autocast("cpu", torch.bfloat16, enabled=self.use_bf16):
            coded = self.model(x, t)
        return rate_distortion(x, t, coded, self.model.config.lmbdas, self.model.config.metric)


def parameter_groups(model: ManifoldCodec, linear_rate: float) -> list[dict[str, Any]]:
    """Parameters for the optimiser, the linear path apart with its own factor on the learning rate."""
    linear = {id(p) for layer in (model.analysis.stem, model.synthesis.linear) for p in layer.parameters()}
    trained = [p for p in model.parameters() if p.requires_grad]
    return [
        {"params": [p for p in trained if id(p) not in linear], "factor": 1.0},
        {"params": [p for p in trained if id(p) in linear], "factor": linear_rate},
    ]


class Trainer:
    """One process of a training run.

    Args:
        config: what to do. With more than one process, as started by ``torchrun``, each draws its own
            crops and gradients are averaged; the first writes the files.

    Raises:
        CodecError: there are no pictures to train on, crops are of a size that cannot be coded or measured, or what is
            to be resumed cannot be.
        OSError: pictures or a checkpoint cannot be read.
    """

    def __init__(self, config: TrainingConfig) -> None:
        self.config = config
        self.rank = int(os.environ.get("RANK", 0))
        self.processes = int(os.environ.get("WORLD_SIZE", 1))
        if self.processes > 1 and not dist.is_initialized():
            dist.init_process_group("gloo")
        if config.threads:
            torch.set_num_threads(config.threads)
        config.out.mkdir(parents=True, exist_ok=True)
        train_paths = find_images(config.data)
        if config.validation:
            self.validation = find_images(config.validation)
        else:
            train_paths, self.validation = split_validation(train_paths)
        if not train_paths:
            raise CodecError(f"{config.data}: no pictures but those that are held out for validation")
        if config.size % CELL:
            raise CodecError(f"crops of {config.size} pixels, expected a multiple of {CELL}")
        self.photos = Photos(train_paths)

        self.stable_path = config.out / "stable.pt"
        self.path = config.out / "decay.pt" if config.decay_steps else self.stable_path
        state = state_to_resume(self.stable_path, self.path, config.decay_steps)
        torch.manual_seed(config.seed)
        self.step, self.seconds = 0, 0.0
        self.model = ManifoldCodec(ModelConfig.stored(state["config"]) if state else config.model)
        if state is None:
            self._initialise_weights()
        elif config.start_from is not None and self.rank == 0:
            tqdm.write(f"{config.out}: holds a run; --from is for new ones, and was not used", file=sys.stderr)
        if config.metric is not None:
            self.model.config = replace(self.model.config, metric=config.metric)
        if self.model.config.metric == "ms-ssim" and config.size < SMALLEST_SIDE:
            raise CodecError(f"crops of {config.size} pixels have no MS-SSIM, expected at least {SMALLEST_SIDE}")
        self.average = AveragedModel(self.model, multi_avg_fn=warm_average(config.average))
        self.optimizer = torch.optim.AdamW(
            parameter_groups(self.model, config.linear_rate),
            lr=config.learning_rate, betas=(0.9, 0.99), weight_decay=0.0, fused=True,
        )  # fmt: skip
        self.guard = SpikeGuard()
        decay_start: int | None = None
        self.hardened = False
        if state is not None:
            decay_start = self._resume(state)
        self.schedule = WarmupStableDecay(config.learning_rate, config.warmup, decay_start, config.decay_steps)
        self.hardened = self.hardened and self.step >= self.schedule.end  # not if this decay is to be longer
        objective = Objective(self.model)
        if config.compile:
            objective.compile(dynamic=False)
        self.objective = DistributedDataParallel(objective) if self.processes > 1 else objective
        self._stop = False

    def _initialise_weights(self) -> None:
        if self.config.start_from is not None:
            folder = self.config.start_from
            source = load_exported(folder) if folder.is_dir() else checkpoint.load_model(folder)
            self.model = source.with_range(self.config.model.lmbdas)
            if self.config.model.hyper_context:
                self.model = self.model.with_hyper_context()
            self.model.shapes.log_ratio.zero_()  # counted for weights that are about to change
            return
        # Of another seed: crops that training itself does not draw.
        draw = {"seed": self.config.seed + 1, "rank": 0, "batch": 8, "size": self.config.size}
        initialise(self.model, [draw_batch(self.photos, i, **draw)[0] for i in range(PCA_BATCHES)])

    def _resume(self, state: dict[str, Any]) -> int | None:
        self.model.load_state_dict(current(state["model"]))
        self.average.module.load_state_dict(current(state["average"]))
        self.average.n_averaged.fill_(state["n_averaged"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.guard.resume(state["guard"])
        self.step, self.seconds = state["step"], state["seconds"]
        for group, fresh in zip(
            self.optimizer.param_groups, parameter_groups(self.model, self.config.linear_rate), strict=True
        ):
            group["factor"] = fresh["factor"]  # which the state has brought along
        if self.rank == 0:
            tell_changes(self.path, state, settings(self.config, self.model.config.metric))
        self.hardened = state.get("hardened", False)
        decay_start: int | None = state["decay_start"]
        return decay_start

    def _save(self) -> None:
        if self.rank == 0:
            checkpoint.save(
                self.path,
                {
                    "config": self.model.config.as_dict(),
                    "model": self.model.state_dict(),
                    "average": self.average.module.state_dict(),
                    "n_averaged": int(self.average.n_averaged),
                    "optimizer": self.optimizer.state_dict(),
                    "guard": self.guard.state(),
                    "step": self.step,
                    "seconds": self.seconds,
                    "decay_start": self.schedule.decay_start,
                    "hardened": self.hardened,
                    "settings": settings(self.config, self.model.config.metric),
                },
            )

    def _agree(self, value: float) -> float:
        """Mean of a number over processes, so that all take the same decision."""
        if self.processes == 1:
            return value
        shared = torch.tensor([value], dtype=torch.float64)
        dist.all_reduce(shared)
        return float(shared) / self.processes

    def _train_step(self) -> dict[str, float]:
        config = self.config
        x, t = draw_batch(
            self.photos, self.step, seed=config.seed, rank=self.rank, batch=config.batch, size=config.size
        )
        # The noise depends on the step alone, so that a resumed run repeats what was lost exactly.
        torch.manual_seed(((config.seed * 1_000_003 + self.rank) * 1_000_000_007 + self.step) % 2**64)
        rate = self.schedule(self.step)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["factor"]
        result: RateDistortion = self.objective(x, t)
        self.optimizer.zero_grad()
        result.loss.backward()
        norm = float(nn.utils.clip_grad_norm_(self.model.parameters(), config.clip))
        loss = self._agree(result.loss.item())
        if self.guard.accepts(loss, norm):
            self.optimizer.step()
            self.average.update_parameters(self.model)
        elif self.guard.is_astray():
            self.model.load_state_dict(self.average.module.state_dict())
            self.optimizer.state.clear()
        self.step += 1
        return {
            "loss": loss,
            "rate_bpp": (result.y_bpp + result.z_bpp).mean().item(),
            "z_bpp": result.z_bpp.mean().item(),
            "psnr_db": (10 * torch.log10(255**2 / result.mse)).mean().item(),
            "gradient_norm": norm,
            "learning_rate": rate,
        }

    def _evaluate(self, log: CsvLog) -> None:
        if self.rank == 0 and self.validation:
            for point in rate_distortion_curve(self.average.module, validation_crops(self.validation)):
                log.write({"step": self.step, "seconds": self.seconds, **vars(point)})

    def _request_stop(self, number: int, frame: FrameType | None) -> None:
        self._stop = True

    def run(self) -> None:
        """Train until the end of the schedule, the time limit, or SIGINT or SIGTERM; then save.

        A run that is stopped while it hardens does that anew when it goes on.
        """
        config = self.config
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._request_stop)
        logs = [config.out / f"{kind}-{self.path.stem}.csv" for kind in ("train", "validation")]
        if self.rank == 0 and self.step == (self.schedule.decay_start or 0):  # the run begins
            set_aside(logs)
        log, validation_log = (CsvLog(path, self.step, enabled=self.rank == 0) for path in logs)
        end = min(self.schedule.end, config.steps if config.steps and not config.decay_steps else float("inf"))
        started = saved = evaluated = logged = time.monotonic()
        sums: dict[str, float] = {}
        count = 0
        total = None if end == float("inf") else int(end)
        progress = tqdm(total=total, initial=self.step, unit="step", disable=True if self.rank else None)
        while self.step < end and not self._agree(float(self._stop)):
            before = time.process_time()
            figures = self._train_step()
            # What the machine gave, not what the clock showed: a run may be paused, or share the machine.
            self.seconds += (time.process_time() - before) / torch.get_num_threads()
            now = time.monotonic()
            count += 1
            for name, value in figures.items():
                sums[name] = sums.get(name, 0.0) + value
            progress.update()
            if count == 50 or self.step >= end:
                pixels = count * config.batch * config.size**2 * self.processes
                means = {name: value / count for name, value in sums.items()}
                throughput = pixels / (now - logged) / 1e6
                row = {"step": self.step, "seconds": self.seconds, **means}
                log.write({**row, "mpx_per_s": throughput, "skipped": self.guard.skipped})
                progress.set_postfix(loss=f"{means['loss']:.3f}", mpx_per_s=f"{throughput:.2f}")
                sums, count, logged = {}, 0, now
            if now - saved > config.checkpoint_minutes * 60:
                self._save()
                saved = now
            if now - evaluated > config.evaluate_minutes * 60:
                self._evaluate(validation_log)
                evaluated = time.monotonic()
            if config.minutes is not None and now - started > config.minutes * 60:
                self._stop = True
        progress.close()
        if self.rank == 0 and config.decay_steps and self.step >= end and not self.hardened:
            self._save()
            fitted = copy.deepcopy(self.average.module)
            if harden(
                fitted, self.photos, config.harden_steps,
                seed=config.seed, batch=config.batch, size=config.size, stopped=lambda: self._stop,
            ):  # fmt: skip
                self.average.module.load_state_dict(fitted.state_dict())
                self.hardened = True
            else:
                tqdm.write(f"{self.path}: stopped before it was hardened; goes on with that next time", file=sys.stderr)
        self._save()
        if validation_log.last != self.step:  # else it would be there twice
            self._evaluate(validation_log)
        if self.processes > 1:
            dist.barrier()
            dist.destroy_process_group()
