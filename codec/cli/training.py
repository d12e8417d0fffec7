"""``codec train`` and ``codec export``, which need the extra [train]."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import click

from bitstream.errors import CodecError
from codec.catalogue import SHIPPED, TUNES
from codec.cli.common import FILE, SEED, needing, reporting, threads_option


@click.command()
@click.option("--data", type=FILE, required=True, help="Folder of photographs.")
@click.option("--out", type=FILE, required=True, help="Folder for checkpoints and figures; resumed if it has any.")
@click.option("--validation", type=FILE, help="Folder to evaluate on.  [default: some of the data, held out]")
@click.option(
    "--from", "start_from", type=FILE, help="Start a new run from a checkpoint or an exported model; 'shipped' is ours."
)
@click.option("--steps", type=click.IntRange(1), help="Stop the stable run at this step.  [default: go on]")
@click.option("--decay", "decay_steps", type=click.IntRange(0), default=0, help="Train a decaying branch this long.")
@click.option("--harden", "harden_steps", type=click.IntRange(0), default=600, show_default=True, help="Steps after a "
              "decay that fit the distributions to rounded values.")  # fmt: skip
@click.option("--minutes", type=click.FloatRange(0, min_open=True), help="Stop after this long.")
@click.option("--seed", type=SEED, default=0, show_default=True)
@click.option("--batch", type=click.IntRange(1), default=4, show_default=True, help="Crops a step and process.")
@click.option("--size", type=click.IntRange(64), default=256, show_default=True, help="Side of a crop, a multiple of "
              "64.")  # fmt: skip
@click.option("--metric", type=click.Choice(TUNES), help="What distortion is measured by.  [default: as before, or "
              "psnr]")  # fmt: skip
@click.option("--learning-rate", type=click.FloatRange(0, min_open=True), default=1.6e-3, show_default=True)
@click.option("--compile", is_flag=True, help="Fuse operations first: a minute and a C++ compiler for faster steps.")
@threads_option
@reporting
@needing("train")
def train(**options: object) -> None:
    """Train the model (needs the extra [train]); under torchrun, in several processes."""
    from codec.training.config import TrainingConfig
    from codec.training.loop import Trainer

    if options["compile"] and not any(map(shutil.which, (os.environ.get("CXX") or "g++", "g++", "clang++"))):
        raise CodecError("--compile: no C++ compiler found; install g++, or name one as CXX")
    if str(options["start_from"]) == "shipped":
        options["start_from"] = SHIPPED
    Trainer(TrainingConfig(**options)).run()  # type: ignore[arg-type]


@click.command()
@click.argument("checkpoint", type=FILE)
@click.argument("out", type=FILE)
@click.option("--last", is_flag=True, help="The last weights rather than their running average.")
@reporting
@needing("train")
def export(checkpoint: Path, out: Path, last: bool) -> None:
    """Export CHECKPOINT to the folder OUT, checked against the trained model (needs the extra [train])."""
    from codec.training.checkpoint import load_model
    from codec.training.export import export as export_model

    export_model(load_model(checkpoint, averaged=not last), out)
    click.echo(f"exported to {out}")
