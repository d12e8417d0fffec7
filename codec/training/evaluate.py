"""Rate and distortion of a model in training, from its own bits, on images held out from it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from bitstream.errors import CodecError
from codec.models.architecture import Architecture
from codec.training.data import middle_crops, read_rgb
from codec.training.split import find_images, split_validation
from codec.training.synthetic import draw_graphic

QUALITIES = (0.05, 0.25, 0.45, 0.65, 0.85)
GRAPHICS = range(1 << 32, (1 << 32) + 14)
"""Seeds of the graphics that are evaluated on, two of each kind; training draws from lower ones."""
GRAPHIC_SIDE = 256

Images = Callable[[], Iterator[Tensor]]
"""Gives the images of a set anew, each float (1, 3, H, W), in [0, 1], sides multiples of 64."""


@dataclass(frozen=True)
class Point:
    """Mean over images at one quality. ``rate_bpp`` is an estimate: no file is written."""

    t: float
    rate_bpp: float
    z_bpp: float
    psnr_db: float


def divide(data: tuple[Path, ...], validation: tuple[Path, ...]) -> tuple[list[Path], dict[str, Images]]:
    """What to train on, and the sets to evaluate on by name.

    Args:
        data: folders of images to train on.
        validation: folders of images to evaluate on, each a set of its own; with none, about one image in 64 of
            ``data`` is held out for that, as ``"photographs"``.

    Returns:
        tuple[list[Path], dict[str, Images]]: files to train on; the sets, and ``"graphics"``, which the trainer draws.

    Raises:
        CodecError: nothing is left to train on, or two sets have one name.
        OSError: a folder has no images, or cannot be read.
    """
    trained = find_images(*data)
    if validation:
        held_out = {folder.resolve().name: find_images(folder) for folder in validation}
        if len(held_out) < len(validation) or "graphics" in held_out:
            raise CodecError("--validation: two sets would have one name, that of their folder, or 'graphics'")
    else:
        trained, photographs = split_validation(trained)
        held_out = {"photographs": photographs} if photographs else {}
    if not trained:
        raise CodecError(f"{data[0]}: no images but those that are held out for validation")

    def of_files(paths: list[Path]) -> Images:
        return lambda: middle_crops(map(read_rgb, paths))

    sets = {name: of_files(paths) for name, paths in held_out.items()}
    return trained, {**sets, "graphics": lambda: middle_crops(map(draw_graphic, GRAPHICS), GRAPHIC_SIDE)}


@torch.no_grad()
def rate_distortion_curve(
    model: Architecture, images: Iterable[Tensor], qualities: tuple[float, ...] = QUALITIES
) -> list[Point]:
    """Code each image at each quality.

    Args:
        model: put into evaluation mode and back.
        images: each float (1, 3, H, W), in [0, 1], sides multiples of 64.
        qualities: values of t.

    Returns:
        list[Point]: one for each quality; none if there are no images.
    """
    training, device = model.training, next(model.parameters()).device
    model.eval()
    rows: dict[float, list[tuple[float, float, float]]] = {t: [] for t in qualities}
    for image in images:
        x = image.to(device)
        pixels = x.shape[2] * x.shape[3]
        for t in qualities:
            coded = model(x, torch.tensor([t], device=device))
            error = (coded.x_hat.clamp(0, 1).mul(255).round() - x.mul(255)).square().mean().item()
            z_bpp = coded.z_bits.item() / pixels
            psnr_db = 10 * math.log10(255**2 / max(error, 1e-9))
            rows[t].append((coded.y_bits.item() / pixels + z_bpp, z_bpp, psnr_db))
    model.train(training)
    return [
        Point(t, *(sum(column) / len(column) for column in zip(*rows[t], strict=True))) for t in qualities if rows[t]
    ]
