"""Pipes, devices and whoever reads what a command writes."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from codec.cli import main
from tests.common import run_codec as run


def test_a_reader_who_has_seen_enough_is_no_error(photo, tmp_path):
    coded = tmp_path / "a.lmc"
    assert run("compress", photo, coded).exit_code == 0
    for arguments in (["inspect", coded], ["compress", photo, "-"]):
        read, write = os.pipe()
        os.close(read)
        with os.fdopen(write, "wb") as closed:
            command = [sys.executable, "-m", "codec", *map(str, arguments)]
            result = subprocess.run(command, stdout=closed, stderr=subprocess.PIPE, text=True, check=False)
        assert result.returncode == 1 and result.stderr == ""


@pytest.mark.skipif(not Path("/dev/stdout").exists(), reason="this system has no /dev/stdout")
def test_stdout_by_its_name_as_a_device(photo, tmp_path):
    direct, redirected = tmp_path / "direct.lmc", tmp_path / "redirected.lmc"
    assert run("compress", photo, direct).exit_code == 0
    with redirected.open("wb") as file:
        command = [sys.executable, "-m", "codec", "compress", str(photo), "/dev/stdout"]
        subprocess.run(command, stdout=file, check=True)
    assert redirected.read_bytes() == direct.read_bytes()


def test_a_pipe_is_not_told_that_it_is_smaller(photo):
    command = f"cat '{photo}' | '{sys.executable}' -m codec compress /dev/stdin - > /dev/null"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert done.stderr == ""


def test_pipes(photo, tmp_path):
    source = photo.read_bytes()
    coded = CliRunner().invoke(main, ["compress", "-", "-", "-q", "40"], input=source)
    assert coded.exit_code == 0 and coded.stderr == ""
    direct = tmp_path / "direct.lmc"
    assert run("compress", photo, direct, "-q", "40").exit_code == 0
    assert coded.stdout_bytes == direct.read_bytes()
    back = CliRunner().invoke(main, ["decompress", "-", "--format", "jpg"], input=coded.stdout_bytes)
    with Image.open(io.BytesIO(back.stdout_bytes)) as image:
        assert image.format == "JPEG" and image.size == (517, 389)
    told = CliRunner().invoke(main, ["inspect", "-"], input=coded.stdout_bytes)
    assert "517 x 389" in told.output


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_named_pipes(photo, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for command, content, out in (("compress", photo, "a.lmc"), ("decompress", tmp_path / "a.lmc", "b.png")):
        data = content.read_bytes()
        writer = threading.Thread(target=pipe.write_bytes, args=(data,))
        writer.start()
        assert run(command, pipe, tmp_path / out).exit_code == 0
        writer.join()
    with Image.open(tmp_path / "b.png") as image:
        assert image.size == (517, 389)


def test_devices_are_written_to_and_not_replaced(photo):
    result = run("compress", photo, "/dev/null")
    assert result.exit_code == 0 and Path("/dev/null").is_char_device()
