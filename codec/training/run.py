"""A training run with its folder to itself."""

from __future__ import annotations

import contextlib
import os

from filelock import FileLock, Timeout

from bitstream.errors import CodecError
from codec.models.device import memory_errors
from codec.training.config import TrainingConfig
from codec.training.loop import Trainer


def train(config: TrainingConfig) -> None:
    """Run a training process with its folder to itself.

    Args:
        config: what to do.

    Raises:
        CodecError: another process trains in the folder; or as :class:`Trainer` and :meth:`Trainer.run`.
        OSError: as those.
        MemoryError: as those.
    """
    with contextlib.ExitStack() as stack:
        stack.enter_context(memory_errors())
        if not int(os.environ.get("RANK", 0)):
            config.out.mkdir(parents=True, exist_ok=True)
            try:
                stack.enter_context(FileLock(config.out / ".lock", timeout=0))
            except Timeout as error:
                raise CodecError(f"{config.out}: another process trains here") from error
            for kind in ("stable", "decay"):  # what a killed process was writing
                for leftover in [*config.out.glob(f".{kind}-*"), *config.out.glob(f".{kind}.*")]:
                    leftover.unlink()
        Trainer(config).run()
