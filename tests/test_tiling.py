"""Tiling changes no symbol and leaves no seam."""

from __future__ import annotations

import numpy as np
import pytest

from bitstream import Header
from codec.runtime import shipped
from codec.tiling import RECEIVER_HALO, SENDER_HALO, analyse, synthesise, tiles


@pytest.mark.parametrize("cells", [1, 4, 5, 31, 32, 33, 100])
@pytest.mark.parametrize("halo", [0, 2, 4])
def test_tiles_cover_an_axis_once(cells, halo):
    parts = tiles(cells, halo, 4)
    assert [c for p in parts for c in range(p.begin, p.end)] == list(range(cells))
    for p in parts:
        assert p.low == max(0, p.begin - halo) and p.high == min(cells, p.begin + 4 + halo)


@pytest.fixture(scope="module")
def picture():
    from skimage import data

    return np.tile(data.astronaut(), (1, 2, 1))[:448, :900]


@pytest.mark.parametrize("tile", [1, 3])
def test_tiled_equals_whole(picture, tile):
    runtime = shipped(2)
    z, y = analyse(runtime, picture, 240)
    z_tiled, y_tiled = analyse(runtime, picture, 240, tile)
    np.testing.assert_array_equal(z_tiled, z)
    np.testing.assert_array_equal(y_tiled, y)
    whole = synthesise(runtime, z, y, picture.shape[:2], 240).astype(int)
    tiled = synthesise(runtime, z, y, picture.shape[:2], 240, tile).astype(int)
    assert np.abs(whole - tiled).max() <= 1 and (whole != tiled).mean() < 1e-4


def test_halos_are_no_wider_than_needed(picture):
    """With one cell less, tiles do differ: so the test above can fail."""
    import codec.tiling as tiling

    runtime = shipped(2)
    z, y = analyse(runtime, picture, 40)
    assert SENDER_HALO > 1 and RECEIVER_HALO > 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiling, "SENDER_HALO", 0)
        assert (analyse(runtime, picture, 40, 1)[1] != y).any()
        patch.setattr(tiling, "RECEIVER_HALO", 0)
        a, b = (synthesise(runtime, z, y, picture.shape[:2], 40, t).astype(int) for t in (1, 32))
        assert (a != b).mean() > 1e-3


def test_chunks_are_whole_cells_of_the_same_grid():
    header = Header(3000, 1500, b"abcd", 0)
    assert header.chunk_count == 6 and header.chunk_cells()[-1] == (16, 32, 8, 15)
