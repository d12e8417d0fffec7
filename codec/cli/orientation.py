"""``codec train-orientation``, which needs the extra [train]."""

from __future__ import annotations

from pathlib import Path

import click

from codec.cli.common import FILE, SEED, force_option, needing, prepare, reporting, threads_option
from codec.engine.registry import DEFAULT_TUNE, TUNES
from codec.training.split import HEAD_EVERY, HEAD_TURN, find_images, split_validation


@click.command("train-orientation")
@click.option("--data", type=FILE, required=True, multiple=True, help="Folder of photographs; may be given again.")
@click.option("--out", type=FILE, required=True, help="File for the network.")
@click.option(
    "--tune", type=click.Choice(TUNES), default=DEFAULT_TUNE, show_default=True, help="Which model to train for."
)
@click.option("--views", type=click.IntRange(1), default=5, show_default=True, help="Of each image.")
@click.option("--epochs", type=click.IntRange(1), default=4, show_default=True)
@click.option(
    "--teacher/--no-teacher",
    default=False,
    show_default=True,
    help="Learn from EfficientNet-Lite2 as well, which was trained on ImageNet; needs the extra [bench].",
)
@click.option("--seed", type=SEED, default=0, show_default=True)
@force_option
@threads_option
@reporting
@needing("train")
def train_orientation(
    data: tuple[Path, ...],
    out: Path,
    tune: str,
    views: int,
    epochs: int,
    teacher: bool,
    seed: int,
    force: bool,
    threads: int | None,
) -> None:
    """Train the network that knows which way up images are, on a model that stays as it is.

    The images that the anomaly benchmark measures on are left out. Views are kept in memory, 0.4 MB each.
    """
    import torch

    from codec.engine.registry import MODELS
    from codec.engine.runtime import Runtime
    from codec.manifold import orientation_training as training
    from codec.manifold.anomaly import orientation
    from codec.models.registry import load_exported
    from codec.util.files import replacing

    prepare(out, force)
    runtime = Runtime(MODELS / tune)
    runtime.check_all()  # torch reads the weights itself
    if threads:
        torch.set_num_threads(threads)
    networks = load_exported(runtime.folder)
    config = training.OrientationConfig(views=views, epochs=epochs, seed=seed)
    images, _ = split_validation(find_images(*data), HEAD_EVERY, HEAD_TURN)
    drawn = training.build_views(networks, images, config, training.teacher() if teacher else None)
    net = training.train_orientation(drawn, config)
    deployed = net.deployed(networks.latent_scale, training.quarter_turn(drawn), runtime.model_id)
    with replacing(out, force) as temporary:
        orientation.save(temporary, deployed)
    click.echo(f"trained on {len(drawn.y)} views, written to {out}")
