"""Where networks run: which device is taken, in which precision, and that nothing of a step is tied to the CPU."""

from __future__ import annotations

import contextlib
import platform
import subprocess
import sys
import time
from dataclasses import replace

import pytest
import torch

from bitstream.errors import CodecError
from codec.models import device as devices
from codec.models.device import (
    autocast,
    distributed_backend,
    find_device,
    memory_errors,
    require_compiler,
    work_seconds,
)
from codec.models.v1.network import V1
from codec.training import checkpoint
from codec.training.learner import Objective
from codec.training.loop import Trainer
from tests.tiny import TINY

CPU = torch.device("cpu")
needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


def test_a_device_is_found_by_name(monkeypatch):
    assert find_device("cpu") == CPU
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert find_device("auto") == CPU
    for name in ("cuda", "mps"):
        with pytest.raises(CodecError, match=f"--device {name}"):
            find_device(name)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert find_device("auto").type == "mps"
    chosen = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert find_device("auto") == torch.device("cuda", 1) and chosen == [1]
    monkeypatch.setenv("LOCAL_RANK", "2")
    with pytest.raises(CodecError, match="process 2"):
        find_device("cuda")


@pytest.mark.parametrize("fast", [True, False])
def test_networks_compute_in_bfloat16_where_that_is_faster(monkeypatch, fast):
    monkeypatch.setattr(devices, "has_fast_bfloat16", lambda device: fast)
    for precision, expected in (("auto", fast), ("bfloat16", True), ("float32", False)):
        with autocast(CPU, precision):
            assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == (torch.bfloat16 if expected else torch.float32)
    with autocast(CPU, enabled=False):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32


def test_what_a_device_needs_is_known():
    assert distributed_backend(CPU) == "gloo" and distributed_backend(torch.device("cuda", 0)) == "nccl"
    with pytest.raises(CodecError, match="--compile"):
        require_compiler(torch.device("mps"))


def test_a_gpu_needs_triton_and_a_compiler(monkeypatch):
    monkeypatch.setattr(devices, "find_spec", lambda name: object())
    monkeypatch.setattr(devices.shutil, "which", lambda name: "/usr/bin/gcc" if name == "gcc" else None)
    require_compiler(torch.device("cuda", 0))
    monkeypatch.setattr(devices.shutil, "which", lambda name: None)
    monkeypatch.setattr(devices, "find_spec", lambda name: None)
    with pytest.raises(CodecError, match="triton and a C compiler"):
        require_compiler(torch.device("cuda", 0))


def test_several_processes_do_not_take_a_gpu_of_apple(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert find_device("auto") == CPU
    with pytest.raises(CodecError, match="several processes"):
        find_device("mps")


def test_a_missing_compiler_is_told_before_the_work_begins(config, monkeypatch):
    monkeypatch.setattr(devices.shutil, "which", lambda name: None)
    with pytest.raises(CodecError, match=r"g\+\+"):
        Trainer(replace(config, compile=True))


def test_waiting_is_no_work():
    before = work_seconds(CPU)
    time.sleep(0.3)
    assert work_seconds(CPU) - before < 0.2
    before = work_seconds(torch.device("cuda", 0))  # which a CPU waits for
    time.sleep(0.3)
    assert work_seconds(torch.device("cuda", 0)) - before >= 0.3


def test_too_little_memory_is_a_memory_error_and_nothing_else_is():
    for error in (
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory"),
    ):
        with pytest.raises(MemoryError, match="--batch"), memory_errors():
            raise error
    with pytest.raises(RuntimeError, match="shapes"), memory_errors():
        raise RuntimeError("shapes do not fit")


@pytest.mark.parametrize("metric", ["psnr", "ms-ssim", "visual"])
def test_no_tensor_of_a_step_is_made_on_another_device_than_the_model(metric, monkeypatch):
    """On the meta device, which computes nothing and refuses tensors of the CPU as a GPU does."""
    monkeypatch.setattr(torch, "autocast", lambda *args, **options: contextlib.nullcontext())  # it has none
    monkeypatch.setattr(torch, "is_autocast_enabled", lambda kind: False)
    device = torch.device("meta")
    objective = Objective(V1(replace(TINY, metric=metric)), "float32").to(device)
    x = torch.empty(2, 3, 192, 192, device=device)
    result = objective(x, torch.empty(2, device=device))
    result.loss.backward()
    assert result.loss.device.type == "meta"
    without = [name for name, p in objective.named_parameters() if p.grad is None]
    assert not without
    with pytest.raises((RuntimeError, NotImplementedError)):  # it does refuse them
        objective(x, torch.empty(2))


@needs_cuda
def test_a_run_moves_between_devices(config):
    Trainer(replace(config, device="cuda", steps=3)).run()
    Trainer(replace(config, device="cpu", steps=5)).run()
    Trainer(replace(config, device="cuda")).run()
    Trainer(replace(config, device="cuda", decay_steps=2)).run()
    assert checkpoint.load(config.out / "decay.pt")["hardened"]


@needs_cuda
def test_a_gpu_trains_as_a_cpu_does(config):
    losses = []
    for device in ("cpu", "cuda"):
        trainer = Trainer(replace(config, device=device, precision="float32", out=config.out / device))
        losses.append([trainer._train_step()["psnr_db"] for _ in range(3)])
    assert losses[1] == pytest.approx(losses[0], rel=0.02)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told to keep freed memory")
def test_memory_that_was_freed_is_used_again():
    program = """
import resource, torch
from codec.models.device import keep_freed_memory
keep_freed_memory()
torch.ones(1 << 25)  # twice what follows, which a small block in between therefore can't make too small
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
torch.ones(1 << 24)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
    faults = int(subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True).stdout)
    assert faults < 100  # each of its 16,384 pages otherwise
