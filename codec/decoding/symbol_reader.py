"""From the chunks of a file to its integers. No network runs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bitstream import BitstreamError, decode_chunk
from bitstream.entropy import max_chunk_bytes
from bitstream.geometry import HYPER_STRIDE
from bitstream.stages import empty_latents
from bitstream.tables import Tables
from codec.decoding.chunk_cache import ChunkCache, ChunkSymbols
from codec.decoding.file_parts import FileParts
from codec.engine.tiling import Area


class SymbolReader:
    """Reads the symbols of any part of an image, and keeps the chunks that were read last. Threads may share it.

    Args:
        parts: of the file.

    Attributes:
        cache: the chunks that are kept.
    """

    def __init__(self, parts: FileParts) -> None:
        self._parts = parts
        self.cache = ChunkCache()

    def read(self, tables: Tables, area: Area, keep: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """The integers of an area.

        Args:
            tables: of the file's model.
            area: in cells.
            keep: chunks that are kept for the next call.

        Returns:
            tuple: z, int32 (channels, rows, columns), and y, int32 (channels, 4 rows, 4 columns).

        Raises:
            BitstreamError: a chunk is damaged, and damage is not to be filled.
        """
        latents = empty_latents(tables, area.bottom - area.top, area.right - area.left)
        side = 1 << self._parts.header.chunk_log2
        for top in range(area.top // side * side, area.bottom, side):
            for left in range(area.left // side * side, area.right, side):
                z_part, y_part = self._chunk(tables, top, left, keep)
                rows = max(top, area.top), min(top + side, area.bottom)
                columns = max(left, area.left), min(left + side, area.right)
                for whole, part, unit in ((latents["z"], z_part, 1), (latents["y"], y_part, HYPER_STRIDE)):
                    to_rows, to_columns = _span(rows, area.top, unit), _span(columns, area.left, unit)
                    whole[:, to_rows, to_columns] = part[:, _span(rows, top, unit), _span(columns, left, unit)]
        return latents["z"], latents["y"]

    def _chunk(self, tables: Tables, top: int, left: int, keep: int) -> ChunkSymbols:
        """Symbols of the chunk whose upper left cell this is, in the narrowest integers that hold them."""
        header = self._parts.header
        side, columns = 1 << header.chunk_log2, header.cells[1]
        i = top // side * -(-columns // side) + left // side
        found = self.cache.get(i)
        if found is not None:
            return found
        size = header.chunk(i)[2:]
        try:
            parts = self._parts.chunk(i, max_chunk_bytes(tables, *size))
            z, y = decode_chunk(tables, header.quality_index, *size, parts.symbols, parts.coded)
        except BitstreamError as error:
            self._parts.note_chunk(i, error)
            latents = empty_latents(tables, *size)
            z, y = latents["z"], latents["y"]
        return self.cache.put(i, z, y, keep)


def _span(ends: tuple[int, int], origin: int, unit: int) -> slice:
    """Cells between two ends, counted from an origin, in positions of ``unit`` a cell."""
    return slice(unit * (ends[0] - origin), unit * (ends[1] - origin))
