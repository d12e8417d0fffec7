"""Model v1 in torch: shapes, the causality of its context, its start as a transform codec."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from codec.engine.registry import SHIPPED
from codec.models.entropy.prior import FactorizedPrior
from codec.models.entropy.scales import SCALE_MAX, SCALE_MIN, ScaleIndex
from codec.models.gains import KNOTS, Gains, LmbdaRange, knot_weights
from codec.models.layers import believed
from codec.models.registry import load_exported
from codec.models.v1.context import Context, checkerboard
from codec.models.v1.network import V1, V1Config
from codec.training.data import read_rgb, to_tensor
from codec.training.split import find_images
from tests.tiny import TINY


@pytest.fixture(scope="module")
def images(photo_folder):
    return [to_tensor([read_rgb(p)[:256, :384]]) for p in find_images(photo_folder)]


@pytest.fixture(scope="module")
def model(images):
    torch.manual_seed(0)
    model = V1(TINY)
    model.initialise(images)
    return model.eval()


def test_knots_interpolate_linearly():
    t = torch.tensor([0.0, 1 / (KNOTS - 1), 0.3, 1.0])
    weights = knot_weights(t)
    assert torch.allclose(weights.sum(dim=1), torch.ones(4))
    assert torch.allclose(weights @ torch.linspace(0, 1, KNOTS), t, atol=1e-6)


def test_qualities_stand_for_multipliers():
    lmbdas = LmbdaRange(0.001, 0.1)
    t = torch.tensor([0.0, 0.5, 1.0])
    assert torch.allclose(lmbdas.lmbda(t), torch.tensor([0.001, 0.01, 0.1]))
    assert torch.allclose(lmbdas.quality(lmbdas.lmbda(t)), t, atol=1e-6)


def test_another_range_gives_the_same_at_the_same_multiplier():
    torch.manual_seed(0)
    model = V1(TINY)
    for knots in (model.gains.log_gain, model.gains.film, model.scale_index.log_scale, model.prior_z.log_width):
        torch.nn.init.uniform_(knots.deviation, -0.2, 0.2)
    # Twice as wide, and every other knot of the new range is where one of the old range was.
    step = (TINY.lmbda_max / TINY.lmbda_min) ** (1 / (KNOTS - 1))
    wide = model.with_range(LmbdaRange(TINY.lmbda_min / step**2, TINY.lmbda_max * step**6))
    lmbda = wide.config.lmbdas.lmbda(torch.arange(1, 5) / (KNOTS - 1))
    for old, new in zip(_of_quality(model, lmbda), _of_quality(wide, lmbda), strict=True):
        assert torch.allclose(old, new, rtol=1e-4, atol=1e-5)
    film = model.gains.film.knots()
    assert torch.allclose(wide.gains.film.knots()[0], 3 * film[0] - 2 * film[1], atol=1e-5)  # the first piece goes on
    assert model.with_range(TINY.lmbdas).state_dict().keys() == model.state_dict().keys()


def _of_quality(model, lmbda):
    t = model.config.lmbdas.quality(lmbda)
    return model.gains(t), model.scale_index.log_scale(t), model.prior_z.log_width(t)


def test_gains_start_as_inverses_of_each_other():
    gains = Gains(8, {"a": 3}, LmbdaRange(0.001, 0.1))
    parts = gains.split(gains(torch.tensor([0.1, 0.9])))
    assert torch.allclose(parts["gain"] * parts["step"], torch.ones(2, 8))
    assert parts["a"].shape == (2, 6) and (parts["gain"][1] > parts["gain"][0]).all()


def test_checkerboard_is_half_of_everything_and_alternates():
    mask = checkerboard(torch.empty(1, 4, 6, 6))
    assert mask.sum() == 4 * 36 / 2
    for dim in (1, 2, 3):
        assert (mask.roll(1, dim) + mask == 1).all()


def test_context_sees_only_what_the_decoder_knows():
    """Symbols of the second pass do not move any mean; symbols of the first do."""
    torch.manual_seed(0)
    context = Context(4, 3, 8)
    torch.nn.init.uniform_(context.second.weight)
    features, film = torch.randn(1, 3, 8, 8), torch.zeros(1, 16)
    symbols = torch.randint(-3, 4, (1, 4, 8, 8)).float()
    mask = checkerboard(symbols)
    mu = context(features, film, lambda mean: (symbols, mean + symbols))[0]
    second_changed = context(features, film, lambda mean: (symbols, mean + symbols + 5 * (1 - mask)))[0]
    first_changed = context(features, film, lambda mean: (symbols, mean + symbols + 5 * mask))[0]
    assert torch.equal(mu, second_changed)
    assert torch.equal(mu * mask, first_changed * mask) and not torch.equal(mu, first_changed)


def test_scale_index_agrees_with_the_integer_tables(model):
    from codec.models.entropy.tables import level_qualities

    tables = model.tables()
    rng = np.random.default_rng(0)
    z = rng.integers(-3, 4, (TINY.hyper_latents, 3, 2)).astype(np.int32)
    for level in (0, 123, 400):
        t = level_qualities()[level : level + 1]
        log_gain = model.gains.split(model.gains(t))["gain"].log()
        sigma = model.scale_index(torch.from_numpy(z).float()[None], t, log_gain)[0].detach().numpy()
        steps = np.log(SCALE_MAX / SCALE_MIN) / 63
        assert np.abs(np.log(sigma / SCALE_MIN) / steps - tables.scale_index(z, level)).max() <= 0.5 + 1 / 16


def test_factorized_prior_is_a_distribution():
    prior = FactorizedPrior(3)
    values = torch.arange(-200, 201).float().reshape(1, 1, -1, 1).expand(1, 3, -1, 1)
    total = prior.likelihood(values, torch.tensor([0.4])).sum(dim=2)
    assert torch.allclose(total, torch.ones_like(total), atol=2e-3)


def test_scales_stay_in_the_table():
    index = ScaleIndex(2, 3)
    sigma = index(torch.tensor([[-1e4, 1e4]]).reshape(1, 2, 1, 1), torch.tensor([0.5]), torch.zeros(1, 3))
    assert sigma.min() >= SCALE_MIN * 0.999 and sigma.max() <= SCALE_MAX * 1.001


@torch.no_grad()
def test_the_untrained_model_is_a_transform_codec(model, images):
    x = images[0]
    psnr = []
    for t in (0.0, 0.5, 1.0):
        coded = model(x, torch.tensor([t]))
        psnr.append(float(-10 * torch.log10((coded.x_hat - x).square().mean())))
    assert psnr[0] > 20 and psnr == sorted(psnr) and psnr[2] > psnr[0] + 0.3  # few latents cap it


def test_forward_equals_sender_and_receiver(model, images):
    with torch.no_grad():
        t = torch.tensor([0.6])
        coded = model(images[1], t)
        gains = model.gains(t)
        z_hat, symbols = model.encode(images[1], gains)
        assert torch.equal(coded.z_hat, z_hat) and torch.equal(coded.symbols, symbols)
        assert torch.allclose(model.decode(z_hat, symbols, gains), coded.x_hat, atol=1e-5)


@torch.no_grad()
def test_z_starts_alive(images):
    """If all of z rounds to zero at first it stays so for thousands of steps, and no scale adapts."""
    torch.manual_seed(0)
    full = V1(V1Config())
    full.initialise(images)
    for x in images:
        used = (full.eval()(x, torch.tensor([0.5])).z_hat != 0).float().mean()
        assert 0.1 < used < 0.9


def test_every_trained_parameter_gets_a_gradient(images):
    torch.manual_seed(0)
    model = V1(TINY)
    model.initialise(images)
    for layer in (model.analysis.leave, model.synthesis.leave):  # zero at first, which stops gradients before them
        torch.nn.init.uniform_(layer.weight, -0.1, 0.1)
    torch.nn.init.uniform_(model.hyper_analysis.leave.weight, -9, 9)  # few channels: z could be all zero
    x = torch.cat([x[:, :, :128, :128] for x in images])
    for t in (0.05, 0.5, 0.95):
        coded = model(x, torch.full((len(x),), t))
        ((coded.x_hat - x).square().mean() * 1e3 + (coded.y_bits + coded.z_bits).mean()).backward()
    silent = [n for n, p in model.named_parameters() if p.requires_grad and (p.grad is None or not p.grad.any())]
    assert silent == []


def test_the_shipped_configuration_is_within_budget():
    from benchmarks.cost import count_macs

    costs = count_macs(load_exported(SHIPPED).config)
    assert costs["decoder"] <= 12


@torch.no_grad()
def test_a_correction_is_believed_up_to_its_bound():
    x = torch.randn(1, 8, 1, 4)
    size = x.square().mean(dim=1, keepdim=True).sqrt()
    x = x / size * torch.tensor([1.0, 3.0, 4.5, 9.0])  # of a bound of 3
    kept = believed(x, 1.0, 3.0)
    assert torch.equal(kept[..., :1], x[..., :1]) and torch.allclose(kept[..., 1], x[..., 1], rtol=1e-5)
    assert torch.allclose(kept[..., 2], 0.5 * x[..., 2], rtol=1e-5) and (kept[..., 3] == 0).all()
    unit = torch.full((8, 1, 1), 10.0)
    assert torch.equal(believed(x, unit, 3.0), x)


def test_a_correction_that_is_nothing_yet_can_be_learned():
    nothing = torch.zeros(2, 8, 3, 3, requires_grad=True)
    believed(nothing, 1.0, 3.0).sum().backward()
    assert torch.equal(nothing.grad, torch.ones_like(nothing))
    model = V1(TINY)
    coded = model(torch.rand(1, 3, 64, 64), torch.tensor([0.5]))
    (coded.x_hat.square().sum() + coded.y_bits.sum()).backward()
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)


@torch.no_grad()
def test_scales_have_a_way_back_from_both_ends():
    index = ScaleIndex(2, 3)
    for far, sign in ((-1e4, 1), (1e4, -1)):
        with torch.enable_grad():
            index.zero_grad()
            sigma = index(torch.ones(1, 2, 1, 1), torch.tensor([0.5]), torch.full((1, 3), far))
            (-sign * sigma.sum()).backward()
        assert (sign * index.log_scale.deviation.grad <= 0).all() and index.log_scale.deviation.grad.abs().sum() > 0


@torch.no_grad()
def test_a_network_that_answers_with_anything_leaves_the_linear_transform(model, images):
    wild = copy.deepcopy(model)
    for layer in (wild.analysis.leave, wild.synthesis.leave):
        layer.weight.normal_(0, 1000)
    gains = model.gains(torch.tensor([0.5]))
    y = wild.analyse(images[0], gains)
    linear = model.analyse(images[0], gains)  # whose network is silent yet
    assert torch.equal(y, linear)
    assert torch.equal(wild.synthesise(y, gains), model.synthesise(y, gains))


def test_a_stored_config_may_have_what_a_former_version_kept():
    assert V1Config.stored({**V1Config().as_dict(), "bounded_synthesis": True}) == V1Config()
    assert not V1Config.stored({"architecture": "v1"}).hyper_context
