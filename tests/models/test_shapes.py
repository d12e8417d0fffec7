"""Distributions of symbols as they are counted."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bitstream.frequency_tables import TOTAL
from codec.models.entropy.scales import INDEX_SHIFT, SCALES
from codec.models.entropy.shapes import REACH, SymbolShapes, scale_sigma
from codec.models.entropy.tables import level_qualities, symbol_counts
from codec.models.v1.network import V1
from tests.tiny import TINY


def scale_near(sigma):
    return min(range(SCALES), key=lambda scale: abs(scale_sigma(scale) / sigma - 1))


def bits(shapes, scale, symbols):
    """Of the symbols coded with a scale's table, an escape with what follows it."""
    limit, counts = symbol_counts(shapes, scale)
    beyond = np.abs(symbols) - limit
    column = np.where(beyond <= 0, symbols + limit, 2 * limit + 1)
    after_escape = 6 + np.log2(2 * np.maximum(beyond, 1)).astype(int)
    return -np.log2(counts[column] / TOTAL).sum() + after_escape[beyond > 0].sum()


def test_tables_that_nothing_was_counted_for_are_gaussian():
    for sigma in (0.11, 0.7, 3.0, 256.0):
        scale = scale_near(sigma)
        limit, counts = symbol_counts(SymbolShapes(), scale)
        values = np.arange(-limit, limit + 1)
        assert len(counts) == 2 * limit + 2 and counts.sum() == TOTAL
        np.testing.assert_array_equal(counts[:-1], counts[-2::-1])
        variance = (counts[:-1] / TOTAL * values**2).sum()
        expected = scale_sigma(scale) ** 2 + 1 / 12 if sigma > 0.5 else 0.0
        assert variance == pytest.approx(expected, rel=0.03, abs=1e-4)


@pytest.mark.parametrize("sigma", [0.3, 1.0, 4.0, 60.0])
def test_counted_symbols_get_shorter(sigma):
    """Logistic symbols, which a Gaussian gives too little at the middle and in the tails."""
    rng = np.random.default_rng(0)
    scale = scale_near(sigma)
    seen, coded = (np.rint(rng.logistic(scale=0.5 * sigma, size=200_000)).astype(int) for _ in range(2))
    shapes = SymbolShapes()
    before = bits(shapes, scale, coded)
    shapes.fit(shapes.count(torch.from_numpy(seen).float(), torch.full((len(seen),), scale_sigma(scale))))
    after = bits(shapes, scale, coded)
    shares = np.unique(coded, return_counts=True)[1] / len(coded)
    entropy = -(shares * np.log2(shares)).sum() * len(coded)
    # Beyond REACH only the sum is known, so a wide one keeps a part of its loss.
    assert after < before and after - entropy < (0.02 if sigma < 10 else 0.7) * (before - entropy) + 0.001 * entropy


@pytest.mark.parametrize("share", [1e-9, 1e-5, 1e-2])
def test_what_no_gaussian_expects_has_its_share_and_no_more(share):
    """Magnitudes far out at each scale, one of them beyond those that are counted one by one."""
    shapes, counts = SymbolShapes(), torch.zeros(SCALES, REACH + 1)
    counts[:, [0, 7, REACH]] = torch.tensor([1 - 2 * share, share, share]) * 1e16
    shapes.fit(counts)
    for scale in range(SCALES):
        pmf = shapes.pmf(scale, int(8 * scale_sigma(scale)) + 60)
        assert pmf[0] + 2 * pmf[1:].sum() <= 1 + 1e-5
        assert 2 * pmf[7] == pytest.approx(share, rel=1e-4)
        assert 2 * pmf[REACH:].sum() <= share * (1 + 1e-4)
        if scale_sigma(scale) > 8:
            assert 2 * pmf[REACH:].sum() == pytest.approx(share, rel=1e-3)


def test_few_symbols_change_little():
    shapes, scale = SymbolShapes(), scale_near(1.0)
    before = shapes.pmf(scale, 20)
    shapes.fit(shapes.count(torch.tensor([5.0]), torch.full((1,), scale_sigma(scale))))
    after = shapes.pmf(scale, 20)
    np.testing.assert_allclose(after[:5], before[:5] * 200 / 201, rtol=1e-6)
    assert after[5] == pytest.approx((before[5] * 200 + 0.5) / 201, rel=1e-4)
    np.testing.assert_allclose(shapes.pmf(scale_near(3.0), 20), SymbolShapes().pmf(scale_near(3.0), 20), rtol=1e-6)


def test_symbols_are_counted_at_the_scale_that_codes_them():
    torch.manual_seed(0)
    model = V1(TINY)
    model.scale_index.log_scale.deviation.data.normal_(0, 0.5)
    z = torch.randint(-3, 4, (1, TINY.hyper_latents, 4, 4)).float()
    level = 250
    t = level_qualities()[level : level + 1]
    with torch.no_grad():
        sigma = model.scale_index(z, t, model.gains.split(model.gains(t))["gain"].log())
    index = model.tables().scale_index(z[0].numpy().astype(np.int32), level)
    counted = np.array(
        [model.shapes.count(-torch.full_like(part, 2.0), part)[:, 2].argmax() for part in sigma[0].flatten()]
    ).reshape(index.shape)
    # The map's bias is rounded to sixteenths: what lies between two scales may fall either way.
    assert np.abs(counted - index).max() <= 1
    assert (counted != index).mean() < 1.5 * 0.5 / 2**INDEX_SHIFT
    assert len(np.unique(index)) > 3


def test_magnitudes_beyond_reach_are_one_class():
    counts = SymbolShapes.count(torch.tensor([REACH - 1.0, REACH, -1e6, 0.0]), torch.full((4,), 256.0))
    assert counts[-1].tolist() == [1.0] + [0.0] * (REACH - 2) + [1.0, 2.0]


def test_a_state_without_shapes_is_gaussian():
    model = V1(TINY)
    state = model.state_dict()
    del state["shapes.log_ratio"]
    again = V1(TINY)
    again.shapes.log_ratio.fill_(1.0)
    again.load_state_dict(state)
    assert not again.shapes.log_ratio.any()
