"""What each process of a distributed test runs: a few steps, then a hash of the weights."""

import hashlib
import os
import sys
from pathlib import Path

from codec.training.config import TrainingConfig
from codec.training.loop import Trainer
from tests.tiny import TINY


def main() -> None:
    data, out = Path(sys.argv[1]), Path(sys.argv[2])
    config = TrainingConfig(
        (data,), out, validation=(data,), steps=4, batch=1, size=64, warmup=1, threads=1, device="cpu", model=TINY
    )
    trainer = Trainer(config)
    trainer.run()
    content = b"".join(p.detach().numpy().tobytes() for p in trainer.model.parameters())
    rank = os.environ.get("RANK", "0")
    (out / f"rank{rank}.sha256").write_text(hashlib.sha256(content).hexdigest())


if __name__ == "__main__":
    main()
