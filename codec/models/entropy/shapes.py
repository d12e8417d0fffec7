"""Distributions of symbols as they are counted, where a Gaussian is only near."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from codec.models.entropy.scales import LOG_SCALE_STEP, SCALE_MIN, SCALES

REACH = 48
"""Magnitudes counted one by one; all from here on are one class."""
PRIOR = 200.0
"""Symbols' worth of trust in the Gaussian of each scale."""
FLOOR = 1e-12
"""Probability of a magnitude of either sign below which a Gaussian is not believed."""


def scale_sigma(scale: int) -> float:
    """Standard deviation, in symbols, that a scale stands for."""
    return SCALE_MIN * float(np.exp(scale * LOG_SCALE_STEP))


def expected_pmf(sigma: float, reach: int) -> NDArray[np.float64]:
    """Probabilities of the magnitudes of a zero-mean Gaussian rounded to integers, none below REACH under the floor.

    Args:
        sigma: standard deviation, in symbols.
        reach: largest magnitude.

    Returns:
        NDArray[np.float64]: (reach + 1,): of 0, of +1 and of -1 alike, of +2 and of -2 alike and so on.
    """
    edges = torch.arange(reach + 2, dtype=torch.float64) - 0.5
    # Of the negative side, where the difference keeps its digits.
    pmf: NDArray[np.float64] = (
        torch.special.ndtr(-edges[:-1] / sigma) - torch.special.ndtr(-edges[1:] / sigma)
    ).numpy()
    np.maximum(pmf[:REACH], FLOOR, out=pmf[:REACH])
    return pmf


class SymbolShapes(nn.Module):
    """How often each magnitude occurs beside what the Gaussian of its scale says, for each scale.

    The tables that ship are made with it. Training and estimates, which need likelihoods between the integers,
    stay with the Gaussian.
    """

    log_ratio: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("log_ratio", torch.zeros(SCALES, REACH + 1))

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        # Checkpoints from before symbols were counted hold Gaussians.
        state_dict.setdefault(f"{prefix}log_ratio", torch.zeros_like(self.log_ratio))
        super()._load_from_state_dict(state_dict, prefix, *args)

    @staticmethod
    def count(symbols: Tensor, sigma: Tensor) -> Tensor:
        """Count magnitudes by scale.

        Args:
            symbols: float, integers.
            sigma: float of the same shape, their scales as :class:`ScaleIndex` gives them.

        Returns:
            Tensor: float64 (SCALES, REACH + 1), on the CPU, the last column of all magnitudes from REACH on.
        """
        # As the coder: the nearest scale.
        index = ((sigma / SCALE_MIN).log() / LOG_SCALE_STEP + 0.5).floor().clamp(0, SCALES - 1).long()
        cell = index * (REACH + 1) + symbols.abs().clamp(max=REACH).long()
        counts = torch.bincount(cell.flatten(), minlength=SCALES * (REACH + 1)).cpu()  # where there is float64
        return counts.reshape(SCALES, REACH + 1).double()

    @torch.no_grad()
    def fit(self, counts: Tensor) -> None:
        """Take on the shape of counts as :meth:`count` gives them, and keep the Gaussian where there are few."""
        for scale, row in enumerate(counts.double()):
            both_signs = 2 * torch.from_numpy(expected_pmf(scale_sigma(scale), REACH - 1))
            both_signs[0] /= 2
            rest = (1 - both_signs.sum(0, keepdim=True)).clamp(min=FLOOR)
            expected = torch.cat([both_signs, rest])
            fitted = (row + PRIOR * expected) / (row.sum() + PRIOR)
            self.log_ratio[scale] = (fitted / expected).log()

    def pmf(self, scale: int, reach: int) -> NDArray[np.float64]:
        """Probabilities of magnitudes at one scale, as :func:`expected_pmf`; of both signs at most 1 in sum."""
        ratio = self.log_ratio[scale].double().exp().numpy()
        fitted: NDArray[np.float64] = (
            expected_pmf(scale_sigma(scale), reach) * ratio[np.minimum(np.arange(reach + 1), REACH)]
        )
        return fitted
