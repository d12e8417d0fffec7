"""Effort: symbols fitted to their image cost less for what they give, on any size and in any tiles."""

from __future__ import annotations

import itertools
import subprocess
import sys

import numpy as np
import pytest
import torch
from click.testing import CliRunner

import codec
from codec.api import read_symbols
from codec.cli import main
from codec.encoding.encoder import encode
from codec.encoding.options import ITERATIONS, ONE_PASS, Effort
from codec.encoding.sga import HOT, SHARPNESS, Annealer, View, anneal_round, mirrored, shares, temperature
from codec.engine.registry import MODELS, shipped
from codec.images.sources import ArraySource
from codec.models.distortion import distortion
from codec.models.registry import load_exported
from codec.training.data import to_tensor

LEVEL = 200
SHORT = Effort(40)


class Clock:
    """The clock of refinement, moved on by each look at it: a budget means the same on a slow machine.

    Args:
        seconds: that a look takes.
        monkeypatch: of the test.
    """

    def __init__(self, seconds, monkeypatch):
        self.seconds, self.now = seconds, 0.0
        for module in ("sga", "refinement"):
            monkeypatch.setattr(f"codec.encoding.{module}.time", self)

    def monotonic(self):
        self.now += self.seconds
        return self.now


@pytest.fixture(scope="module")
def photo():
    from skimage import data

    return data.astronaut()[40:240, 100:330]  # neither side a multiple of 64


def cost(pixels, data):
    """What annealing lowers: bits, plus the multiplier times the squared error."""
    lmbda = float(load_exported(MODELS / "psnr").config.lmbdas.lmbda(torch.tensor(LEVEL / 400)))
    decoded = np.asarray(codec.decompress(data), np.float64)
    return 8 * len(data) + lmbda * np.square(decoded - pixels).sum() / 3


def coded(pixels, effort, **options):
    return encode(shipped(2, "psnr"), ArraySource(pixels), LEVEL, [], None, effort, **options)


@pytest.fixture(scope="module")
def one_pass(photo):
    return coded(photo, ONE_PASS)


def test_rounding_draws_the_nearer_integer_oftener_and_firmly_when_cold():
    noise = torch.logit(torch.rand(20_000, generator=torch.Generator().manual_seed(0)))
    x = torch.full_like(noise, -1.3)
    hot, cold = anneal_round(x, HOT, noise), anneal_round(x, 0.02, noise)
    assert hot.min() >= -2 and hot.max() <= -1
    nearer = torch.sigmoid(SHARPNESS / HOT * torch.logit(torch.tensor(0.7)))
    assert nearer > 0.7 and abs(float((hot > -1.5).float().mean()) - float(nearer)) < 0.01
    assert float((cold - torch.round(cold)).abs().mean()) < 1e-3 and float((cold.round() == -1).float().mean()) > 0.99


def test_rounding_has_a_gradient():
    x = torch.tensor([0.3, 0.5, 0.8], requires_grad=True)
    anneal_round(x, HOT, torch.zeros(3)).sum().backward()
    assert (x.grad > 0).all()


def test_the_temperature_never_rises():
    values = [temperature(k / 50) for k in range(51)]
    assert values == sorted(values, reverse=True) and values[-1] < 0.1 * values[0]


def test_shares_rise_from_nothing_and_end_in_time(monkeypatch):
    told = []
    drawn = list(shares(8, None, told.append))
    assert drawn == told == [k / 8 for k in range(8)]
    assert list(shares(8, -1.0, told.append)) == []
    Clock(0.25, monkeypatch)
    assert list(shares(10**6, 2.0, told.append)) == pytest.approx([k / 8 for k in range(1, 8)])


def test_effort_of_what_is_asked_for():
    assert Effort.chosen(None, None) == ONE_PASS and Effort.chosen(0, None) == ONE_PASS
    assert Effort.chosen(3, None) == Effort(ITERATIONS[3]) and Effort.chosen(None, 2.5) == Effort(ITERATIONS[9], 2.5)
    assert list(ITERATIONS) == sorted(set(ITERATIONS)) and len(ITERATIONS) == 10
    for level, budget in ((-1, None), (10, None), (1, 0.0), (1, float("nan"))):
        with pytest.raises(ValueError, match=r"effort|budget"):
            Effort.chosen(level, budget)


def test_effort_lowers_the_cost_and_the_size(photo, one_pass):
    data = coded(photo, SHORT)
    assert len(data) < 0.95 * len(one_pass)
    assert cost(photo, data) < 0.965 * cost(photo, one_pass)
    assert cost(photo, coded(photo, Effort(200))) < 0.985 * cost(photo, data)
    assert coded(photo, SHORT) == data  # the random rounding is always the same


@pytest.mark.parametrize("size", [(1, 1), (3, 130), (65, 64)])
def test_any_size_is_fitted(photo, size):
    part = photo[: size[0], : size[1]]
    data = coded(part, Effort(3))
    assert np.asarray(codec.decompress(data)).shape == part.shape


