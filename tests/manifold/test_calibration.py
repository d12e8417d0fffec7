"""Scores of anomalies mean what they say: images of a collection's own kind are as odd as often as promised."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from codec.manifold.anomaly.calibration import Collection
from codec.manifold.anomaly.features import ImageFeatures
from codec.manifold.embedding import shipped


def drawn(rng):
    """What might be known of an image of a kind, all its numbers independent."""
    embedding = rng.normal(size=12)
    return ImageFeatures(
        costs=rng.normal(size=3).astype(np.float32),
        statistics=rng.normal(size=10).astype(np.float32),
        embedding=(embedding / np.linalg.norm(embedding)).astype(np.float32),
        positions=rng.normal(size=(4, 4)).astype(np.float16),
        error=float(rng.normal()),
    )


def scores(count, seeds, collected=lambda features: features, seen=lambda features: features, new=200):
    """Of new images, by collections of ``count`` of the same kind."""
    head = shipped()
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        collection = Collection.fit(collected([drawn(rng) for _ in range(count)]), head)
        yield from (collection.score(seen(drawn(rng))).score for _ in range(new))


@pytest.mark.parametrize(("count", "seeds", "most"), [(20, 25, 0.04), (100, 10, 0.02)])
def test_one_in_a_hundred_reaches_two(count, seeds, most):
    share = np.mean([score >= 2 for score in scores(count, seeds)])
    assert 0.002 < share < most


def test_files_without_pixels_are_ranked_among_their_like():
    files = list(scores(200, 5, seen=lambda features: replace(features, error=None)))
    assert np.median(files) == pytest.approx(np.median(list(scores(200, 5))), abs=0.05)


def test_pictures_that_are_there_twice_change_nothing():
    assert list(scores(30, 2, collected=lambda features: features + features)) == list(scores(30, 2))
