"""The integer tables of a model: distributions of z and y, and the map from z to y's distributions.

All of it is integers, stored with the model and never recomputed, so that every machine uses the
same distributions. ``FORMAT.md`` section 5.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from bitstream.errors import ModelError
from bitstream.frequency_tables import TOTAL, FrequencyTables
from bitstream.geometry import HYPER_STRIDE
from bitstream.z_context import ZContext


def quantize_pmf(pmf: NDArray[np.float64]) -> NDArray[np.int64]:
    """Integer counts that sum to 2 ** 24, none below 1, as close to ``pmf`` as rounding allows.

    Args:
        pmf: float64 (n,), non-negative, about 1 in sum.

    Returns:
        NDArray[np.int64]: counts (n,).
    """
    free = TOTAL - len(pmf)
    exact = pmf / pmf.sum() * free
    counts: NDArray[np.int64] = np.floor(exact).astype(np.int64)
    short = free - int(counts.sum())
    counts[np.argsort(counts - exact, kind="stable")[:short]] += 1
    counts += 1
    return counts


@dataclass(frozen=True)
class Tables:
    """The integer side of a model.

    Attributes:
        z_counts: uint32 (banks, channels of z, 2 z_limit + 2): counts of -z_limit .. z_limit, then of
            the escape; each row sums to 2 ** 24.
        y_limits: int32 (tables,), the largest magnitude each table of y codes without escape.
        y_counts: uint32, the tables of y one after the other: counts of -limit .. limit, then escape.
        weight: int8 (channels of y * 16, channels of z), the scale map W.
        bias: int32 (levels, channels of y), the scale map's b by quality level.
        shift: fractional bits of the scale map.
        z_context: how half of z is predicted from the other; None: all of z is coded with ``z_counts``.
        position_bias: int32 (channels of y * 16,), what the scale map adds by position in a cell; None for zero.
    """

    z_counts: NDArray[np.uint32]
    y_limits: NDArray[np.int32]
    y_counts: NDArray[np.uint32]
    weight: NDArray[np.int8]
    bias: NDArray[np.int32]
    shift: int
    z_context: ZContext | None = None
    position_bias: NDArray[np.int32] | None = None

    def __post_init__(self) -> None:
        if (
            self.z_counts.ndim != 3
            or self.z_counts.shape[2] % 2
            or self.z_counts.shape[2] < 4
            or not self.z_counts.size
        ):
            raise ModelError(f"z_counts: found shape {self.z_counts.shape}")
        if self.bias.ndim != 2 or not self.bias.size:
            raise ModelError(f"bias: found shape {self.bias.shape}")
        if self.weight.shape != (self.latents * HYPER_STRIDE**2, self.hyper_latents):
            raise ModelError(f"weight: found shape {self.weight.shape}")
        if self.position_bias is not None and self.position_bias.shape != (self.latents * HYPER_STRIDE**2,):
            raise ModelError(f"position_bias: found shape {self.position_bias.shape}")
        if self.y_limits.ndim != 1 or not 1 <= len(self.y_limits) <= 256 or self.y_limits.min() < 0:
            raise ModelError("y_limits: expected 1 to 256 limits, none negative")
        if self.y_counts.shape != (int((2 * self.y_limits.astype(np.int64) + 2).sum()),):
            raise ModelError("y_limits: do not match y_counts")
        if self.z_context and self.z_context.scales.shape != self.z_counts.shape[:2]:
            raise ModelError(f"z_context_scales: found shape {self.z_context.scales.shape}")
        rows = [self.z_counts.reshape(-1, self.z_counts.shape[2]).astype(np.int64), *self._split()]
        if not 0 <= self.shift < 16 or any((r < 1).any() or (r.sum(axis=-1) != TOTAL).any() for r in rows):
            raise ModelError(f"tables: counts must be at least 1 and sum to {TOTAL}")

    @property
    def latents(self) -> int:
        """Channels of y."""
        return int(self.bias.shape[1])

    @property
    def hyper_latents(self) -> int:
        """Channels of z."""
        return int(self.z_counts.shape[1])

    @property
    def levels(self) -> int:
        """Number of levels of quality."""
        return int(self.bias.shape[0])

    @property
    def z_limit(self) -> int:
        """Largest magnitude of z that is coded without escape."""
        return int(self.z_counts.shape[2]) // 2 - 1

    def bank(self, quality_index: int) -> int:
        """Which bank of z's tables a level of quality uses."""
        return quality_index * int(self.z_counts.shape[0]) // self.levels

    def _position_biases(self, quality_index: int) -> NDArray[np.int64]:
        """What the scale map adds to each symbol of a cell, int64 (channels of y * 16,)."""
        biases = np.repeat(self.bias[quality_index].astype(np.int64), HYPER_STRIDE**2)
        return biases if self.position_bias is None else biases + self.position_bias

    def _split(self) -> list[NDArray[np.int64]]:
        ends = np.cumsum(2 * self.y_limits.astype(np.int64) + 2)
        return np.split(self.y_counts.astype(np.int64), ends[:-1])

    @cached_property
    def y_tables(self) -> FrequencyTables:
        """The tables of y."""
        return FrequencyTables(self._split())

    def z_tables(self, quality_index: int) -> FrequencyTables:
        """The tables of z without context, one for each channel."""
        bank = self.bank(quality_index)
        if bank not in self._z_tables:
            self._z_tables[bank] = FrequencyTables(list(self.z_counts[bank].astype(np.int64)))
        return self._z_tables[bank]

    @cached_property
    def _z_tables(self) -> dict[int, FrequencyTables]:
        return {}

    def scale_index(self, z: NDArray[np.int32], quality_index: int) -> NDArray[np.uint8]:
        """Which table codes each symbol of y.

        A product in floats, wide enough that every partial sum is an integer they hold: float64 for
        |z| <= 2 ** 20 and int8 weights, float32 for the |z| of real images. So the result is exact
        whatever the order of summation.

        Args:
            z: int32 (channels of z, h, w), |z| at most 2 ** 20.
            quality_index: level of quality.

        Returns:
            NDArray[np.uint8]: (channels of y, 4 h, 4 w).
        """
        channels, h, w = z.shape
        bias = self._position_biases(quality_index)
        largest = 128 * channels * max(int(np.abs(z).max(initial=0)), 1) + int(np.abs(bias).max())
        exact = np.float32 if largest < 1 << 24 else np.float64
        index = z.reshape(channels, h * w).T.astype(exact) @ self.weight.T.astype(exact)
        index += bias.astype(exact)
        index *= 0.5**self.shift  # exact: a power of two
        np.clip(index, 0, len(self.y_limits) - 1, out=index)
        # Rounds down, as nothing is negative after the clip. Four neighbours in a row then move as one uint32.
        rows = index.astype(np.uint8).view(np.uint32).reshape(h, w, self.latents, HYPER_STRIDE)
        by_row = np.ascontiguousarray(rows.transpose(2, 0, 3, 1))
        return by_row.view(np.uint8).reshape(self.latents, HYPER_STRIDE * h, HYPER_STRIDE * w)
