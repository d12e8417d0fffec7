"""Training: deterministic, resumable, spread over processes."""

from __future__ import annotations

import csv
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from bitstream.errors import CodecError
from codec.models.architecture import Coded
from codec.training import checkpoint, loop
from codec.training.config import TrainingConfig
from codec.training.data import Photos, draw_batch
from codec.training.loop import Trainer
from codec.training.loss import rate_distortion
from codec.training.split import find_images, split_validation
from tests.tiny import TINY

ROOT = Path(__file__).parents[2]


def weights(path):
    return checkpoint.load(path)["model"]


def test_resumed_training_equals_uninterrupted(config):
    Trainer(config).run()
    whole = weights(config.out / "stable.pt")
    other = replace(config, out=config.out.with_name("other"))
    Trainer(replace(other, steps=3)).run()
    Trainer(other).run()
    resumed = weights(other.out / "stable.pt")
    assert all(torch.equal(whole[k], resumed[k]) for k in whole)
    third = replace(config, out=config.out.with_name("seed"), seed=1)
    Trainer(third).run()
    assert not all(torch.equal(whole[k], v) for k, v in weights(third.out / "stable.pt").items())


def test_a_run_that_goes_on_otherwise_says_so(config, capsys):
    Trainer(replace(config, steps=1)).run()
    capsys.readouterr()
    Trainer(config)
    assert "goes on" not in capsys.readouterr().err
    Trainer(replace(config, learning_rate=config.learning_rate / 2, batch=config.batch + 1))
    said = capsys.readouterr().err
    assert f"learning_rate was {config.learning_rate}, goes on with {config.learning_rate / 2}" in said
    assert f"batch was {config.batch}" in said and "seed" not in said


def test_a_setting_that_changes_is_in_force(config, capsys):
    Trainer(replace(config, size=192, steps=1)).run()
    trainer = Trainer(replace(config, size=192, linear_rate=0.7, metric="ms-ssim"))
    said = capsys.readouterr().err
    assert "linear_rate was 0.1, goes on with 0.7" in said and "metric was psnr, goes on with ms-ssim" in said
    assert [group["factor"] for group in trainer.learner.optimizers[0].param_groups] == [1.0, 0.7]


def test_a_new_branch_leaves_the_figures_of_another_alone(config):
    Trainer(config).run()
    Trainer(replace(config, decay_steps=4)).run()
    (config.out / "decay.pt").unlink()  # for a new branch
    before = {kind: (config.out / f"{kind}-decay.csv").read_text() for kind in ("train", "validation")}
    Trainer(replace(config, decay_steps=2)).run()
    Trainer(replace(config, decay_steps=3)).run()
    for kind, text in before.items():
        assert (config.out / f"{kind}-decay.1.csv").read_text() == text
        rows = csv.DictReader((config.out / f"{kind}-decay.csv").read_text().splitlines())
        steps = {int(row["step"]) for row in rows}
        assert steps == {config.steps + 2, config.steps + 3} and not (config.out / f"{kind}-decay.2.csv").exists()


def test_weights_to_start_from_are_for_new_runs(config, capsys):
    Trainer(replace(config, steps=1)).run()
    assert "--from" not in capsys.readouterr().err
    Trainer(replace(config, start_from=config.out / "stable.pt"))
    assert "--from is for new ones, and was not used" in capsys.readouterr().err


def test_a_branch_that_has_ended_is_not_taken_for_a_new_one(config):
    Trainer(config).run()
    Trainer(replace(config, decay_steps=4)).run()
    rows = (config.out / "validation-decay.csv").read_text()
    Trainer(replace(config, decay_steps=4)).run()  # nothing left to do
    assert (config.out / "validation-decay.csv").read_text() == rows
    (config.out / "validation-decay.csv").unlink()  # as if killed before it was evaluated
    Trainer(replace(config, decay_steps=4)).run()
    assert (config.out / "validation-decay.csv").read_text() == rows
    with pytest.raises(CodecError, match="would have ended"):
        Trainer(replace(config, decay_steps=3))
    Trainer(replace(config, steps=config.steps + 2)).run()
    with pytest.raises(CodecError, match=f"began at step {config.steps} of a run now at {config.steps + 2}"):
        Trainer(replace(config, decay_steps=4))
    Trainer(replace(config, decay_steps=5)).run()  # longer, so it is the old one that goes on
    assert checkpoint.load(config.out / "decay.pt")["step"] == config.steps + 5


def test_what_cannot_be_trained_on_is_told_at_once(config, photo_folder, tmp_path):
    with pytest.raises(CodecError, match="crops of 100 pixels"):
        Trainer(replace(config, size=100))
    held_out = next(p for p in (Path(f"{k}.png") for k in range(1000)) if not split_validation([p])[0])
    (tmp_path / "one").mkdir()
    shutil.copy(next(photo_folder.iterdir()), tmp_path / "one" / held_out)
    with pytest.raises(CodecError, match="held out"):
        Trainer(replace(config, data=(tmp_path / "one",), validation=()))


