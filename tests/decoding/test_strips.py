"""Images of more than one strip: each is put where it belongs, and let go of when it is done with.

One strip holds up to a megapixel and a half, so without smaller tiles no small image has more.
"""

from __future__ import annotations

import io
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

import codec
from codec.decoding.lmc_file import LmcFile
from codec.encoding.encoder import encode
from codec.encoding.rate_control import encode_to_target
from codec.engine.registry import shipped
from codec.engine.row_buffer import RowBuffer
from codec.images import sinks
from codec.images.sources import ArraySource, PillowSource
from codec.manifold import embedding
from codec.manifold.anomaly.features import image_features
from codec.metrics import ms_ssim_db, psnr_db

SIZE = (389, 317)


@pytest.fixture(scope="module")
def photo():
    from skimage import data

    return data.astronaut()[: SIZE[0], : SIZE[1]]


@pytest.fixture
def small_tiles(monkeypatch):
    """Call it, and strips are cut into tiles of so many cells from then on."""

    def cut(cells=8):
        assert LmcFile.strips.__defaults__[1:3] == (1, None)
        monkeypatch.setattr(LmcFile.strips, "__defaults__", (None, 1, None, cells))

    return cut


@pytest.mark.parametrize("scale", [1, 2, 8, 16])
def test_strips_are_put_where_they_belong(photo, small_tiles, scale):
    file = codec.open(codec.compress(np.dstack([photo, photo[..., 0]]), 60))

    def look():
        return np.asarray(file.load() if scale == 1 else file.preview(scale), int)

    whole, array = look(), file.array().astype(int)
    small_tiles(8 if scale < 8 else 2)  # a preview has no halo, and fewer tiles
    assert len(list(file.strips(scale=scale))) > 2
    assert np.abs(look() - whole).max() <= 1 and np.abs(file.array().astype(int) - array).max() <= 1
    assert np.asarray(file.region(40, 50, 200, 300)).tolist() == np.asarray(file.load())[50:350, 40:240].tolist()


@pytest.mark.parametrize("deep", [False, True])
def test_writers_take_strip_after_strip(photo, small_tiles, deep):
    pixels = np.dstack([photo, photo[..., 0]]).astype(np.uint16 if deep else np.uint8) * (257 if deep else 1)
    file = codec.open(codec.compress(pixels, 60))
    small_tiles()
    for name, alpha in (("PNG", file.alpha()), ("PPM", None), ("TIFF", file.alpha())):
        buffer = io.BytesIO()
        sinks.write(buffer, name, file.strips(), *file.size, file.form, alpha, file.metadata)
        with Image.open(buffer) as image:
            found = np.asarray(image)
        expected = np.asarray(file.load())[..., : 3 + (alpha is not None)]
        assert found.shape == expected.shape and np.abs(found.astype(int) - expected).max() <= 1  # 16 bits are cut


def test_distortions_are_of_the_whole_picture(photo, small_tiles):
    """What stands below the first strip counts as well."""
    small_tiles()
    for kind, wanted, slack in (("psnr", 33.0, 0.3), ("ms-ssim", 15.0, 0.3)):
        data = encode_to_target(shipped(), ArraySource(photo), [], codec.Target(kind, wanted))
        back = codec.open(data).array()
        found = psnr_db([(photo, back)], 8) if kind == "psnr" else ms_ssim_db(photo, back, 8)
        assert wanted - 0.01 <= found < wanted + slack


def test_facts_do_not_depend_on_strips_and_chunks(photo, small_tiles):
    head = embedding.shipped()
    one = image_features(Image.fromarray(photo), head)
    small_tiles()
    other = image_features(Image.fromarray(photo), head)
    assert other.error == pytest.approx(one.error, rel=1e-3)
    data = encode(shipped(), ArraySource(photo), shipped().scale.level(50), [], chunk_log2=1)
    small_chunks = image_features(data, head)
    np.testing.assert_allclose(small_chunks.positions, other.positions, atol=0.02)
    np.testing.assert_allclose(small_chunks.statistics, other.statistics, atol=1e-3)


def test_transparency_is_read_part_by_part():
    alpha = (np.arange(2500)[:, None] + np.arange(3)).astype(np.uint8)
    image = Image.fromarray(np.dstack([np.zeros((2500, 3, 3), np.uint8), alpha]))
    np.testing.assert_array_equal(PillowSource(image).alpha(), alpha)


def test_rows_are_let_go_of(photo, monkeypatch):
    """Memory is bounded however tall an image is: neither way are its latents ever held whole."""
    held = {}
    get = RowBuffer.get

    def watched(self, low, high):
        result = get(self, low, high)
        rows = self._map.shape[2] // self._unit
        held[self._map.shape[1]] = max(held.get(self._map.shape[1], 0), rows)
        return result

    monkeypatch.setattr(RowBuffer, "get", watched)
    tall = np.tile(photo[:, :64], (6, 1, 1))[:2048]  # 32 cells
    data = encode(shipped(), ArraySource(tall), 200, [], max_tile=4, chunk_log2=0)
    tables = shipped().tables
    assert 0 < held.pop(tables.latents) <= 12 and 0 < held.pop(tables.hyper_latents) <= 12
    file = codec.open(data)
    list(file.strips(max_tile=4))
    assert 0 < held.pop(tables.latents) <= 12
    list(file.latents(max_tile=4))
    assert 0 < held.pop(tables.latents) <= 12
    assert len(file._reader.cache) < 32
    file.symbols(keep=2)
    assert len(file._reader.cache) <= 2


class SlowFile(io.BytesIO):
    """Gives other threads time to move the position between seeking and reading."""

    def read(self, *arguments):
        time.sleep(0.001)
        return super().read(*arguments)


def test_threads_may_share_a_file(photo):
    data = encode(shipped(), ArraySource(photo), 200, [], chunk_log2=0)
    whole = codec.open(data).array().astype(int)
    slow = SlowFile(data)
    file = codec.open(slow)
    places = [(x, y) for x in (0, 70, 140) for y in (0, 70, 140, 210)]
    with ThreadPoolExecutor(8) as pool:
        for (x, y), part in zip(places, pool.map(lambda at: file.region(*at, 64, 64), places), strict=True):
            assert np.abs(np.asarray(part, int) - whole[y : y + 64, x : x + 64]).max() <= 1
    file.close()
    assert not slow.closed  # it was opened by somebody else
