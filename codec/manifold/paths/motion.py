"""How the points of one image move to those of another, and where they are on the way.

A motion is an affine map of the whole image, plus what each point moves on its own. On the way, the map is a real power
of its matrix, so that an image that turns keeps its size. Points are pairs (x, y) in pixels from the middle of the
image.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, ndimage

Floats = NDArray[np.float32]
Matrix = NDArray[np.float64]
ITERATIONS = 5
"""To find which point of the middle is at a place; the motion changes slowly from point to point."""


def grid(size: tuple[int, int], pixel: tuple[float, float] = (1.0, 1.0)) -> Floats:
    """The middles of pixels.

    Args:
        size: rows and columns.
        pixel: width and height of one.

    Returns:
        NDArray: float32 (2, rows, columns), x and y.
    """
    y, x = np.mgrid[: size[0], : size[1]]
    middles = [(x + 0.5 - size[1] / 2) * pixel[0], (y + 0.5 - size[0] / 2) * pixel[1]]
    points: Floats = np.stack(middles).astype(np.float32)
    return points


def sample(image: Floats, points: Floats, pixel: tuple[float, float] = (1.0, 1.0), order: int = 1) -> Floats:
    """An image at points; beyond its edge it is as at its edge.

    Args:
        image: float32 (..., rows, columns).
        points: float32 (2, h, w).
        pixel: width and height of a pixel of the image.
        order: of the spline between pixels.

    Returns:
        NDArray: float32 (..., h, w).
    """
    rows, columns = image.shape[-2:]
    places = [points[1] / pixel[1] + (rows - 1) / 2, points[0] / pixel[0] + (columns - 1) / 2]
    planes = image.reshape(-1, rows, columns)
    taken = [ndimage.map_coordinates(plane, places, order=order, mode="nearest") for plane in planes]
    found: Floats = np.stack(taken).reshape(*image.shape[:-2], *points.shape[1:])
    return found


def transformed(matrix: Matrix, points: Floats) -> Floats:
    """Points, float32 (2, h, w), under an affine map, float64 (3, 3)."""
    single = matrix.astype(np.float32)
    moved: Floats = np.einsum("ij,jhw->ihw", single[:2, :2], points) + single[:2, 2, None, None]
    return moved


def turns_by_half(matrix: Matrix) -> bool:
    """Whether both eigenvalues of an affine map's linear part are negative, which then has no real logarithm."""
    values = np.linalg.eigvals(matrix[:2, :2])
    return bool((values.real < 0).all() and (np.abs(values.imag) <= 1e-6 * np.abs(values.real)).all())


def with_real_powers(matrix: Matrix) -> Matrix:
    """An affine map that keeps orientation, or where it has no real powers half a turn of the same scale."""
    if not turns_by_half(matrix):
        return matrix
    near = matrix.copy()
    near[:2, :2] = -np.sqrt(np.linalg.det(matrix[:2, :2])) * np.eye(2)
    return near


def power(matrix: Matrix, exponent: float) -> Matrix:
    """A real power of an affine map, float64 (3, 3).

    Args:
        matrix: of :func:`with_real_powers`.
        exponent: of any size and sign.
    """
    if turns_by_half(matrix):  # about the point that stays
        scale, angle = -matrix[0, 0], exponent * np.pi
        found = np.eye(3)
        found[:2, :2] = scale**exponent * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        stays = matrix[:2, 2] / (1 + scale)
        found[:2, 2] = stays - found[:2, :2] @ stays
        return found
    real: Matrix = np.real(linalg.expm(exponent * linalg.logm(matrix)))
    return real


@dataclass(frozen=True)
class Motion:
    """A motion from an image A to an image B of the same size.

    Attributes:
        size: rows and columns of the images.
        matrix: float64 (3, 3), maps points of A to those of B.
        field: float32 (2, rows, columns) on a grid of any size: by how many pixels a point that is halfway moves beside
            the matrix from A to B, once the whole image has been brought halfway by it.
    """

    size: tuple[int, int]
    matrix: Matrix
    field: Floats

    @property
    def _pixel(self) -> tuple[float, float]:
        """Width and height of a pixel of the field, in pixels of the images."""
        return self.size[1] / self.field.shape[2], self.size[0] / self.field.shape[1]

    @cached_property
    def _halves(self) -> tuple[Matrix, Matrix]:
        return power(self.matrix, -0.5), power(self.matrix, 0.5)

    def at(self, t: float, size: tuple[int, int]) -> tuple[Floats, Floats, Floats]:
        """Where the points of an image on the way come from.

        Args:
            t: 0 at A, 1 at B.
            size: rows and columns of the grid that it is seen on.

        Returns:
            tuple: for each pixel of that grid, float32 (2, rows, columns), its point in A, in B, and halfway.
        """
        seen = grid(size, (self.size[1] / size[1], self.size[0] / size[0]))
        straight = transformed(power(self.matrix, 0.5 - t), seen)
        middle = straight
        for _ in range(ITERATIONS):
            middle = straight - np.float32(t - 0.5) * sample(self.field, middle, self._pixel)
        half = np.float32(0.5) * sample(self.field, middle, self._pixel)
        return transformed(self._halves[0], middle - half), transformed(self._halves[1], middle + half), middle

    def inside(self, points: Floats, margin: float) -> Floats:
        """1 for points within the images, falling to 0 at a distance of ``margin`` pixels, float32 (h, w)."""
        reach = np.array([self.size[1] / 2, self.size[0] / 2], np.float32)[:, None, None]
        beyond = (np.abs(points) - reach).max(axis=0)
        within: Floats = np.clip(1 - beyond / np.float32(margin), 0, 1)
        return within
