"""Five tests of how odd an image is in a collection, each on a scale of its own.

:mod:`codec.manifold.anomaly.calibration` says what they are, and makes them comparable.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codec.manifold.anomaly.features import ImageFeatures

Floats = NDArray[np.float64]
TESTS = ("cost", "coordinates", "neighbours", "orientation", "error")
COMPONENTS = 32
"""Of the statistics, from which the reconstruction's error is predicted."""
GAUSSIANS = ("cost", "positions", "distances", "appearance")
"""Attributes of :class:`Detectors` that are distributions."""
MAX_POSITIONS = 1 << 16
"""Positions of all images together that their distribution is fitted to."""
QUANTILES = (0.1, 0.9)
"""Of the distances of an image's positions, beside their mean."""
NEIGHBOURS = 3
EM_STEPS = 100
"""To find the shares of a collection in each orientation."""


@dataclass(frozen=True)
class Gaussian:
    """A normal distribution of the leading components of some numbers.

    Attributes:
        mean: (N,).
        axes: (N, K), each component scaled to unit variance.
    """

    mean: Floats
    axes: Floats

    def distance(self, values: NDArray[Any]) -> Floats:
        """Mahalanobis distance of each row, over the square root of the number of components."""
        components = (np.asarray(values, np.float64) - self.mean) @ self.axes
        distances: Floats = np.sqrt(np.square(components).mean(axis=-1))
        return distances

    @classmethod
    def fit(cls, values: NDArray[Any], components: int) -> Gaussian:
        """Fit to rows."""
        from sklearn.decomposition import PCA

        mean, scale = values.mean(axis=0).astype(np.float64), values.std(axis=0) + 1e-6
        if not np.ptp(values, axis=0).any():  # one image many times
            return cls(mean, np.zeros((values.shape[1], 1)))
        count = max(1, min(components, values.shape[1], len(values) // 4))
        pca = PCA(count, random_state=0).fit((values - mean) / scale)
        axes = pca.components_.T / np.sqrt(pca.explained_variance_ + 1e-9)
        return cls(mean, axes / scale[:, None])


@dataclass(frozen=True)
class Line:
    """A linear prediction from numbers.

    Attributes:
        weights: (N,).
        offset: ().
    """

    weights: Floats
    offset: float

    def __call__(self, values: NDArray[Any]) -> Floats:
        """Prediction for each row."""
        predicted: Floats = np.asarray(values, np.float64) @ self.weights + self.offset
        return predicted

    @classmethod
    def fit(cls, values: NDArray[Any], targets: NDArray[Any]) -> Line:
        """Ridge regression of targets on rows."""
        from sklearn.linear_model import RidgeCV

        ridge = RidgeCV(np.logspace(-2, 4, 13)).fit(values, targets)
        return cls(np.asarray(ridge.coef_, np.float64), float(ridge.intercept_))


@dataclass(frozen=True)
class Detectors:
    """The tests of a collection, not calibrated.

    Attributes:
        cost: of costs, see :class:`~codec.manifold.anomaly.features.ImageFeatures`.
        positions: of the coordinates of single positions.
        distances: of mean and quantiles of the distances that an image's positions have from those.
        appearance: of statistics.
        embeddings: (images, D), all of the collection.
        orientation: (5,), shares of the collection in each of :data:`~codec.manifold.anomaly.orientation.STATES`, as
            the network sees it; None if it was not asked.
        error: predicts the reconstruction's error from statistics and costs; None if there were no pixels.
    """

    cost: Gaussian
    positions: Gaussian
    distances: Gaussian
    appearance: Gaussian
    embeddings: Floats
    orientation: Floats | None
    error: Line | None

    @classmethod
    def fit(cls, features: Sequence[ImageFeatures]) -> Detectors:
        """Fit to what is known of images."""
        costs, statistics = np.stack([f.costs for f in features]), np.stack([f.statistics for f in features])
        appearance = Gaussian.fit(statistics, COMPONENTS)
        errors = [f.error for f in features if f.error is not None]
        line = None
        if len(errors) == len(features):
            line = Line.fit(_predictors(appearance, features), np.array(errors))
        positions = fit_positions([f.positions for f in features])
        distances = _distances(positions, features)
        return cls(
            cost=Gaussian.fit(costs, costs.shape[1]),
            positions=positions,
            distances=Gaussian.fit(distances, distances.shape[1]),
            appearance=appearance,
            embeddings=np.stack([f.embedding for f in features]).astype(float),
            orientation=_shares(features),
            error=line,
        )

    def run(self, features: Sequence[ImageFeatures]) -> dict[str, Floats]:
        """Scores of each test for each image, higher is odder; NaN where a test cannot be made."""
        similarity = np.stack([f.embedding for f in features]) @ self.embeddings.T
        nearest = -np.partition(-similarity, min(NEIGHBOURS, similarity.shape[1]) - 1, axis=1)[:, :NEIGHBOURS]
        scores = {
            "cost": self.cost.distance(np.stack([f.costs for f in features])),
            "coordinates": self.distances.distance(_distances(self.positions, features)),
            "neighbours": 1 - nearest.mean(axis=1),
            "orientation": np.full(len(features), np.nan),
            "error": np.full(len(features), np.nan),
        }
        if self.orientation is not None:
            # Minus the logarithm of how likely the image is in a state like those of the collection.
            likely = [np.nan if f.orientation is None else np.exp(f.orientation) @ self.orientation for f in features]
            scores["orientation"] = -np.log(np.array(likely) + 1e-9)
        if self.error is not None:
            found = np.array([np.nan if f.error is None else f.error for f in features])
            scores["error"] = np.abs(found - self.error(_predictors(self.appearance, features)))
        # So that what is equal but for the order of summation is equal.
        return {name: values.round(5) for name, values in scores.items()}


def fit_positions(samples: Sequence[NDArray[np.float16]], of_each_component: int = 8) -> Gaussian:
    """Distribution of the coordinates of positions.

    Args:
        samples: of each image, (positions, channels); at most :data:`MAX_POSITIONS` of all are used.
        of_each_component: positions that there must be for each component.
    """
    samples = samples[:: -(-len(samples) // MAX_POSITIONS)]
    of_each = MAX_POSITIONS // len(samples)
    rows = np.concatenate([sample[:: -(-len(sample) // of_each)] for sample in samples]).astype(np.float32)
    return Gaussian.fit(rows, len(rows) // of_each_component)


def _distances(positions: Gaussian, features: Sequence[ImageFeatures]) -> Floats:
    """Logarithms of how far each image's positions lie off those of the collection: mean, and two quantiles."""
    far = [np.log(positions.distance(f.positions.astype(np.float32)) + 1e-3) for f in features]
    return np.array([[one.mean(), *np.quantile(one, QUANTILES)] for one in far])


def _shares(features: Sequence[ImageFeatures]) -> Floats | None:
    """Shares of images in each state; None if nothing is known of some.

    The network is unsure of many images, so its mean probabilities are not the shares. Those are found by expectation
    and maximisation, as if there were one image more, a fifth of it in each state.

    Reference:
        Saerens, Latinne and Decaestecker, "Adjusting the Outputs of a Classifier to New a Priori Probabilities: A
        Simple Procedure", Neural Computation 2002.
    """
    known = [f.orientation for f in features if f.orientation is not None]
    if len(known) < len(features):
        return None
    likely = np.exp(np.stack(known).astype(float))
    shares: Floats = likely.mean(axis=0)
    for _ in range(EM_STEPS):
        posterior = likely * shares
        counts = (posterior / posterior.sum(axis=1, keepdims=True)).sum(axis=0) + 1 / len(shares)
        shares = counts / counts.sum()
    return shares


def _predictors(appearance: Gaussian, features: Sequence[ImageFeatures]) -> Floats:
    """What the reconstruction's error is predicted from: the look of an image, and what it costs."""
    components = (np.stack([f.statistics for f in features]) - appearance.mean) @ appearance.axes
    return np.concatenate([components, np.stack([f.costs for f in features])], axis=1)
