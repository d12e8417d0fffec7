"""Which points of two images belong together.

Two images of one scene: an affine map of the whole image comes from keypoints, or from the peak of the phase
correlation, or is the identity. The map under which the images agree best is kept if they agree enough. Optical flow
then finds what is left to move.

Two unrelated images: optimal transport pairs the cells of their latents, so that each goes to one that is like it and
not far away. The motion is the smoothed pairing.

Reference:
    Lowe, "Distinctive Image Features from Scale-Invariant Keypoints", IJCV 2004;
    Zach, Pock and Bischof, "A Duality Based Approach for Realtime TV-L1 Optical Flow", DAGM 2007;
    Peyré and Cuturi, "Computational Optimal Transport", 2019.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.optimize import linear_sum_assignment
from skimage.feature import SIFT, match_descriptors
from skimage.measure import block_reduce, ransac
from skimage.registration import optical_flow_tvl1, phase_cross_correlation
from skimage.transform import SimilarityTransform, resize

from codec.manifold.paths.motion import Matrix, Motion, grid, power, sample, transformed, with_real_powers

Floats = NDArray[np.float32]
SIDE = 400
"""Pixels of the longer side at which motion is looked for."""
LEAST_MATCHES = 10
"""Keypoints that must agree on a map."""
RELATED = 0.35
"""Mean agreement, where there is something to see, from which on two images are of one scene."""
LEAST_OVERLAP = 0.3
"""Share of the image that both must cover under a map."""
LEAST_SEEN = 0.01
"""Share of the image where there must be something to see."""
LARGEST_ZOOM = 4.0
"""Between two images of one scene."""
CELLS = 600
"""About how many cells of an image are paired by transport."""
NEARNESS = 2.0
"""What moving a cell by the image's longer side costs, in units of the mean squared difference of two features."""


def luma(image: Floats) -> Floats:
    """BT.601 luma of an image, float32 (3, rows, columns), at the size at which motion is looked for."""
    weights = np.array([0.299, 0.587, 0.114], np.float32)
    full = np.einsum("c,chw->hw", weights, image)
    factor = min(1.0, SIDE / max(full.shape))
    size = max(1, round(full.shape[0] * factor)), max(1, round(full.shape[1] * factor))
    small: Floats = resize(full, size, order=1, anti_aliasing=factor < 1).astype(np.float32)
    return small


def agreement(one: Floats, other: Floats, sigma: float) -> tuple[Floats, Floats]:
    """How alike two planes are around each pixel, by structural similarity.

    Returns:
        tuple: float32 (rows, columns) twice, the agreement, at most 1, and how much there is to see, 0 to 1: two flat
            places always agree.

    Reference:
        Wang et al., "Image Quality Assessment: From Error Visibility to Structural Similarity", IEEE TIP 2004.
    """

    def local(values: Floats) -> Floats:
        mean: Floats = ndimage.gaussian_filter(values, sigma)
        return mean

    a, b = local(one), local(other)
    variances = local(one * one) - a * a + local(other * other) - b * b
    structure = (2 * (local(one * other) - a * b) + 2e-4) / (variances + 2e-4)
    similar: Floats = structure * (2 * a * b + 1e-2) / (a * a + b * b + 1e-2)
    return similar, np.clip(variances / (variances + np.float32(2e-3)), 0, 1)


def scene_motion(a: Floats, b: Floats) -> Motion | None:
    """The motion between two images of one scene.

    Args:
        a: float32 (3, rows, columns) in [0, 1].
        b: likewise, of the same size.

    Returns:
        Motion | None: None if they are not of one scene, or nothing that they share was found.
    """
    size = a.shape[1], a.shape[2]
    planes = luma(a), luma(b)
    if min(planes[0].shape) < 16:
        return None
    pixel = size[1] / planes[0].shape[1], size[0] / planes[0].shape[0]
    best, most = None, RELATED
    for matrix in _supposed(planes[0], planes[1]):
        agreed = _mean_agreement(planes, matrix)
        if agreed > most:
            best, most = matrix, agreed
    if best is None:
        return None
    field = _refined(planes, best)
    # From pixels of the small planes to those of the images.
    stretch = np.diag([pixel[0], pixel[1], 1.0])
    scale = np.array(pixel, np.float32)[:, None, None]
    return Motion(size, stretch @ best @ np.linalg.inv(stretch), field * scale)


def _supposed(a: Floats, b: Floats) -> Iterator[Matrix]:
    """Maps that may bring A to B, in pixels of theirs from the middle."""
    yield np.eye(3)
    shift = -phase_cross_correlation(a, b, normalization="phase")[0][::-1]
    moved = np.eye(3)
    moved[:2, 2] = np.asarray(shift, float)
    yield moved
    (points_a, words_a), (points_b, words_b) = _keypoints(a), _keypoints(b)
    if min(len(points_a), len(points_b)) < LEAST_MATCHES:
        return
    pairs = match_descriptors(words_a, words_b, max_ratio=0.85, cross_check=True)
    if len(pairs) < LEAST_MATCHES:
        return
    one, other = points_a[pairs[:, 0]], points_b[pairs[:, 1]]
    _, agree = ransac((one, other), SimilarityTransform, min_samples=2, residual_threshold=3, max_trials=1000, rng=0)
    if agree is None or agree.sum() < LEAST_MATCHES:
        return
    points = np.column_stack([one[agree], np.ones(agree.sum())])
    matrix = np.vstack([np.linalg.lstsq(points, other[agree], rcond=None)[0].T, [0, 0, 1]])
    zooms = np.linalg.svd(matrix[:2, :2], compute_uv=False)
    if np.linalg.det(matrix[:2, :2]) > 0 and max(zooms[0], 1 / max(zooms[1], 1e-9)) < LARGEST_ZOOM:
        yield with_real_powers(matrix)


