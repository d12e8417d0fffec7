"""Model v2: what each pass of its context knows, its patches of pixels, its budget, and its files."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch.utils.flop_counter import FlopCounterMode

import codec
from bitstream.geometry import BLOCK
from codec.encoding.analysis_pass import AnalysisPass
from codec.encoding.encoder import encode
from codec.encoding.options import Effort
from codec.engine.runtime import Runtime
from codec.images.sources import ArraySource
from codec.models.layers import NormBlock
from codec.models.pca import principal_components
from codec.models.registry import architecture, load_exported
from codec.models.v2.context import PASSES, Context, interleave, place
from codec.models.v2.network import V2, V2Config
from codec.models.v2.synthesis import Synthesis
from codec.training.checkpoint import load_model
from codec.training.export import export
from codec.training.loop import Trainer

TINY = V2Config(
    latents=24, hyper_latents=6, analysis_width=32, analysis_depth=1, hyper_width=16, hyper_coarse_width=16,
    feature_width=8, context_width=16, synthesis_width=16, synthesis_depth=1, fine_width=8, render_width=8,
)  # fmt: skip


def test_places_make_a_map_again():
    x = torch.randn(2, 5, 6, 8)
    assert torch.equal(interleave([place(*where)(x) for where in PASSES]), x)


@torch.no_grad()
def lively_context():
    torch.manual_seed(0)
    context = Context(4, 3, 8)
    for parameter in context.parameters():
        parameter.add_(0.3 * torch.randn_like(parameter))
    return context


@torch.no_grad()
def test_a_pass_sees_its_neighbours_of_earlier_passes_and_nothing_else():
    context = lively_context()
    features, film = torch.randn(1, 3, 8, 8), torch.zeros(1, 16)
    gain = torch.ones(1, 4, 1, 1)
    symbols = torch.randint(-3, 4, (1, 4, 8, 8)).float()

    def run(symbols):
        return context(features, film, gain, gain, lambda mean, gain, at: at(symbols))

    order = {where: number for number, where in enumerate(PASSES)}
    before = run(symbols)
    assert torch.equal(before.symbols, symbols) and before.gain.shape == before.mean.shape == symbols.shape
    for row, column in ((2, 2), (3, 3), (2, 3), (3, 2), (0, 0), (7, 7)):
        changed = symbols.clone()
        changed[:, :, row, column] += 5
        after = run(changed)
        moved = (after.mean != before.mean).any(dim=1)[0] | (after.gain != before.gain).any(dim=1)[0]
        number = order[row % 2, column % 2]
        for other in np.ndindex(8, 8):
            later = order[other[0] % 2, other[1] % 2] > number
            if max(abs(other[0] - row), abs(other[1] - column)) == 1:
                assert bool(moved[other]) == later, (row, column, other)
            elif not later:
                assert not moved[other]


@torch.no_grad()
def test_the_decoder_undoes_a_predicted_step():
    """Symbols in units of the predicted step bring back y to within half of that step."""
    context = lively_context()
    y, features = torch.randn(1, 4, 8, 8) * 20, torch.randn(1, 3, 8, 8)
    gain = torch.full((1, 4, 1, 1), 2.0)
    coded = context(features, torch.zeros(1, 16), gain, 1 / gain, lambda mean, g, at: torch.round(g * (at(y) - mean)))
    assert coded.gain.std() > 0.05  # steps differ
    assert ((coded.y_hat - y).abs() <= 0.5 / coded.gain + 1e-4).all()


def test_steps_are_those_of_the_quality_at_first_and_move_slowly():
    torch.manual_seed(0)
    context = Context(4, 3, 8)
    features, gain = torch.randn(1, 3, 8, 8), torch.ones(1, 4, 1, 1)

    def coded():
        return context(
            features, torch.zeros(1, 16), gain, gain, lambda mean, g, at: torch.round(3.3 * g.expand_as(mean))
        )

    assert torch.equal(coded().gain, torch.ones(1, 4, 8, 8))
    coded().y_hat.square().mean().backward()
    assert all(p.grad.isfinite().all() for p in context.parameters() if p.grad is not None)
    assert context.first.weight.grad[4:].abs().max() > 0  # they do learn


@torch.no_grad()
def test_the_linear_path_of_pixels_and_of_the_preview():
    """With a full basis blocks come back as they are, and the preview is the mean of 8 x 8 pixels."""
    torch.manual_seed(0)
    x = torch.rand(1, 3, 64, 64)
    components = principal_components([torch.rand(8, 3, 256, 256) for _ in range(4)], 3 * BLOCK**2)
    synthesis = Synthesis(3 * BLOCK**2, 16, 1, 8, 1, 8)
    synthesis.start_from(components)
    blocks = F.pixel_unshuffle(x, BLOCK)
    y = torch.einsum("cp,nphw->nchw", components.basis.float(), blocks - components.mean.float()[:, None, None])
    assert (synthesis(y, torch.zeros(1, 32)) - x).abs().max() < 1e-4
    assert (synthesis.preview(y) - F.avg_pool2d(x, 8)).abs().max() < 1e-4


@torch.no_grad()
def test_normalised_blocks_do_not_grow_with_their_input():
    torch.manual_seed(0)
    block = NormBlock(16)
    x = torch.randn(1, 16, 4, 4)
    small, large = block(x) - x, block(1e6 * x) - 1e6 * x
    assert large.abs().max() < 2 * small.abs().max() + 1  # the last digits of a million


@torch.no_grad()
def test_the_sizes_that_ship_stay_within_the_budget():
    """At most 25,000 multiplications a pixel for the encoder, 10,000 for the decoder."""
    model = architecture("v2")().eval()
    x, gains = torch.rand(1, 3, 128, 128), model.gains(torch.tensor([0.5]))
    with FlopCounterMode(display=False) as encoder:
        z_hat, symbols = model.encode(x, gains)
    with FlopCounterMode(display=False) as decoder:
        model.decode(z_hat, symbols, gains)
    pixels = 128 * 128
    assert 15_000 < encoder.get_total_flops() / 2 / pixels <= 25_000
    assert 7_000 < decoder.get_total_flops() / 2 / pixels <= 10_000


@pytest.fixture(scope="module")
def exported(tmp_path_factory, photo_folder):
    """A folder of a small v2, trained for a few steps with all of its parts brought to life, refitted and exported."""
    from codec.training.config import TrainingConfig

    out = tmp_path_factory.mktemp("v2")
    run = TrainingConfig((photo_folder,), out / "run", steps=8, batch=2, size=64, warmup=2, model=TINY,
                         harden_steps=3, device="cpu", precision="float32")  # fmt: skip
    trainer = Trainer(run)
    trainer.run()
    assert trainer.learner.guard.skipped == 0 and trainer.model.synthesis.renderer.leave.weight.abs().max() > 0
    Trainer(replace(run, decay_steps=3)).run()
    model = load_model(out / "run" / "decay.pt")
    assert isinstance(model, V2)
    torch.manual_seed(1)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim > 1 and not name.startswith(("gains", "prior_z", "hyper_context", "scale_index")):
                parameter.add_(0.02 * torch.randn_like(parameter))
        model.synthesis.renderer.leave.weight.add_(0.3 * torch.randn_like(model.synthesis.renderer.leave.weight))
        model.scale_index.position.add_(0.1 * torch.randn_like(model.scale_index.position))
    return export(model, out / "model")


def test_it_trains_exports_codes_and_decodes(exported, face):
    assert isinstance(load_exported(exported), V2)
    runtime = Runtime(exported)
    assert runtime.tables.position_bias is not None and runtime.tables.position_bias.any()
    small, large = (codec.compress(face, model=exported, quality=quality) for quality in (20, 95))
    assert len(small) < len(large)
    decoded = np.asarray(codec.decompress(large, model=exported), float)
    assert np.abs(decoded - face).mean() < 0.5 * np.abs(face.mean() - face).mean()


def test_several_images_go_through_its_networks_at_once(exported, face):
    files = [codec.compress(face[8 * i :, :64][:64], model=exported, quality=30 + 9 * i) for i in range(5)]
    for image, data in zip(codec.decompress_batch(files, model=exported), files, strict=True):
        alone = np.asarray(codec.decompress(data, model=exported), int)
        assert np.abs(np.asarray(image) - alone).max() <= 1 and alone.std() > 5


def test_its_tiles_leave_no_seam(exported, face):
    model, x = load_exported(exported), torch.from_numpy(face[:192, :192].copy()).permute(2, 0, 1)[None].float() / 255
    with torch.no_grad():
        gains = model.gains(torch.tensor([0.75]))
        y, silent = model.analyse(x, gains), copy.deepcopy(model)
        silent.synthesis.renderer.leave.weight.zero_()
        moved = (model.synthesise(y, gains) - silent.synthesise(y, gains)).abs() * 255
    assert moved.max() > 10  # else a seam could not be seen
    runtime, pixels = Runtime(exported), np.tile(face, (2, 2, 1))
    assert runtime.geometry.halos.context == 4  # three passes and the features' block, a position each
    whole, tiled = (encode(runtime, ArraySource(pixels), 300, [], max_tile=m, chunk_log2=0) for m in (1000, 1))
    assert whole == tiled
    file = codec.LmcFile(whole, runtime=runtime)
    one, other = (np.concatenate([s for _, s in file.strips(max_tile=m)]).astype(int) for m in (1000, 1))
    assert np.abs(one - other).max() <= 1
    part = np.concatenate([s for _, s in file.strips(box=(33, 70, 150, 120))]).astype(int)
    assert np.abs(part - one[70:120, 33:150]).max() <= 1


def test_blocks_beside_uncoded_ones_are_rounded_around_what_decoders_have(exported, face):
    """Pass after pass: means of the last look at those of all before."""
    runtime, level = Runtime(exported), 300
    coded = np.random.default_rng(0).random((12, 12)) < 0.5
    source = ArraySource(np.ascontiguousarray(face[:192, :192]))
    y = runtime.analyse(np.ascontiguousarray(face[:192, :192].transpose(2, 0, 1)[None], np.float32) / 255, level)
    z = runtime.hyper_analyse(y, level)
    latents = AnalysisPass(runtime, source, level, (3, 3), 400, coded=coded)

    def misses(symbols):
        decoded = runtime.reconstruct(z, symbols, level)
        return int((runtime.quantise(np.where(coded, y, decoded), z, level) != symbols).sum())

    assert misses(latents._quantised(y, z, coded)) == 0
    assert misses(runtime.quantise(y, z, level) * coded) > 20


def test_it_is_refined(exported, face):
    runtime, source = Runtime(exported), ArraySource(face)
    refined, one_pass = (encode(runtime, source, 200, [], effort=effort) for effort in (Effort(30), Effort(0)))
    assert refined != one_pass
    assert codec.LmcFile(refined, runtime=runtime).size == (200, 200)
