"""The integer tables of a trained model: its distributions and scale map, rounded once and for all."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bitstream.tables import TOTAL, Tables, quantize_pmf
from codec.model.hyperprior import INDEX_SHIFT, LOG_SCALE_STEP, SCALE_MIN, SCALES
from codec.model.network import ManifoldCodec

LEVELS = 401
"""Levels of quality: steps of a quarter on the scale of 0 to 100."""
BANKS = 32
"""Sets of tables for z over the levels."""
Z_LIMIT = 15
RAREST = 8 / TOTAL
"""Symbols of y less likely than this are left to the escape code."""


def gaussian_counts(sigma: float) -> tuple[int, NDArray[np.int64]]:
    """Limit and counts of a zero-mean Gaussian rounded to integers.

    Args:
        sigma: standard deviation, in symbols.

    Returns:
        tuple[int, NDArray[np.int64]]: the largest magnitude without escape, and counts of -limit ..
        limit and of the escape.
    """
    reach = int(8 * sigma) + 2
    edges = torch.arange(-reach - 1, reach + 1, dtype=torch.float64) + 0.5
    lower, upper = edges[:-1] / sigma, edges[1:] / sigma
    # The tail on the near side, where the difference keeps its digits.
    flip = torch.where(lower + upper > 0, -1.0, 1.0).double()
    pmf = (torch.special.ndtr(flip * upper) - torch.special.ndtr(flip * lower)).abs().numpy()
    limit = max(0, int((pmf[reach:] >= RAREST).sum()) - 1)
    kept = pmf[reach - limit : reach + limit + 1]
    return limit, quantize_pmf(np.append(kept, max(1 - kept.sum(), 1 / TOTAL)))


@torch.no_grad()
def _z_counts(model: ManifoldCodec, t: float) -> NDArray[np.int64]:
    values = torch.arange(-Z_LIMIT, Z_LIMIT + 1, dtype=torch.float32)
    z = values.reshape(1, 1, -1, 1).expand(1, model.config.hyper_latents, -1, 1)
    pmf = model.prior_z.likelihood(z, torch.tensor([t]))[0, :, :, 0].double().numpy()
    rest = np.clip(1 - pmf.sum(axis=1, keepdims=True), 1 / TOTAL, None)
    return np.stack([quantize_pmf(row) for row in np.hstack([pmf, rest])])


def level_qualities() -> Tensor:
    """The quality t of each level, float32 (LEVELS,)."""
    return torch.linspace(0, 1, LEVELS)


@torch.no_grad()
def build_tables(model: ManifoldCodec) -> Tables:
    """Round a model's distributions and scale map to integers."""
    t = level_qualities()
    log_gain = model.gains.split(model.gains(t))["gain"].log()
    bias = model.scale_index.bias(t, log_gain) * 2**INDEX_SHIFT + 2 ** (INDEX_SHIFT - 1)
    y = [gaussian_counts(SCALE_MIN * float(np.exp(i * LOG_SCALE_STEP))) for i in range(SCALES)]
    banks = [_z_counts(model, (b + 0.5) / BANKS) for b in range(BANKS)]
    return Tables(
        z_counts=np.stack(banks).astype(np.uint32),
        y_limits=np.array([limit for limit, _ in y], np.int32),
        y_counts=np.concatenate([counts for _, counts in y]).astype(np.uint32),
        weight=model.scale_index.integer_weight().numpy().astype(np.int8),
        bias=bias.round().numpy().astype(np.int32),
        shift=INDEX_SHIFT,
    )
