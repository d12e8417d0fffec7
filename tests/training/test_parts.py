"""What the training loop is made of, each on its own: schedule, guard against spikes, running average, log."""

from __future__ import annotations

import csv
from dataclasses import replace

import numpy as np
import pytest
import torch

from codec.training.csvlog import CsvLog
from codec.training.learner import warm_average
from codec.training.loop import Trainer
from codec.training.loss import tempered
from codec.training.schedule import SpikeGuard, WarmupStableDecay


def test_schedule():
    schedule = WarmupStableDecay(1.0, 10, decay_start=100, decay_steps=50)
    assert schedule(0) == pytest.approx(0.1) and schedule(9) == schedule(100) == 1.0
    decay = [schedule(s) for s in range(100, 151)]
    assert decay == sorted(decay, reverse=True) and decay[-1] == 0 and schedule.end == 150
    assert WarmupStableDecay(1.0, 10)(10**9) == 1.0


def test_spikes_are_skipped_and_a_run_of_them_steps_back():
    guard = SpikeGuard(patience=3)
    assert all(guard.accepts(1.0, 1.0) for _ in range(5))
    for bad in ((100.0, 1.0), (float("nan"), 1.0), (1.0, float("inf"))):
        assert not guard.is_astray()
        assert not guard.accepts(*bad)
    assert guard.is_astray() and not guard.is_astray() and guard.skipped == 3
    assert guard.accepts(1.1, 1.0)


def test_the_running_average_forgets_its_start():
    update, average = warm_average(0.999), torch.zeros(())
    for count in range(1, 1000):
        update([average], [torch.ones(())], count)
    assert 0.999 < average <= 1
    average.zero_()
    update([average], [torch.ones(())], 10**6)
    assert average == pytest.approx(0.001)


def test_a_log_that_a_power_cut_has_hurt_is_mended(tmp_path):
    path = tmp_path / "log.csv"
    whole = "step,loss\r\n50,1.5\r\n100,1.25\r\n"
    for hurt in ("", "15", "150,", "\0\0\0\0", "150,1.1\r\n", "101,1.", "101,", "101,1,2,3\r\n"):
        path.write_text(whole + hurt, newline="")
        log = CsvLog(path, 120)
        assert log.last == 100
        log.write({"step": 149, "loss": 1.0})
        rows = list(csv.DictReader(path.read_text().splitlines()))
        assert [row["step"] for row in rows] == ["50", "100", "149"] and log.last == 149, hurt
    for empty in ("", "\0\0\0", "step,lo", "\r\n", "\r\n50,1\r\n"):
        path.write_text(empty, newline="")
        for step in (1, 2):
            CsvLog(path, step).write({"step": step, "loss": 1.0})
        assert path.read_text().split() == ["step,loss", "1,1", "2,1"]


def test_an_outlier_neither_drowns_the_others_nor_is_lost():
    objectives = torch.tensor([1.0, 2.0, 0.5, 9.0, 1e6]).requires_grad_()
    result, held = tempered(objectives)
    assert result[:4].tolist() == objectives[:4].tolist() and held.tolist() == [1, 2, 0.5, 9, 12]
    assert result[4].item() == pytest.approx(12 * (1 + np.log(1e6 / 12)), rel=1e-5)
    (gradient,) = torch.autograd.grad(result.sum(), objectives)
    assert gradient[:4].tolist() == [1, 1, 1, 1] and float(gradient[4]) == pytest.approx(12 / 1e6)
    assert float(tempered(torch.tensor([5.0]))[0]) == 5
    for wrong in (float("inf"), float("nan")):  # which the guard is to see
        assert not torch.isfinite(tempered(torch.tensor([1.0, 2.0, wrong]))[0]).all()


def test_a_batch_with_an_outlier_is_trained_on(config):
    """A crop that the networks answer with pixels in the thousands."""
    trainer = Trainer(replace(config, batch=4, steps=8))
    trainer.run()
    before = trainer.learner.guard.skipped
    forward = trainer.model.synthesis.forward

    def wild(y_hat, film):
        x_hat = forward(y_hat, film)
        return x_hat * torch.tensor([1e4, 1, 1, 1]).reshape(-1, 1, 1, 1)

    trainer.model.synthesis.forward = wild
    figures = trainer._train_step()
    assert trainer.learner.guard.skipped == before and figures["loss"] < 4 * trainer.learner.guard.mean
