"""What goes wrong around a run: full disks, damaged checkpoints, images that vanish, runs that diverge."""

from __future__ import annotations

import csv
import errno
import json
import os
import shutil
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from filelock import FileLock

from bitstream.errors import CodecError
from codec.cli import main
from codec.training import checkpoint, loop
from codec.training.checkpoint import halved
from codec.training.loop import Trainer
from codec.training.run import train

ROOT = Path(__file__).parents[2]


@pytest.fixture
def stable(config):
    return config.out / "stable.pt"


def limited(arguments, megabytes):
    """Run the command where no file may exceed a size, which has the error of a full disk but for its number."""
    import resource

    return subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "codec", *map(str, arguments)],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (int(megabytes * 1e6),) * 2),
        env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip


def tiny_sizes(config, folder):
    path = folder / "tiny.json"
    path.write_text(json.dumps(config.model.as_dict()))
    return path


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limits on files")
def test_a_full_disk_is_one_line_and_leaves_what_was_there(config, stable, tmp_path):
    arguments = ["train", "--data", config.data[0], "--out", config.out, "--batch", 1, "--size", 64, "--threads", 1]
    arguments += ["--model-config", tiny_sizes(config, tmp_path), "--steps"]
    assert CliRunner().invoke(main, [*map(str, arguments), "1"]).exit_code == 0
    before = stable.read_bytes()
    size = len(before) / 1e6
    for extra in ([], ["--pieces", "1"]):
        failed = limited([*arguments, 2, *extra], 0.5 * size if not extra else 0.1)
        assert failed.returncode == 1 and failed.stderr.strip().splitlines()[-1].startswith("Error: ")
        assert "Traceback" not in failed.stderr and str(config.out) in failed.stderr
        assert stable.read_bytes() == before
        assert {path.name for path in config.out.iterdir()} <= {
            "stable.pt", ".lock", "train-stable.csv", "validation-stable.csv"
        }  # fmt: skip
    model = tmp_path / "model"
    failed = limited(["export", stable, model], 0.01)
    assert failed.returncode == 1 and failed.stderr.startswith(f"Error: {model}")
    assert not model.exists() or not list(model.iterdir())
    assert not list(tmp_path.glob(".export-*"))


def test_a_checkpoint_that_could_not_be_saved_is_tried_again(config, stable, monkeypatch, capsys):
    monkeypatch.setattr(loop, "RETRY_SECONDS", 0.0)
    save, tries = checkpoint.save, []

    def at_first_full(path, *args):
        tries.append(path)
        if len(tries) < 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        save(path, *args)

    monkeypatch.setattr(checkpoint, "save", at_first_full)
    Trainer(replace(config, checkpoint_minutes=0.0)).run()
    assert checkpoint.load(stable)["step"] == config.steps
    assert capsys.readouterr().err.count("not saved, tried again") == 2


def test_figures_that_cannot_be_written_do_not_end_a_run(config, stable, monkeypatch, capsys):
    trainer = Trainer(replace(config, steps=120, evaluate_minutes=1e9))
    append = loop.CsvLog._append

    def full_once(log, row):
        if row["step"] == 50:
            log.path.write_text("step,lo")  # and leaves a line that is cut short
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        append(log, row)

    monkeypatch.setattr(loop.CsvLog, "_append", full_once)
    trainer.run()
    assert checkpoint.load(stable)["step"] == 120 and "figures of step 50 are lost" in capsys.readouterr().err
    with (config.out / "train-stable.csv").open() as file:
        assert [row["step"] for row in csv.DictReader(file)] == ["100", "120"]


def test_pieces_of_a_save_that_failed_are_removed(config, stable, monkeypatch):
    trainer = Trainer(replace(config, piece_megabytes=1, steps=1))
    trainer.run()
    before = {path.name for path in config.out.iterdir()}
    state = {**trainer.learner.state(), "step": 5}
    real, made = checkpoint.replacing, []

    def full_at_the_third(path, overwrite):
        made.append(path)
        if len(made) % 3 == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(path, overwrite)

    monkeypatch.setattr(checkpoint, "replacing", full_at_the_third)
    for _ in range(3):
        with pytest.raises(OSError, match=r"stable\.pt"):
            checkpoint.save(stable, state, 100_000)
    assert {path.name for path in config.out.iterdir()} == before and checkpoint.load(stable)["step"] == 1


def flip_a_bit(path, at):
    with path.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 0x40]))


