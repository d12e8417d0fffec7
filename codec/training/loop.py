"""The training loop: open-ended at a constant rate, resumable after any kill, decaying in branches.

Files in the output folder: ``stable.pt`` is the open-ended run; ``decay.pt`` a decaying branch of
it, which leaves the stable run as it is; ``train-*.csv`` and ``validation-*.csv`` the figures of each.
"""

from __future__ import annotations

import contextlib
import copy
import os
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from types import FrameType

import torch
import torch.distributed as dist
from tqdm import tqdm

from bitstream.errors import CodecError
from bitstream.geometry import CELL
from codec.models.architecture import Architecture, ModelConfig
from codec.models.device import distributed_backend, find_device, require_compiler, work_seconds
from codec.models.distortion import SMALLEST_SIDES
from codec.models.registry import DEFAULT, architecture, build, load_exported
from codec.training import checkpoint
from codec.training.config import TrainingConfig
from codec.training.csvlog import CsvLog, set_aside
from codec.training.data import draw_batch, photos_for
from codec.training.evaluate import divide, rate_distortion_curve
from codec.training.learner import Learner
from codec.training.refit import refit_entropy_model
from codec.training.resume import settings, state_to_resume, tell_changes
from codec.training.schedule import WarmupStableDecay

PCA_BATCHES = 24
LOG_STEPS = 50
"""Steps that a row of figures is the mean of."""
LONGEST_WAIT = timedelta(hours=2)
"""Of processes for the first one, which evaluates and refits alone."""
RETRY_SECONDS = 60.0
"""Until a checkpoint that could not be saved is tried again."""


