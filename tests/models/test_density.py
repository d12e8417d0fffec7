"""Densities: probabilities sum to one, and are those of CompressAI's, which earlier weights were trained with."""

from __future__ import annotations

import pytest
import torch

from codec.models.entropy.density import MIN_MASS, Cumulative, at_least, gaussian_mass
from codec.models.entropy.prior import FactorizedPrior
from codec.models.registry import current
from codec.models.v1.network import V1, V1Config
from tests.tiny import TINY


def gradients(value, *leaves):
    return torch.autograd.grad((value.log() * torch.linspace(-1, 1, value.numel()).view_as(value)).sum(), leaves)


def test_a_bound_lets_only_gradients_through_that_lead_back():
    x = torch.tensor([-1.0, 0.5, -1.0, 0.5], requires_grad=True)
    bounded = at_least(x, 0.0)
    assert bounded.tolist() == [0, 0.5, 0, 0.5]
    (bounded * torch.tensor([1.0, 1.0, -1.0, -1.0])).sum().backward()
    assert x.grad.tolist() == [0, 1, -1, -1]


def test_probabilities_sum_to_one():
    torch.manual_seed(0)
    x = torch.arange(-300.0, 301)
    for sigma in (0.11, 1.0, 40.0):
        assert gaussian_mass(x, torch.tensor(sigma)).sum() == pytest.approx(1, abs=1e-5)
    prior = FactorizedPrior(4)
    z = x[None, None, :, None].expand(2, 4, -1, 1)
    torch.testing.assert_close(prior.likelihood(z, torch.tensor([0.2, 0.7])).sum(dim=(2, 3)), torch.ones(2, 4))
    assert gaussian_mass(torch.tensor(1e6), torch.tensor(0.11)) == pytest.approx(MIN_MASS)


def test_a_cumulative_only_rises():
    torch.manual_seed(0)
    cumulative = Cumulative(3)
    for parameter in cumulative.parameters():
        torch.nn.init.uniform_(parameter, -2, 2)
    logits = cumulative.logits(torch.linspace(-30, 30, 200).expand(3, 1, -1))
    assert (logits.diff(dim=-1) > 0).all()


def test_they_are_those_of_compressai():
    models = pytest.importorskip("compressai.entropy_models", reason="compressai is of the extra [bench]")
    torch.manual_seed(3)
    theirs = models.EntropyBottleneck(5, init_scale=1.0)
    torch.manual_seed(3)
    ours = Cumulative(5)
    for name, one in ours.named_parameters():
        other = theirs.get_parameter(name)
        assert torch.equal(one, other)
        with torch.no_grad():
            other.add_(torch.randn_like(other) * 0.3)
            one.copy_(other)
    x = torch.randn(5, 1, 70).mul(9).requires_grad_()
    logits = ours.logits(x), theirs._logits_cumulative(x, stop_gradient=False)
    torch.testing.assert_close(*logits)
    torch.testing.assert_close(*(torch.autograd.grad(one.square().sum(), x)[0] for one in logits))

    gaussian = models.GaussianConditional(None, scale_bound=0.11)
    symbols = torch.randn(400).mul(6).requires_grad_()
    sigma = torch.rand(400).mul(5).add(0.11).requires_grad_()
    masses = gaussian_mass(symbols, sigma), gaussian.likelihood_lower_bound(gaussian._likelihood(symbols, sigma))
    torch.testing.assert_close(*masses)
    for one, other in zip(*(gradients(mass, symbols, sigma) for mass in masses), strict=True):
        torch.testing.assert_close(one, other)


def test_states_of_earlier_versions_are_read():
    model = V1(TINY)
    names = (
        "conditional_y.lower_bound_scale.bound",
        "scale_index.lowest.bound",
        "prior_z.quantiles",
        "prior_z._offset",
    )
    former = {**model.state_dict(), **{name: torch.zeros(1) for name in names}}
    assert current(former).keys() == model.state_dict().keys()
    assert current(V1(V1Config()).state_dict()).keys() == V1(V1Config()).state_dict().keys()
