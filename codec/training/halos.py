"""How far the networks of a model reach, measured by gradient: which inputs an output depends on."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import torch
from torch import Tensor

from bitstream.geometry import BLOCK, HYPER_STRIDE, MAX_HALO, Halos
from codec.models.architecture import Architecture
from codec.models.layers import all_believed

Draw = Callable[[int], Tensor]
"""A map of so many positions a side."""
START = 2
"""Cells around the outputs that a network is given to reach into at first; twice as many as long as it reaches all."""


def measure_halos(model: Architecture, hyper_latents: int) -> Halos:
    """Positions of y to each side that each network depends on, at the middle of the range of qualities.

    Args:
        model: in evaluation mode.
        hyper_latents: channels of z.

    Raises:
        ValueError: a network reaches further than a tile may, as one does that looks at the whole image.
    """
    gains = model.gains(torch.tensor([0.5])).detach()
    generator = torch.Generator().manual_seed(5)
    scale = model.latent_scale[:, None, None]

    def pixels(positions: int) -> Tensor:
        return torch.rand(1, 3, BLOCK * positions, BLOCK * positions, generator=generator)

    def y(positions: int) -> Tensor:
        return scale * torch.randn(1, len(scale), positions, positions, generator=generator)

    def z(positions: int) -> Tensor:
        cells = positions // HYPER_STRIDE
        return torch.randn(1, hyper_latents, cells, cells, generator=generator)

    with all_believed():
        return _measured(model, gains, pixels, y, z)


def _measured(model: Architecture, gains: Tensor, pixels: Draw, y: Draw, z: Draw) -> Halos:
    # Of an output of one position, one at each place within a cell: z belongs to whole cells, and passes of a
    # prediction know more or less by the place.
    places = [(at, at + 1) for at in range(HYPER_STRIDE)]
    return Halos(
        analysis=_reach(lambda x: model.analyse(x, gains), [pixels], places[:1]),
        hyper_analysis=_reach(lambda x: model.hyper_analyse(x, gains), [y], [(0, HYPER_STRIDE)]),
        context=_reach(lambda z_hat, symbols: model.reconstruct(z_hat, symbols, gains), [z, y], places),
        synthesis=_reach(lambda y_hat: model.synthesise(y_hat, gains), [y], places[:1]),
        preview=_reach(model.preview, [y], places[:1]),
    )


def _reach(run: Callable[..., Tensor], inputs: list[Callable[[int], Tensor]], places: list[tuple[int, int]]) -> int:
    """Positions to each side of an output that it depends on.

    Args:
        run: from maps to a map.
        inputs: each gives a map of so many positions a side.
        places: begin and end of outputs, in positions within a cell, of rows and of columns alike; each pair is looked
            at on its own.
    """
    margin = START
    while margin * HYPER_STRIDE <= 2 * MAX_HALO:
        positions, first = HYPER_STRIDE * (2 * margin + 1), HYPER_STRIDE * margin
        maps = [draw(positions).requires_grad_() for draw in inputs]
        output = run(*maps)
        per_position = output.shape[2] / positions
        found = 0
        for row, column in itertools.product(places, places):
            part = output
            for dim, (begin, end) in ((2, row), (3, column)):
                low, high = math.floor((first + begin) * per_position), math.ceil((first + end) * per_position)
                part = part.narrow(dim, low, high - low)
            gradients = torch.autograd.grad(part.square().sum(), maps, retain_graph=True)
            for gradient in gradients:
                hit = gradient.abs().amax(dim=(0, 1)) > 0
                for touched, (begin, end) in ((hit.any(dim=1), row), (hit.any(dim=0), column)):
                    low, high = _ends(touched, positions)
                    found = max(found, first + begin - low, high - (first + end - 1))
        if found < first:
            return found
        margin *= 2
    raise ValueError(f"a network reaches further than {MAX_HALO} positions, so images cannot be cut into tiles")


def _ends(touched: Tensor, positions: int) -> tuple[int, int]:
    """First and last of the positions of a row, where some of its values are touched; of values that belong to several
    positions, the nearest."""
    values = torch.nonzero(touched).flatten()
    per_value = positions / len(touched)
    if not len(values):
        return positions, -1
    return math.ceil((int(values[0]) + 1) * per_value) - 1, math.floor(int(values[-1]) * per_value)
