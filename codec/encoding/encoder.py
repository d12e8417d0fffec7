"""From an image to a file: tile after tile through the networks, chunk after chunk through the entropy coder."""

from __future__ import annotations

from bitstream import Box, Container, Header, Metadata, encode_chunk, serialize
from bitstream.boxes import alpha_box, form_boxes, metadata_boxes
from bitstream.container import CHUNK_LOG2
from bitstream.geometry import HYPER_STRIDE
from codec.encoding.analysis_pass import AnalysisPass
from codec.encoding.options import ONE_PASS, Effort
from codec.encoding.refinement import refined_symbols
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
) -> bytes:
    """Code an image; memory beside the source's own is bounded by the tile.

    Args:
        runtime: the model.
        source: the image.
        quality_index: level of quality.
        boxes: to stand beside it.
        progress: called after each tile, or oftener.
        effort: what is done beyond one pass.
        max_tile: cells of a tile with its halo.
        chunk_log2: side of a chunk, see :class:`~bitstream.container.Header`.

    Returns:
        bytes: the file.
    """
    header = Header(source.width, source.height, runtime.model_id, quality_index, chunk_log2)
    side = 1 << header.chunk_log2
    chunks: dict[tuple[int, int], bytes] = {}
    latents = AnalysisPass(
        runtime, source, quality_index, header.cells, max_tile, progress, coding_work=1 + effort.iterations
    )
    tiles = refined_symbols(latents, side, effort) if effort.iterations else latents.symbols(side)
    for v, h, z, y in tiles:
        for top in range(0, v.end - v.begin, side):
            for left in range(0, h.end - h.begin, side):
                z_part = z[:, top : top + side, left : left + side]
                rows, columns = (slice(HYPER_STRIDE * at, HYPER_STRIDE * (at + side)) for at in (top, left))
                payload = encode_chunk(runtime.tables, quality_index, z_part, y[:, rows, columns])
                chunks[v.begin + top, h.begin + left] = payload
    return serialize(Container(header, [chunks[at] for at in sorted(chunks)], boxes))
