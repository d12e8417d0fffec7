"""A deployed model: named by its numbers, checked before it is used, and run with the threads that are asked for."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest

import codec
from bitstream import (
    ModelError,
)
from codec.api import encode_at_level
from codec.engine.manifest import FILES, TABLES, WEIGHTS, model_id
from codec.engine.registry import SHIPPED
from codec.engine.runtime import Runtime


@pytest.fixture(scope="module")
def photo():
    from skimage import data

    return data.astronaut()[:389, :317]


def test_networks_get_the_threads_they_are_told(photo, monkeypatch):
    import onnxruntime

    asked, session = [], onnxruntime.InferenceSession

    def recorded(*arguments, **options):
        asked.append(arguments[1].intra_op_num_threads)
        return session(*arguments, **options)

    monkeypatch.setattr(onnxruntime, "InferenceSession", recorded)
    encode_at_level(Runtime(SHIPPED, threads=3), photo[:64, :64], 40)
    monkeypatch.setenv("CODEC_THREADS", "2")
    encode_at_level(Runtime(SHIPPED), photo[:64, :64], 40)
    assert set(asked[: len(asked) // 2]) == {3} and set(asked[len(asked) // 2 :]) == {2}


def test_a_damaged_model_is_refused(tmp_path):
    import shutil

    folder = tmp_path / "model"
    shutil.copytree(SHIPPED, folder)
    assert encode_at_level(Runtime(folder), np.zeros((9, 9, 3), np.uint8), 40)
    weights = folder / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-7] ^= 1
    weights.write_bytes(content)
    for use in (Runtime.check_all, lambda runtime: encode_at_level(runtime, np.zeros((9, 9, 3), np.uint8), 40)):
        with pytest.raises(ModelError, match="sha256"):
            use(Runtime(folder))
    runtime, data = Runtime(folder), codec.compress(np.zeros((9, 9, 3), np.uint8), graphics=False)
    for _ in range(2):  # neither at first nor later
        with pytest.raises(ModelError, match="sha256"):
            codec.LmcFile(data, runtime=runtime).array()
    weights.unlink()
    with pytest.raises(ModelError, match=r"model\.safetensors"):
        encode_at_level(Runtime(folder), np.zeros((9, 9, 3), np.uint8), 40)
    (folder / "tables.npz").write_bytes(b"")
    with pytest.raises(ModelError, match="sha256"):
        Runtime(folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    for nonsense in ({**manifest, "sha256": dict.fromkeys(manifest["sha256"], 5)}, {**manifest, "model_id": 5}, [], 5):
        (folder / "manifest.json").write_text(json.dumps(nonsense))
        with pytest.raises(ModelError):
            Runtime(folder)
    with pytest.raises(ModelError, match="manifest"):
        Runtime(tmp_path / "nowhere")


def test_a_model_is_named_by_its_numbers_and_not_by_its_graphs():
    digests = {name: f"{i:064x}" for i, name in enumerate(FILES)}
    names = {name: model_id({**digests, name: "f" * 64}) != model_id(digests) for name in FILES}
    assert names == {name: name in (WEIGHTS, TABLES) for name in FILES}


@pytest.mark.parametrize("switch", [None, "0"])
def test_onnx_runtime_neither_writes_nor_sends_reports(tmp_path, switch):
    script = (
        "import os, codec, numpy as np; before = dict(os.environ);"
        "codec.compress(np.zeros((64, 64, 3), np.uint8), 50, graphics=False);"
        "assert dict(os.environ) == before; import onnxruntime"
    )
    environment = {**os.environ, "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    for name in ("ORT_DISABLE_TELEMETRY", "CI", "GITHUB_ACTIONS"):  # the last two silence it as well
        environment.pop(name, None)
    if switch is not None:
        environment["ORT_DISABLE_TELEMETRY"] = switch
    subprocess.run([sys.executable, "-B", "-c", script], env=environment, check=True, timeout=120)
    assert list(tmp_path.rglob("*")) == []
