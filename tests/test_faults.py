"""What happens around a codec: killed processes, full disks, vanished folders, threads and forks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import codec
from codec.util.files import replacing

pytestmark = pytest.mark.slow

BIG = (3000, 3000)


def python(code, *arguments, **options):
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options
    )


def finished(process, seconds=120):
    """Exit code and stderr; a process that hangs fails the test."""
    try:
        _, errors = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        pytest.fail(f"still running after {seconds} s")
    return process.returncode, errors.decode()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """An image of nine megapixels and its file."""
    folder = tmp_path_factory.mktemp("faults")
    with (folder / "big.ppm").open("wb") as file:
        file.write(b"P6 %d %d 255 " % BIG[::-1])
        file.truncate(file.tell() + 3 * BIG[0] * BIG[1])
    (folder / "big.lmc").write_bytes(codec.compress(folder / "big.ppm", 5, graphics=False))
    return folder


AT_WORK = """
import sys
import codec.engine.runtime
from codec.cli import main
run = codec.engine.runtime.Runtime._run
def told(self, graph, **feed):
    print("at work", flush=True)
    return run(self, graph, **feed)
codec.engine.runtime.Runtime._run = told
main(sys.argv[1:])
"""


@pytest.mark.parametrize(("command", "source", "target"), [
    ("compress", "big.ppm", "out.lmc"), ("decompress", "big.lmc", "out.ppm"), ("decompress", "big.lmc", "out.png"),
])  # fmt: skip
def test_a_killed_command_leaves_the_old_output(folder, tmp_path, command, source, target):
    out = tmp_path / target
    out.write_bytes(b"what was there")
    networks = ["--no-graphics"] if command == "compress" else []
    process = python(AT_WORK, command, *networks, folder / source, out, "-f")
    assert process.stdout.readline() == b"at work\n"
    for _ in range(3):
        process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    assert finished(process)[0] == -signal.SIGKILL
    assert out.read_bytes() == b"what was there"
    # What the killed process may have left does not stand in the way.
    assert finished(python(AT_WORK, command, *networks, folder / source, out, "-f"))[0] == 0
    assert out.stat().st_size > 1000


@pytest.mark.parametrize(("command", "source", "target", "bytes_free"), [
    ("compress", "big.ppm", "out.lmc", 500), ("decompress", "big.lmc", "out.ppm", 1 << 20),
    ("decompress", "big.lmc", "out.png", 5000),
])  # fmt: skip
def test_a_disk_that_fills_up_leaves_the_old_output(folder, tmp_path, command, source, target, bytes_free):
    """Files are limited to less than the output takes, which the system reports like a full disk."""
    out = tmp_path / target
    out.write_bytes(b"what was there")
    limit = f"import resource, signal\nsignal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n\
resource.setrlimit(resource.RLIMIT_FSIZE, ({bytes_free}, {bytes_free}))\n"
    code, errors = finished(python(limit + AT_WORK, command, folder / source, out, "-f"))
    assert code == 1 and "File too large" in errors and len(errors.splitlines()) == 1
    assert [p.name for p in tmp_path.iterdir()] == [target] and out.read_bytes() == b"what was there"


def test_what_is_flushed_to_the_disk_is_open_for_writing(tmp_path, monkeypatch):
    """Windows flushes no other files."""
    fcntl, flush, flushed = pytest.importorskip("fcntl"), os.fsync, []

    def fsync(number):
        flushed.append(fcntl.fcntl(number, fcntl.F_GETFL) & os.O_ACCMODE)
        flush(number)

    monkeypatch.setattr(os, "fsync", fsync)
    with replacing(tmp_path / "a", False) as temporary:
        temporary.write_text("text")
    assert flushed == [os.O_RDWR] and (tmp_path / "a").read_text() == "text"


def test_a_folder_that_cannot_be_written_to(folder):
    if not Path("/proc/self").exists():
        pytest.skip("no /proc, the one folder that root cannot write to either")
    code, errors = finished(python(AT_WORK, "decompress", folder / "big.lmc", "/proc/out.ppm"))
    assert code == 1 and errors.startswith("Error: ") and "/proc/out.ppm: " in errors and len(errors.splitlines()) == 1


def test_a_folder_that_vanishes_meanwhile(folder, tmp_path):
    away = tmp_path / "away"
    away.mkdir()
    process = python(AT_WORK, "compress", "--no-graphics", folder / "big.ppm", away / "out.lmc")
    assert process.stdout.readline() == b"at work\n"
    away.rmdir()
    code, errors = finished(process)
    # It is made again, or missed, but nothing is written in part.
    assert (code, errors) == (0, "") or (code == 1 and len(errors.splitlines()) == 1)
    if code == 0:
        assert codec.inspect(away / "out.lmc").width == BIG[1]
    assert not list(tmp_path.glob("*.tmp"))


@pytest.mark.train
def test_a_killed_export_leaves_no_model_that_loads_wrongly(tmp_path):
    """Whenever it is killed, the folder holds the old model, the new one, or one that is refused."""
    code = """
