"""Tiling changes no symbol, leaves no seam, and covers everything once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bitstream import Header
from codec.decoding.chunk_cache import narrow
from codec.decoding.lmc_file import LmcFile
from codec.encoding.encoder import encode
from codec.engine.registry import shipped
from codec.engine.row_buffer import RowBuffer
from codec.engine.tiling import BAND, Area, Tile, grid, tiles
from codec.images.sources import ArraySource

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("cells", [1, 4, 5, 31, 32, 33, 100])
@pytest.mark.parametrize("halo", [0, 2, 4])
def test_tiles_cover_an_axis_once(cells, halo):
    parts = tiles(0, cells, cells, halo, 4)
    assert [c for p in parts for c in range(p.begin, p.end)] == list(range(cells))
    for p in parts:
        assert p.low == max(0, p.begin - halo) and p.high == min(cells, p.end + halo)


@given(
    st.tuples(st.integers(1, 90), st.integers(1, 90)),
    st.integers(1, 20),
    st.integers(1, 20),
    st.sampled_from([1, 8, 16]),
    st.integers(0, 3),
    st.integers(400, 1500),
)
def test_a_grid_covers_an_area_once_within_its_bounds(cells, top, left, unit, halo, most):
    area = Area(min(top, cells[0] - 1), cells[0], min(left, cells[1] - 1), cells[1])
    count = np.zeros(cells, int)
    for v, row in grid(area, cells, halo, unit, most):
        assert (v.begin - area.top) % unit == 0
        for h in row:
            assert (h.begin - area.left) % unit == 0
            count[v.kept(1), h.kept(1)] += 1
            assert (v.high - v.low) * (h.high - h.low) <= max(most, (unit + 2 * halo) ** 2)
    expected = np.zeros(cells, int)
    expected[area.top :, area.left :] = 1
    np.testing.assert_array_equal(count, expected)


def test_without_a_halo_there_are_no_more_tiles_than_needed():
    (row,) = grid(Area(0, 32, 0, 48), (32, 48), 0, 1, 32 * 48)
    assert row[0] == Tile(0, 32, 0, 32) and row[1] == [Tile(0, 48, 0, 48)]
    rows = list(grid(Area(0, 33, 0, 48), (33, 48), 0, 1, 32 * 48))
    assert sum(len(columns) for _, columns in rows) == 2


def test_wide_areas_are_cut_into_flat_tiles():
    """Rows are held whole between the networks."""
    for columns, rows in ((4096, 160), (1250, 1250), (100, 30)):
        area = Area(0, rows, 0, columns)
        deepest = max(v.high - v.low for v, _ in grid(area, (rows, columns), 3, 4, 6400))
        assert deepest * columns <= BAND * 6400 and deepest >= min(rows, 20)


@pytest.fixture(scope="module")
def picture():
    from skimage import data

    return np.tile(data.astronaut(), (1, 2, 1))


def coded(pixels, level, max_tile, chunk_log2=0):
    runtime = shipped(2)
    data = encode(runtime, ArraySource(pixels), level, [], max_tile=max_tile, chunk_log2=chunk_log2)
    return LmcFile(data, runtime=runtime)


def pixels_of(file, **options):
    return np.concatenate([strip for _, strip in file.strips(**options)])


@pytest.mark.parametrize("max_tile", [1, 120])
def test_tiled_equals_whole(picture, max_tile):
    part = picture[:448, :900]
    whole, tiled = coded(part, 240, 10_000), coded(part, 240, max_tile)
    for one, other in zip(whole.symbols(), tiled.symbols(), strict=True):
        np.testing.assert_array_equal(one, other)
    one, other = pixels_of(whole, max_tile=10_000).astype(int), pixels_of(whole, max_tile=max_tile).astype(int)
    assert one.shape == part.shape
    assert np.abs(one - other).max() <= 1 and (one != other).mean() < 1e-4


@settings(max_examples=15, deadline=None)
@given(st.data(), st.integers(1, 200), st.integers(1, 200), st.sampled_from([0, 1, 4]), st.sampled_from([1, 30, 1000]))
def test_any_size_chunk_and_tile(data, height, width, chunk_log2, max_tile):
    from skimage import data as images

    part = images.astronaut()[100 : 100 + height, 150 : 150 + width]
    file = coded(part, 200, max_tile, chunk_log2)
    for one, other in zip(file.symbols(), coded(part, 200, 10_000, chunk_log2).symbols(), strict=True):
        np.testing.assert_array_equal(one, other)
    whole = pixels_of(file, max_tile=max_tile)
    assert whole.shape == part.shape and np.abs(whole.astype(int) - part).mean() < 12
    left, top = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    right, bottom = data.draw(st.integers(left + 1, width)), data.draw(st.integers(top + 1, height))
    region = pixels_of(file, box=(left, top, right, bottom), max_tile=max_tile)
    difference = region.astype(int) - whole[top:bottom, left:right]
    assert np.abs(difference).max() <= 1 and (difference != 0).mean() < 1e-3


@pytest.fixture(scope="module")
def noise():
    """An image whose every latent is far from zero, and its file and pixels, coded and decoded whole."""
    pixels = np.random.default_rng(0).integers(0, 256, (10 * 64, 10 * 64, 3), dtype=np.uint8)
    file = coded(pixels, 300, 10_000)
    return pixels, file, pixels_of(file, max_tile=10_000)


def test_narrow_tiles_change_nothing(noise):
    pixels, file, whole = noise
    for a, b in zip(file.symbols(), coded(pixels, 300, 1).symbols(), strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(pixels_of(file, max_tile=1), whole)


def with_halos(monkeypatch, **narrower):
    """Have the model say that some networks reach less far than they do."""
    geometry = shipped(2).geometry
    monkeypatch.setattr(shipped(2), "geometry", replace(geometry, halos=replace(geometry.halos, **narrower)))


@pytest.mark.parametrize("narrower", [{"analysis": 2}, {"hyper_analysis": 4}, {"context": 0}])
def test_the_encoders_halos_are_no_wider_than_needed(noise, monkeypatch, narrower):
    """With one less, tiles do differ: so the test above can fail."""
    pixels, file, _ = noise
    whole = file.symbols()
    with_halos(monkeypatch, **narrower)
    assert any((a != b).any() for a, b in zip(whole, coded(pixels, 300, 1).symbols(), strict=True))


@pytest.mark.parametrize("narrower", [{"synthesis": 2}, {"context": 0}])
def test_the_decoders_halos_are_no_wider_than_needed(noise, monkeypatch, narrower):
    _, file, whole = noise
    with_halos(monkeypatch, **narrower)
    assert (pixels_of(file, max_tile=1) != whole).any()


def test_rows_are_computed_once_and_forgotten():
    computed = []

    def fill(begin, end, out):
        computed.append((begin, end))
        out[:] = np.repeat(np.arange(begin, end), 2)[:, None]

    rows = RowBuffer(channels=1, columns=3, unit=2, first=4, compute=fill)
    assert rows.get(4, 6)[0, 0, :, 5].tolist() == [4, 4, 5, 5]
    assert rows.get(5, 8).shape == (1, 1, 6, 6) and rows.get(4, 6)[0, 0, 0, 0] == 4
    rows.forget(7)
    rows.forget(5)
    assert rows.get(7, 9)[0, 0, :, 0].tolist() == [7, 7, 8, 8]
    assert computed == [(4, 6), (6, 8), (8, 9)]
    with pytest.raises(ValueError, match="forgotten"):
        rows.get(6, 9)


def test_a_region_reads_only_what_it_needs(picture):
    data = encode(shipped(2), ArraySource(picture), 200, [], chunk_log2=0)
    file = LmcFile(data)
    reads = []
    original = file._parts.read

    def read(at, length, whole=True):
        reads.append(length)
        return original(at, length, whole)

    file._parts.read = read
    file.region(300, 200, 60, 50)
    chunks = 6**2  # 60 pixels touch up to 2 cells a side, the synthesis 1 more at each end, the context 1 more
    assert len(reads) <= chunks < file.header.chunk_count and sum(reads) < len(data) * 0.7


def test_symbols_are_kept_in_as_few_bytes_as_hold_them():
    for values, width in (([0, 5], 1), ([-128, 127], 1), ([-129, 0], 2), ([0, 128], 2), ([-40_000, 3], 4)):
        kept = narrow(np.array(values, np.int32))
        assert kept.tolist() == values and kept.itemsize == width


def test_chunks_are_whole_cells_of_the_same_grid():
    header = Header(3000, 1500, b"abcd", 0)
    assert header.chunk_count == 6 and header.chunk_cells()[-1] == (16, 32, 8, 15)
