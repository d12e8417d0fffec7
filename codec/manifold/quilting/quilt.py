"""Image quilting: a new image from square blocks of others, each chosen to fit those that are there already.

Which block comes next, the coordinates decide: they are nearly an orthonormal basis of pixels, so distances between
them are nearly those between pixels, at a fraction of the numbers. How it is joined, its pixels decide: it is moved by
a few pixels to where it fits best, and cut along the path of least error. A cut from position to position, in steps of
16 pixels, would show.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bitstream.geometry import BLOCK
from codec.engine.runtime import Runtime
from codec.manifold.quilting.canvas import OVERLAP, SIDE, STEP, Canvas, Source
from codec.manifold.quilting.gradient_domain import integrate
from codec.util.progress import Progress

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]
COUNTED = 64
"""Coordinates of each position that count when blocks are compared: those that vary most."""
CANDIDATES = 3000
"""Blocks that are compared for each place, drawn at random if there are more."""
TOLERANCE = 1.3
"""By their coordinates, blocks fit whose error is at most this many times the least."""
BEST = 6
"""Blocks, of those that fit, whose pixels are compared."""
PIXEL_TOLERANCE = 1.1
"""By their pixels, blocks fit whose error is at most this many times the least; one of them is drawn."""
APART = 2
"""Blocks to each side of a block that have nothing in common with it, if that can be."""


class Quilt:
    """Draws images from sources. Draws follow one another: each goes on where the random numbers were left.

    Args:
        sources: at least one.
        runtime: the model of their coordinates.
        quality_index: level of quality at which what is there already is analysed.
        rng: what draws.

    Reference:
        A. A. Efros, W. T. Freeman, "Image Quilting for Texture Synthesis and Transfer", SIGGRAPH 2001.
    """

    def __init__(
        self, sources: Sequence[Source], runtime: Runtime, quality_index: int, rng: np.random.RandomState
    ) -> None:
        self._sources, self._runtime, self._level, self._rng = sources, runtime, quality_index, rng
        y = np.concatenate([s.y.reshape(-1, s.y.shape[-1]) for s in sources])
        self._channels = np.sort(np.argsort(-y.var(axis=0), kind="stable")[:COUNTED])
        self._y = np.ascontiguousarray(y[:, self._channels])
        self._uses = np.zeros(len(y), np.float32)
        first = np.cumsum([0, *(s.y.shape[0] * s.y.shape[1] for s in sources)])
        self._places = np.concatenate([_places(s, i, int(first[i])) for i, s in enumerate(sources)])

    def draw(self, width: int, height: int, progress: Progress | None = None) -> Floats:
        """Draw an image.

        Args:
            width: pixels.
            height: pixels.
            progress: called after each block with the number of blocks done and in all.

        Returns:
            NDArray: float32 (height, width, 3), not clipped; 0 is black and 1 is white.
        """
        down, across = (max(1, -(-(-(-pixels // BLOCK) - OVERLAP) // STEP)) for pixels in (height, width))
        canvas = Canvas(down, across)
        chosen: dict[tuple[int, int], NDArray[np.int64]] = {}
        for i in range(down):
            for j in range(across):
                near = [chosen[k] for k in chosen if i - k[0] <= APART and abs(j - k[1]) <= APART]
                place, move = self._choose(canvas, i, j, near)
                chosen[i, j] = place
                self._uses[_positions(place)] += 1
                canvas.put(i, j, self._sources[place[0]], place[1:3] * BLOCK + move)
                if progress:
                    progress(i * across + j + 1, down * across)
        return integrate(*(field[:height, :width] for field in (canvas.pixels, canvas.right, canvas.down)))

    def _choose(
        self, canvas: Canvas, i: int, j: int, near: Sequence[NDArray[np.int64]]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The next block, a row of ``_places``, and by how many pixels down and to the right it is moved."""
        if not i and not j:
            return self._places[self._rng.randint(len(self._places))], np.zeros(2, np.int64)
        places = self._places
        if len(places) > CANDIDATES:
            places = places[self._rng.choice(len(places), CANDIDATES, replace=False)]
        shared = _shared(i, j)
        wanted = canvas.coordinates(i, j, self._runtime, self._level)[..., self._channels]
        errors, uses = np.zeros(len(places)), np.zeros(len(places))
        for u, v in np.ndindex(SIDE, SIDE):
            at = places[:, 3] + u * places[:, 4] + v
            uses += self._uses[at]
            if shared[u, v]:
                off = self._y[at] - wanted[u, v]
                errors += np.einsum("ij,ij->i", off, off)
        # What was used before comes again only if it fits much better, and not next door, where it would be seen.
        errors *= (1 + uses / SIDE**2) ** 2
        seen = np.zeros(len(places), bool)
        for other in near:
            seen |= (places[:, 0] == other[0]) & (np.abs(places[:, 1:3] - other[1:3]) < SIDE).all(axis=1)
        if not seen.all():
            errors[seen] = np.inf
        fitting = places[self._rng.permutation(np.flatnonzero(errors <= TOLERANCE * errors.min()))[:BEST]]
        fits = [canvas.fit(i, j, self._sources[place[0]], place[1:3] * BLOCK) for place in fitting]
        least = min(error for error, _ in fits)
        k = self._rng.choice([k for k, (error, _) in enumerate(fits) if error <= PIXEL_TOLERANCE * least])
        return fitting[k], fits[k][1]


def _places(source: Source, number: int, first: int) -> NDArray[np.int64]:
    """Where a block may be cut from a source: its number, row and column, first position, and positions of a row."""
    rows, columns, _ = source.y.shape
    row, column = (n.ravel() for n in np.indices((rows - SIDE + 1, columns - SIDE + 1)))
    same = np.ones(len(row), np.int64)
    return np.stack([number * same, row, column, first + row * columns + column, columns * same], axis=1)


def _positions(place: NDArray[np.int64]) -> NDArray[np.int64]:
    """Numbers of the positions of a block."""
    u, v = np.indices((SIDE, SIDE))
    positions: NDArray[np.int64] = place[3] + u * place[4] + v
    return positions


def _shared(i: int, j: int) -> Bools:
    """Which positions of a block lie over others."""
    shared = np.zeros((SIDE, SIDE), bool)
    shared[: OVERLAP if i else 0] = True
    shared[:, : OVERLAP if j else 0] = True
    return shared
