"""Where networks run: the device, its number format, and what it takes to compile or to use several processes."""

from __future__ import annotations

import ctypes
import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from importlib.util import find_spec

import torch

from bitstream.errors import CodecError


def find_device(name: str = "auto") -> torch.device:
    """The device of a name.

    Args:
        name: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``. The first takes a GPU if there is one. Under ``torchrun``,
            each process takes the GPU of its ``LOCAL_RANK``.

    Raises:
        CodecError: this machine has no such device.
    """
    alone = int(os.environ.get("WORLD_SIZE", 1)) == 1  # Apple's GPUs cannot exchange gradients
    mps = torch.backends.mps.is_available() and alone
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": mps}
    if name == "auto":
        name = next(kind for kind in ("cuda", "mps", "cpu") if available[kind])
    if not available[name]:
        reason = "" if alone else " that several processes can share"
        raise CodecError(f"--device {name}: torch {torch.__version__} finds none on this machine{reason}")
    if name == "cuda":
        index = int(os.environ.get("LOCAL_RANK", 0))
        if index >= torch.cuda.device_count():
            raise CodecError(f"process {index} of this machine has no GPU, as there are {torch.cuda.device_count()}")
        torch.cuda.set_device(index)
        return torch.device("cuda", index)
    return torch.device(name)


@torch.compiler.assume_constant_result
def has_fast_bfloat16(device: torch.device) -> bool:
    """Whether a device multiplies bfloat16 in hardware, and faster than float32.

    A CPU that emulates it is ten times slower. One with AVX-512 but without AMX may be faster or slower, so it is
    timed.
    """
    if device.type != "cpu":
        return device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    return _cpu_has_fast_bfloat16()


@cache
def _cpu_has_fast_bfloat16() -> bool:
    if torch.cpu._is_amx_tile_supported():
        return True
    return bool(torch.cpu._is_avx512_bf16_supported()) and _product_seconds(torch.bfloat16) < _product_seconds(
        torch.float32
    )


def _product_seconds(dtype: torch.dtype) -> float:
    """Least time that a matrix product as large as those of the networks takes on the CPU."""
    a, b = torch.ones(2048, 384, dtype=dtype), torch.ones(384, 384, dtype=dtype)
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        a @ b
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def autocast(device: torch.device, precision: str = "auto", enabled: bool = True) -> torch.autocast:
    """A context in which networks compute in bfloat16 where that is faster.

    Args:
        device: of the networks.
        precision: ``"float32"``, ``"bfloat16"``, or ``"auto"`` for the latter where the device has it.
        enabled: False leaves everything in float32.
    """
    use = precision == "bfloat16" or (precision == "auto" and has_fast_bfloat16(device))
    return torch.autocast(device.type, torch.bfloat16, enabled=enabled and use)


_threads_lock = threading.Lock()
_threads_before: list[int] = []
"""How many threads torch had before each use of :func:`usual_torch` that has not ended."""


@contextmanager
def usual_torch(threads: int | None = None) -> Iterator[None]:
    """Have torch learn, though its caller may have switched off gradients, or on another precision.

    Threads are those of the process: of several users at a time the last to begin decides, and once the last is done it
    has what it had.

    Args:
        threads: of torch; None or 0 leaves them as they are.
    """
    with _threads_lock:
        _threads_before.append(_threads_before[0] if _threads_before else torch.get_num_threads())
        if threads:
            torch.set_num_threads(threads)
    try:
        with torch.inference_mode(False), torch.enable_grad(), torch.autocast("cpu", enabled=False):
            yield
    finally:
        with _threads_lock:
            before = _threads_before.pop()
            if not _threads_before:
                torch.set_num_threads(before)


def keep_freed_memory() -> None:
    """Have the C library keep what is freed, as far as it is glibc's.

    Otherwise each large tensor is mapped anew, and zeroing its pages takes longer than most operations on it. It
    concerns the whole process, so it is for programs, not for libraries.
    """
    m_trim_threshold, m_mmap_threshold, most = -1, -3, 2**31 - 1  # of malloc.h
    with suppress(OSError, AttributeError, TypeError):  # another C library, or Windows
        library = ctypes.CDLL(None)
        library.mallopt(m_mmap_threshold, most)
        library.mallopt(m_trim_threshold, most)


def require_compiler(device: torch.device) -> None:
    """Find out whether ``torch.compile`` has what it needs for a device.

    Raises:
        CodecError: it has not.
    """
    if device.type == "mps":
        raise CodecError("--compile: works on CPUs and CUDA devices")
    if device.type == "cpu" and not any(map(shutil.which, (os.environ.get("CXX") or "g++", "g++", "clang++"))):
        raise CodecError("--compile: no C++ compiler found; install g++, or name one as CXX")
    if device.type == "cuda":
        compiler = any(map(shutil.which, (os.environ.get("CC") or "gcc", "gcc", "clang", "cc")))
        missing = [*([] if find_spec("triton") else ["triton"]), *([] if compiler else ["a C compiler"])]
        if missing:
            raise CodecError(f"--compile: on a GPU this needs {' and '.join(missing)}")


def distributed_backend(device: torch.device) -> str:
    """What ``torch.distributed`` exchanges gradients with."""
    return "nccl" if device.type == "cuda" else "gloo"


def work_seconds(device: torch.device) -> float:
    """A clock of the work done, to take differences of: CPU time of this process over its threads, so that a run which
    is paused or shares the machine is charged only for what it got; wall time on a GPU."""
    if device.type == "cpu":
        return time.process_time() / torch.get_num_threads()
    return time.monotonic()


@contextmanager
def memory_errors() -> Iterator[None]:
    """Raise :class:`MemoryError` in place of the errors that torch has for too little memory."""
    try:
        yield
    except RuntimeError as error:
        text = str(error)
        signs = ("can't allocate memory", "not enough memory", "out of memory", "bad_alloc", "Cannot allocate memory")
        if isinstance(error, torch.OutOfMemoryError) or any(sign in text for sign in signs):
            raise MemoryError("use a smaller --batch or --size, or --accumulate") from error
        raise
