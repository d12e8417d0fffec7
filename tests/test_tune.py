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
from codec.cli import main
from codec.engine.registry import DEFAULT_TUNE, SHIPPED, TUNES, loaded, shipped, shipped_by_id, tune_by_id
from codec.manifold.anomaly.features import image_features
from codec.manifold.embedding import embed
from codec.manifold.embedding import shipped as shipped_head
from codec.manifold.index import Index
from codec.manifold.loading import most_common_tune, open_coded, own_tune
from codec.manifold.paths.interpolation import Endpoints
from codec.manifold.sampling import sample_near
from codec.metrics import ms_ssim_db, psnr_db, ssimulacra2
from tests.common import MODEL


@pytest.fixture(scope="module")
def photo():
    from skimage import data

    return data.coffee()[:384, :512]


def judged(photo, data):
    decoded = np.asarray(codec.decompress(data))
    return {
        "psnr": psnr_db([(photo, decoded)], 8),
        "ms-ssim": ms_ssim_db(photo, decoded, 8),
        "ssimulacra2": ssimulacra2(photo, decoded, 8),
    }


@pytest.mark.parametrize("rate_bpp", [0.25, 0.8])
@pytest.mark.metrics
def test_each_model_is_better_at_what_it_is_for(photo, rate_bpp):
    target = codec.Target("bytes", rate_bpp * photo[..., 0].size / 8)
    files = {tune: codec.compress(photo, target=target, tune=tune) for tune in TUNES}
    assert all(0.93 * target.value < len(data) <= target.value for data in files.values())
    visual, plain = (judged(photo, files[tune]) for tune in ("visual", "psnr"))
    assert plain["psnr"] > visual["psnr"] + 0.3
    assert visual["ssimulacra2"] > plain["ssimulacra2"] + 2 and visual["ms-ssim"] > plain["ms-ssim"] + 0.3


def test_a_file_says_which_model_it_needs(photo):
    for tune in TUNES:
        data = codec.compress(photo[:90, :70], tune=tune)
        info = codec.inspect(data)
        assert info.tune == tune and info.model_available and info.model_id == shipped(tune=tune).model_id.hex()
        with codec.open(data) as file:
            assert file.runtime is shipped_by_id(file.header.model_id) is shipped(tune=tune)
    assert shipped() is shipped(tune="visual") is not shipped(tune="psnr")
    assert tune_by_id(b"none") is None


def test_an_unknown_tune_is_refused(photo):
    with pytest.raises(ValueError, match="tune: found 'vmaf', expected visual or psnr"):
        codec.compress(photo, tune="vmaf")


def test_the_former_name_of_a_tune_still_works(photo, tmp_path):
    part = photo[:100, :120]
    expected = codec.compress(part)
    assert codec.compress(part, tune="visual") == codec.compress(part, tune="ms-ssim") == expected
    assert shipped_head("ms-ssim") is shipped_head() and embed(part_image := Image.fromarray(part)).tolist() == (
        embed(part_image, tune="ms-ssim").tolist()
    )
    Image.fromarray(part).save(tmp_path / "in.png")
    arguments = ["compress", "--tune", "ms-ssim", str(tmp_path / "in.png"), str(tmp_path / "out.lmc")]
    assert CliRunner().invoke(main, arguments).exit_code == 0
    assert (tmp_path / "out.lmc").read_bytes() == expected and codec.inspect(expected).tune == "visual"


def test_the_command_and_pillow_take_it(photo, tmp_path):
    part = photo[:100, :120]
    Image.fromarray(part).save(tmp_path / "in.png")
    arguments = ["compress", "--tune", "psnr", "-q", "40", str(tmp_path / "in.png"), str(tmp_path / "out.lmc")]
    assert CliRunner().invoke(main, arguments).exit_code == 0
    expected = codec.compress(part, 40, tune="psnr")
    assert (tmp_path / "out.lmc").read_bytes() == expected != codec.compress(part, 40)
    assert "--tune psnr" in CliRunner().invoke(main, ["inspect", str(tmp_path / "out.lmc")]).output
    assert CliRunner().invoke(main, ["decompress", str(tmp_path / "out.lmc"), str(tmp_path / "b.png")]).exit_code == 0
    saved = io.BytesIO()
    Image.fromarray(part).save(saved, "LMC", quality=40, tune="psnr")
    assert saved.getvalue() == expected


