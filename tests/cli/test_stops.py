"""What was there stays, and nothing half written is left, whatever stops a command."""

from __future__ import annotations

import errno
import signal
import subprocess
import sys

import pytest

from codec.cli.files import open_output
from codec.cli.plan import Job
from codec.util.progress import Watch
from tests.common import run_codec as run


def test_nothing_is_overwritten_unless_forced(photo, tmp_path):
    out = tmp_path / "out.lmc"
    out.write_bytes(b"precious")
    result = run("compress", photo, out)
    assert result.exit_code == 1 and "exists" in result.stderr and out.read_bytes() == b"precious"
    assert run("compress", photo, out, "-f").exit_code == 0
    assert out.read_bytes() != b"precious"


def test_a_failure_keeps_the_old_file(tmp_path):
    (tmp_path / "bad.lmc").write_bytes(b"not ours")
    out = tmp_path / "out.png"
    out.write_bytes(b"precious")
    result = run("decompress", tmp_path / "bad.lmc", out, "-f")
    assert result.exit_code == 1 and "not an .lmc file" in result.stderr
    assert out.read_bytes() == b"precious" and len(list(tmp_path.iterdir())) == 2


def test_a_link_in_a_circle_and_an_odd_failure_stop_only_themselves(photo, tmp_path, monkeypatch):
    loop = tmp_path / "loop.png"
    loop.symlink_to(loop)
    result = run("compress", loop, photo, "--out-dir", tmp_path / "out")
    assert result.exit_code == 1 and (tmp_path / "out" / "photo.lmc").exists()
    monkeypatch.setattr("codec.api.encode", lambda *_, **__: 1 / 0)
    assert "division" in run("compress", photo).stderr


def test_an_output_keeps_the_mode_of_what_it_replaces(photo, tmp_path):
    out = tmp_path / "private.lmc"
    for mode in (0o600, 0o646):
        out.touch()
        out.chmod(mode)
        assert run("compress", photo, out, "-f").exit_code == 0 and out.stat().st_mode & 0o777 == mode


def test_an_output_is_not_put_in_place_once_its_job_is_stopped(tmp_path):
    watch = Watch()
    with pytest.raises(InterruptedError), open_output(Job(None, tmp_path / "a.lmc"), False, watch) as file:
        file.write(b"whole")
        watch.stop()
    assert list(tmp_path.iterdir()) == []


def test_a_failed_job_leaves_no_new_folder(tmp_path):
    assert run("compress", tmp_path / "missing.png", tmp_path / "new" / "a.lmc").exit_code == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_stop_a_long_run_at_the_next_tile(tmp_path, number):
    picture, folder = tmp_path / "big.ppm", tmp_path / "out"
    folder.mkdir()
    with picture.open("wb") as file:
        file.write(b"P6 9000 9000 255 ")
        file.truncate(17 + 3 * 9000**2)  # a hole: no disk is used
    # Whoever runs the tests may have them ignore signals, as nohup does, and children inherit that.
    code = f"""
import signal
signal.signal({int(number)}, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)
import codec.encoding.analysis_pass
from codec.cli import main
pixels = codec.encoding.analysis_pass.pixels
codec.encoding.analysis_pass.pixels = lambda *a: (print("at work", flush=True), pixels(*a))[1]
main()"""
    process = subprocess.Popen(
        [sys.executable, "-c", code, "compress", "--no-graphics", str(picture), str(folder / "a.lmc")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None and process.stdout.readline() == b"at work\n"
    process.send_signal(number)
    rest = process.communicate(timeout=60)[0]
    assert rest.count(b"at work") < 10  # of 81 tiles and more
    assert process.returncode == 128 + number and list(folder.iterdir()) == []


def test_a_link_is_followed(photo, tmp_path):
    (tmp_path / "real.lmc").touch()
    (tmp_path / "link.lmc").symlink_to(tmp_path / "real.lmc")
    assert run("compress", photo, tmp_path / "link.lmc", "-f").exit_code == 0
    assert (tmp_path / "link.lmc").is_symlink() and (tmp_path / "real.lmc").stat().st_size > 0


def test_a_full_disk_leaves_nothing(photo, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("codec.api.encode", full)
    result = run("compress", photo, tmp_path / "out.lmc")
    assert result.exit_code == 1 and "No space left" in result.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["photo.png"]


def test_an_interrupt_leaves_nothing(photo, tmp_path, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("codec.api.encode", interrupted)
    result = run("compress", photo, tmp_path / "out.lmc")
    assert result.exit_code == 1 and [p.name for p in tmp_path.iterdir()] == ["photo.png"]
