"""What happens around a step of training: the average that ships, the guard, clipping, checkpoints and time limits."""

from __future__ import annotations

import csv
from dataclasses import replace

import pytest
import torch
from click.testing import CliRunner

from codec.cli import main
from codec.models.registry import load_exported
from codec.training import checkpoint
from codec.training.loop import Trainer
from tests.tiny import TINY


def state_of(config, kind="stable"):
    return checkpoint.load(config.out / f"{kind}.pt")


def equal(a, b, names):
    return all(torch.equal(a[name], b[name]) for name in names)


@pytest.fixture
def parameters():
    from codec.models.v1.network import V1

    return [name for name, parameter in V1(TINY).named_parameters() if parameter.requires_grad]


def test_a_resumed_run_has_the_same_average_and_guard(config, parameters):
    Trainer(config).run()
    whole = state_of(config)
    other = replace(config, out=config.out.with_name("other"))
    Trainer(replace(other, steps=3)).run()
    Trainer(other).run()
    resumed = state_of(other)
    assert equal(whole["average"], resumed["average"], parameters)
    assert 1 < whole["n_averaged"] == resumed["n_averaged"] == config.steps - whole["guard"]["skipped"]
    assert whole["guard"] == resumed["guard"] and whole["guard"]["mean"] > 0
    assert not equal(whole["average"], whole["model"], parameters)


def test_the_average_follows_the_weights(config, parameters):
    Trainer(replace(config, average=0.0)).run()
    state = state_of(config)
    assert equal(state["average"], state["model"], parameters)


def test_the_average_is_exported_unless_the_last_weights_are_asked_for(config, parameters, tmp_path):
    Trainer(config).run()
    state = state_of(config)
    for option, stored in (([], "average"), (["--last"], "model")):
        folder = tmp_path / stored
        result = CliRunner().invoke(main, ["export", str(config.out / "stable.pt"), str(folder), *option])
        assert result.exit_code == 0, result.output
        rounded = {name: state[stored][name].half().float() for name in parameters}  # as weights are stored
        assert equal(dict(load_exported(folder).named_parameters()), rounded, parameters)
    assert not equal(state["average"], state["model"], parameters)


def test_bad_steps_are_not_taken(config, parameters):
    trainer = Trainer(config)
    before = {name: p.clone() for name, p in trainer.model.named_parameters()}
    trainer.learner.guard.accepts = lambda loss, norm: False
    trainer.run()
    state = state_of(config)
    assert equal(before, state["model"], parameters) and equal(before, state["average"], parameters)
    assert state["n_averaged"] == 0 and state["step"] == config.steps


def test_weights_that_went_astray_step_back_to_the_average(config, parameters):
    trainer = Trainer(replace(config, steps=3))
    trainer.run()
    average = state_of(config)["average"]
    trainer = Trainer(replace(config, steps=4))
    trainer.learner.guard.accepts, trainer.learner.guard.is_astray = lambda loss, norm: False, lambda: True
    trainer.run()
    state = state_of(config)
    assert equal(state["model"], average, parameters)
    assert [optimizer["state"] for optimizer in state["optimizers"]] == [{}]


def test_gradients_are_clipped_and_the_linear_path_is_slower(config):
    trainer = Trainer(replace(config, clip=1e-3))
    trainer._train_step()
    norm = torch.stack([p.grad.norm() for p in trainer.model.parameters() if p.grad is not None]).norm()
    assert norm == pytest.approx(1e-3, rel=1e-3)
    fast, slow = (group["lr"] for group in trainer.learner.optimizers[0].param_groups)
    assert slow == pytest.approx(config.linear_rate * fast) and fast == trainer.schedule(0)


def test_a_run_stops_in_time(config):
    Trainer(replace(config, minutes=1e-9)).run()
    assert state_of(config)["step"] == 1


def test_checkpoints_and_evaluations_come_when_they_are_due(config, monkeypatch):
    trainer = Trainer(replace(config, checkpoint_minutes=0.0, evaluate_minutes=0.0))
    saved, save = [], trainer._save
    monkeypatch.setattr(trainer, "_save", lambda: (saved.append(trainer.step), save()))
    trainer.run()
    assert saved == [*range(1, config.steps + 1), config.steps]
    with (config.out / "validation-stable.csv").open() as file:
        evaluated = [int(row["step"]) for row in csv.DictReader(file)]
    assert sorted(set(evaluated)) == list(range(1, config.steps + 1))
    assert len(evaluated) == len({*evaluated}) * evaluated.count(config.steps)  # none of them twice
