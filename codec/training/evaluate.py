"""Rate and distortion of a model in training, from its own bits, on pictures held out from it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from codec.model.network import ManifoldCodec

QUALITIES = (0.05, 0.25, 0.45, 0.65, 0.85)


@dataclass(frozen=True)
class Point:
    """Mean over pictures at one quality. ``rate_bpp`` is an estimate: no file is written."""

    t: float
    rate_bpp: float
    z_bpp: float
    psnr_db: float


@torch.no_grad()
def rate_distortion_curve(
    model: ManifoldCodec, images: Iterable[Tensor], qualities: tuple[float, ...] = QUALITIES
) -> list[Point]:
    """Code each picture at each quality.

    Args:
        model: put into evaluation mode and back.
        images: each float (1, 3, H, W), in [0, 1], sides multiples of 64.
        qualities: values of t.

    Returns:
        list[Point]: one for each quality; none if there are no images.
    """
    training = model.training
    model.eval()
    rows: dict[float, list[tuple[float, float, float]]] = {t: [] for t in qualities}
    for x in images:
        pixels = x.shape[2] * x.shape[3]
        for t in qualities:
            coded = model(x, torch.tensor([t]))
            error = (coded.x_hat.clamp(0, 1).mul(255).round() - x.mul(255)).square().mean().item()
            z_bpp = coded.z_bits.item() / pixels
            psnr_db = 10 * math.log10(255**2 / max(error, 1e-9))
            rows[t].append((coded.y_bits.item() / pixels + z_bpp, z_bpp, psnr_db))
    model.train(training)
    return [
        Point(t, *(sum(column) / len(column) for column in zip(*rows[t], strict=True))) for t in qualities if rows[t]
    ]
