"""The last phase: distributions fitted to the integers that are really coded.

While the networks train, rates are those of values under uniform noise, for the sake of their gradient.
At low rates rounded values are distributed otherwise: most are zero, whatever the noise would have made
of them. So in the end scales and the prior of z are fitted to rounded values, everything else frozen.
Then the context for z is, to values that are coded once and kept, as its steps need no network.
"""

from __future__ import annotations

import torch
from torch import Tensor
from tqdm import tqdm

from bitstream.z_context import second_half
from codec.model.hyper_context import HyperContext
from codec.model.network import ManifoldCodec
from codec.model.precision import has_native_bf16
from codec.training.data import Photos, draw_batch
from codec.training.loss import rate_weight

LEARNING_RATE = 3e-4
CONTEXT_RATE = 4e-3
CONTEXT_STEPS = 3
"""How many steps of its fit there are for each of the other."""
CONTEXT_BATCH = 1024
"""Cells a step."""
CONTEXT_SIZE = 768
"""Side in pixels of the crops that the context for z is fitted to: most cells of a small one lie at its edge and lack
neighbours."""
STEPS_PER_BATCH = 10
"""One batch of them is coded for so many steps of the other fit."""
FIRST_STEP = 1 << 30
"""Crops from here on are drawn by no other phase."""


@torch.no_grad()
def coded_integers(model: ManifoldCodec, x: Tensor, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """What the sender codes of a batch: z_hat, symbols, and the logarithm of the gains, float."""
    gains = model.gains(t)
    with torch.autocast("cpu", torch.bfloat16, enabled=has_native_bf16()):
        z_hat, symbols = model.send(x, gains)
    return z_hat.float(), symbols.float(), model.gains.split(gains)["gain"].log()


def hard_bits(model: ManifoldCodec, x: Tensor, t: Tensor) -> Tensor:
    """Estimated bits of what the sender codes of a batch, float (N,); only distributions get a gradient."""
    z_hat, symbols, log_gain = coded_integers(model, x, t)
    sigma = model.scale_index(z_hat, t, log_gain)
    bits: Tensor = model.symbol_bits(symbols, sigma).sum(dim=(1, 2, 3)) + model.z_bits(z_hat, z_hat, t)
    return bits


def harden(model: ManifoldCodec, photos: Photos, steps: int, *, seed: int, batch: int, size: int) -> None:
    """Fit scales, the prior of z and its context, in place.

    Args:
        model: trained.
        photos: to draw crops from.
        steps: how many, at a rate that falls to zero.
        seed: of the crops.
        batch: crops a step.
        size: side of a crop in pixels.
    """
    trained = [model.scale_index.weight, *model.scale_index.log_scale.parameters()]
    trained += [p for p in model.prior_z.parameters() if p is not model.prior_z.quantiles]
    frozen = [(p, p.requires_grad) for p in model.parameters()]
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    for parameter in trained:
        parameter.requires_grad_(True)
    optimizer = torch.optim.Adam(trained, lr=LEARNING_RATE)
    for step in tqdm(range(steps), unit="step", desc="harden", disable=None):
        optimizer.param_groups[0]["lr"] = LEARNING_RATE * (1 - step / steps)
        x, t = draw_batch(photos, FIRST_STEP + step, seed=seed, rank=0, batch=batch, size=size)
        bits = hard_bits(model, x, t)
        loss = (rate_weight(t, model.config.lmbdas) * bits).mean() / size**2
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    for parameter, trains in frozen:
        parameter.requires_grad_(trains)
    if model.hyper_context is not None and steps:
        fit_context(model, photos, steps, seed=seed, batch=batch)


@torch.no_grad()
def context_samples(
    model: ManifoldCodec, photos: Photos, batches: int, *, first: int, seed: int, batch: int, size: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Cells of z that are coded after their neighbours, those, and the qualities.

    Returns:
        tuple[Tensor, Tensor, Tensor]: z (M, channels, 1, 1), its neighbours (M, 4 channels, 1, 1), t (M,), all float.
    """
    samples = []
    for step in tqdm(range(batches), unit="batch", desc="code z", disable=None):
        x, t = draw_batch(photos, first + step, seed=seed, rank=0, batch=batch, size=size)
        z_hat = coded_integers(model, x, t)[0]
        later = torch.from_numpy(second_half(*z_hat.shape[2:]))
        maps = [part.permute(0, 2, 3, 1)[:, later] for part in (z_hat, HyperContext.neighbours(z_hat))]
        samples.append([*(m.flatten(0, 1)[:, :, None, None] for m in maps), t.repeat_interleave(int(later.sum()))])
    z, known, t = (torch.cat(parts) for parts in zip(*samples, strict=True))
    return z, known, t


def fit_context(model: ManifoldCodec, photos: Photos, steps: int, *, seed: int, batch: int) -> None:
    """Fit the context for z, in place; arguments as for :func:`harden`."""
    context = model.hyper_context
    assert context is not None
    batches = -(-steps // STEPS_PER_BATCH)
    z, known, t = context_samples(
        model, photos, batches, first=FIRST_STEP + steps, seed=seed, batch=batch, size=CONTEXT_SIZE
    )  # fmt: skip
    was_training = context.training
    context.train()
    optimizer = torch.optim.Adam(context.parameters(), lr=CONTEXT_RATE)
    generator = torch.Generator().manual_seed(seed)
    for step in range(CONTEXT_STEPS * steps):
        optimizer.param_groups[0]["lr"] = CONTEXT_RATE * (1 - step / (CONTEXT_STEPS * steps))
        some = torch.randint(len(z), (CONTEXT_BATCH,), generator=generator)
        bits = -context.likelihood(z[some], known[some], t[some]).log2().sum(dim=(1, 2, 3))
        loss = (rate_weight(t[some], model.config.lmbdas) * bits).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    context.train(was_training)