import sys, time, torch
from pathlib import Path
import codec.training.export as e
from codec.models.v1.network import V1
from tests.tiny import TINY
torch.manual_seed(int(sys.argv[2]))
replace = Path.replace
def slow(self, target):
    print("moving", flush=True); time.sleep(float(sys.argv[3]))
    return replace(self, target)
Path.replace = slow
e.check = lambda *a: None
e.export(V1(TINY), Path(sys.argv[1]))
"""
    from codec.engine.runtime import Runtime

    root = Path(__file__).parent.parent
    model = tmp_path / "model"
    assert finished(python(code, model, 1, 0, cwd=root))[0] == 0
    old = Runtime(model).model_id
    process = python(code, model, 2, 0.2, cwd=root)
    for _ in range(3):
        assert process.stdout.readline() == b"moving\n"
    process.kill()
    finished(process)
    with pytest.raises(codec.ModelError):
        Runtime(model)
    assert finished(python(code, model, 2, 0, cwd=root))[0] == 0
    assert Runtime(model).model_id != old


FORK = """
import os, sys
import numpy as np
import codec
from codec.engine.registry import shipped
pixels = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
data = codec.compress(pixels)
lock = shipped()._lock
lock.acquire()  # as if another thread were loading a graph
child = os.fork()
if child == 0:
    same = codec.compress(pixels) == data and codec.decompress(data).size == (200, 200)
    os._exit(0 if same else 3)
lock.release()
status = os.waitpid(child, 0)[1]
assert codec.compress(pixels) == data
sys.exit(os.waitstatus_to_exitcode(status))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_child_can_go_on():
    """With the sessions it inherits, unless the parent's other threads were using them at that moment."""
    assert finished(python(FORK), 60)[0] == 0


def test_processes_side_by_side_write_the_same(folder, tmp_path):
    """Four at once, all to one name: whole files only, whoever is last."""
    out = tmp_path / "out.lmc"
    command = "compress", "--no-graphics", folder / "big.ppm", out, "-f", "-q", "5"
    processes = [python(AT_WORK, *command) for _ in range(4)]
    deadline = time.monotonic() + 240
    while any(p.poll() is None for p in processes):
        assert time.monotonic() < deadline
        if out.exists():
            assert out.read_bytes() == (folder / "big.lmc").read_bytes()
        time.sleep(0.05)
    assert [finished(p)[0] for p in processes] == [0] * 4
    assert out.read_bytes() == (folder / "big.lmc").read_bytes() and len(list(tmp_path.iterdir())) == 1


def test_sixteen_threads_share_one_codec():
    from concurrent.futures import ThreadPoolExecutor

    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (64 + 8 * i, 96, 3), dtype=np.uint8) for i in range(16)]
    alone = [codec.compress(p, threads=1) for p in pictures]
    with ThreadPoolExecutor(16) as pool:
        together = list(pool.map(lambda p: codec.compress(p, threads=1), pictures))
        sizes = list(pool.map(lambda d: codec.decompress(d, threads=1).size, together))
    assert together == alone and sizes == [(96, 64 + 8 * i) for i in range(16)]