@pytest.mark.parametrize("seed", [0, 18_446, 2**32 - 1])
def test_any_seed_trains(config, seed):
    Trainer(replace(config, seed=seed, steps=1)).run()


def test_hardening_can_be_stopped_and_done_anew(config, monkeypatch, capsys):
    Trainer(config).run()
    branch = Trainer(replace(config, decay_steps=2, harden_steps=3))
    real = loop.refit_entropy_model

    def interrupted(*args, stopped, **kwargs):
        branch._stop = True
        return real(*args, stopped=stopped, **kwargs)

    monkeypatch.setattr(loop, "refit_entropy_model", interrupted)
    branch.run()
    state = checkpoint.load(config.out / "decay.pt")
    assert not state["hardened"] and not state["average"]["shapes.log_ratio"].any()
    assert "stopped before it was hardened" in capsys.readouterr().err
    monkeypatch.undo()
    Trainer(replace(config, steps=config.steps + 1)).run()  # it may still be finished
    Trainer(replace(config, decay_steps=2, harden_steps=3)).run()
    state = checkpoint.load(config.out / "decay.pt")
    assert state["hardened"] and state["average"]["shapes.log_ratio"].any()


def test_a_decaying_branch_leaves_the_stable_run_alone(config):
    Trainer(config).run()
    before = (config.out / "stable.pt").read_bytes()
    Trainer(replace(config, decay_steps=4)).run()
    assert (config.out / "stable.pt").read_bytes() == before
    state = checkpoint.load(config.out / "decay.pt")
    assert state["step"] == 10 and state["decay_start"] == 6 and state["hardened"]
    with (config.out / "train-decay.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert int(rows[-1]["step"]) == 10 and float(rows[-1]["learning_rate"]) < config.learning_rate


def test_training_lowers_the_objective(photo_folder, tmp_path):
    """On the same crops before and after: over steps, crops differ more than the model does."""
    config = TrainingConfig(
        (photo_folder,), tmp_path, validation=(photo_folder,), steps=150, batch=2, size=64, warmup=20, model=TINY
    )
    trainer = Trainer(config)
    x, t = draw_batch(trainer.photos, 10**6, seed=0, rank=0, batch=64, size=64)

    @torch.no_grad()
    def objective():
        return rate_distortion(x, t, trainer.model.eval()(x, t), TINY.lmbdas).loss.item()

    before = objective()
    trainer.model.train()
    trainer.run()
    assert objective() < 0.99 * before
    with (tmp_path / "train-stable.csv").open() as file:
        assert [int(row["step"]) for row in csv.DictReader(file)] == [50, 100, 150]


def test_each_metric_has_its_own_distortion():
    """Noise of one strength costs the squared error the same anywhere, and MS-SSIM more where nothing hides it."""
    rng = np.random.default_rng(0)
    flat, busy = np.full((3, 176, 176), 0.5), rng.uniform(0.2, 0.8, (3, 176, 176))
    x = torch.from_numpy(np.stack([flat, busy])).float()
    noise = torch.from_numpy(rng.normal(0, 0.02, x.shape)).float()
    bits = torch.tensor([17600.0, 17600.0])
    coded = Coded(x + noise, x, x, bits, bits)
    lmbdas, t = TINY.lmbdas, torch.tensor([0.5, 0.5])

    def distortion(metric, n):
        one = Coded(coded.x_hat[n : n + 1], x, x, bits[n : n + 1], bits[n : n + 1])
        result = rate_distortion(x[n : n + 1], t[:1], one, lmbdas, metric)
        rate = 2 * 17600 / 176**2
        return (float(result.loss) - rate) / float(lmbdas.lmbda(t[0]))  # the weight of t = 0.5 is one

    assert distortion("psnr", 0) == pytest.approx(distortion("psnr", 1), rel=0.05)
    assert distortion("psnr", 0) == pytest.approx(0.02**2 * 255**2, rel=0.05)
    assert distortion("ms-ssim", 0) > 5 * distortion("ms-ssim", 1) > 0


def test_seconds_count_work_and_not_pauses(config, monkeypatch):
    """A run that is stopped for a while, or waits for the machine, has not trained meanwhile."""
    trainer = Trainer(replace(config, steps=3))
    step = trainer._train_step
    monkeypatch.setattr(trainer, "_train_step", lambda: (time.sleep(0.5), step())[1])
    started = time.monotonic()
    trainer.run()
    assert 0 < trainer.seconds < time.monotonic() - started - 1.4


@pytest.mark.skipif(not any(map(shutil.which, ("g++", "clang++"))), reason="no C++ compiler")
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")  # where the graph is cut
@pytest.mark.parametrize(("metric", "size", "rel"), [("psnr", 64, 0.03), ("visual", 192, 0.05)])  # other noise is drawn
def test_a_compiled_run_has_the_same_losses(config, tmp_path, metric, size, rel):
    rows = []
    for compile in (False, True):
        out = tmp_path / str(compile)
        Trainer(replace(config, out=out, steps=3, compile=compile, metric=metric, size=size)).run()
        with (out / "train-stable.csv").open() as file:
            rows.append({k: float(v) for k, v in next(csv.DictReader(file)).items()})
    for name in ("loss", "rate_bpp", "psnr_db", "gradient_norm"):
        assert rows[1][name] == pytest.approx(rows[0][name], rel=rel)


DIES_WHILE_IT_SAVES = """
import io, os, torch
save = torch.save

def half(state, file):
    whole = io.BytesIO()
    save(state, whole)
    file.write(whole.getvalue()[: len(whole.getvalue()) // 2])
    file.flush()
    os._exit(9)

torch.save = half
from codec.cli import main
main()
"""


def test_a_killed_run_goes_on_where_its_checkpoint_is(config, tmp_path):
    """SIGTERM saves; a process that dies in the middle of saving loses what came after the last checkpoint only."""
    out = tmp_path / "killed"
    arguments = ["train", "--threads", "1", "--data", str(config.data[0]), "--out", str(out), "--batch", "1"]
    arguments += ["--size", "64", "--steps"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([sys.executable, "-W", "ignore", "-m", "codec", *arguments, "100000"], env=environment)
    deadline = time.monotonic() + 240
    while not (out / "train-stable.csv").exists() and time.monotonic() < deadline:
        time.sleep(0.2)
    process.send_signal(signal.SIGTERM)
    assert process.wait(120) == 0
    step = checkpoint.load(out / "stable.pt")["step"]
    assert step >= 50
    last = [*arguments, str(step + 3)]
    dying = subprocess.run(
        [sys.executable, "-c", DIES_WHILE_IT_SAVES, *last], env=environment, timeout=240, check=False
    )
    assert dying.returncode == 9 and checkpoint.load(out / "stable.pt")["step"] == step
    subprocess.run([sys.executable, "-m", "codec", *last], env=environment, timeout=240, check=True)
    assert checkpoint.load(out / "stable.pt")["step"] == step + 3


def test_two_processes_average_their_gradients(config, tmp_path):
    """Two processes with one crop each end with the same weights, which are not those of one process."""
    # As a module: beside the script lie tests/bitstream and tests/benchmarks, which would stand in for the packages.
    module = ["-m", "tests.distributed_run"]
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone", *module]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    subprocess.run([*command, str(config.data[0]), str(tmp_path)], cwd=ROOT, env=environment, check=True, timeout=300)
    first, second = ((tmp_path / f"rank{rank}.sha256").read_text() for rank in (0, 1))
    assert first == second and len(first) == 64
    subprocess.run(
        [sys.executable, *module, str(config.data[0]), str(tmp_path / "alone")],
        cwd=ROOT,
        env=environment,
        check=True,
        timeout=300,
    )
    assert (tmp_path / "alone" / "rank0.sha256").read_text() != first


def test_a_damaged_picture_is_named_once_and_left_out(photo_folder, config, tmp_path, capsys):
    folder = tmp_path / "photos"
    shutil.copytree(photo_folder, folder)
    whole = sorted(folder.iterdir())
    damaged = folder / "0damaged.png"
    damaged.write_bytes(whole[0].read_bytes()[:2000])
    photos = Photos(find_images(folder))
    assert photos.paths[0] == damaged
    for _ in range(2):
        np.testing.assert_array_equal(photos[0], photos[1])
    np.testing.assert_array_equal(photos[len(photos) - 1], Photos([photos.paths[-1]])[0])
    assert capsys.readouterr().err.count(f"{damaged}: damaged, left out") == 1
    Trainer(replace(config, data=(folder,), validation=(folder,), steps=2)).run()
    rows = list(csv.DictReader((config.out / "validation-stable.csv").read_text().splitlines()))
    assert [row["set"] for row in rows] == 5 * ["photos"] + 5 * ["graphics"] and all(
        float(row["psnr_db"]) > 0 for row in rows
    )


def test_a_decay_made_longer_is_hardened_at_its_new_end(config):
    Trainer(config).run()
    for steps in (2, 4):
        Trainer(replace(config, decay_steps=steps)).run()
        state = checkpoint.load(config.out / "decay.pt")
        assert state["step"] == config.steps + steps and state["average"]["shapes.log_ratio"].abs().max() > 0.1


def test_a_new_run_does_not_take_over_what_was_counted(config, tmp_path):
    Trainer(config).run()
    Trainer(replace(config, decay_steps=2)).run()
    Trainer(replace(config, out=tmp_path / "next", start_from=config.out / "decay.pt", steps=1)).run()
    assert not checkpoint.load(tmp_path / "next" / "stable.pt")["average"]["shapes.log_ratio"].any()
