"""``codec view`` and ``codec export --web`` as a user runs them."""

from __future__ import annotations

import signal
import subprocess
import sys
import urllib.request

import pytest
from click.testing import CliRunner

from codec.cli import main
from codec.engine.manifest import read_manifest
from tests.bitstream.test_vectors import PICTURES
from tests.common import MODEL


def test_view_says_where_the_page_is_and_ends_with_ctrl_c(tmp_path):
    path = tmp_path / "a b.lmc"
    path.write_bytes((PICTURES / "gray.lmc").read_bytes())
    command = [sys.executable, "-m", "codec", "view", str(path), "--no-browser", "--model", str(MODEL)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        url = process.stdout.readline().strip()
        with urllib.request.urlopen(url) as response:
            assert b"LMC viewer" in response.read()
        with urllib.request.urlopen(url.partition("index.html")[0] + "files/0/a%20b.lmc") as response:
            assert response.read() == path.read_bytes()
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 130
        assert "Traceback" not in process.stderr.read()


def test_view_refuses_what_is_not_there(tmp_path):
    for arguments, message in (
        (["view"], "Missing argument"),
        (["view", str(tmp_path / "none.lmc")], "does not exist"),
        (["view", str(tmp_path)], "is a directory"),
    ):
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == 2 and message in result.output, result.output
    (tmp_path / "x.lmc").write_bytes(b"")
    result = CliRunner().invoke(main, ["view", str(tmp_path / "x.lmc"), "--no-browser", "--model", str(tmp_path)])
    assert result.exit_code == 1 and "not an exported model" in result.output


def test_a_bundle_for_the_web(tmp_path):
    pytest.importorskip("onnx")
    pytest.importorskip("torch")
    out = tmp_path / "site"
    for _ in range(2):  # again over what is there
        result = CliRunner().invoke(main, ["export", "--web", str(MODEL), str(out)])
        assert result.exit_code == 0, result.output
    model_id = read_manifest(MODEL).model_id.hex()
    assert [path.name for path in (out / "models").iterdir()] == [f"{model_id}.zip"]
    for name in ("index.html", "service-worker.js", "src/index.js", "vendor/ort-wasm-simd-threaded.wasm"):
        assert (out / name).stat().st_size > 0
    assert model_id in (out / "viewer-offline.html").read_text()
    for arguments in (["--web", "a", "b", "c"], ["--web", "--last", str(out)], [str(out)]):
        assert CliRunner().invoke(main, ["export", *arguments]).exit_code == 2
    result = CliRunner().invoke(main, ["export", "--web", str(tmp_path), str(out)])
    assert result.exit_code == 1 and "not an exported model" in result.output
