"""Other architectures beside model v1, and v1 with other sizes: nothing outside of their own files knows them."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from click.testing import CliRunner

import codec
from bitstream.errors import CodecError, ModelError
from bitstream.geometry import Geometry, Halos
from codec.cli import main
from codec.encoding.encoder import encode
from codec.encoding.options import Effort
from codec.engine.manifest import read_manifest
from codec.engine.runtime import Runtime
from codec.images.sources import ArraySource
from codec.models.registry import architecture, load_exported
from codec.models.v1.network import V1
from codec.training.checkpoint import load_model
from codec.training.export import export
from codec.training.halos import measure_halos
from codec.training.loop import Trainer
from tests.tiny import TINY
from tests.tiny_architecture import Linear, LinearConfig


@pytest.fixture(scope="module")
def linear(tmp_path_factory, photo_folder):
    """A folder of the linear architecture, trained for a few steps, decayed, refitted and exported."""
    from codec.training.config import TrainingConfig

    out = tmp_path_factory.mktemp("linear")
    run = TrainingConfig((photo_folder,), out / "run", steps=6, batch=2, size=64, warmup=2, model=LinearConfig(),
                         harden_steps=3, device="cpu", precision="float32")  # fmt: skip
    Trainer(run).run()
    Trainer(replace(run, decay_steps=3)).run()
    model = load_model(out / "run" / "decay.pt")
    assert isinstance(model, Linear)
    with torch.no_grad():  # a few steps teach it nothing of what is around a block
        model.around.weight.normal_(0, 0.005)
        model.back.weight.normal_(0, 0.005)
    export(model, out / "model")
    return out / "model"


def test_another_architecture_trains_exports_codes_and_decodes(linear, face):
    model = load_exported(linear)
    assert isinstance(model, Linear) and json.loads((linear / "manifest.json").read_text())["architecture"] == "linear"
    data = codec.compress(face, model=linear, quality=90)
    decoded = np.asarray(codec.decompress(data, model=linear), float)
    assert np.abs(decoded - face).mean() < 0.6 * np.abs(face.mean() - face).mean()  # about the means of its blocks
    with codec.open(data, model=linear) as file:
        assert file.preview().size == (25, 25)
    assert len(codec.compress(face, model=linear, quality=10)) < len(data)


def test_several_images_go_through_the_networks_of_another_architecture_at_once(linear, face):
    files = [codec.compress(face[8 * i :, :64][:64], model=linear, quality=50 + 9 * i) for i in range(5)]
    for image, data in zip(codec.decompress_batch(files, model=linear), files, strict=True):
        assert np.abs(np.asarray(image, int) - np.asarray(codec.decompress(data, model=linear))).max() <= 1


def test_another_architecture_is_refined_and_cut_into_tiles(linear, face):
    runtime = Runtime(linear)
    assert runtime.geometry.halos == Halos(analysis=3, hyper_analysis=0, context=0, synthesis=3, preview=3)
    source, level = ArraySource(face), 5
    whole, tiled = (encode(runtime, source, level, [], max_tile=most, chunk_log2=0) for most in (1000, 1))
    assert whole == tiled
    file = codec.LmcFile(whole, runtime=runtime)
    for scale in (1, 8):
        one, other = (
            np.concatenate([s for _, s in file.strips(scale=scale, max_tile=m)]).astype(int) for m in (1000, 1)
        )
        assert np.abs(one - other).max() <= 1
    refined = encode(runtime, source, level, [], effort=Effort(30))
    one_pass = encode(runtime, source, level, [])
    assert refined != one_pass


def test_its_training_can_be_asked_for_by_name(photo_folder, tmp_path):
    sizes = tmp_path / "sizes.json"
    sizes.write_text('{"architecture": "linear", "latents": 8}')
    run = ["train", "--data", photo_folder, "--out", tmp_path / "run", "--steps", 1, "--batch", 1, "--size", 64]
    result = CliRunner().invoke(main, [str(a) for a in [*run, "--model-config", sizes]], catch_exceptions=False)
    assert result.exit_code == 0 and load_model(tmp_path / "run" / "stable.pt").config == LinearConfig(latents=8)
    for wrong, said in (
        ({"architecture": "none"}, "v1"),
        ({"architecture": "linear", "feature_width": 3}, "no feature"),
    ):
        sizes.write_text(json.dumps(wrong))
        result = CliRunner().invoke(main, [str(a) for a in [*run, "--model-config", sizes]])
        assert result.exit_code == 1 and said in result.output


def test_a_run_cannot_start_from_another_architecture(linear, config):
    with pytest.raises(CodecError, match="of the architecture linear"):
        Trainer(replace(config, start_from=linear))


def test_an_architecture_that_is_not_known_is_an_error_of_the_model():
    with pytest.raises(ModelError, match="expected one of linear, v1"):
        architecture("v9")


@torch.no_grad()
def _lively(**sizes):
    """A small v1 whose networks all have a say, as those of a new one have not."""
    torch.manual_seed(3)
    model = V1(replace(TINY, **sizes)).eval()
    for parameter in model.parameters():
        if parameter.ndim > 1:
            parameter.add_(0.15 * torch.randn_like(parameter))
    return model


def test_halos_are_those_of_the_networks():
    assert measure_halos(_lively(), 6) == Halos(analysis=1, hyper_analysis=5, context=3, synthesis=2)
    assert measure_halos(_lively(analysis_depth=4, synthesis_depth=3, fine_depth=3), 6).synthesis == 5
    assert measure_halos(_lively(analysis_depth=4), 6).analysis == 4
    wider = _lively()
    block = wider.context.block
    block.depthwise = type(block.depthwise)(block.channels, kernel=9)
    assert measure_halos(wider, 6).context == 5


def test_the_default_geometry_is_that_of_the_models_that_ship():
    from codec.engine.registry import SHIPPED

    assert measure_halos(load_exported(SHIPPED), 96) == Geometry().halos
    assert Geometry.stored(read_manifest(SHIPPED).geometry, 401) == Geometry()


def test_a_model_that_looks_further_leaves_no_seam(tmp_path, face):
    """More blocks and a wider kernel than model v1 has: tiles are wider because the manifest says so."""
    model = _lively(analysis_depth=5, synthesis_depth=4)
    block = model.context.block
    with torch.no_grad():
        block.depthwise = type(block.depthwise)(block.channels, kernel=9)
    model.config = replace(model.config)
    folder = export(model, tmp_path / "model")
    runtime = Runtime(folder)
    assert runtime.geometry.halos.analysis == 5 and runtime.geometry.halos.context == 5
    pixels = np.tile(face, (2, 2, 1))
    whole, tiled = (encode(runtime, ArraySource(pixels), 200, [], max_tile=m, chunk_log2=0) for m in (1000, 1))
    assert whole == tiled
    file = codec.LmcFile(whole, runtime=runtime)
    one, other = (np.concatenate([s for _, s in file.strips(max_tile=m)]).astype(int) for m in (1000, 1))
    assert np.abs(one - other).max() <= 1


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"cell": 32}, "the format fixes"),
        ({"cell": 64.0}, "whole numbers"),
        ({"levels": 7}, "levels of quality"),
        ({"preview_factor": 5}, "divides 16"),
        ({"halos": {"analysis": 1000, "hyper_analysis": 5, "context": 3, "synthesis": 3}}, "halos of 0 to 64"),
        ({"halos": {"analysis": -1, "hyper_analysis": 5, "context": 3, "synthesis": 3}}, "halos of 0 to 64"),
        ({"halos": {"analysis": 3}}, "missing"),
        ({"more": 1}, "expected cell"),
    ],
)
def test_a_geometry_that_makes_no_sense_is_refused(linear, tmp_path, wrong, said):
    import shutil

    folder = tmp_path / "model"
    shutil.copytree(linear, folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["geometry"] |= wrong
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ModelError, match=said):
        Runtime(folder)
