"""What coding blocks exactly costs, and what leaving them to the networks does: which of both is better for each.

Blocks are coded both ways. A way costs its bits, and its squared error in bits, in the proportion that the model
itself was made for.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitstream.boxes import form_boxes
from bitstream.geometry import HYPER_STRIDE
from codec.decoding.lmc_file import LmcFile
from codec.encoding.block_maps import block_sizes, block_sums, cell_means, of_cells
from codec.encoding.candidates import Candidates
from codec.encoding.encoder import encode
from codec.encoding.exact_coder import only_blocks
from codec.encoding.exact_picture import encode_exact
from codec.encoding.text_lines import find_lines
from codec.engine.code_length import CodeLength
from codec.engine.runtime import Runtime
from codec.images.exact_pixels import to_picture
from codec.images.sources import ArraySource
from codec.util.progress import Progress

OVERHEAD_BITS = 8 * 24
"""Of the fields that exact blocks need in a file."""
LEAST_WEIGHT = 0.4
"""Of what the networks cost, in a photograph, where people mind their error less than its square says."""
TEXT_WEIGHT = 2.0
"""Of what the networks cost where there is text: people read it, and mind if letters look worn."""
PRUNINGS = 3
"""Most times that blocks are given back to the networks, and the rest coded again."""
CLOSINGS = (0.75, 0.4)
"""Shares of a cell's blocks that are exact, from which on the others may become it, too."""
MOSTLY = 0.7
"""Share of a part that must be graphics before all of it is tried at once."""
LEAST_SHARE = 0.98
"""Of what the networks cost, that the choice must be below."""
PLAIN = 0.5
"""Most that a lossless coder may take of what the networks seem to cost, for a part to be plainly graphic."""
PHOTOGRAPHIC = 0.05
"""Most of what is new in such a part that may lie in blocks like those of photographs."""
NOVELTY_OF_ALL = 0.03
"""Pixels of each block that are taken not to be foreseen, beside those that differ from their neighbours."""
NOISE_ERROR = 40.0
NOISE_RATIO = 1.5
"""A block is noise, and is never left to the networks, if its mean error is above 40 of 255 levels and so many times
that of its own mean colour."""


@dataclass(frozen=True)
class NetworkCosts:
    """What the networks make of a part of an image.

    Attributes:
        blocks: float (4 r, 4 c), bits of y, and the squared error in bits.
        cells: float (r, c), bits of z.
        noisy: bool (4 r, 4 c), blocks that come back as noise.
        weight: of these costs against those of the lossless coder.
    """

    blocks: NDArray[np.float64]
    cells: NDArray[np.float64]
    noisy: NDArray[np.bool_]
    weight: float

    def each(self) -> NDArray[np.float64]:
        """Costs of the blocks, each with its part of its cell's."""
        return self.weight * (self.blocks + of_cells(self.cells) / HYPER_STRIDE**2)

    def total(self, exact: NDArray[np.bool_] | None) -> float:
        """What is left to pay for the networks if some blocks are exact."""
        if exact is None:
            return self.weight * float(self.blocks.sum() + self.cells.sum())
        coded = cell_means(~exact) > 0
        return self.weight * float(self.blocks[~exact].sum() + self.cells[coded].sum())


def weight_of_networks(graphic: float) -> float:
    """How much the networks' costs count, by the share of blocks that look like graphics: 1 where all do."""
    return LEAST_WEIGHT + (1 - LEAST_WEIGHT) * graphic


