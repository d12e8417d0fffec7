"""What a training run is to do."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from codec.model.network import ModelConfig


@dataclass(frozen=True)
class TrainingConfig:
    """What a run is to do.

    Attributes:
        data: folder of photographs.
        out: folder for checkpoints and figures.
        validation: folder of pictures to evaluate on; None holds out some of ``data``.
        start_from: checkpoint or model folder whose weights a new run starts from.
        steps: stop the stable run at this step; None goes on until told to stop.
        decay_steps: when positive, train a decaying branch of this length instead.
        harden_steps: of the last phase of a decaying branch, see :mod:`codec.training.harden`.
        minutes: stop after this long; None is no limit.
        seed: of data, noise and initial weights.
        batch: crops a step and process.
        size: side of a crop in pixels, a multiple of 64.
        metric: ``"psnr"`` or ``"ms-ssim"``, what distortion is measured by; None is that of the weights the run starts
            from, or PSNR.
        learning_rate: the constant rate.
        linear_rate: factor on it for the linear path, which starts near its goal.
        warmup: steps of linear rise.
        average: decay of the running average of the weights.
        clip: largest norm of the gradient.
        threads: of torch, per process; None is torch's choice.
        compile: fuse what lies between the matrix products, which needs a C++ compiler and a minute at the start.
        checkpoint_minutes: between checkpoints.
        evaluate_minutes: between evaluations.
        model: sizes of the networks.
    """

    data: Path
    out: Path
    validation: Path | None = None
    start_from: Path | None = None
    steps: int | None = None
    decay_steps: int = 0
    harden_steps: int = 600
    minutes: float | None = None
    seed: int = 0
    batch: int = 4
    size: int = 256
    metric: str | None = None
    learning_rate: float = 1.6e-3
    linear_rate: float = 0.1
    warmup: int = 200
    average: float = 0.999
    clip: float = 0.5
    threads: int | None = None
    compile: bool = False
    checkpoint_minutes: float = 10.0
    evaluate_minutes: float = 30.0
    model: ModelConfig = field(default_factory=ModelConfig)
