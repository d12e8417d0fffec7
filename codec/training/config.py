"""What a training run is to do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from codec.models.architecture import ModelConfig


@dataclass(frozen=True)
class TrainingConfig:
    """What a run is to do.

    Attributes:
        data: folders of images to train on.
        out: folder for checkpoints and figures.
        validation: folders of images to evaluate on; none holds out some of ``data``.
        start_from: checkpoint or model folder whose weights a new run starts from.
        steps: stop the stable run at this step; None goes on until told to stop.
        decay_steps: when positive, train a decaying branch of this length instead.
        harden_steps: of the last phase of a decaying branch, see :mod:`codec.training.refit`.
        minutes: stop this long after the start of the process, by the clock; None is no limit.
        train_minutes: stop once the run has trained this long in all, which is counted in CPU time, see
            :func:`~codec.models.device.work_seconds`; None is no limit.
        seed: of data, noise and initial weights.
        batch: crops a step and process.
        accumulate: parts that a batch is computed in, one after the other, to save memory.
        size: side of a crop in pixels, a multiple of 64.
        metric: ``"psnr"``, ``"ms-ssim"`` or ``"visual"``, what distortion is measured by; None is that of the weights
            the run starts from, or PSNR.
        optimizer: ``"adamw"`` or ``"soap"``, see :mod:`codec.training.optimizers`.
        soap_basis_steps: steps between renewals of SOAP's basis, a multiple of ``soap_statistics_steps``.
        soap_statistics_steps: steps between gatherings of the statistics behind it.
        learning_rate: the constant rate.
        linear_rate: factor on it for the linear path, which starts near its goal.
        warmup: steps of linear rise.
        average: decay of the running average of the weights.
        clip: largest norm of the gradient.
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.
        precision: ``"float32"``, ``"bfloat16"``, or ``"auto"`` for what is faster on the device.
        threads: of torch, per process; None is torch's choice.
        compile: fuse what lies between the matrix products, which needs a C++ compiler and a minute at the start.
        piece_megabytes: cut checkpoints into pieces of so many MB, with the optimisers' states in 16 bits; None writes
            one file.
        checkpoint_minutes: between checkpoints.
        evaluate_minutes: between evaluations.
        model: architecture and sizes of the networks of a new run; None takes those of ``start_from``, or the default.
    """

    data: tuple[Path, ...]
    out: Path
    validation: tuple[Path, ...] = ()
    start_from: Path | None = None
    steps: int | None = None
    decay_steps: int = 0
    harden_steps: int = 600
    minutes: float | None = None
    train_minutes: float | None = None
    seed: int = 0
    batch: int = 4
    accumulate: int = 1
    size: int = 256
    metric: str | None = None
    optimizer: str = "adamw"
    soap_basis_steps: int = 50
    soap_statistics_steps: int = 5
    learning_rate: float = 1.6e-3
    linear_rate: float = 0.1
    warmup: int = 200
    average: float = 0.999
    clip: float = 0.5
    device: str = "auto"
    precision: str = "auto"
    threads: int | None = None
    compile: bool = False
    piece_megabytes: int | None = None
    checkpoint_minutes: float = 10.0
    evaluate_minutes: float = 30.0
    model: ModelConfig | None = None