def _keypoints(plane: Floats) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points (n, 2) from the middle, and their descriptors (n, 128)."""
    sift = SIFT(upsampling=1, n_octaves=5)
    try:
        sift.detect_and_extract(plane)
    except RuntimeError:  # how it says that there are none
        return np.zeros((0, 2)), np.zeros((0, 128))
    middle = np.array([(plane.shape[1] - 1) / 2, (plane.shape[0] - 1) / 2])
    return sift.keypoints[:, ::-1] - middle, sift.descriptors


def _halfway(planes: tuple[Floats, Floats], matrix: Matrix) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Both planes brought halfway, and where both of them are."""
    points = grid((planes[0].shape[0], planes[0].shape[1]))
    still = Motion((planes[0].shape[0], planes[0].shape[1]), np.eye(3), np.zeros_like(points))
    seen = np.ones(planes[0].shape, bool)
    moved = []
    for plane, exponent in zip(planes, (-0.5, 0.5), strict=True):
        taken = transformed(power(matrix, exponent), points)
        moved.append(sample(plane, taken))
        seen &= still.inside(taken, 1.0) > 0
    return moved[0], moved[1], seen


def _mean_agreement(planes: tuple[Floats, Floats], matrix: Matrix) -> float:
    """How much the planes agree under a map, where both are seen and show something; -1 if that is hardly anywhere."""
    one, other, seen = _halfway(planes, matrix)
    similar, weight = agreement(one, other, 4.0)
    weight = weight * seen
    if seen.mean() < LEAST_OVERLAP or weight.sum() < LEAST_SEEN * weight.size:
        return -1.0
    return float((weight * similar).sum() / weight.sum())


def _refined(planes: tuple[Floats, Floats], matrix: Matrix) -> Floats:
    """What is left to move once both planes are halfway, float32 (2, rows, columns).

    Flow is believed where the flow back leads to where it began, and elsewhere continued from around.
    """
    one, other, seen = _halfway(planes, matrix)
    there = np.stack(optical_flow_tvl1(one, other)[::-1]).astype(np.float32)
    back = np.stack(optical_flow_tvl1(other, one)[::-1]).astype(np.float32)
    points = grid((one.shape[0], one.shape[1]))
    astray = np.square(there + sample(back, points + there)).sum(axis=0)
    belief = np.exp(-astray) * seen
    # From the points that flow begins at to those halfway.
    field = there
    for _ in range(3):
        field = sample(there, points - field / 2)
    belief = sample(belief.astype(np.float32), points - field / 2)
    weight = ndimage.gaussian_filter(belief, 2.0) + np.float32(1e-3)
    return np.stack([ndimage.gaussian_filter(plane * belief, 2.0) / weight for plane in field])


def transport_motion(a: Floats, b: Floats, size: tuple[int, int], stride: float) -> Motion:
    """A motion that brings each cell of one latent to a cell of the other that is like it and not far away.

    Args:
        a: float32 (rows, columns, features), of each position.
        b: likewise.
        size: rows and columns of the images, in pixels.
        stride: pixels from one position to the next.
    """
    rows, columns = a.shape[:2]
    side = max(2, round((rows * columns / CELLS) ** 0.5))
    pad = [(0, -rows % side), (0, -columns % side), (0, 0)]
    blocks = [block_reduce(np.pad(f, pad, mode="edge"), (side, side, 1), np.mean) for f in (a, b)]
    points = grid((blocks[0].shape[0], blocks[0].shape[1]), (side * stride, side * stride))
    where = points.reshape(2, -1).T.astype(np.float64)
    features = np.concatenate([block.reshape(len(where), -1) for block in blocks]).astype(np.float64)
    features = (features - features.mean(axis=0)) / (features.std(axis=0) + 1e-6)
    one, other = np.split(features, 2)
    unlike = (np.square(one).sum(1)[:, None] + np.square(other).sum(1) - 2 * one @ other.T) / one.shape[1]
    far = np.square(where[:, None] - where).sum(axis=-1) / max(size) ** 2
    start, end = linear_sum_assignment(unlike + NEARNESS * far)
    # Means over the pairs whose halfway points are near. Cells that stand out lead: what trades places with them would
    # cancel their motion.
    middle, step = (where[start] + where[end]) / 2, where[end] - where[start]
    leading = np.square(one[start]).mean(axis=1) * np.square(other[end]).mean(axis=1)
    reach = 1.5 * side * stride
    weight = leading * np.exp(-np.square(where[:, None] - middle).sum(axis=-1) / (2 * reach**2))
    field = (weight @ step) / (weight.sum(axis=1, keepdims=True) + 1e-9)
    return Motion(size, np.eye(3), field.T.reshape(points.shape).astype(np.float32))
