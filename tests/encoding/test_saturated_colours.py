"""Flat and slowly varying saturated colours, far from the photographs that the models saw, come back as they were."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import codec
from codec.engine.registry import MODELS, TUNES, shipped

pytestmark = pytest.mark.slow

LEVELS = (0, 64, 128, 192, 255)


def decoded_error(image, quality, tune):
    """Absolute error of each component, and the bytes of the file."""
    data = codec.compress(image, quality, tune=tune)
    return np.abs(np.asarray(codec.decompress(data)).astype(int) - image), len(data)


def worst_block(error):
    """Largest mean, over blocks of 16 x 16 pixels, of the worst component's error."""
    worst = error.max(axis=2)
    rows, columns = (side // 16 for side in worst.shape)
    return worst[: rows * 16, : columns * 16].reshape(rows, 16, columns, 16).mean(axis=(1, 3)).max()


@pytest.mark.parametrize("quality", [10, 50, 90])
@pytest.mark.parametrize("tune", TUNES)
def test_flat_colours_come_back(tune, quality):
    for colour in [*itertools.product(LEVELS, repeat=3), (240, 0, 255), (255, 0, 230)]:
        error, size = decoded_error(np.full((64, 64, 3), colour, np.uint8), quality, tune)
        assert error.mean() < (12 if quality == 10 else 5) and size < 300, colour


@pytest.mark.parametrize("tune", TUNES)
def test_saturated_gradients_come_back(tune):
    y, x = np.mgrid[0:128, 0:192] / np.array([127, 191])[:, None, None]
    for colour in itertools.product((0, 255), repeat=3):
        other = np.roll(colour, 1)
        image = (np.multiply.outer(x, colour) + np.multiply.outer(y, other)).clip(0, 255).astype(np.uint8)
        for quality, most in ((10, 40), (50, 10), (90, 5)):
            error, size = decoded_error(image, quality, tune)
            assert worst_block(error) < most and size < 1500, (colour, quality)


@pytest.mark.parametrize("quality", [30, 50, 80])
def test_stage_light_with_grain_has_no_blocks_of_noise(quality):
    y, x = np.mgrid[0:256, 0:320]
    glow = np.exp(-((x - 160) ** 2 + (y - 128) ** 2) / (2 * 80**2))[..., None] * (420, 10, 420)
    grain = np.random.default_rng(3).normal(0, 4, (256, 320, 3))
    image = np.clip(glow + grain, 0, 255).astype(np.uint8)
    assert worst_block(decoded_error(image, quality, "psnr")[0]) < 20


@pytest.mark.parametrize("tune", TUNES)
@pytest.mark.train
def test_the_hyper_latent_of_magenta_stays_in_the_range_of_photographs(tune):
    """In the shipped graph as in the torch model that effort runs."""
    import torch

    from codec.models.registry import load_exported

    pixels = np.zeros((1, 3, 128, 128), np.float32)
    pixels[:, [0, 2]] = 1
    runtime, model, level = shipped(tune=tune), load_exported(MODELS / tune), 200
    z_hat = runtime.hyper_analyse(runtime.analyse(pixels, level), level)
    assert 0 < np.abs(z_hat).max() <= 15  # what tables hold without an escape
    with torch.no_grad():
        gains = model.gains(torch.tensor([level / (runtime.tables.levels - 1)]))
        of_torch = model.hyper_analyse(model.analyse(torch.from_numpy(pixels), gains), gains)
    assert np.abs(of_torch.numpy() - z_hat).max() <= 1
