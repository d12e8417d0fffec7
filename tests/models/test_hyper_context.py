"""The context for z: files pay what training expects, and only what is decoded by then is looked at."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from bitstream import ModelError
from bitstream.frequency_tables import TOTAL
from bitstream.z_context import second_half
from codec.models.entropy.hyper_context import HyperContext
from codec.models.entropy.prior import FactorizedPrior
from codec.models.entropy.tables import BANKS, build_context, logistic_counts
from codec.models.v1.network import V1, V1Config
from tests.common import small_context
from tests.tiny import TINY


@pytest.fixture
def context():
    torch.manual_seed(0)
    context = HyperContext(5).eval()
    torch.nn.init.uniform_(context.weight, -0.3, 0.3)
    torch.nn.init.uniform_(context.log_scale.deviation, -1.5, 2)
    return context


@torch.no_grad()
def test_its_tables_charge_what_training_expects(context):
    bank = 20
    t = torch.tensor([(bank + 0.5) / BANKS])
    z = torch.randint(-4, 5, (1, 5, 9, 7), generator=torch.Generator().manual_seed(1)).float()
    later = second_half(9, 7)
    expected = -context.likelihood(z, context.neighbours(z), t).log2()[0].numpy()[:, later]
    tables = build_context(context)
    table, mean = tables.predict(z[0].numpy().astype(np.int32), bank, second_half(9, 7))
    off = z[0].numpy()[:, later].astype(int) - mean
    assert np.abs(mean).max() > 1 and len(np.unique(table % 8)) == 8
    rows = [tables.tables.frequencies[k][v + 15] for k, v in zip(table.ravel(), off.ravel(), strict=True)]
    paid = np.log2(TOTAL / np.array(rows)).reshape(expected.shape)
    usual = expected < 12  # rarer, and both are at their least probability
    assert 0.5 < usual.mean() < 1 and np.all(np.abs(paid - expected)[usual] < 0.1 + 0.12 * expected[usual])
    assert abs(paid[usual].mean() / expected[usual].mean() - 1) < 0.02


def test_only_the_first_half_is_looked_at(context):
    z = torch.randint(-3, 4, (1, 5, 6, 6), generator=torch.Generator().manual_seed(1)).float()
    later = torch.from_numpy(second_half(6, 6))
    changed = torch.where(later, z + 9, z)
    t = torch.tensor([0.5])
    ours, theirs = (context.likelihood(z, context.neighbours(seen), t)[..., later] for seen in (z, changed))
    assert torch.equal(ours, theirs)
    tables = build_context(context)
    for ours, theirs in zip(
        *(tables.predict(seen[0].numpy().astype(int), 3, second_half(6, 6)) for seen in (z, changed)), strict=True
    ):
        assert np.array_equal(ours, theirs)


def test_z_costs_less_on_a_slope_once_it_is_trained():
    """On maps whose channels follow their neighbours; on noise there is nothing to gain and little to lose."""
    torch.manual_seed(0)
    model = V1(replace(TINY, hyper_context=False)).with_hyper_context()
    generator = torch.Generator().manual_seed(2)
    smooth = torch.nn.functional.interpolate(
        torch.randn(40, TINY.hyper_latents, 3, 3, generator=generator) * 4, size=(12, 12), mode="bilinear"
    ).round()
    noise = torch.randn(40, TINY.hyper_latents, 12, 12, generator=generator).round()
    t = torch.full((32,), 0.5)
    for z, most, least in ((smooth, 0.75, 0.3), (noise, 1.05, 0.9)):
        with torch.no_grad():
            before = float(model.z_bits(z[8:], z[8:], t).sum())
        optimizer = torch.optim.Adam(model.hyper_context.parameters(), lr=4e-3)
        for _ in range(300):
            optimizer.zero_grad()
            model.z_bits(z[:8], z[:8], t[:8]).mean().backward()
            optimizer.step()
        with torch.no_grad():
            assert least < float(model.z_bits(z[8:], z[8:], t).sum()) / before < most


def test_a_model_without_it_gets_one_and_keeps_the_rest():
    torch.manual_seed(0)
    plain = V1(replace(TINY, hyper_context=False))
    assert not any(name.startswith("hyper_context") for name in plain.state_dict())
    model = plain.with_hyper_context()
    for name, value in plain.state_dict().items():
        assert torch.equal(model.state_dict()[name], value), name
    again = model.with_hyper_context()
    assert all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), again.state_dict().values(), strict=True))
    assert V1Config.stored(replace(TINY, hyper_context=False).as_dict()).hyper_context is False
    old = TINY.as_dict()
    del old["hyper_context"]
    assert V1Config.stored(old).hyper_context is False


@torch.no_grad()
def test_it_begins_as_wide_as_the_prior():
    prior, context = FactorizedPrior(4), HyperContext(4)
    context.match(prior)
    values = torch.arange(-300, 301).float()[:, None].expand(1, 4, -1, 1)
    t = torch.tensor([0.3])
    wide, narrow = prior.likelihood(values, t), context.likelihood(values, torch.zeros(1, 16, 601, 1), t)
    spread = [(mass[0, :, :, 0] * values[0, :, :, 0] ** 2).sum(1).sqrt() for mass in (wide, narrow)]
    assert torch.allclose(spread[0], spread[1], rtol=0.15)


def test_logistic_counts_are_a_distribution_around_their_mean():
    counts = logistic_counts(0.7, 0.375)
    assert len(counts) == 32 and counts.sum() == TOTAL and counts.min() >= 1
    assert counts[:-1] @ np.arange(-15, 16) / TOTAL == pytest.approx(0.375, abs=1e-3)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("weight", np.zeros((3, 11), np.int8)),
        ("scales", np.full((2, 3), 2, np.uint8)),
        ("scales", np.zeros((2, 2), np.uint8)),
        ("counts", np.full((2, 8, 8), 1 << 20, np.uint32)),
        ("counts", np.full((2, 7, 8), 1 << 21, np.uint32)),
        ("shift", 16),
    ],
)
def test_integers_that_do_not_fit_are_refused(name, value):
    with pytest.raises(ModelError, match="z_context"):
        replace(small_context(0, 3), **{name: value})
