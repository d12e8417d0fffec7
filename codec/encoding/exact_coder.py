"""The exact blocks of an image on their way into its chunks, and what is left for the networks."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitstream.container import Header
from bitstream.exact_blocks import ChunkParts, join, to_pixels
from bitstream.geometry import BLOCK, CELL, HYPER_STRIDE
from codec.encoding.exact_picture import encode_exact
from codec.encoding.filling import FilledSource
from codec.images.source import Source


class ExactBlocks:
    """Blocks of an image that are coded exactly.

    Args:
        source: the image.
        exact: bool (4 rows, 4 columns) of its cells, which blocks.
        header: of the file.

    Attributes:
        coded: bool (4 rows, 4 columns) of its cells, the blocks that the networks code.
    """

    def __init__(self, source: Source, exact: NDArray[np.bool_], header: Header) -> None:
        self._source, self._exact, self._header = source, exact, header
        self.coded = ~exact

    def rest(self) -> Source:
        """The image as the networks see it: what is exact continues what is not, and costs them nothing."""
        return FilledSource(self._source, self._left_to_networks)

    def joined(self, i: int, symbols: bytes) -> bytes:
        """Payload of a chunk.

        Args:
            i: its place in the file.
            symbols: their payload, of the blocks that are coded.
        """
        top, left, rows, columns = self._header.chunk(i)
        exact = self._exact[self._blocks(i)]
        if not exact.any():
            return join(ChunkParts(symbols))
        bottom, right = min(CELL * (top + rows), self._source.height), min(CELL * (left + columns), self._source.width)
        pixels = only_blocks(self._source.crop(CELL * top, bottom, CELL * left, right), exact)
        return join(ChunkParts(symbols, exact, encode_exact(pixels)))

    def _blocks(self, i: int) -> tuple[slice, slice]:
        top, left, rows, columns = (HYPER_STRIDE * value for value in self._header.chunk(i))
        return slice(top, top + rows), slice(left, left + columns)

    def _left_to_networks(self, top: int, bottom: int, left: int, right: int) -> NDArray[np.bool_]:
        """Which pixels of a part of the image are not exact."""
        row, column = top // BLOCK, left // BLOCK
        part = ~self._exact[row : -(-bottom // BLOCK), column : -(-right // BLOCK)]
        pixels = to_pixels(part, bottom - BLOCK * row, right - BLOCK * column)
        return pixels[top - BLOCK * row :, left - BLOCK * column :]


def only_blocks(pixels: NDArray[Any], exact: NDArray[np.bool_]) -> NDArray[Any]:
    """Pixels of some blocks, and all others in one of their colours, which costs least.

    Args:
        pixels: (h, w, components).
        exact: bool, which blocks; at least one.
    """
    mask = to_pixels(exact, *pixels.shape[:2])
    if mask.all():
        return pixels
    row, column = np.unravel_index(mask.argmax(), mask.shape)
    return np.where(mask[:, :, None], pixels, pixels[row, column])
