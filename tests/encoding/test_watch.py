"""The encoder notices coordinates beyond those of photographs, and codes what the networks would not bring back."""

import numpy as np
import pytest

import codec
from codec.encoding.encoder import encode
from codec.encoding.graphics import encode_image
from codec.encoding.options import Effort
from codec.encoding.sga import Annealer
from codec.encoding.watch import MOST, SymbolWatch, leading_gain
from codec.engine.registry import shipped
from codec.images.sources import ArraySource

LEVEL = 200


@pytest.fixture(scope="module")
def ramp():
    """A smooth ramp from dark blue over cyan and yellow to dark red, as scientists colour their maps."""
    y, x = np.mgrid[:256, :256]
    t = ((np.sin(x / 23) + np.cos(y / 31) + 2) / 4)[..., None]
    colours = np.clip(1.5 - np.abs(4 * t - np.array([3, 2, 1])), 0, 1)
    return (255 * colours).round().astype(np.uint8)


def test_it_looks_at_the_largest_symbol_of_each_block():
    runtime = shipped(1)
    limit = MOST * leading_gain(runtime, LEVEL)
    watch = SymbolWatch(runtime, LEVEL, (2, 3))
    y = np.zeros((5, 4, 8), np.int32)
    y[3, 1, 2], y[0, 2, 7], y[4, 0, 0] = np.floor(limit) + 1, -np.floor(limit) - 1, np.floor(limit)
    watch.look(slice(4, 8), slice(4, 12), y)
    assert np.argwhere(watch.doubtful).tolist() == [[5, 6], [6, 11]]


@pytest.mark.parametrize("tune", ["visual", "psnr"])
def test_photographs_are_natural(tune):
    from skimage import data

    runtime = shipped(2, tune)
    for pixels in (data.astronaut(), data.chelsea(), 255 - data.coffee()[:200, :333]):
        source = ArraySource(pixels)
        for level in (0, LEVEL, 400):
            watch = SymbolWatch(runtime, level, tuple(-(-side // 64) for side in pixels.shape[:2]))
            encode(runtime, source, level, [], watch=watch)
            assert not watch.doubtful.any()


def test_what_the_networks_would_not_bring_back_is_coded_another_way(ramp):
    """Their file is larger, too: it holds what they did not foresee."""
    runtime, source = shipped(2, "psnr"), ArraySource(ramp)
    watch = SymbolWatch(runtime, LEVEL, (4, 4))
    unwatched = encode(runtime, source, LEVEL, [], watch=watch)
    assert watch.doubtful.any(), "the model has learned ramps: another image is needed here"
    watched = encode_image(runtime, source, LEVEL, [])
    assert len(watched) < len(unwatched)
    errors = [np.abs(codec.open(data).array().astype(int) - ramp).max(axis=2) for data in (unwatched, watched)]
    worst = [error.reshape(16, 16, 16, 16).mean(axis=(1, 3)).max() for error in errors]
    assert worst[1] < 12 and worst[1] < 0.6 * worst[0]
    assert 0 < codec.inspect(watched).exact_share < 0.3
    assert encode_image(runtime, source, LEVEL, [], graphics=False) == unwatched


def test_effort_is_spent_once_and_progress_never_stands_at_the_end(ramp, monkeypatch):
    page = np.full((256, 512, 3), 255, np.uint8)  # of which a half is exact before anything is doubtful
    page[:, :256] = ramp
    page[:128, 400::8] = 0
    spent = []
    fit = Annealer.fit
    monkeypatch.setattr(Annealer, "fit", lambda *args: (spent.append(1), fit(*args))[1])
    told = []
    runtime, source = shipped(2, "psnr"), ArraySource(page)
    file = encode_image(runtime, source, LEVEL, [], lambda done, total: told.append(done / total), Effort(3))
    with codec.open(file) as opened:
        assert (opened.array()[:, 272:] == page[:, 272:]).all()
        assert 0.5 < opened.exact_share < 0.8
    assert len(spent) == 1
    assert told == sorted(told) and told[-1] == 1 and sum(share == 1 for share in told) <= 2


def test_what_no_coded_cell_looks_into_is_not_analysed(ramp, monkeypatch):
    page = np.full((512, 1024, 3), 255, np.uint8)
    page[:64, :64] = ramp[:64, :64]
    exact = np.ones((32, 64), bool)
    exact[:4, :4] = False
    runtime, source = shipped(2), ArraySource(page)
    whole = encode(runtime, source, LEVEL, [], exact=exact)
    analysed = []
    analyse = runtime.analyse
    monkeypatch.setattr(runtime, "analyse", lambda x, level: (analysed.append(x.shape), analyse(x, level))[1])
    assert encode(runtime, source, LEVEL, [], exact=exact, max_tile=36) == whole
    area = sum(height * width for _, _, height, width in analysed)
    assert 0 < area < 0.5 * page.shape[0] * page.shape[1]
