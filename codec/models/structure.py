"""How far the structure of an image is from that of its original, in a colour space of perception and over scales.

The colour space and the two kinds of terms are those of SSIMULACRA 2; weights and the number of scales are ours. It can
be differentiated everywhere, also where a reconstruction leaves the range of pixels.

Reference:
    Sneyers, "SSIMULACRA 2", Cloudinary, 2022; Alakuijala et al., "JPEG XL next-generation image compression
    architecture and coding tools", 2019 (XYB); Wang et al., "Image Quality Assessment: From Error Visibility to
    Structural Similarity", 2004.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

OPSIN = (
    (0.30, 0.622, 0.078),
    (0.23, 0.692, 0.078),
    (0.24342268924547819, 0.20476744424496821, 0.55180986650955360),
)
"""Of linear RGB, what the three kinds of cones take."""
OPSIN_BIAS = 0.0037930732552754493
MIN_LIGHT = 0.001
"""Of a cone, below which the cube root goes on as a straight line, so that its gradient stays bounded."""
SCALES = 5
SIGMA = 1.5
"""Standard deviation in pixels of the Gaussian windows."""
REACH = 4
"""Pixels that a window reaches to each side."""
CONTRAST_FLOOR = 0.0009
"""Added to variances, so that structure in what is nearly flat hardly counts."""
CHANNELS = (0.35, 1.0, 0.35)
"""Weights of X, Y and B."""
EDGE_WEIGHT = 5.0
WORST_WEIGHT = 0.3
"""Of the 4-norm over positions, beside their mean."""


def linear_light(x: Tensor) -> Tensor:
    """Linear RGB of sRGB, both float and 0 to 1; the curve goes on beyond."""
    above = ((x.clamp(min=0.04) + 0.055) / 1.055) ** 2.4
    return torch.where(x <= 0.04045, x / 12.92, above)


def xyb(linear: Tensor) -> Tensor:
    """XYB as SSIMULACRA 2 scales it, float (N, 3, H, W) like its argument, linear RGB."""
    cones = torch.einsum("oc,nchw->nohw", linear.new_tensor(OPSIN), linear) + OPSIN_BIAS
    root = cones.clamp(min=MIN_LIGHT) ** (1 / 3)
    root = root + (cones - MIN_LIGHT).clamp(max=0) / (3 * MIN_LIGHT ** (2 / 3)) - OPSIN_BIAS ** (1 / 3)
    long, middle, short = root.unbind(dim=1)
    x, y = 0.5 * (long - middle), 0.5 * (long + middle)
    return torch.stack([14 * x + 0.42, y + 0.01, short - y + 0.55], dim=1)


def _windows(size: int, like: Tensor) -> Tensor:
    """Gaussian windows around each of ``size`` pixels in a row, float (size, size), one a column; what reaches beyond
    the border counts for the pixel there."""
    to = torch.arange(size, device=like.device)
    at = torch.arange(-REACH, size + REACH, device=like.device)
    distance = (at[:, None] - to).abs()
    weights = torch.exp(-0.5 * (distance.to(like.dtype) / SIGMA) ** 2) * (distance <= REACH)
    folded = weights.new_zeros(size, size).index_add_(0, at.clamp(0, size - 1), weights)
    return folded / folded.sum(dim=0)


def _blurred(x: Tensor) -> Tensor:
    """Means of float (N, C, H, W) under the windows, of the same shape.

    As products with matrices that are mostly zeros: on a CPU they take half the time of depthwise convolutions.
    """
    rows, columns = _windows(x.shape[2], x), _windows(x.shape[3], x)
    return rows.T @ (x @ columns)


def _at_one_scale(x: Tensor, x_hat: Tensor) -> Tensor:
    """Distance in each channel, float (N, 3), of images in XYB."""
    mean = _blurred(x)
    moments = _blurred(torch.cat([x_hat, x * x + x_hat * x_hat, x * x_hat]))
    mean_hat, squares, product = moments.split(len(x))
    variances = (squares - mean**2 - mean_hat**2).clamp(min=0)
    covariance = product - mean * mean_hat
    similarity = (1 - (mean - mean_hat) ** 2) * (2 * covariance + CONTRAST_FLOOR) / (variances + CONTRAST_FLOOR)
    distance = (1 - similarity).clamp(min=0)
    worst = (distance.square().square().mean(dim=(2, 3)) + 1e-12) ** 0.25 - 1e-3
    edges = ((1 + (x_hat - mean_hat).abs()) / (1 + (x - mean).abs()) - 1).abs()
    return distance.mean(dim=(2, 3)) + WORST_WEIGHT * worst + EDGE_WEIGHT * edges.mean(dim=(2, 3))


def structural_distance(x: Tensor, x_hat: Tensor) -> Tensor:
    """Distance of structure, and of the strength of edges.

    Args:
        x: float (N, 3, H, W), in [0, 1], the originals in sRGB; sides of at least 80 pixels.
        x_hat: like ``x``, not necessarily in range.

    Returns:
        Tensor: float (N,), 0 for equal images.
    """
    # Matrix products want rows of pixels of one channel.
    linear, linear_hat = linear_light(x.contiguous()), linear_light(x_hat.contiguous())
    weights = x.new_tensor(CHANNELS)
    scales = []
    for scale in range(SCALES):
        if scale:
            linear, linear_hat = F.avg_pool2d(linear, 2), F.avg_pool2d(linear_hat, 2)
        scales.append((_at_one_scale(xyb(linear), xyb(linear_hat)) * weights).sum(dim=1))
    return torch.stack(scales).mean(dim=0)
