"""Two images that lie on top of each other, made one without a double exposure.

Reference:
    Burt and Adelson, "A Multiresolution Spline With Application to Image Mosaics", ACM TOG 1983.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.transform import resize

from codec.manifold.paths.correspondence import agreement

Floats = NDArray[np.float32]
COARSEST = 8
"""Pixels of the shorter side of a pyramid's last level, at least."""
SWITCH = 0.02
"""Of the way, in which a place changes from one image to the other."""
EARLY = 0.15
"""Of the way, beyond which either end no place is still to change."""


def spline(a: Floats, b: Floats, share: Floats) -> Floats:
    """A composite whose coarse parts change over gradually and whose fine parts change over sharply.

    Args:
        a: float32 (3, rows, columns).
        b: likewise.
        share: float32 (rows, columns), in [0, 1], of ``b``.

    Returns:
        NDArray: float32 (3, rows, columns).
    """
    weight, fine = share[None], []
    while min(a.shape[1:]) >= 2 * COARSEST:
        half = (a.shape[1] + 1) // 2, (a.shape[2] + 1) // 2
        coarse_a, coarse_b, coarse_weight = (_scaled(x, half) for x in (a, b, weight))
        detail_a, detail_b = (x - _scaled(y, (a.shape[1], a.shape[2])) for x, y in ((a, coarse_a), (b, coarse_b)))
        fine.append(detail_a + weight * (detail_b - detail_a))
        a, b, weight = coarse_a, coarse_b, coarse_weight
    whole = a + weight * (b - a)
    for detail in reversed(fine):
        whole = detail + _scaled(whole, (detail.shape[1], detail.shape[2]))
    return whole


def _scaled(planes: Floats, size: tuple[int, int]) -> Floats:
    smaller = size[0] < planes.shape[1]
    scaled: Floats = resize(planes, (len(planes), *size), order=1, anti_aliasing=smaller).astype(np.float32)
    return scaled


class Changeover:
    """When each place changes from one image to the other.

    Where the two agree they are mixed all the way, which is no double exposure there. Elsewhere a place belongs to one
    of them and changes within a moment: first where the new image has more to show than the old one, last where it has
    less.

    Args:
        a: luma of one image, float32 (rows, columns), as it is halfway.
        b: likewise, of the other.
        one_scene: whether both show one scene. If not, a place agrees no more than all that is near it: thin things
            have grounds beside them that agree.
    """

    def __init__(self, a: Floats, b: Floats, one_scene: bool = False) -> None:
        longer = max(a.shape)
        similar, _ = agreement(a, b, longer / 50)
        if not one_scene:
            similar = ndimage.minimum_filter(similar, 1 + 2 * round(longer / 50))
        self.agreement: Floats = np.clip(similar, 0, 1)
        gain = _detail(b, longer / 25) - _detail(a, longer / 25)
        order = np.argsort(np.argsort(-gain, axis=None, kind="stable"), kind="stable")
        self.moment: Floats = ((order + 0.5) / order.size).reshape(a.shape).astype(np.float32)

    def share(self, t: float) -> Floats:
        """Share of the second image at a time in [0, 1], float32 (rows, columns)."""
        late = (t * (1 + 2 * EARLY) - EARLY - self.moment) / SWITCH
        changed = 0.5 + 0.5 * np.tanh(late / 2)
        mixed: Floats = self.agreement * np.float32(t) + (1 - self.agreement) * changed.astype(np.float32)
        return mixed


def _detail(plane: Floats, sigma: float) -> Floats:
    """Logarithm of the energy of gradients around each pixel."""
    energy: Floats = np.log(ndimage.gaussian_filter(ndimage.gaussian_gradient_magnitude(plane, 1.0) ** 2, sigma) + 1e-5)
    return energy
