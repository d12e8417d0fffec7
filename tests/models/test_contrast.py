"""The distance of contrast: it agrees with the metric that it is made after, and hides what people do not see."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from codec.models.contrast import SENSITIVITY, contrast_distance


@pytest.fixture(scope="module")
def photo():
    from skimage import data

    return torch.from_numpy(np.ascontiguousarray(data.astronaut()[:256, 150:406])).permute(2, 0, 1)[None] / 255


def noise(like, seed=0):
    return torch.randn(like.shape, generator=torch.Generator().manual_seed(seed))


def test_it_ranks_errors_as_colorvideovdp_does(photo):
    """Blur, noise, blocks, another contrast, and errors of colour alone."""
    from benchmarks.perceptual import cvvdp

    blurred = [torch.nn.functional.avg_pool2d(photo, k, 1, k // 2, count_include_pad=False) for k in (3, 5, 9)]
    noisy = [photo + sigma / 255 * noise(photo) for sigma in (3, 8, 20)]
    coarse = [(photo * levels).round() / levels for levels in (6, 12, 40)]
    flat = [0.5 + factor * (photo - 0.5) for factor in (0.7, 0.9)]
    tinted = [photo + photo.new_tensor([a, 0, -a])[:, None, None] for a in (0.02, 0.1)]
    pairs = []
    for other in (x.clamp(0, 1) for x in (*blurred, *noisy, *coarse, *flat, *tinted)):
        pixels = [np.rint(x[0].permute(1, 2, 0).numpy() * 255).astype(np.uint8) for x in (photo, other)]
        levels = torch.from_numpy(pixels[1]).permute(2, 0, 1)[None] / 255
        pairs.append((10 - cvvdp(*pixels), float(contrast_distance(photo, levels))))
    theirs, ours = np.log(np.array(pairs)).T
    assert np.corrcoef(theirs, ours)[0, 1] > 0.93


def test_equal_images_have_no_distance_and_more_noise_has_more_in_proportion(photo):
    assert float(contrast_distance(photo, photo)) == pytest.approx(0, abs=1e-6)
    distances = [float(contrast_distance(photo, photo + sigma / 255 * noise(photo))) for sigma in (4, 8, 16)]
    assert distances == sorted(distances) and 1.5 < distances[1] / distances[0] < 3 and distances[2] < 3 * distances[1]
    both = contrast_distance(photo.repeat(2, 1, 1, 1), torch.cat([photo, photo + 4 / 255 * noise(photo)]))
    assert both.shape == (2,) and float(both[1]) == pytest.approx(distances[0], rel=1e-4)


def test_texture_hides_what_is_seen_on_a_flat_ground():
    flat = torch.full((1, 3, 256, 256), 0.5)
    texture = flat + 0.15 * noise(flat[:, :1], 1)
    error = 6 / 255 * noise(flat[:, :1], 2)
    assert float(contrast_distance(flat, flat + error)) > 1.5 * float(contrast_distance(texture, texture + error))


def test_coarse_errors_are_seen_better_than_single_pixels():
    """The eye's sensitivity peaks at bands of eight pixels or so."""
    flat = torch.full((1, 3, 256, 256), 0.5)
    fine = 4 / 255 * noise(flat[:, :1], 3)
    coarse = torch.nn.functional.interpolate(fine[..., ::8, ::8], scale_factor=8, mode="bicubic")
    coarse *= fine.std() / coarse.std()
    assert float(contrast_distance(flat, flat + coarse)) > 2 * float(contrast_distance(flat, flat + fine))


@pytest.mark.parametrize("side", [64, 161, 256])
def test_the_gradient_is_finite_wherever_pixels_are(photo, side):
    part = photo[..., :side, :side]
    for other in (part, part + 2 / 255 * noise(part), torch.zeros_like(part), torch.full_like(part, 3.0), -part):
        x_hat = other.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(contrast_distance(part, x_hat).sum(), x_hat)
        assert torch.isfinite(gradient).all() and gradient.abs().max() < 10
    assert all(len(row) == len(SENSITIVITY[0]) for row in SENSITIVITY)