def test_tiles_are_fitted_with_their_neighbours_in_view(photo, one_pass):
    """Twelve tiles of a cell come within a percent of the whole."""
    whole = cost(photo, coded(photo, SHORT, chunk_log2=0))
    tiled = cost(photo, coded(photo, SHORT, max_tile=1, chunk_log2=0))
    assert abs(tiled / whole - 1) < 0.01


def test_the_view_is_as_wide_as_it_must_be(photo, monkeypatch):
    """With a cell less around each tile the test above would fail."""
    monkeypatch.setattr("codec.encoding.refinement.view_around", lambda geometry: (1, -1))
    whole = cost(photo, coded(photo, SHORT, chunk_log2=0))
    assert cost(photo, coded(photo, SHORT, max_tile=1, chunk_log2=0)) > 1.03 * whole


def test_surroundings_are_not_fitted(photo):
    annealer = Annealer(MODELS / "psnr", LEVEL / 400)
    x = torch.from_numpy(photo[:192, :192].copy()).permute(2, 0, 1)[None].float() / 255
    with torch.no_grad():
        y = annealer.model.analyse(x, annealer.gains)
        z_hat = annealer.model.hyper_round(y, annealer.gains)
        one_pass = annealer.model.quantise(y, z_hat, annealer.gains)
    free = torch.zeros(1, 1, 12, 12, dtype=torch.bool)
    free[..., 4:8, 4:8] = True
    view = View(x, (slice(0, 192), slice(0, 192)), y, z_hat, torch.ones_like(free), free)
    assert torch.equal(annealer.fit(view, iter(())), one_pass)
    fitted = annealer.fit(view, shares(10, None, lambda _: None))
    changed = (fitted != one_pass).any(dim=1)[0]
    assert torch.equal(fitted, fitted.round()) and changed[4:8, 4:8].any()
    # Around it only symbols whose means it moves may change, two positions away.
    assert not changed[:2].any() and not changed[10:].any() and not changed[:, :2].any() and not changed[:, 10:].any()


def test_what_is_not_coded_has_no_symbols(photo):
    exact = np.zeros((12, 16), bool)
    exact[:6, :6] = exact[9, 9] = True
    source = ArraySource(np.ascontiguousarray(photo[:192]))
    with codec.open(encode(shipped(2, "psnr"), source, LEVEL, [], effort=SHORT, exact=exact)) as file:
        _, y = file.symbols()
        assert not y[:, :12, :16][:, exact].any() and y.any()
        assert (file.array()[:96, :96] == photo[:96, :96]).all()


@pytest.mark.parametrize("state", ["inference_mode", "float64"])
def test_effort_works_whatever_torch_is_set_to(photo, state):
    """Those who evaluate networks do so without gradients, and some in double precision."""
    part = photo[:64, :64]
    usual = coded(part, SHORT)
    before = torch.get_default_dtype()
    if state == "inference_mode":
        with torch.inference_mode():
            assert coded(part, SHORT) == usual
            assert torch.is_inference_mode_enabled()
    else:
        torch.set_default_dtype(torch.float64)
        try:
            assert coded(part, SHORT) == usual
            assert torch.get_default_dtype() == torch.float64
        finally:
            torch.set_default_dtype(before)


def test_the_visual_model_is_fitted_to_its_metric(photo):
    """Rate and distortion improve together where the squared error would have been let go."""
    runtime = shipped(2, "visual")
    config = load_exported(runtime.folder).config
    lmbda = float(config.lmbdas.lmbda(torch.tensor(LEVEL / 400)))
    x = to_tensor([photo])

    def cost(data):
        x_hat = to_tensor([np.asarray(codec.decompress(data))])
        return 8 * len(data) + lmbda * float(distortion(x, x_hat, "visual")) * photo[..., 0].size

    plain = encode(runtime, ArraySource(photo), LEVEL, [])
    assert config.metric == "visual"
    assert cost(encode(runtime, ArraySource(photo), LEVEL, [], None, Effort(100))) < 0.985 * cost(plain)


@pytest.mark.parametrize("size", [(160, 200), (40, 24), (1, 1)])
def test_what_is_too_small_for_the_visual_metric_is_judged_with_its_mirror_image(photo, size):
    part = np.ascontiguousarray(photo[: size[0], : size[1]])
    plain, fitted = (codec.compress(part, 60, effort=effort, tune="visual") for effort in (0, 4))
    assert len(fitted) <= len(plain) and codec.decompress(fitted).size == size[::-1]
    assert size == (1, 1) or fitted != plain


