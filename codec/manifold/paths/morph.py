"""A way between two images on which things move and change, instead of fading (extra [manifold]).

It needs nothing but the coordinates of both ends. Their images are moved along the correspondence that
:mod:`codec.manifold.paths.correspondence` finds, and joined by :mod:`codec.manifold.paths.blending`. The analysis turns
the result into coordinates, so each point of the way lies on the manifold.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from bitstream.errors import LimitError
from bitstream.geometry import BLOCK
from codec.manifold.embedding import shipped_for
from codec.manifold.paths.blending import Changeover, spline
from codec.manifold.paths.correspondence import luma, scene_motion, transport_motion
from codec.manifold.paths.interpolation import MAX_MORPHED, Endpoints
from codec.manifold.paths.motion import Motion, sample

Floats = NDArray[np.float32]
MARGIN = 0.02
"""Share of the longer side within which an image fades out beyond its edge."""
NEAR = 0.1
"""Of the way from either end, within which what the analysis leaves out of the end's image is added."""
SPLINE_ORDER = 3
"""Of what is between the pixels of a moved image; a lower one blurs."""


def require_size(size: tuple[int, int]) -> None:
    """Refuse a morph that would take too much memory.

    Raises:
        LimitError: it has more than :data:`~codec.manifold.paths.interpolation.MAX_MORPHED` pixels.
    """
    if size[0] * size[1] > MAX_MORPHED:
        raise LimitError(f"morph: {size[0]} x {size[1]} pixels, limit is {MAX_MORPHED}; take a smaller --size")


class Morph:
    """The way between two ends.

    Args:
        ends: the two images.

    Attributes:
        motion: of the one to the other.
        one_scene: whether both show one scene, so that it is moved as a whole.

    Raises:
        LimitError: the images are too large.
    """

    def __init__(self, ends: Endpoints) -> None:
        self._ends = ends
        width, height = ends.size
        require_size(ends.size)
        self._size = height, width
        self._images = [self._image(y) for y in ends.y]
        motion = scene_motion(*self._images)
        self.one_scene = motion is not None
        self.motion = motion or self._transported()
        planes = [luma(image) for image in self._images]
        rows, columns = planes[0].shape
        self._pixel = width / columns, height / rows
        *halfway, _ = self.motion.at(0.5, (rows, columns))
        moved = [sample(plane, points, self._pixel) for plane, points in zip(planes, halfway, strict=True)]
        self._changeover = Changeover(moved[0], moved[1], self.one_scene)
        # What analysing an image anew leaves out is added near the end that it is of.
        self._left_out = [y - self._analysed(image) for y, image in zip(ends.y, self._images, strict=True)]

    def points(self, steps: int) -> Iterator[Floats]:
        """Coordinates of equally spaced points, float32 (channels, rows, columns) each.

        Args:
            steps: points, both ends included.

        Raises:
            ValueError: fewer than two.
        """
        if steps < 2:
            raise ValueError(f"steps: found {steps}, expected at least 2")
        return (self._point(k / (steps - 1)) for k in range(steps))

    def describe(self) -> str:
        """What was found, in words."""
        if not self.one_scene:
            return "no common scene: each place changes at a time of its own"
        (a, b), (c, d) = self.motion.matrix[:2, :2]
        shift = math.hypot(*self.motion.matrix[:2, 2])
        turn, zoom = math.degrees(math.atan2(c - b, a + d)), math.sqrt(abs(a * d - b * c))
        own = float(np.median(np.hypot(*self.motion.field)))
        return (
            f"one scene: moved by {shift:.0f} pixels, turned by {turn:.1f} degrees, scaled by {zoom:.2f}; "
            f"places moved by {own:.1f} pixels more (median)"
        )

    def _point(self, t: float) -> Floats:
        if t in (0, 1):
            end: Floats = self._ends.y[int(t)]
            return end
        *sources, middle = self.motion.at(t, self._size)
        share = self._share(t, sources, middle)
        moved = [sample(image, points, order=SPLINE_ORDER) for image, points in zip(self._images, sources, strict=True)]
        point = self._analysed(np.clip(spline(moved[0], moved[1], share), 0, 1))
        near = max(0.0, 1 - min(t, 1 - t) / NEAR)
        corrected: Floats = point + np.float32(near) * self._left_out[round(t)]
        return corrected

    def _share(self, t: float, sources: list[Floats], middle: Floats) -> Floats:
        """Share of the second image; all of it where the first one ends, and the other way round."""
        share = sample(self._changeover.share(t), middle, self._pixel)
        margin = MARGIN * max(self._size)
        there = [self.motion.inside(points, margin) + np.float32(1e-3) for points in sources]
        seen = share * there[1] / (share * there[1] + (1 - share) * there[0])
        return seen.astype(np.float32)

    def _image(self, y: Floats) -> Floats:
        """The image that coordinates stand for, float32 (3, rows, columns)."""
        height, width = self._size
        pixels = self._ends.runtime.synthesise(y[None], self._ends.quality_index)[0, :, :height, :width]
        clipped: Floats = np.clip(pixels, 0, 1)
        return clipped

    def _analysed(self, image: Floats) -> Floats:
        rows, columns = (BLOCK * side for side in self._ends.y.shape[2:])
        pad = [(0, 0), (0, rows - image.shape[1]), (0, columns - image.shape[2])]
        x = np.pad(image, pad, mode="edge").astype(np.float32)
        y: Floats = self._ends.runtime.analyse(x[None], self._ends.quality_index)[0]
        return y

    def _transported(self) -> Motion:
        """A motion by what the embedding's head sees at each position."""
        ends = self._ends
        head = shipped_for(ends.runtime.model_id)
        if head.model_id != ends.runtime.model_id:  # it would read coordinates that mean nothing to it
            return Motion(self._size, np.eye(3), np.zeros((2, 2, 2), np.float32))
        rows, columns = (math.ceil(side / BLOCK) for side in self._size)
        seen = [head.positions(y)[:rows, :columns] for y in ends.y]
        return transport_motion(seen[0], seen[1], self._size, BLOCK)
