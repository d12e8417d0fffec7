"""``codec train-embedding``, which needs the extra [train]."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import click

from codec.cli.common import FILE, SEED, needing, prepare, reporting, threads_option
from codec.engine.registry import DEFAULT_TUNE, TUNES
from codec.training.split import HEAD_EVERY, HEAD_TURN, find_images, split_validation


@click.command("train-embedding")
@click.option("--data", type=FILE, required=True, help="Folder of photographs.")
@click.option("--out", type=FILE, help="File for the head.  [default: in the place of the one that ships]")
@click.option(
    "--tune", type=click.Choice(TUNES), help=f"Which of the models that ship to train for.  [default: {DEFAULT_TUNE}]"
)
@click.option("--model", type=FILE, help="Folder of an exported model to train for instead; needs --out.")
@click.option(
    "--hold-out",
    type=click.IntRange(2),
    default=HEAD_EVERY,
    show_default=True,
    help="Leave one image in so many out.",
)
@click.option("--steps", type=click.IntRange(1), default=800, show_default=True)
@click.option("--seed", type=SEED, default=0, show_default=True)
@threads_option
@reporting
@needing("train")
def train_embedding(
    data: Path,
    out: Path | None,
    tune: str | None,
    model: Path | None,
    hold_out: int,
    steps: int,
    seed: int,
    threads: int | None,
) -> None:
    """Train the head that embeds images, on a model that stays as it is (needs the extra [train])."""
    import torch

    from codec.engine.registry import MODELS
    from codec.engine.runtime import Runtime
    from codec.manifold import embedding
    from codec.manifold.training import EmbeddingConfig, build_bank, train_head
    from codec.models.registry import load_exported
    from codec.util.files import replacing

    if model is not None and (out is None or tune is not None):
        raise click.UsageError("--model needs --out, and excludes --tune, which names a model that ships")
    folder, target = model or MODELS / (tune or DEFAULT_TUNE), out or embedding.HEADS / f"{tune or DEFAULT_TUNE}.npz"
    prepare(target, force=True)
    if not os.access(target.parent, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(target.parent))
    runtime = Runtime(folder)
    runtime.check_all()  # torch reads the weights itself
    model_id = runtime.model_id
    if threads:
        torch.set_num_threads(threads)
    networks = load_exported(folder)
    config = EmbeddingConfig(steps=steps, seed=seed)
    images, _ = split_validation(find_images(data), hold_out, HEAD_TURN)
    bank = build_bank(networks, images, config)
    head = train_head(bank, networks.latent_scale, config)
    with replacing(target, overwrite=True) as temporary:
        embedding.save(temporary, head.deployed(model_id))
    click.echo(f"trained on {bank.images} images, written to {target}")
