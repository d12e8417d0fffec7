"""How visible errors of contrast are, band by band, where the original's own contrast hides some of them.

A short ColorVideoVDP for still images: pixels become light of a display, light becomes a luminance and two opponent
colours, each is split into bands an octave wide, and what counts is the error of contrast, in units of the smallest
contrast that people see, against what the same band holds already. Masks get no gradient, and bands are means and
interpolations instead of that metric's filters, which are slow on a CPU.

Reference:
    Mantiuk et al., "ColorVideoVDP: A Visual Difference Predictor for Image, Video and Display Distortions", SIGGRAPH
    2024, for the model and the numbers of masking and pooling; Ashraf et al., "castleCSF - A Contrast Sensitivity
    Function of Color, Area, Spatiotemporal Frequency, Luminance and Eccentricity", Journal of Vision 2024.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from codec.models.structure import linear_light

OPPONENT = ((46.59, 145.62, 17.78), (25.50, -17.40, -7.35), (-42.92, -125.13, 170.11))
"""Of linear RGB, luminance in cd/m^2, red against green, and yellow against violet, on a display of 200 cd/m^2."""
REFLECTED = 0.63
"""Luminance in cd/m^2 of a black pixel in an office."""
SENSITIVITY = (
    (6.28, 35.97, 129.06, 267.25, 294.94, 179.22),
    (28.17, 59.84, 120.31, 224.05, 363.33, 461.97),
    (4.06, 8.65, 17.31, 32.18, 53.06, 70.23),
)
"""One over the smallest visible contrast of each opponent channel at 60 cd/m^2, from the band of 38 cycles a degree
(single pixels, at 75 pixels a degree) down by octaves."""
ADAPTED = 60.0
ADAPTATION = (0.5, 0.34, 0.34)
"""Sensitivity goes with these powers of luminance relative to :data:`ADAPTED`, up to 1.5 times that luminance."""
ERROR_POWER = 2.264
MASK_POWERS = (1.303, 2.889, 3.681)
MASK_GAIN = 0.160
CROSS_MASKING = (
    (0.877, 0.016, 0.050),
    (5.919, 1.269, 0.152),
    (14.043, 0.498, 0.698),
)
"""How much each channel (row) hides errors of each other (column)."""
MASK_WINDOW = 7
"""Side in positions of the window that masks are means over: people do not see where exactly within it contrast is."""
LARGEST = 366.6
"""What a visible difference saturates at."""
GAIN = 0.968
FLOOR = 0.01


def _bands(opponent: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Bands of float (N, 3, H, W), and the luminance, (N, 1, H, W), of what each lies on; each half the size of the one
    before."""
    bands = []
    for _ in SENSITIVITY[0]:
        smaller = F.avg_pool2d(opponent, 2)
        around = F.interpolate(smaller, size=opponent.shape[2:], mode="bilinear", align_corners=False)
        bands.append((opponent - around, around[:, :1].clamp(min=0.1)))
        opponent = smaller
    return bands


def _opponent(x: Tensor) -> Tensor:
    light = torch.einsum("oc,nchw->nohw", x.new_tensor(OPPONENT), linear_light(x.contiguous()))
    return light + x.new_tensor((REFLECTED, 0.0, 0.0))[:, None, None]


@torch.no_grad()
def _masking(contrast: Tensor, contrast_hat: Tensor) -> Tensor:
    """Divisor of visible differences, float (N, 3, H, W), from contrasts in units of the smallest visible one."""
    both = torch.minimum(contrast.abs(), contrast_hat.abs())
    reach = MASK_WINDOW // 2
    mask = MASK_GAIN * F.avg_pool2d(both, MASK_WINDOW, 1, reach, count_include_pad=False)
    powers = mask.new_tensor(MASK_POWERS)[:, None, None]
    return 1 + torch.einsum("io,nihw->nohw", mask.new_tensor(CROSS_MASKING), (mask + 1e-4) ** powers)


def contrast_distance(x: Tensor, x_hat: Tensor) -> Tensor:
    """Root of the visible difference of contrast, which grows about in proportion to an error's amplitude.

    Args:
        x: float (N, 3, H, W), in [0, 1], the originals in sRGB; sides of at least 64 pixels.
        x_hat: like ``x``, not necessarily in range.

    Returns:
        Tensor: float (N,), 0 for equal images, 2 to 3 where a difference is plain to see.
    """
    adaptation = x.new_tensor(ADAPTATION)[:, None, None]
    pooled = []
    for number, ((band, light), (band_hat, light_hat)) in enumerate(
        zip(_bands(_opponent(x)), _bands(_opponent(x_hat)), strict=True)
    ):
        smallest = x.new_tensor([row[number] for row in SENSITIVITY])[:, None, None]
        sensitivity = GAIN * smallest * (light / ADAPTED).clamp(max=1.5) ** adaptation
        contrast, contrast_hat = sensitivity * band / light, sensitivity * band_hat / light_hat
        error = (contrast - contrast_hat).abs().clamp(min=1e-3) ** ERROR_POWER
        visible = error / _masking(contrast, contrast_hat)
        visible = LARGEST * visible / (LARGEST + visible)
        pooled.append((visible.square().mean(dim=(2, 3)) + 1e-8).sqrt())
    # Both roots have no slope at zero, so both begin a little above it.
    difference = (torch.stack(pooled).pow(4).sum(dim=(0, 2)) + FLOOR**4).pow(0.25)
    return (difference + 5 * FLOOR).sqrt() - (6 * FLOOR) ** 0.5