def test_a_damaged_checkpoint_is_refused(config, stable):
    Trainer(replace(config, steps=1)).run()
    with zipfile.ZipFile(stable) as archive:
        largest = max(archive.infolist(), key=lambda entry: entry.file_size)
    flip_a_bit(stable, largest.header_offset + largest.file_size // 2)
    with pytest.raises(CodecError, match="damaged"):
        Trainer(config)


def test_a_checkpoint_in_pieces_is_whole_or_refused(config, stable, tmp_path):
    cut = replace(config, piece_megabytes=1, steps=3)
    whole = replace(config, out=config.out.with_name("whole"), steps=3)
    Trainer(cut).run()
    Trainer(whole).run()
    index = config.out / "stable.pt.json"
    pieces = [config.out / name for name in json.loads(index.read_text())["pieces"]]
    assert not stable.exists() and len(pieces) > 0 and all(p.stat().st_size <= 1_000_000 for p in pieces)
    joined, other = checkpoint.load(stable), checkpoint.load(whole.out / "stable.pt")
    assert all(torch.equal(joined["model"][name], other["model"][name]) for name in other["model"])
    assert all(torch.equal(joined["average"][name], other["average"][name]) for name in other["average"])
    kept, lost = (state["optimizers"][0]["state"][0]["exp_avg"] for state in (other, joined))
    assert lost.dtype == torch.bfloat16 and torch.allclose(kept, lost.float(), rtol=0.01)

    copied = tmp_path / "another machine"
    shutil.copytree(config.out, copied)
    Trainer(replace(config, out=copied, steps=5)).run()  # goes on, and into one file again
    assert {p.name for p in copied.glob("stable*")} == {"stable.pt"} and checkpoint.load(copied / "stable.pt")[
        "step"
    ] == 5
    Trainer(replace(cut, out=copied, steps=6)).run()
    Trainer(replace(cut, out=copied, steps=7)).run()  # pieces of the one before are gone
    names = set(json.loads((copied / "stable.pt.json").read_text())["pieces"]) | {"stable.pt.json"}
    assert {p.name for p in copied.glob("stable*")} == names and checkpoint.load(copied / "stable.pt")["step"] == 7

    flip_a_bit(pieces[0], 5000)
    with pytest.raises(CodecError, match=rf"{pieces[0].name}.*damaged"):
        checkpoint.load(stable)
    pieces[0].unlink()
    with pytest.raises(CodecError, match=rf"{pieces[0].name}.*missing"):
        Trainer(config)
    index.write_text("[]")
    with pytest.raises(CodecError, match=r"stable\.pt\.json"):
        checkpoint.load(stable)


def test_halving_keeps_what_is_not_a_matrix_of_floats():
    state = {"step": torch.tensor(3.0), "Q": [torch.full((2,), 1 / 3), []], "n": 7, "i": torch.arange(3)}
    half = halved(state)
    assert half["step"].dtype == torch.float32 and half["Q"][0].dtype == torch.bfloat16 and half["Q"][1] == []
    assert half["n"] == 7 and half["i"].dtype == torch.int64


def test_an_image_that_vanishes_ends_the_run_and_loses_nothing(config, stable, photo_folder, tmp_path, monkeypatch):
    folder = tmp_path / "photos"
    shutil.copytree(photo_folder, folder)
    trainer = Trainer(replace(config, data=(folder,), validation=(photo_folder,), steps=100))
    trainer.photos._budget = 1  # each crop reads its file
    step = trainer._train_step

    def until_the_disk_goes():
        if trainer.step == 4:
            shutil.rmtree(folder)
        return step()

    monkeypatch.setattr(trainer, "_train_step", until_the_disk_goes)
    with pytest.raises(FileNotFoundError):
        trainer.run()
    assert 4 <= checkpoint.load(stable)["step"] < 100


def test_a_run_that_diverges_fails_and_keeps_the_last_checkpoint(config, stable, monkeypatch):
    Trainer(replace(config, steps=5)).run()
    before = stable.read_bytes()
    trainer = Trainer(replace(config, steps=200))
    learn = trainer.learner.learn
    monkeypatch.setattr(trainer.learner, "learn", lambda x, t, rate: learn(x * float("nan"), t, rate))
    with pytest.raises(CodecError, match=r"diverged.*45 of the last 50 steps.*--learning-rate"):
        trainer.run()
    assert stable.read_bytes() == before
    with (config.out / "train-stable.csv").open() as file:
        assert int(list(csv.DictReader(file))[-1]["skipped"]) == 45


def test_a_few_spikes_are_no_divergence():
    from codec.training.schedule import SpikeGuard

    guard = SpikeGuard(window=10)
    for n in range(100):
        guard.accepts(float("inf") if n % 3 == 0 else 1.0, 1.0)
        assert not guard.has_diverged()
    for _ in range(5):
        guard.accepts(float("inf"), 1.0)
    resumed = SpikeGuard(window=10)
    resumed.resume(guard.state())  # in slots of a few steps, too
    resumed.accepts(float("inf"), 1.0)
    assert resumed.has_diverged() and resumed.skipped_lately() > 5


def test_two_runs_do_not_share_a_folder(config, tmp_path):
    config.out.mkdir()
    with FileLock(config.out / ".lock"), pytest.raises(CodecError, match="another process trains here"):
        train(config)
    (config.out / ".stable-abc.pt").write_bytes(b"what a killed process was writing")
    train(replace(config, steps=1))
    train(replace(config, steps=2))
    assert not (config.out / ".stable-abc.pt").exists()


def test_a_run_stops_once_it_has_trained_long_enough(config, stable):
    Trainer(replace(config, steps=10**6, train_minutes=1e-6)).run()
    assert checkpoint.load(stable)["step"] == 1
    seconds = checkpoint.load(stable)["seconds"]
    Trainer(replace(config, steps=10**6, train_minutes=(seconds + 0.2) / 60)).run()  # of all in all
    assert seconds + 0.2 <= checkpoint.load(stable)["seconds"] < seconds + 3


def test_a_branch_does_not_refit_beyond_its_slot(config, capsys, monkeypatch):
    Trainer(config).run()
    branch, real = Trainer(replace(config, decay_steps=2)), loop.refit_entropy_model

    def late(*args, **options):
        branch._is_late = lambda: True  # from when the decay has ended
        return real(*args, **options)

    monkeypatch.setattr(loop, "refit_entropy_model", late)
    branch.run()
    state = checkpoint.load(config.out / "decay.pt")
    assert state["step"] == config.steps + 2 and not state["hardened"]
    assert "stopped before it was hardened" in capsys.readouterr().err


def test_figures_with_other_columns_are_set_aside(config):
    Trainer(replace(config, steps=1)).run()
    path = config.out / "validation-stable.csv"
    old = "step,seconds,t\r\n1,0.5,0.05\r\n"
    path.write_text(old, newline="")
    Trainer(replace(config, steps=2)).run()
    assert (config.out / "validation-stable.1.csv").read_text() == old.replace("\r\n", "\n")
    with path.open() as file:
        rows = list(csv.DictReader(file))
    assert {row["step"] for row in rows} == {"2"} and len({row["set"] for row in rows}) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "JSON"), ("[1]", "JSON"), ('{"latents": "x"}', "latents"), ('{"width": 3}', "a model has no width"),
        ('{"latents": 400}', "analysis_width"), ('{"latents": -1}', "too small: latents"),
        ('{"analysis_width": 800}', "analysis_width"), ('{"hyper_width": 1}', "too small: hyper_width"),
        ('{"lmbda_min": 0.0}', "lmbda_min"), ('{"metric": "vmaf"}', "metric vmaf"),
    ],
)  # fmt: skip
def test_sizes_that_are_none_are_an_error(config, tmp_path, text, message):
    path = tmp_path / "sizes.json"
    path.write_text(text)
    arguments = ["train", "--data", str(config.data[0]), "--out", str(config.out), "--model-config", str(path)]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 1 and message in result.output


def test_sizes_that_are_not_used_are_said(config, capsys):
    Trainer(replace(config, steps=1)).run()
    Trainer(config)
    assert "other sizes" not in capsys.readouterr().err
    Trainer(replace(config, model=replace(config.model, latents=20)))
    assert "other sizes than those given" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names there are text")
def test_images_whose_names_are_not_utf8_are_trained_on(config, photo_folder, tmp_path):
    folder = tmp_path / "odd"
    folder.mkdir()
    for n, path in enumerate(sorted(photo_folder.iterdir())):
        shutil.copy(path, os.fsencode(folder) + b"/caf\xe9%d.png" % n)
    Trainer(replace(config, data=(folder,), validation=(), steps=1)).run()
    assert np.isfinite(checkpoint.load(config.out / "stable.pt")["guard"]["mean"])
