"""The order in which a chunk's symbols are coded, as a list of stages. ``FORMAT.md`` section 6.

Whoever walks over the symbols of a chunk (encoder, decoder, estimates of cost, sampling) walks this list. A stage
depends on z alone, and only on those symbols of z that earlier stages have coded.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bitstream.frequency_tables import FrequencyTables
from bitstream.geometry import HYPER_STRIDE
from bitstream.tables import Tables
from bitstream.z_context import Z_BOUND, second_half

Y_BOUND = 1 << 28
"""No |symbol of y| may exceed this."""


@dataclass(frozen=True)
class Prediction:
    """What a stage expects of its symbols.

    Attributes:
        table: integers (channels, positions), number of the table that codes each symbol.
        offset: int64 (channels, positions), what is subtracted from each symbol first; None for zero.
    """

    table: NDArray[np.integer[Any]]
    offset: NDArray[np.int64] | None = None


@dataclass(frozen=True)
class Stage:
    """A part of the symbols that are coded together.

    Attributes:
        latent: which latent they are of.
        mask: bool (rows, columns) of that latent's positions, those that are coded here; None for all.
        tables: that they are coded with.
        bound: no magnitude may exceed it.
        predict: table and offset of each symbol, from z (channels, h, w) as far as it is known.
    """

    latent: Literal["z", "y"]
    mask: NDArray[np.bool_] | None
    tables: FrequencyTables
    bound: int
    predict: Callable[[NDArray[np.int32]], Prediction]

    def select(self, latent: NDArray[Any]) -> NDArray[Any]:
        """This stage's values of a map (channels, rows, columns), as (channels, positions)."""
        chosen: NDArray[Any] = latent.reshape(len(latent), -1) if self.mask is None else latent[:, self.mask]
        return chosen

    def place(self, latent: NDArray[Any], values: NDArray[Any]) -> None:
        """Put this stage's values, (channels, positions), where they belong in a map."""
        if self.mask is None:
            latent[:] = values.reshape(latent.shape)
        else:
            latent[:, self.mask] = values


def coding_stages(
    tables: Tables, quality_index: int, rows: int, columns: int, coded: NDArray[np.bool_] | None = None
) -> list[Stage]:
    """The stages of a chunk, in the order in which a decoder reads them.

    Args:
        tables: of the model.
        quality_index: level of quality.
        rows: of the chunk's cells.
        columns: of the chunk's cells.
        coded: bool (4 rows, 4 columns), the blocks whose y is coded. z is coded in cells with such blocks. All other
            symbols are 0. None codes all.

    Returns:
        list[Stage]: z, in two halves if the model has a context for z, then y.
    """
    context, bank = tables.z_context, tables.bank(quality_index)
    every = np.ones((rows, columns), bool)
    if coded is not None:
        every = coded.reshape(rows, HYPER_STRIDE, columns, HYPER_STRIDE).any(axis=(1, 3))
    later = every & second_half(rows, columns) if context else np.zeros_like(every)
    earlier = every & ~later
    first = np.repeat(np.arange(tables.hyper_latents, dtype=np.int32)[:, None], int(earlier.sum()), axis=1)
    stages = [Stage("z", earlier, tables.z_tables(quality_index), Z_BOUND, lambda z: Prediction(first))]
    if context is not None and later.any():
        stages.append(
            Stage("z", later, context.tables, Z_BOUND, lambda z: Prediction(*context.predict(z, bank, later)))
        )
    stages.append(Stage("y", coded, tables.y_tables, Y_BOUND, lambda z: _by_scale(tables, quality_index, z, coded)))
    return stages


def _by_scale(tables: Tables, quality_index: int, z: NDArray[np.int32], blocks: NDArray[np.bool_] | None) -> Prediction:
    scales = tables.scale_index(z, quality_index)
    return Prediction(scales.reshape(tables.latents, -1) if blocks is None else scales[:, blocks])


def empty_latents(tables: Tables, rows: int, columns: int) -> dict[str, NDArray[np.int32]]:
    """Maps of z and y of so many cells, zero, int32, for stages to be placed in."""
    z = np.zeros((tables.hyper_latents, rows, columns), np.int32)
    return {"z": z, "y": np.zeros((tables.latents, HYPER_STRIDE * rows, HYPER_STRIDE * columns), np.int32)}
