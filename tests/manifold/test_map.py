"""Maps: alike images lie near each other, and the page stands alone."""

from __future__ import annotations

import re

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import codec
from bitstream import CodecError
from codec.cli import main
from codec.manifold.projection import METHODS, flatten

# Of packages that umap can do without.
pytestmark = pytest.mark.filterwarnings("ignore::ImportWarning")


@pytest.mark.parametrize("method", METHODS)
def test_alike_pictures_lie_near_each_other(method):
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(3, 64))
    vectors = (centres[:, None] + 0.1 * rng.normal(size=(3, 15, 64))).reshape(45, 64).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    places = flatten(list(vectors), method)
    assert places.shape == (45, 2) and places.min() == 0 and places.max() == pytest.approx(1)
    distances = np.linalg.norm(places[:, None] - places[None], axis=2) + np.eye(45) * 9
    assert (distances.argmin(axis=1) // 15 == np.arange(45) // 15).all()
    assert np.array_equal(flatten(list(vectors), method), places)


@pytest.mark.parametrize("method", METHODS)
def test_few_pictures_have_a_map_too(method):
    vectors = list(np.eye(8, dtype=np.float32))
    for count in (3, 5, 8):
        assert np.isfinite(flatten(vectors[:count], method)).all()
    with pytest.raises(CodecError, match="at least 3"):
        flatten(vectors[:2], method)


def test_alike_to_the_last_bit_is_no_division_by_zero():
    for method in METHODS:
        assert not flatten([np.ones(4, np.float32) / 2] * 4, method).any()


def test_the_page_stands_alone(photo_folder, tmp_path):
    folder, page = tmp_path / "coded", tmp_path / "map.html"
    folder.mkdir()
    for path in photo_folder.iterdir():
        with Image.open(path) as image:
            (folder / f"{path.stem}.lmc").write_bytes(codec.compress(image.resize((128, 96)), 40))
    (folder / "broken.lmc").touch()

    def run(*arguments):
        return CliRunner().invoke(main, ["map", str(folder), "--out", str(page), "--method", "pca", *arguments])

    result = run()
    assert result.exit_code == 1 and "broken.lmc" in result.output and page.exists()
    text = page.read_text(encoding="utf-8")
    assert text.count("data:image/jpeg;base64,") == 3 and not re.search(r'(src|href)="https?:', text)
    assert all(f"{name}.lmc" in text for name in ("astronaut", "coffee", "chelsea"))
    assert len(re.findall(r'data-x="[01]\.\d{5}"', text)) == 3
    before = page.read_bytes()
    (folder / "broken.lmc").unlink()
    assert run().exit_code == 1 and page.read_bytes() == before
    assert run("-f").exit_code == 0
    assert run("--seed", "4294967296").exit_code == 2
    wrong = CliRunner().invoke(main, ["map", str(folder), "--out", str(tmp_path / "map.png")])
    assert wrong.exit_code == 2
    few = CliRunner().invoke(main, ["map", str(folder / "coffee.lmc"), "--out", str(tmp_path / "few.html")])
    assert few.exit_code == 1 and "at least 3" in few.output
