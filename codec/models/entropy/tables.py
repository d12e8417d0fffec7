"""The integer tables of a trained model: its distributions and scale map, rounded once and for all."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bitstream.frequency_tables import TOTAL
from bitstream.tables import Tables, quantize_pmf
from bitstream.z_context import PHASES, ZContext
from codec.models.entropy.hyper_context import SHIFT, HyperContext
from codec.models.entropy.prior import FactorizedPrior
from codec.models.entropy.scales import INDEX_SHIFT, SCALES, ScaleIndex
from codec.models.entropy.shapes import SymbolShapes, scale_sigma
from codec.models.gains import Gains

LEVELS = 401
"""Levels of quality: steps of a quarter on the scale of 0 to 100."""
BANKS = 32
"""Sets of tables for z over the levels."""
Z_LIMIT = 15
Z_SCALES = 0.03 * 200 ** (np.arange(32) / 31)
"""Of the logistic distributions that z given its neighbours is coded with, 0.03 to 6."""
RAREST = 8 / TOTAL
"""Symbols of y less likely than this are left to the escape code."""


def symbol_counts(shapes: SymbolShapes, scale: int) -> tuple[int, NDArray[np.int64]]:
    """Limit and counts of the symbols of one scale.

    Args:
        shapes: how often each magnitude occurs.
        scale: index of the scale.

    Returns:
        tuple[int, NDArray[np.int64]]: the largest magnitude without escape, and counts of -limit ..
        limit and of the escape.
    """
    pmf = shapes.pmf(scale, int(8 * scale_sigma(scale)) + 8)
    rare = np.flatnonzero(pmf < RAREST)
    limit = max(0, int(rare[0]) - 1 if rare.size else len(pmf) - 1)
    kept = np.concatenate([pmf[limit:0:-1], pmf[: limit + 1]])
    return limit, quantize_pmf(np.append(kept, max(1 - kept.sum(), 1 / TOTAL)))


@torch.no_grad()
def _z_counts(prior: FactorizedPrior, hyper_latents: int, t: float) -> NDArray[np.int64]:
    values = torch.arange(-Z_LIMIT, Z_LIMIT + 1, dtype=torch.float32)
    z = values.reshape(1, 1, -1, 1).expand(1, hyper_latents, -1, 1)
    pmf = prior.likelihood(z, torch.tensor([t]))[0, :, :, 0].double().numpy()
    rest = np.clip(1 - pmf.sum(axis=1, keepdims=True), 1 / TOTAL, None)
    return np.stack([quantize_pmf(row) for row in np.hstack([pmf, rest])])


def logistic_counts(scale: float, mean: float) -> NDArray[np.int64]:
    """Counts of -Z_LIMIT .. Z_LIMIT and of the escape, of a logistic distribution rounded to integers."""
    edges = np.arange(-Z_LIMIT - 0.5, Z_LIMIT + 1) - mean
    cumulative = 0.5 * (1 + np.tanh(0.5 * edges / scale))
    pmf = np.diff(cumulative)
    return quantize_pmf(np.append(pmf, max(1 - pmf.sum(), 1 / TOTAL)))


@torch.no_grad()
def build_context(context: HyperContext) -> ZContext:
    """Round the context for z to integers."""
    t = (torch.arange(BANKS) + 0.5) / BANKS
    scales = context.log_scale(t).numpy()
    nearest = np.abs(scales[..., None] - np.log(Z_SCALES)).argmin(axis=-1)
    counts = [[logistic_counts(scale, phase / PHASES) for phase in range(PHASES)] for scale in Z_SCALES]
    return ZContext(
        weight=context.integer_weight().numpy().astype(np.int8),
        shift=SHIFT,
        scales=nearest.astype(np.uint8),
        counts=np.array(counts, np.uint32),
    )


def level_qualities() -> Tensor:
    """The quality t of each level, float32 (LEVELS,)."""
    return torch.linspace(0, 1, LEVELS)


@torch.no_grad()
def build_tables(
    gains: Gains, scale_index: ScaleIndex, shapes: SymbolShapes, prior: FactorizedPrior, context: HyperContext | None
) -> Tables:
    """Round a model's distributions and scale map to integers.

    Args:
        gains: the model's, which scales depend on.
        scale_index: the map from z to the scales of y.
        shapes: how often each magnitude of y occurs.
        prior: of z.
        context: of half of z; None if the model has none.
    """
    t = level_qualities()
    log_gain = gains.split(gains(t))["gain"].log()
    bias = scale_index.bias(t, log_gain) * 2**INDEX_SHIFT + 2 ** (INDEX_SHIFT - 1)
    weight = scale_index.integer_weight()
    position = scale_index.integer_position()
    y = [symbol_counts(shapes, scale) for scale in range(SCALES)]
    banks = [_z_counts(prior, weight.shape[1], (b + 0.5) / BANKS) for b in range(BANKS)]
    return Tables(
        z_counts=np.stack(banks).astype(np.uint32),
        y_limits=np.array([limit for limit, _ in y], np.int32),
        y_counts=np.concatenate([counts for _, counts in y]).astype(np.uint32),
        weight=weight.numpy().astype(np.int8),
        bias=bias.round().numpy().astype(np.int32),
        shift=INDEX_SHIFT,
        z_context=build_context(context) if context is not None else None,
        position_bias=position.numpy().astype(np.int32) if position is not None else None,
    )