@pytest.mark.parametrize("tune", TUNES)
def test_collections_see_files_of_both_models_alike(photo, tune):
    """One head knows the coordinates of one model; a file of the other is coded anew with it."""
    pairs = [photo[:256, :256], photo[100:356, 200:456]]
    one, other = ([embed(codec.compress(p, tune=t), tune=tune) for p in pairs] for t in TUNES)
    assert min(float(a @ b) for a, b in zip(one, other, strict=True)) > 0.9 > float(one[0] @ one[1])
    with open_coded(codec.compress(pairs[0], tune="psnr"), tune=tune) as file:
        assert file.runtime is shipped(tune=tune) and file.size == (256, 256)


@pytest.mark.parametrize("tune", TUNES)
@pytest.mark.manifold
def test_files_of_a_shipped_model_are_looked_at_without_being_decoded(photo, tune, tmp_path, monkeypatch):
    """Indexed, mapped, scored and interpolated in their own coordinates."""
    for n, part in enumerate((photo[:200, :200], photo[100:300, 200:400], photo[150:350, 100:300])):
        (tmp_path / f"{n}.lmc").write_bytes(codec.compress(part, tune=tune))
    Image.fromarray(photo[:100, :100]).save(tmp_path / "plain.png")
    assert most_common_tune(sorted(tmp_path.iterdir())) == tune

    def run(*arguments):
        result = CliRunner().invoke(main, [str(a) for a in arguments])
        assert result.exit_code == 0, result.output

    monkeypatch.setattr("codec.decoding.lmc_file.LmcFile.array", lambda *_, **__: pytest.fail("decoded"))
    files = [tmp_path / f"{n}.lmc" for n in range(3)]
    run("search", "index", *files, "--index", tmp_path / "i")
    run("search", "query", files[0], "--index", tmp_path / "i")
    run("map", *files, "--out", tmp_path / "map.html", "--method", "pca")
    run("sample", tmp_path / "near.lmc", "--near", files[0])
    with Index(tmp_path / "i") as index:
        assert index.head.tune == tune
    facts = [image_features(path, shipped_head(tune)) for path in files]
    assert all(fact.error is None for fact in facts)
    assert Endpoints(files[0], files[1]).runtime is shipped(tune=tune)
    # Also where there is no name to tell by.
    data = files[0].read_bytes()
    assert own_tune(data) == tune and own_tune(tmp_path / "plain.png") is None and own_tune(data[:12]) is None
    assert Endpoints(data, files[1].read_bytes()).runtime is shipped(tune=tune)
    assert own_tune(sample_near(data, 0.1)) == tune
    (tmp_path / "empty").touch()  # an index that was about to be made
    run("search", "index", *files, "--index", tmp_path / "empty")
    with Index(tmp_path / "empty", create=True, tune=DEFAULT_TUNE) as index:
        assert index.head.tune == tune and len(index) == 3


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
    assert run("compress", tmp_path / "in.png", "--model", MODEL, "--tune", "psnr").exit_code == 2
    with pytest.raises(ValueError, match="tune"):
        codec.compress(part, model=MODEL, tune="psnr")
    for command in (("compress", tmp_path / "in.png"), ("decompress", coded)):
        result = run(*command, tmp_path / "new.lmc", "-f", "--model", tmp_path / "nowhere")
        assert result.exit_code != 0 and not (tmp_path / "new.lmc").exists()


def test_a_model_exported_anew_is_loaded_anew(photo, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(MODEL, folder)
    before = loaded(folder)
    assert loaded(folder) is before
    for path in SHIPPED.iterdir():
        shutil.copyfile(path, folder / path.name)
    assert loaded(folder).model_id == shipped().model_id != before.model_id
    with pytest.raises(ModelError, match="sha256"):  # not the new graphs with the old tables
        codec.LmcFile(codec.compress(photo[:9, :9], model=MODEL), runtime=before).array()
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["sha256"]["preview.onnx"] = "0" * 64  # another graph that computes with the same numbers
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ModelError, match="sha256"):
        loaded(folder).check_all()


def test_a_model_that_is_loaded_needs_no_manifest(photo, tmp_path, monkeypatch):
    data = codec.compress(photo[:90, :70])
    with codec.open(data) as file:
        expected = file.array()
        monkeypatch.setattr("codec.engine.registry.read_manifest", lambda _: pytest.fail("read again"))
        np.testing.assert_array_equal(file.array(), expected)
        np.testing.assert_array_equal(codec.decompress(data), expected)
