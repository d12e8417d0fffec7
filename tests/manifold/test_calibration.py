"""Scores of anomalies mean what they say: images of a collection's own kind are as odd as often as promised."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from codec.manifold.anomaly.calibration import Collection
from codec.manifold.anomaly.detectors import Detectors
from codec.manifold.anomaly.features import ImageFeatures
from codec.manifold.embedding import shipped


def told(rng, upright, unsure=0.4):
    """What the network might say of an image that is as taken, or turned: often right, sometimes nothing."""
    logits = rng.normal(0, 1, 5)
    if rng.random() > unsure:
        logits[0 if upright else 2] += 4
    return (logits - np.log(np.exp(logits).sum())).astype(np.float32)


def drawn(rng):
    """What might be known of an image of a kind, all its numbers independent."""
    embedding = rng.normal(size=12)
    return ImageFeatures(
        costs=rng.normal(size=3).astype(np.float32),
        statistics=rng.normal(size=10).astype(np.float32),
        embedding=(embedding / np.linalg.norm(embedding)).astype(np.float32),
        positions=rng.normal(size=(4, 4)).astype(np.float16),
        orientation=told(rng, True),
        error=float(rng.normal()),
    )


def unknown(features):
    """The same without orientation."""
    return replace(features, orientation=None)


def scores(count, seeds, collected=lambda features: features, seen=lambda features: features, new=200, of=drawn):
    """Of new images, by collections of ``count`` of the same kind."""
    head = shipped()
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        collection = Collection.fit(collected([of(rng) for _ in range(count)]), head)
        yield from (collection.score(seen(of(rng))).score for _ in range(new))


@pytest.mark.parametrize(("count", "seeds", "most"), [(20, 25, 0.04), (100, 10, 0.02)])
def test_one_in_a_hundred_reaches_two(count, seeds, most):
    share = np.mean([score >= 2 for score in scores(count, seeds, of=lambda rng: unknown(drawn(rng)))])
    assert 0.002 < share < most


@pytest.mark.parametrize(("count", "seeds"), [(20, 25), (100, 10)])
def test_no_more_than_promised_reach_two_where_the_orientation_is_known(count, seeds):
    """With the lead of that test fewer do in large collections, but some."""
    share = np.mean([score >= 2 for score in scores(count, seeds)])
    assert 0 < share < (0.04 if count == 20 else 0.01)


def test_files_without_pixels_are_ranked_among_their_like():
    files = list(scores(200, 5, seen=lambda features: replace(features, error=None)))
    assert np.median(files) == pytest.approx(np.median(list(scores(200, 5))), abs=0.05)


def test_pictures_that_are_there_twice_change_nothing():
    assert list(scores(30, 2, collected=lambda features: features + features)) == list(scores(30, 2))


@pytest.mark.parametrize("upright", [True, False])
def test_what_lies_like_the_collection_is_normal_whichever_way_that_is(upright):
    rng = np.random.default_rng(0)

    def image(like):
        return replace(drawn(rng), orientation=told(rng, upright == like))

    detectors = Detectors.fit([image(True) for _ in range(200)])
    shares = detectors.orientation
    assert shares.sum() == pytest.approx(1) and shares[0 if upright else 2] > 0.9  # though many tell nothing
    like, unlike = (detectors.run([image(kind) for _ in range(200)])["orientation"] for kind in (True, False))
    assert np.mean(like[:, None] < unlike) > 0.8


def test_a_mixed_collection_finds_no_orientation_odd():
    rng = np.random.default_rng(0)
    known = [replace(drawn(rng), orientation=told(rng, i % 2 == 0)) for i in range(400)]
    shares = Detectors.fit(known).orientation
    assert shares[0] == pytest.approx(0.5, abs=0.1) and shares[2] == pytest.approx(0.5, abs=0.1)
    scores = Detectors.fit(known).run(known)["orientation"]
    assert np.mean(scores[::2, None] < scores[1::2]) == pytest.approx(0.5, abs=0.08)


def test_a_collection_of_which_the_orientation_is_not_known_has_no_such_test():
    rng = np.random.default_rng(0)
    known = [replace(drawn(rng), orientation=told(rng, True)) for _ in range(30)]
    untold = unknown(drawn(rng))
    assert Detectors.fit([*known, untold]).orientation is None
    assert np.isnan(Detectors.fit(known).run([untold])["orientation"]).all()
