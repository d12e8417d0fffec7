"""The optimisers of a run: which parameters go to which, SOAP's patience, states that are resumed and exchanged."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from bitstream.errors import CodecError
from codec.training import checkpoint, optimizers
from codec.training.loop import Trainer
from codec.training.optimizers import build_optimizers


@pytest.fixture
def soap(config, monkeypatch):
    """A run of SOAP whose basis is renewed within its six steps, of a model that has matrices of its own size."""
    monkeypatch.setattr(optimizers, "SMALLEST_MATRIX", 16)
    return replace(config, optimizer="soap", soap_basis_steps=2, soap_statistics_steps=2)


def weights(config):
    return checkpoint.load(config.out / "stable.pt")["model"]


def test_each_parameter_has_one_optimizer(soap):
    model = Trainer(soap).model
    for config, kinds in ((soap, ["AdamW", "PatientSoap"]), (replace(soap, optimizer="adamw"), ["AdamW"])):
        built = build_optimizers(model, config)
        assert [type(optimizer).__name__ for optimizer in built] == kinds
        held = [id(p) for optimizer in built for group in optimizer.param_groups for p in group["params"]]
        assert len(held) == len(set(held)) and set(held) == {id(p) for p in model.parameters()}
    matrices = [p for group in build_optimizers(model, soap)[1].param_groups for p in group["params"]]
    assert all(p.ndim == 2 for p in matrices)
    linear = {id(p) for p in (model.analysis.stem.weight, model.synthesis.linear.weight)}
    for group in build_optimizers(model, soap)[1].param_groups:
        assert {id(p) in linear for p in group["params"]} == {group["factor"] == soap.linear_rate}


def test_soap_learns_and_goes_on_as_if_uninterrupted(soap):
    trainer = Trainer(soap)
    before = {name: p.clone() for name, p in trainer.model.named_parameters()}
    trainer.run()
    whole = weights(soap)
    assert sum(not torch.equal(before[name], whole[name]) for name in before) > 0.9 * len(before)
    other = replace(soap, out=soap.out.with_name("other"))
    Trainer(replace(other, steps=3)).run()
    Trainer(other).run()
    resumed = weights(other)
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_statistics_are_gathered_as_often_as_asked(soap, monkeypatch):
    gathered = []

    def count(config):
        trainer = Trainer(replace(config, out=config.out / str(config.soap_statistics_steps)))
        base = type(trainer.learner.optimizers[1]).__mro__[1]
        update = base.update_pre_conditioner
        monkeypatch.setattr(
            base, "update_pre_conditioner", lambda *args, **kw: (gathered.append(1), update(*args, **kw))
        )
        trainer.run()
        monkeypatch.undo()
        number = len(gathered)
        gathered.clear()
        return number

    assert count(replace(soap, soap_statistics_steps=1, steps=9)) > 1.5 * count(replace(soap, steps=9))


def test_a_resumed_run_renews_the_basis_as_it_is_told_then(soap):
    Trainer(replace(soap, steps=3)).run()
    changed = Trainer(replace(soap, soap_basis_steps=4, soap_statistics_steps=4)).learner.optimizers[1]
    assert {group["precondition_frequency"] for group in changed.param_groups} == {4}
    assert {state["precondition_frequency"] for state in changed.state.values()} == {4}


def test_a_basis_without_new_statistics_is_refused(soap):
    with pytest.raises(CodecError, match="multiple"):
        Trainer(replace(soap, soap_basis_steps=3))


def test_another_optimizer_begins_anew_and_says_so(soap, capsys):
    Trainer(replace(soap, optimizer="adamw", steps=2)).run()
    Trainer(soap).run()
    assert "optimizer was adamw, goes on with soap" in capsys.readouterr().err
    assert len(checkpoint.load(soap.out / "stable.pt")["optimizers"]) == 2


def test_a_batch_in_parts_has_the_gradient_of_the_whole(config):
    norms = []
    for accumulate in (1, 4):
        trainer = Trainer(replace(config, batch=5, accumulate=accumulate, precision="float32", clip=1e9))
        trainer.model.eval()  # without noise, which is drawn for other shapes
        trainer._train_step()
        norms.append(torch.cat([p.grad.flatten() for p in trainer.model.parameters() if p.grad is not None]))
    assert torch.allclose(norms[0], norms[1], atol=1e-4 * float(norms[0].abs().max()))
    with pytest.raises(CodecError, match="--accumulate 6"):
        Trainer(replace(config, batch=5, accumulate=6))
