"""``codec batch``: each command, and what it refuses before it begins."""

from __future__ import annotations

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import codec
from codec.batch import Compress, run
from codec.cli import main
from codec.manifold.embedding import embed
from tests.batch.conftest import IMAGES, contents, rows

pytestmark = [pytest.mark.cluster, pytest.mark.slow]


@pytest.fixture(scope="module")
def coded(collection, tmp_path_factory):
    """The collection, coded without exact blocks."""
    out = tmp_path_factory.mktemp("coded")
    run(Compress(codec.EncodeOptions(graphics=False)), str(collection), str(out))
    return out


def batch(*arguments: object) -> str:
    """What a command says, that does all its work."""
    result = CliRunner().invoke(main, ["batch", *map(str, arguments), "--workers", "1"])
    assert result.exit_code == 0, result.stderr
    assert f"{IMAGES} of {IMAGES} files" in result.stderr
    return result.stderr


def test_options_reach_the_codec(collection, coded, tmp_path):
    batch("compress", collection, tmp_path / "plain", "--no-graphics")
    assert contents(tmp_path / "plain") == contents(coded)
    batch("transcode", coded, tmp_path / "small", "-q", 10, "--tune", "psnr")
    for data in contents(tmp_path / "small").values():
        assert (codec.inspect(data).quality, codec.inspect(data).tune) == (10, "psnr")
    batch("decompress", coded, tmp_path / "tiny", "--format", "ppm", "--scale", "1/8")
    with Image.open(tmp_path / "tiny/2.ppm") as image, codec.open(coded / "2.lmc") as file:
        assert np.abs(np.asarray(image, int) - np.asarray(file.preview())).max() <= 1


def test_embeddings_and_scores(coded, tmp_path):
    pytest.importorskip("sklearn", reason="needs the extra [manifold]")
    from codec.manifold.anomaly import calibration
    from codec.manifold.anomaly.features import image_features
    from codec.manifold.embedding import shipped

    batch("embed", coded, "--table", tmp_path / "e.jsonl")
    found = {row["source"]: row["embedding"] for row in rows(tmp_path / "e.jsonl")}
    assert np.allclose(found[str(coded / "2.lmc")], embed(coded / "2.lmc"), atol=1e-5)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(calibration, "MIN_IMAGES", 8)
        known = [image_features(path, shipped()) for path in sorted(coded.rglob("*.lmc"))]
        learned = calibration.Collection.fit(known, shipped())
    learned.save(tmp_path / "normal.npz")
    batch("score", coded, "--model", tmp_path / "normal.npz", "--table", tmp_path / "s.jsonl")
    scores = {row["source"]: row["score"] for row in rows(tmp_path / "s.jsonl")}
    wanted = calibration.Collection.load(tmp_path / "normal.npz").score(image_features(coded / "2.lmc", shipped()))
    assert scores[str(coded / "2.lmc")] == pytest.approx(wanted.score, abs=1e-3) and len(scores) == IMAGES


@pytest.mark.parametrize(
    "arguments, told",
    [
        (("compress", "in", "out", "-q", "9", "--lossless"), "has no quality"),
        (("decompress", "in", "out", "--format", "xyz"), "known are"),
        (("embed", "in"), "--table: needed"),
        (("compress", "in", "out", "--shard", "8/8"), "expected 0/8 to 7/8"),
        (("compress", "in", "out", "--scheduler", "tcp://h:1", "--workers", "2"), "are started where they are"),
    ],
)
def test_what_makes_no_sense_is_refused_before_a_worker_starts(arguments, told, monkeypatch):
    import distributed

    def started(*_, **__):
        raise AssertionError("a cluster was started")

    monkeypatch.setattr(distributed, "LocalCluster", started)
    result = CliRunner().invoke(main, ["batch", *arguments])
    assert result.exit_code == 2 and told in result.stderr
