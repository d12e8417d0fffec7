"""Export: what is deployed is what was trained, and a failed export leaves what was there."""

from __future__ import annotations

import copy
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from bitstream.errors import CodecError, ModelError
from codec.cli import main
from codec.engine.runtime import Runtime
from codec.models.registry import load_exported
from codec.training import checkpoint
from codec.training.export import check, export
from codec.training.loop import Trainer
from tests.tiny import TINY


@pytest.fixture
def exported(config, tmp_path):
    Trainer(config).run()
    model = checkpoint.load_model(config.out / "stable.pt")
    return model, export(model, tmp_path / "model")


def test_what_is_no_checkpoint_is_refused_without_unsafe_advice(tmp_path):
    text, other = tmp_path / "a.txt", tmp_path / "other.pt"
    text.write_text("hello")
    torch.save({"version": 0}, other)
    for path, message in ((text, "not a checkpoint"), (other, "version 0, expected")):
        result = CliRunner().invoke(main, ["export", str(path), str(tmp_path / "out")])
        assert result.exit_code == 1 and message in result.output and "weights_only" not in result.output
    torch.save([1], other)
    with pytest.raises(CodecError, match="version None"):
        checkpoint.load(other)
    with pytest.raises(FileNotFoundError):
        checkpoint.load(tmp_path / "nowhere.pt")


def test_export_gives_the_same_symbols(exported):
    model, folder = exported
    runtime = Runtime(folder)
    check(model, runtime)
    model.gains.log_gain.deviation.data += 0.05
    with pytest.raises(RuntimeError, match="symbols differ"):
        check(model, runtime)
    model.gains.log_gain.deviation.data -= 0.05
    model.scale_index.log_scale.deviation.data += 0.1
    with pytest.raises(RuntimeError, match="map of scales is"):
        check(model, runtime)


def test_one_more_way_to_the_same_integers(exported):
    """The scale indices of torch and of the tables, for the z that the exported sender gives."""
    model, folder = exported
    runtime = Runtime(folder)
    y = runtime.analyse(np.random.default_rng(0).random((1, 3, 128, 128), np.float32), 200)
    z_hat = runtime.hyper_analyse(y, 200)
    z = z_hat[0].astype(np.int32)
    np.testing.assert_array_equal(model.tables().scale_index(z, 200), runtime.tables.scale_index(z, 200))


def test_weights_that_are_none_or_of_other_networks_are_an_error_of_the_model(exported, config, tmp_path):
    _, folder = exported
    weights = folder / "model.safetensors"
    whole = weights.read_bytes()
    other = replace(TINY, latents=TINY.latents + 8)
    size = int.from_bytes(whole[:8], "little")
    header = json.loads(whole[8 : 8 + size])
    header["__metadata__"]["config"] = json.dumps(other.as_dict())
    text = json.dumps(header).encode()
    for content in (
        b"no weights",
        whole[: len(whole) // 2],
        len(text).to_bytes(8, "little") + text + whole[8 + size :],
    ):
        weights.write_bytes(content)
        with pytest.raises(ModelError, match=r"model\.safetensors"):
            load_exported(folder)
    arguments = ["train", "--data", config.data[0], "--out", tmp_path / "other", "--from", folder, "--steps", 1]
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == 1 and "model.safetensors" in result.output


def test_fine_tuning_starts_from_exported_weights(exported, config, tmp_path):
    model, folder = exported
    loaded = load_exported(folder)
    for name, parameter in model.named_parameters():
        assert torch.equal(dict(loaded.named_parameters())[name], parameter), name
    tuned = replace(config, out=tmp_path / "tuned", start_from=folder, steps=1, learning_rate=1e-9)
    Trainer(tuned).run()
    after = checkpoint.load(tuned.out / "stable.pt")["model"]
    assert torch.allclose(after["analysis.stem.weight"], model.analysis.stem.weight, atol=1e-6)


def test_what_a_model_is_for_is_kept_with_it(exported, config, tmp_path):
    """A run goes on with the metric it began with unless told otherwise, and so does what starts from its model."""
    config = replace(config, steps=1, size=192, batch=1, metric="ms-ssim")
    Trainer(config).run()
    with pytest.raises(CodecError, match="161"):
        Trainer(replace(config, size=128, metric=None))
    Trainer(replace(config, steps=2, metric=None)).run()
    assert checkpoint.load(config.out / "stable.pt")["config"]["metric"] == "ms-ssim"
    model = copy.deepcopy(exported[0])
    model.config = replace(model.config, metric="ms-ssim")
    folder = export(model, tmp_path / "model")
    assert load_exported(folder).config.metric == "ms-ssim"
    trainer = Trainer(replace(config, out=tmp_path / "tuned", start_from=folder, metric=None))
    assert trainer.model.config.metric == "ms-ssim"
    assert Trainer(replace(config, metric="psnr")).model.config.metric == "psnr"


def test_a_failed_export_leaves_the_old_model(exported, monkeypatch):
    model, folder = exported
    before = {p.name: p.read_bytes() for p in folder.iterdir()}

    def fail(*_):
        raise RuntimeError("symbols differ")

    monkeypatch.setattr("codec.training.export.check", fail)
    with pytest.raises(RuntimeError):
        export(model, folder)
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before
    assert [p.name for p in folder.parent.iterdir() if p.name.startswith(".export")] == []