class Trainer:
    """One process of a training run. Two runs must not share a folder at a time, see :func:`codec.training.run.train`.

    Args:
        config: what to do. With more than one process, as started by ``torchrun``, each draws its own
            crops and gradients are averaged; the first writes the files.

    Raises:
        CodecError: there are no images to train on, crops are of a size that cannot be coded or measured, the machine
            lacks what the configuration asks for, or what is to be resumed cannot be.
        OSError: images or a checkpoint cannot be read.
    """

    def __init__(self, config: TrainingConfig) -> None:
        self.config = config
        self.started = time.monotonic()
        self.rank = int(os.environ.get("RANK", 0))
        self.processes = int(os.environ.get("WORLD_SIZE", 1))
        if config.threads:
            torch.set_num_threads(config.threads)
        self.device = find_device(config.device)
        if config.compile:
            require_compiler(self.device)
        if config.size % CELL:
            raise CodecError(f"crops of {config.size} pixels, expected a multiple of {CELL}")
        if config.accumulate > config.batch:
            raise CodecError(f"--accumulate {config.accumulate}: expected at most the batch, {config.batch}")
        if self.processes > 1 and not dist.is_initialized():
            dist.init_process_group(distributed_backend(self.device), timeout=LONGEST_WAIT)
        config.out.mkdir(parents=True, exist_ok=True)
        train_paths, self.validation = divide(config.data, config.validation)
        self.photos = photos_for(train_paths, self.device)

        stable_path = config.out / "stable.pt"
        self.path = config.out / "decay.pt" if config.decay_steps else stable_path
        state = state_to_resume(stable_path, self.path, config.decay_steps)
        torch.manual_seed(config.seed)
        self.step, self.seconds, self.hardened = 0, 0.0, False
        model = checkpoint.build_stored(self.path, state) if state else self._new_model()
        if state is not None and config.start_from is not None and self.rank == 0:
            tqdm.write(f"{config.out}: holds a run; --from is for new ones, and was not used", file=sys.stderr)
        if self.rank == 0 and config.model is not None and not self._is_of(model, config.model):
            tqdm.write(f"{config.out}: its networks have other sizes than those given, and keep them", file=sys.stderr)
        if config.metric is not None:
            model.config = replace(model.config, metric=config.metric)
        metric = model.config.metric
        if config.size < SMALLEST_SIDES[metric]:
            raise CodecError(
                f"crops of {config.size} pixels, expected at least {SMALLEST_SIDES[metric]} for the metric {metric}"
            )
        self.learner = Learner(model.to(self.device), config, self.processes)
        decay_start: int | None = None
        if state is not None:
            self.learner.resume(state)
            self.step, self.seconds, decay_start = state["step"], state["seconds"], state["decay_start"]
            if self.rank == 0:
                tell_changes(self.path, state, settings(config, model.config.metric))
        self.schedule = WarmupStableDecay(config.learning_rate, config.warmup, decay_start, config.decay_steps)
        if state is not None:  # hardened no more if this decay is to be longer
            self.hardened = state.get("hardened", False) and self.step >= self.schedule.end
        self._stop = False

    @staticmethod
    def _is_of(model: Architecture, asked: ModelConfig) -> bool:
        """Whether a model has the sizes that are asked for; its metric may be another."""
        found: ModelConfig = model.config
        return type(found) is type(asked) and replace(found, metric=asked.metric) == asked

    @property
    def model(self) -> Architecture:
        """The model as it is after the last step."""
        return self.learner.model

    def _new_model(self) -> Architecture:
        folder, sizes = self.config.start_from, self.config.model
        if folder is not None:
            source = load_exported(folder) if folder.is_dir() else checkpoint.load_model(folder)
            if sizes is None:
                sizes = type(source.config)()
            if type(source.config) is not type(sizes):
                raise CodecError(
                    f"{folder}: of the architecture {source.config.architecture}, a new run of {sizes.architecture} "
                    "cannot start from it"
                )
            return source.continued(sizes).train()
        model = build(sizes or architecture(DEFAULT).Config())
        # Of another seed: crops that training itself does not draw.
        draw = {"seed": self.config.seed + 1, "rank": 0, "batch": 8, "size": self.config.size}
        model.initialise(draw_batch(self.photos, i, **draw)[0] for i in range(PCA_BATCHES))
        return model

    def _save(self) -> None:
        if self.rank:
            return
        megabytes = self.config.piece_megabytes
        checkpoint.save(
            self.path,
            {
                **self.learner.state(),
                "step": self.step,
                "seconds": self.seconds,
                "decay_start": self.schedule.decay_start,
                "hardened": self.hardened,
                "settings": settings(self.config, self.model.config.metric),
            },
            megabytes * 1_000_000 if megabytes else None,
        )

    def _train_step(self) -> dict[str, float]:
        config = self.config
        before = time.monotonic()
        x, t = draw_batch(
            self.photos, self.step, seed=config.seed, rank=self.rank, batch=config.batch, size=config.size
        )
        data_seconds = time.monotonic() - before
        # The noise depends on the step alone, so that a resumed run repeats what was lost exactly.
        torch.manual_seed(((config.seed * 1_000_003 + self.rank) * 1_000_000_007 + self.step) % 2**64)
        figures = self.learner.learn(x, t, self.schedule(self.step))
        self.step += 1
        return {**figures, "data_seconds": data_seconds}

    def _evaluate(self, log: CsvLog) -> None:
        if self.rank == 0:
            for name, images in self.validation.items():
                for point in rate_distortion_curve(self.learner.average.module, images()):
                    log.write({"step": self.step, "seconds": self.seconds, "set": name, **vars(point)})

    def _request_stop(self, number: int, frame: FrameType | None) -> None:
        self._stop = True

    def _is_late(self) -> bool:
        minutes = self.config.minutes
        return minutes is not None and time.monotonic() - self.started > 60 * minutes

    def _steps(self, end: float) -> Iterator[int]:
        """Steps until the end, a limit of time, or a signal."""
        train_minutes = self.config.train_minutes
        while self.step < end and not self.learner.agree(float(self._stop)):
            yield self.step
            self._stop = self._stop or self._is_late()
            if train_minutes is not None and self.seconds >= 60 * train_minutes:
                self._stop = True

    def _train(self, end: float, log: CsvLog, validation_log: CsvLog) -> None:
        """Take steps, and write figures and checkpoints on the way."""
        config = self.config
        logged = time.monotonic()
        save_at, evaluate_at = logged + 60 * config.checkpoint_minutes, logged + 60 * config.evaluate_minutes
        sums: dict[str, float] = {}
        count = 0
        total = None if end == float("inf") else int(end)
        progress = tqdm(total=total, initial=self.step, unit="step", disable=True if self.rank else None)
        for _ in self._steps(end):
            before = work_seconds(self.device)
            figures = self._train_step()
            self.seconds += work_seconds(self.device) - before
            now = time.monotonic()
            count += 1
            for name, value in figures.items():
                sums[name] = sums.get(name, 0.0) + value
            progress.update()
            diverged = self.learner.guard.has_diverged()
            if count == LOG_STEPS or self.step >= end or diverged:
                throughput = count * config.batch * config.size**2 * self.processes / (now - logged) / 1e6
                data_share = sums.pop("data_seconds") / (now - logged)
                means = {name: value / count for name, value in sums.items()}
                row = {"step": self.step, "seconds": self.seconds, **means, "mpx_per_s": throughput}
                log.write({**row, "data_share": data_share, "skipped": self.learner.guard.skipped})
                progress.set_postfix(loss=f"{means['loss']:.3f}", mpx_per_s=f"{throughput:.2f}")
                sums, count, logged = {}, 0, now
            if diverged:
                raise CodecError(self._divergence())
            if now > save_at:
                save_at = now + 60 * config.checkpoint_minutes
                try:
                    self._save()
                except OSError as error:  # room may be made, and hours must not be lost for it
                    tqdm.write(f"{self.path}: not saved, tried again in a minute: {error.strerror}", file=sys.stderr)
                    save_at = now + RETRY_SECONDS
            if now > evaluate_at:
                self._evaluate(validation_log)
                evaluate_at = time.monotonic() + 60 * config.evaluate_minutes
        progress.close()

    def _divergence(self) -> str:
        guard = self.learner.guard
        return (
            f"{self.path}: diverged, and not saved since the last checkpoint: {guard.skipped_lately()} of the last "
            f"{guard.window} steps were skipped, as their loss was not finite or far above its mean; try a lower "
            f"--learning-rate than {self.config.learning_rate:g}"
        )

    def run(self) -> None:
        """Train until the end of the schedule, a limit of time, or SIGINT or SIGTERM; then save.

        A run that is stopped while it hardens does that anew when it goes on.

        Raises:
            CodecError: it has diverged. The last checkpoint stays as it is.
            OSError: an image or a file of the run is out of reach. What was trained is saved first, if it can be.
            MemoryError: there is too little memory; the same.
        """
        config = self.config
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._request_stop)
        logs = [config.out / f"{kind}-{self.path.stem}.csv" for kind in ("train", "validation")]
        if self.rank == 0 and self.step == (self.schedule.decay_start or 0):  # the run begins
            set_aside(logs)
        log, validation_log = (CsvLog(path, self.step, enabled=self.rank == 0) for path in logs)
        end = min(self.schedule.end, config.steps if config.steps and not config.decay_steps else float("inf"))
        begun = self.step
        try:
            self._train(end, log, validation_log)
        except Exception:
            if self.learner.is_whole and not self.learner.guard.has_diverged() and self.step > begun:
                with contextlib.suppress(Exception):  # the first error is the one to report
                    self._save()
            raise
        if self.rank == 0 and config.decay_steps and self.step >= end and not self.hardened:
            self._save()
            self._refit()
        self._save()
        if validation_log.last != self.step:  # else it would be there twice
            self._evaluate(validation_log)
        if self.processes > 1:
            dist.barrier()
            dist.destroy_process_group()

    def _refit(self) -> None:
        config = self.config
        fitted = copy.deepcopy(self.learner.average.module)
        if refit_entropy_model(
            fitted, self.photos, config.harden_steps,
            seed=config.seed, batch=config.batch, size=config.size, precision=config.precision, parts=config.accumulate,
            stopped=lambda: self._stop or self._is_late(),
        ):  # fmt: skip
            self.learner.average.module.load_state_dict(fitted.state_dict())
            self.hardened = True
        else:
            tqdm.write(f"{self.path}: stopped before it was hardened; goes on with that next time", file=sys.stderr)