def test_mirror_images_are_joined_until_they_are_large_enough():
    x = torch.arange(6.0).reshape(1, 1, 2, 3)
    grown = mirrored(x, 5)
    assert grown.shape == (1, 1, 8, 6)
    assert grown[0, 0, 0].tolist() == [0, 1, 2, 2, 1, 0] and grown[0, 0, :, 0].tolist() == [0, 3, 3, 0, 0, 3, 3, 0]
    assert mirrored(x, 2) is x


def test_pixels_beyond_the_picture_cost_nothing(photo):
    """What pads an image to whole cells is free, and fitting makes use of it."""
    narrow = np.ascontiguousarray(photo[:128, :72])  # two cells wide, nearly all of the second is padding
    y = read_symbols(shipped(2, "psnr"), coded(narrow, ONE_PASS))[2]
    fitted = read_symbols(shipped(2, "psnr"), coded(narrow, Effort(150)))[2]
    assert np.count_nonzero(fitted[:, :, 5:]) < 0.8 * np.count_nonzero(y[:, :, 5:])  # 0.97 if all counted


@pytest.mark.parametrize("gray", [True, False])
def test_of_gray_pictures_the_mean_of_three_components_is_judged(photo, monkeypatch, gray):
    """As that is what is decoded: what the three differ by may cost nothing."""
    judged = []
    monkeypatch.setattr(
        "codec.encoding.sga.distortion",
        lambda x, x_hat, metric: (judged.append(x_hat), distortion(x, x_hat, metric))[1],
    )
    coded(np.ascontiguousarray(photo[:64, :64, 1] if gray else photo[:64, :64]), Effort(2))
    assert len(judged) == 2
    for x_hat in judged:
        assert bool((x_hat[:, :1] == x_hat).all()) == gray


def test_a_budget_is_kept_and_progress_told(photo, monkeypatch):
    told = []
    clock = Clock(0.05, monkeypatch)
    data = codec.compress(photo, budget=1.0, progress=lambda done, total: told.append((done, total)))
    assert 0.8 < clock.now < 1.2  # ITERATIONS[9] looks would have taken longer
    assert len(data) < len(codec.compress(photo))
    assert len(told) > 3 and told[-1][0] == told[-1][1] == photo[..., 0].size
    assert all(a <= b for a, b in itertools.pairwise(told))


def test_a_budget_is_shared_among_tiles(photo, monkeypatch):
    given = []
    monkeypatch.setattr(
        "codec.encoding.sga.shares", lambda iterations, seconds, tell: (given.append(seconds), iter(()))[1]
    )
    # Each tile takes half a second.
    monkeypatch.setattr("codec.encoding.refinement.time.monotonic", lambda: 0.5 * len(given))
    coded(np.tile(photo, (2, 2, 1)), Effort(9, 112.0), max_tile=1, chunk_log2=0)
    assert given == pytest.approx([(112.0 - 0.5 * i) / (56 - i) for i in range(56)])


def test_a_target_is_met_with_effort(photo):
    plain = codec.compress(photo, target=codec.Target("bytes", 4000))
    data = codec.compress(photo, target=codec.Target("bytes", 4000), effort=1)
    assert 3600 < len(data) <= 4000 and len(plain) <= 4000
    level, better = codec.inspect(plain).quality, codec.inspect(data).quality
    assert better > level


def test_stopping_is_heard_while_a_tile_is_fitted(photo):
    told = []

    def stop(done, total):
        told.append(done / total)
        if done:
            raise InterruptedError("stopped")

    with pytest.raises(InterruptedError):
        codec.compress(photo, effort=9, progress=stop)
    assert told[-1] < 0.1  # the image is one tile


def test_the_command(photo, tmp_path, monkeypatch):
    from PIL import Image

    Clock(0.05, monkeypatch)

    Image.fromarray(photo).save(tmp_path / "photo.png")
    sizes = []
    for options in ([], ["-e", "1"], ["--budget", "0.5"]):
        result = CliRunner().invoke(main, ["compress", str(tmp_path / "photo.png"), "-f", *options])
        assert result.exit_code == 0, result.output
        sizes.append((tmp_path / "photo.lmc").stat().st_size)
    assert max(sizes[1:]) < sizes[0]
    assert CliRunner().invoke(main, ["compress", str(tmp_path / "photo.png"), "-e", "10"]).exit_code == 2


def test_the_command_says_nothing_of_other_packages_warnings(photo, tmp_path):
    from PIL import Image

    Image.fromarray(photo).save(tmp_path / "photo.png")
    arguments = ["compress", str(tmp_path / "photo.png"), "-e", "1"]
    done = subprocess.run([sys.executable, "-m", "codec", *arguments], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0 and "warn" not in done.stderr.lower()


def test_without_torch_effort_says_what_to_install(photo, monkeypatch):
    monkeypatch.delitem(sys.modules, "codec.encoding.sga", raising=False)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(codec.CodecError, match=r"the extra \[train\]"):
        codec.compress(photo, effort=1)
    assert codec.compress(photo, effort=0)
