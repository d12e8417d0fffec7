"""The last phase: distributions fitted to the integers that are really coded.

While the networks train, rates are those of values under uniform noise, for the sake of their gradient.
At low rates rounded values are distributed otherwise: most are zero, whatever the noise would have made
of them. So in the end scales, those of z's context as well, and the prior of z are fitted to rounded values, everything
else frozen, and the symbols of the second half of that counted, for the shapes of their distributions.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from tqdm import tqdm

from codec.models.architecture import Architecture
from codec.models.device import autocast
from codec.training.data import Photos, draw_batch
from codec.training.loss import rate_weight

LEARNING_RATE = 3e-4
FIRST_STEP = 1 << 30
"""Crops from here on are drawn by no other phase."""


def hard_bits(model: Architecture, x: Tensor, t: Tensor, precision: str = "auto") -> tuple[Tensor, Tensor, Tensor]:
    """What the encoder codes of a batch, and what it costs; only distributions get a gradient.

    Returns:
        tuple[Tensor, Tensor, Tensor]: estimated bits, float (N,), and the symbols and their scales, float.
    """
    with torch.no_grad():
        gains = model.gains(t)
        with autocast(x.device, precision):
            z_hat, symbols = (integers.float() for integers in model.encode(x, gains))
    sigma = model.scales(z_hat, t, gains)
    bits = model.symbol_bits(symbols, sigma).sum(dim=(1, 2, 3)) + model.z_bits(z_hat, z_hat, t)
    return bits, symbols, sigma.detach()


def refit_entropy_model(
    model: Architecture,
    photos: Photos,
    steps: int,
    *,
    seed: int,
    batch: int,
    size: int,
    precision: str = "auto",
    parts: int = 1,
    stopped: Callable[[], bool] = lambda: False,
) -> bool:
    """Fit scales, the prior of z and the shapes of symbols, in place.

    Args:
        model: trained.
        photos: to draw crops from.
        steps: how many, at a rate that falls to zero.
        seed: of the crops.
        batch: crops a step.
        size: side of a crop in pixels.
        precision: of the networks, see :func:`~codec.models.device.autocast`.
        parts: that a batch is computed in, to save memory.
        stopped: asked before each step.

    Returns:
        bool: False if it was stopped, and the model is half done.
    """
    trained = model.distribution_parameters()
    frozen, training = [(p, p.requires_grad) for p in model.parameters()], model.training
    model.eval()  # z is charged as files charge it
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    for parameter in trained:
        parameter.requires_grad_(True)
    optimizer = torch.optim.Adam(trained, lr=LEARNING_RATE)
    counts: list[Tensor] = []
    for step in tqdm(range(steps), unit="step", desc="refit", disable=None):
        if stopped():
            return False
        optimizer.param_groups[0]["lr"] = LEARNING_RATE * (1 - step / steps)
        x, t = draw_batch(photos, FIRST_STEP + step, seed=seed, rank=0, batch=batch, size=size)
        optimizer.zero_grad()
        for part, qualities in zip(x.tensor_split(parts), t.tensor_split(parts), strict=True):
            bits, symbols, sigma = hard_bits(model, part, qualities, precision)
            if 2 * step >= steps:  # by then scales hardly move
                counts.append(model.count_symbols(symbols, sigma))
            loss = (rate_weight(qualities, model.config.lmbdas) * bits).sum() / (len(x) * size**2)
            loss.backward()
        optimizer.step()
    if counts:
        model.fit_symbols(torch.stack(counts).sum(dim=0))
    model.train(training)
    for parameter, trains in frozen:
        parameter.requires_grad_(trains)
    return True
