"""The distance of structure: its colour space and its terms against another library, its gradient, what it sees."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from codec.models.contrast import contrast_distance
from codec.models.distortion import SMALLEST_SIDES, VISUAL_SHARES, distortion
from codec.models.structure import REACH, SCALES, SIGMA, _blurred, linear_light, structural_distance, xyb
from codec.training.loop import Trainer


@pytest.fixture(scope="module")
def photo():
    from skimage import data

    return torch.from_numpy(np.ascontiguousarray(data.astronaut()[:192, 150:342])).permute(2, 0, 1)[None] / 255


def noisy(x, sigma, seed=0):
    return x + sigma / 255 * torch.randn(x.shape, generator=torch.Generator().manual_seed(seed))


def theirs(x):
    """XYB by the package of SSIMULACRA 2, float64 (H, W, 3)."""
    from ssimulacra2 import ssimulacra2

    pixels = x[0].permute(1, 2, 0).double().numpy() * 255
    linear = ssimulacra2.srgb_to_linear(pixels)
    return ssimulacra2.make_positive_xyb(ssimulacra2.linear_rgb_to_xyb(linear.transpose(1, 0, 2)))


def test_the_colour_space_is_that_of_ssimulacra2(photo):
    ours = xyb(linear_light(photo))[0].permute(1, 2, 0).numpy()
    assert np.abs(ours - theirs(photo)).max() < 1e-4


def test_the_terms_are_those_of_ssimulacra2(photo, monkeypatch):
    """At one scale, inside of the border, which is treated otherwise there."""
    from ssimulacra2 import ssimulacra2

    import codec.models.structure as structure

    other = noisy(photo, 12).clamp(0, 1)
    a, b = theirs(photo), theirs(other)
    means = [ssimulacra2.blur_image(m) for m in (a, b, a * a, b * b, a * b)]
    inside = (slice(8, -8), slice(8, -8))
    similar = ssimulacra2.ssim_map(*(m[inside] for m in means))
    edges = ssimulacra2.edge_diff_map(a[inside], means[0][inside], b[inside], means[1][inside])
    expected = sum(
        weight * (similar[2 * c] + structure.EDGE_WEIGHT * (edges[4 * c] + edges[4 * c + 2]))
        for c, weight in enumerate(structure.CHANNELS)
    )
    monkeypatch.setattr(structure, "SCALES", 1)
    monkeypatch.setattr(structure, "WORST_WEIGHT", 0.0)
    assert float(structural_distance(photo, other)) == pytest.approx(expected, rel=0.03)


@pytest.mark.parametrize("size", [(5, 40), (3, 2), (1, 9)])
def test_means_are_those_of_windows_over_repeated_borders(size):
    x = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    at = torch.arange(-REACH, REACH + 1, dtype=torch.float64)
    window = torch.exp(-0.5 * (at / SIGMA) ** 2)
    window = torch.outer(window, window) / window.sum() ** 2
    padded = torch.nn.functional.pad(x, (REACH,) * 4, mode="replicate")
    expected = torch.nn.functional.conv2d(padded.flatten(0, 1)[:, None], window[None, None]).reshape(x.shape)
    assert torch.allclose(_blurred(x), expected)


def test_equal_images_have_no_distance_and_more_noise_has_more(photo):
    distances = [float(structural_distance(photo, noisy(photo, sigma))) for sigma in (0, 1, 4, 16)]
    assert distances[0] == pytest.approx(0, abs=1e-5) and distances == sorted(distances)
    both = structural_distance(photo.repeat(2, 1, 1, 1), torch.cat([photo, noisy(photo, 4)]))
    assert both.shape == (2,) and float(both[1]) == pytest.approx(distances[2], rel=1e-4)


def test_lost_texture_weighs_more_than_a_change_of_brightness(photo):
    blurred = torch.nn.functional.avg_pool2d(photo, 5, 1, 2, count_include_pad=False)
    error = (blurred - photo).square().mean().sqrt()
    assert float(structural_distance(photo, blurred)) > 2 * float(structural_distance(photo, photo + error))


def test_the_gradient_is_finite_wherever_pixels_are(photo):
    for value in (-2.0, -0.1, 0.0, 0.5, 1.0, 3.0):
        x_hat = torch.full_like(photo, value).requires_grad_()
        for metric in ("visual", "ms-ssim"):
            (gradient,) = torch.autograd.grad(distortion(photo, x_hat, metric).sum(), x_hat)
            assert torch.isfinite(gradient).all() and gradient.abs().max() < 1e3
    black = torch.zeros_like(photo)
    x_hat = noisy(black, 1).requires_grad_()
    (gradient,) = torch.autograd.grad(structural_distance(black, x_hat).sum(), x_hat)
    assert torch.isfinite(gradient).all()


def test_the_visual_metric_is_its_parts(photo):
    other = noisy(photo, 8)
    parts = [
        613 * structural_distance(photo, other),
        distortion(photo, other, "ms-ssim"),
        distortion(photo, other, "psnr"),
        14 * contrast_distance(photo, other),
    ]
    expected = sum(share * part for share, part in zip(VISUAL_SHARES, parts, strict=True))
    assert torch.allclose(distortion(photo, other, "visual"), expected)


def test_a_run_takes_the_metric_and_keeps_it(config):
    assert min(SMALLEST_SIDES.values()) == 1 and SMALLEST_SIDES["visual"] >= 16 * 2 ** (SCALES - 1) / 2
    Trainer(replace(config, size=192, batch=1, steps=2, metric="visual")).run()
    assert Trainer(replace(config, size=192, batch=1)).model.config.metric == "visual"
