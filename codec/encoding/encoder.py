"""From an image to a file: tile after tile through the networks, chunk after chunk through the entropy coder."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from bitstream import Box, Container, Header, Metadata, encode_chunk, serialize
from bitstream.boxes import alpha_box, form_boxes, metadata_boxes
from bitstream.container import CHUNK_LOG2
from bitstream.exact_blocks import exact_box
from bitstream.geometry import HYPER_STRIDE
from codec.encoding.analysis_pass import AnalysisPass
from codec.encoding.exact_coder import ExactBlocks
from codec.encoding.options import ONE_PASS, Effort
from codec.encoding.refinement import refined_symbols
from codec.encoding.watch import SymbolWatch
from codec.engine.runtime import Runtime
from codec.engine.tiling import TILE_CELLS
from codec.images import alpha as alpha_planes
from codec.images.source import Source
from codec.util.progress import Progress


def source_boxes(source: Source, strip: bool = False) -> list[Box]:
    """What stands beside the image in its file: form, transparency, and metadata unless ``strip``.

    Raises:
        LimitError: ICC profile, EXIF or XMP is longer than 64 MiB.
    """
    boxes = form_boxes(source.form)
    alpha = source.alpha()
    if alpha is not None:
        low, high = int(alpha.min()), int(alpha.max())
        boxes.append(alpha_box(low) if low == high else alpha_box(None, alpha_planes.encode(alpha)))
    return boxes + metadata_boxes(Metadata() if strip else source.metadata)


def encode(
    runtime: Runtime,
    source: Source,
    quality_index: int,
    boxes: list[Box],
    progress: Progress | None = None,
    effort: Effort = ONE_PASS,
    max_tile: int = TILE_CELLS,
    chunk_log2: int = CHUNK_LOG2,
    exact: NDArray[np.bool_] | None = None,
    watch: SymbolWatch | None = None,
) -> bytes:
    """Code an image; memory beside the source's own is bounded by the tile, and by a chunk if some of it is exact.

    Args:
        runtime: the model.
        source: the image.
        quality_index: level of quality.
        boxes: to stand beside it.
        progress: called after each tile, or oftener.
        effort: what is done beyond one pass.
        max_tile: cells of a tile with its halo.
        chunk_log2: side of a chunk, see :class:`~bitstream.container.Header`.
        exact: bool (4 rows, 4 columns) of the image's cells, its blocks that are coded exactly; None for none.
        watch: looks at the symbols of y.

    Returns:
        bytes: the file.
    """
    header = Header(source.width, source.height, runtime.model_id, quality_index, chunk_log2)
    blocks = None if exact is None else ExactBlocks(source, exact, header)
    coded = None if blocks is None else blocks.coded
    chunks = dict.fromkeys(range(header.chunk_count), b"")
    if coded is None or coded.any():
        seen = source if blocks is None else blocks.rest()
        latents = AnalysisPass(
            runtime, seen, quality_index, header.cells, max_tile, progress, 1 + effort.iterations, coded
        )
        chunks.update(_coded_symbols(latents, header, effort, watch))
    if blocks is not None:
        for i, symbols in chunks.items():
            chunks[i] = blocks.joined(i, symbols)
            if progress and not blocks.coded.any():
                progress(source.width * source.height * (i + 1) // len(chunks), source.width * source.height)
        boxes = [*boxes, exact_box()]
    return serialize(Container(header, list(chunks.values()), boxes))


def _coded_symbols(
    latents: AnalysisPass, header: Header, effort: Effort, watch: SymbolWatch | None
) -> Iterator[tuple[int, bytes]]:
    """The place of each chunk, and the payload of its symbols."""
    side = 1 << header.chunk_log2
    across = -(-header.cells[1] // side)
    tiles = refined_symbols(latents, side, effort) if effort.iterations else latents.symbols(side)
    for v, h, z, y in tiles:
        if watch is not None:
            watch.look(v.kept(HYPER_STRIDE), h.kept(HYPER_STRIDE), y)
        for top in range(0, v.end - v.begin, side):
            for left in range(0, h.end - h.begin, side):
                rows, columns = (slice(HYPER_STRIDE * at, HYPER_STRIDE * (at + side)) for at in (top, left))
                top_cell, left_cell = v.begin + top, h.begin + left
                block_rows, block_columns = (
                    slice(HYPER_STRIDE * at, HYPER_STRIDE * (at + side)) for at in (top_cell, left_cell)
                )
                coded = latents.coded[block_rows, block_columns]
                z_part, y_part = z[:, top : top + side, left : left + side], y[:, rows, columns]
                payload = encode_chunk(
                    latents.runtime.tables, header.quality_index, z_part, y_part, None if coded.all() else coded
                )
                yield across * (top_cell // side) + left_cell // side, payload
