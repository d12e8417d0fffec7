"""Two models in one package: each is good at what it is for, and a file says which it needs."""

from __future__ import annotations

import io
import json
import shutil

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import codec
import codec.pillow_plugin
from bitstream import ModelError
from codec.catalogue import SHIPPED, TUNES, loaded, shipped, shipped_of, tune_of
from codec.cli import main
from codec.manifold.coordinates import open_coded
from codec.manifold.embedding import embed
from codec.quality import ms_ssim_db, psnr_db
from tests.test_vectors import MODEL


@pytest.fixture(scope="module")
def photo():
    from skimage import data

    return data.coffee()[:384, :512]


def decibels(photo, data):
    decoded = np.asarray(codec.decompress(data))
    return psnr_db([(photo, decoded)], 8), ms_ssim_db(photo, decoded, 8)


@pytest.mark.parametrize("rate_bpp", [0.25, 0.8])
def test_each_model_is_better_at_what_it_is_for(photo, rate_bpp):
    target = codec.Target("bytes", rate_bpp * photo[..., 0].size / 8)
    files = {tune: codec.compress(photo, target=target, tune=tune) for tune in TUNES}
    assert all(0.93 * target.value < len(data) <= target.value for data in files.values())
    plain, similar = (decibels(photo, files[tune]) for tune in TUNES)
    assert plain[0] > similar[0] + 0.3 and similar[1] > plain[1] + 0.3


def test_a_file_says_which_model_it_needs(photo):
    for tune in TUNES:
        data = codec.compress(photo[:90, :70], tune=tune)
        info = codec.inspect(data)
        assert info.tune == tune and info.model_available and info.model_id == shipped(tune=tune).model_id.hex()
        with codec.open(data) as file:
            assert file.runtime is shipped_of(file.header.model_id) is shipped(tune=tune)
    assert shipped() is shipped(tune="psnr") is not shipped(tune="ms-ssim")
    assert tune_of(b"none") is None


def test_an_unknown_tune_is_refused(photo):
    with pytest.raises(ValueError, match="tune: found 'vmaf', expected psnr or ms-ssim"):
        codec.compress(photo, tune="vmaf")


def test_the_command_and_pillow_take_it(photo, tmp_path):
    part = photo[:100, :120]
    Image.fromarray(part).save(tmp_path / "in.png")
    arguments = ["compress", "--tune", "ms-ssim", "-q", "40", str(tmp_path / "in.png"), str(tmp_path / "out.lmc")]
    assert CliRunner().invoke(main, arguments).exit_code == 0
    expected = codec.compress(part, 40, tune="ms-ssim")
    assert (tmp_path / "out.lmc").read_bytes() == expected != codec.compress(part, 40)
    assert "for ms-ssim" in CliRunner().invoke(main, ["inspect", str(tmp_path / "out.lmc")]).output
    assert CliRunner().invoke(main, ["decompress", str(tmp_path / "out.lmc"), str(tmp_path / "b.png")]).exit_code == 0
    saved = io.BytesIO()
    Image.fromarray(part).save(saved, "LMC", quality=40, tune="ms-ssim")
    assert saved.getvalue() == expected


def test_collections_see_files_of_both_models_alike(photo):
    """One head knows the coordinates of one model; a file of the other is coded anew with it."""
    pairs = [photo[:256, :256], photo[100:356, 200:456]]
    plain, similar = ([embed(codec.compress(p, tune=tune)) for p in pairs] for tune in TUNES)
    assert min(float(a @ b) for a, b in zip(plain, similar, strict=True)) > 0.9 > float(plain[0] @ plain[1])
    with open_coded(codec.compress(pairs[0], tune="ms-ssim")) as file:
        assert file.runtime is shipped() and file.size == (256, 256)


def test_a_model_of_ones_own_is_used_both_ways(photo, tmp_path):
    part, other = photo[:100, :120], loaded(MODEL)
    data = codec.compress(part, 40, model=MODEL)
    assert codec.inspect(data).model_id == other.model_id.hex() and loaded(str(MODEL)) is other
    with pytest.raises(ModelError, match=other.model_id.hex()):
        codec.decompress(data)
    expected = np.asarray(codec.decompress(data, model=MODEL))
    with codec.open(data, model=MODEL) as file:
        np.testing.assert_array_equal(file.array(), expected)
    Image.fromarray(part).save(tmp_path / "in.png")

    def run(*arguments):
        return CliRunner().invoke(main, [str(a) for a in arguments])

    coded = tmp_path / "out.lmc"
    assert run("compress", tmp_path / "in.png", coded, "-q", 40, "--model", MODEL).exit_code == 0
    assert coded.read_bytes() == data
    assert run("decompress", coded, tmp_path / "back.png").exit_code == 1
    assert run("decompress", coded, tmp_path / "back.png", "--model", MODEL).exit_code == 0
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "back.png")), expected)
    assert run("compress", tmp_path / "in.png", "--model", MODEL, "--tune", "ms-ssim").exit_code == 2
    with pytest.raises(ValueError, match="tune"):
        codec.compress(part, model=MODEL, tune="ms-ssim")
    for command in (("compress", tmp_path / "in.png"), ("decompress", coded)):
        result = run(*command, tmp_path / "new.lmc", "-f", "--model", tmp_path / "nowhere")
        assert result.exit_code != 0 and not (tmp_path / "new.lmc").exists()


def test_a_model_exported_anew_is_loaded_anew(tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(MODEL, folder)
    before = loaded(folder)
    assert loaded(folder) is before
    for path in SHIPPED.iterdir():
        shutil.copyfile(path, folder / path.name)
    assert loaded(folder).model_id == shipped().model_id != before.model_id
    with pytest.raises(ModelError, match="changed since"):  # not the new graphs with the old tables
        codec.decoder.LmcFile(codec.compress(np.zeros((9, 9, 3), np.uint8), model=MODEL), runtime=before).array()
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["sha256"]["preview.onnx"] = "0" * 64  # another graph that computes with the same numbers
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ModelError, match="sha256"):
        loaded(folder)


def test_a_model_that_is_loaded_needs_no_manifest(photo, tmp_path, monkeypatch):
    data = codec.compress(photo[:90, :70])
    with codec.open(data) as file:
        expected = file.array()
        monkeypatch.setattr("codec.catalogue.read_manifest", lambda _: pytest.fail("read again"))
        np.testing.assert_array_equal(file.array(), expected)
        np.testing.assert_array_equal(codec.decompress(data), expected)