def try_networks(
    runtime: Runtime,
    pixels: NDArray[Any],
    quality_index: int,
    multiplier: float,
    weight: float,
    progress: Progress | None,
) -> NetworkCosts:
    """Code a part of an image with the networks, and decode it.

    Args:
        runtime: the model.
        pixels: uint8 or uint16 (h, w, components), the part.
        quality_index: level of quality.
        multiplier: bits a pixel that a squared error of one level of 255 is worth.
        weight: see :func:`weight_of_networks`.
        progress: of coding it.
    """
    part = ArraySource(pixels)
    with LmcFile(encode(runtime, part, quality_index, form_boxes(part.form), progress), runtime=runtime) as file:
        bits = CodeLength(runtime.tables, quality_index).bits(*file.symbols())
        decoded = np.concatenate([strip for _, strip in file.strips()])
    unit = 1 if pixels.dtype.itemsize == 1 else 1 / 257
    original = pixels.astype(np.float32) * unit
    error = np.abs(original - decoded.astype(np.float32) * unit)
    squares = block_sums(np.square(error).mean(axis=2))
    count = block_sizes(*pixels.shape[:2])
    y_bits, z_bits = (bits[name][0].sum(axis=0, dtype=np.float64) for name in ("y", "z"))
    y_bits *= count > 0  # what is beyond the image's edge is not to be paid for
    planes = np.moveaxis(original, 2, 0)
    power = sum(block_sums(np.square(plane)) - block_sums(plane) ** 2 / np.maximum(count, 1) for plane in planes)
    noisy = block_sums(error.mean(axis=2)) > NOISE_ERROR * count
    noisy &= squares * pixels.shape[2] > NOISE_RATIO * power
    return NetworkCosts(y_bits + multiplier * squares, z_bits, noisy, weight)


def better_exact(pixels: NDArray[Any], found: Candidates, networks: NetworkCosts) -> NDArray[np.bool_]:
    """The blocks of a part for which the lossless coder does better than the networks.

    It codes all blocks together, so what one costs is a share of the whole, by how much of it could not be foreseen.
    Those that cost too much are given back, and the rest is coded again. Then gaps are closed, as far as that helps:
    networks pay for whole cells as well.
    """
    novel, inside = found.novel, found.inside
    text = _text_blocks(pixels)
    networks = replace(networks, blocks=networks.blocks * np.where(text, TEXT_WEIGHT, 1))
    exact = found.likely | text | networks.noisy | (novel == 0)  # with all that is beyond the edge
    best: NDArray[np.bool_] = np.zeros_like(exact)
    least = LEAST_SHARE * networks.total(None)

    def judged(exact: NDArray[np.bool_]) -> int:
        """Bits of the lossless coder; the choice is kept if it is the best so far."""
        nonlocal best, least
        bits = lossless_bits(only_blocks(pixels, exact))
        total = bits + networks.total(exact)
        if total < least:
            best, least = exact, total
        return bits

    for _ in range(PRUNINGS):
        if not (exact & inside).any():
            break
        share = (novel + NOVELTY_OF_ALL) * (exact & inside)
        cost = judged(exact) * share / share.sum()
        keep = exact & ((cost < networks.each()) | networks.noisy | ~inside)
        if (keep == exact).all():
            break
        exact = keep
    if networks.noisy.any():
        best = best | networks.noisy | ~inside
    if best.any():
        shares, tried = cell_means(best), best
        closings = (*CLOSINGS, 0.0) if best[inside].mean() > MOSTLY else CLOSINGS
        for least_share in closings:
            closed = tried | of_cells(shares >= least_share)
            if (closed != tried).any():
                judged(closed)
                tried = closed
    return best


def _text_blocks(pixels: NDArray[Any]) -> NDArray[np.bool_]:
    upper = pixels if pixels.dtype.itemsize == 1 else (pixels >> 8).astype(np.uint8)
    return find_lines(to_picture(upper)).blocks(*pixels.shape[:2])


def is_plainly_graphic(pixels: NDArray[Any], found: Candidates, weight: float) -> bool:
    """Whether a part can be coded exactly without a trial.

    Args:
        pixels: uint8 or uint16 (h, w, components).
        found: what is known of its blocks.
        weight: see :func:`weight_of_networks`.
    """
    if found.novel[found.networks == 0].sum() > PHOTOGRAPHIC * found.novel.sum():
        return False
    return lossless_bits(pixels) < PLAIN * weight * float(found.networks.sum())


def lossless_bits(pixels: NDArray[Any]) -> int:
    """Bits that the lossless coder takes for pixels (h, w, components), and what else a file needs for them."""
    return 8 * encode_exact(pixels, estimate=True).size + OVERHEAD_BITS
