"""How far a picture lies off a collection: by what it costs to code, what it looks like, and where it lies.

Four tests, each calibrated on the collection itself, say how rare a picture would be in it:

- **cost**: bits of its symbols against those that the model expected, see :mod:`codec.manifold.codelength`;
- **appearance**: Mahalanobis distance of the embedding head's statistics;
- **neighbours**: distance to the nearest of the collection, as embeddings;
- **error**: of the reconstruction, against what the rest leads one to expect; only where there are pixels.

The oddest of them counts. No network runs on an ``.lmc`` file but the one that finds its coordinates.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitstream.errors import CodecError, ModelError
from codec.files import replacing
from codec.manifold.embedding import EmbeddingHead
from codec.manifold.facts import Facts

Floats = NDArray[np.float64]
TESTS = ("cost", "appearance", "neighbours", "error")
COMPONENTS = 32
"""Of the statistics, kept for appearance."""
CELL_COMPONENTS = 24
NEIGHBOURS = 3
FOLDS = 5
TAIL = 0.1
"""Share of the collection from which the tail of a test is extrapolated."""
LEAST = 20
"""Pictures without which there is nothing to learn."""
_VERSION = 1


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
        if not np.ptp(values, axis=0).any():  # one picture many times
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
class Oddities:
    """The tests of a collection, not calibrated.

    Attributes:
        cost: of costs, see :class:`~codec.manifold.facts.Facts`.
        appearance: of statistics.
        embeddings: (pictures, D), all of the collection.
        error: predicts the reconstruction's error from statistics and costs; None if there were no pixels.
    """

    cost: Gaussian
    appearance: Gaussian
    embeddings: Floats
    error: Line | None

    @classmethod
    def fit(cls, facts: Sequence[Facts]) -> Oddities:
        """Fit to what is known of pictures."""
        costs, statistics = np.stack([f.costs for f in facts]), np.stack([f.statistics for f in facts])
        appearance = Gaussian.fit(statistics, COMPONENTS)
        errors = [f.error for f in facts if f.error is not None]
        line = None
        if len(errors) == len(facts):
            line = Line.fit(_predictors(appearance, facts), np.array(errors))
        return cls(
            Gaussian.fit(costs, costs.shape[1]), appearance, np.stack([f.embedding for f in facts]).astype(float), line
        )

    def run(self, facts: Sequence[Facts]) -> dict[str, Floats]:
        """Scores of each test for each picture, higher is odder; NaN where a test cannot be made."""
        likeness = np.stack([f.embedding for f in facts]) @ self.embeddings.T
        nearest = -np.partition(-likeness, min(NEIGHBOURS, likeness.shape[1]) - 1, axis=1)[:, :NEIGHBOURS]
        scores = {
            "cost": self.cost.distance(np.stack([f.costs for f in facts])),
            "appearance": self.appearance.distance(np.stack([f.statistics for f in facts])),
            "neighbours": 1 - nearest.mean(axis=1),
            "error": np.full(len(facts), np.nan),
        }
        if self.error is not None:
            found = np.array([np.nan if f.error is None else f.error for f in facts])
            scores["error"] = np.abs(found - self.error(_predictors(self.appearance, facts)))
        # So that what is equal but for the order of summation is equal.
        return {name: values.round(5) for name, values in scores.items()}


def _predictors(appearance: Gaussian, facts: Sequence[Facts]) -> Floats:
    """What the reconstruction's error is predicted from: the look of a picture, and what it costs."""
    components = (np.stack([f.statistics for f in facts]) - appearance.mean) @ appearance.axes
    return np.concatenate([components, np.stack([f.costs for f in facts])], axis=1)


@dataclass(frozen=True)
class Score:
    """How odd a picture is.

    Attributes:
        score: odds against finding its like in the collection, as a power of ten: at 2, one picture in a hundred
            would be as odd.
        parts: the same of each test.
    """

    score: float
    parts: dict[str, float]


class Collection:
    """What is normal.

    Attributes:
        digest: of the embedding head whose statistics these are.
        tests: of the collection.
        references: scores of each test on pictures of the collection that it was not fitted to, ascending; of
            "all", the oddest of the others.
        cells: distribution of what is known of single cells.
    """

    def __init__(self, digest: bytes, tests: Oddities, references: dict[str, Floats], cells: Gaussian) -> None:
        self.digest, self.tests, self.references, self.cells = digest, tests, references, cells

    @classmethod
    def fit(cls, facts: Sequence[Facts], head: EmbeddingHead) -> Collection:
        """Learn what is normal from what is known of pictures.

        Raises:
            CodecError: there are too few.
        """
        if len(facts) < LEAST:
            raise CodecError(f"collection: {len(facts)} pictures, expected at least {LEAST}")
        # Each fifth is scored by tests fitted to the others.
        order = np.random.default_rng(0).permutation(len(facts))
        held: dict[str, list[Floats]] = {name: [] for name in TESTS}
        for part in np.array_split(order, FOLDS):
            inside = set(part.tolist())
            tests = Oddities.fit([f for i, f in enumerate(facts) if i not in inside])
            for name, values in tests.run([facts[i] for i in part]).items():
                held[name].append(values)
        scores = {name: np.concatenate(values) for name, values in held.items()}
        references = {name: np.sort(values) for name, values in scores.items() if not np.isnan(values).any()}
        parts = np.stack([_rarity(references[name], scores[name]) for name in references])
        references["all"] = np.sort(parts.max(axis=0))
        cells = Gaussian.fit(np.concatenate([f.cell_sample() for f in facts]), CELL_COMPONENTS)
        return cls(head.digest, Oddities.fit(facts), references, cells)

    def score(self, facts: Facts) -> Score:
        """Score a picture."""
        parts = {}
        for name, values in self.tests.run([facts]).items():
            if name in self.references and not np.isnan(values[0]):
                parts[name] = float(_rarity(self.references[name], values)[0])
        return Score(float(_rarity(self.references["all"], np.array([max(parts.values())]))[0]), parts)

    def heat(self, facts: Facts) -> NDArray[np.float32]:
        """Oddness of each cell of 64 pixels, float32 (rows, columns): 1 is as odd as cells of the collection are in
        the root mean square."""
        heat: NDArray[np.float32] = self.cells.distance(facts.cells).astype(np.float32)
        return heat

    def save(self, path: Path, overwrite: bool = False) -> None:
        """Write to a file."""
        arrays: dict[str, NDArray[Any]] = {"embeddings": self.tests.embeddings.astype(np.float32)}
        for name, gaussian in (("cost", self.tests.cost), ("appearance", self.tests.appearance), ("cells", self.cells)):
            arrays |= {f"{name}_mean": gaussian.mean, f"{name}_axes": gaussian.axes}
        if self.tests.error is not None:
            arrays |= {"error_weights": self.tests.error.weights, "error_offset": np.array(self.tests.error.offset)}
        arrays |= {f"reference_{name}": values for name, values in self.references.items()}
        about = json.dumps({"version": _VERSION, "head": self.digest.hex()})
        with replacing(path, overwrite) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, about=np.array(about), **arrays)

    @classmethod
    def load(cls, path: Path, head: EmbeddingHead) -> Collection:
        """Read what :meth:`save` wrote.

        Raises:
            ModelError: it is damaged, or of another embedding head.
        """
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
                about = json.loads(str(stored["about"]))
                if about["version"] != _VERSION:
                    raise ModelError(f"{path}: not of this version; fit it again")
                digest = bytes.fromhex(about["head"])

                def gaussian(name: str) -> Gaussian:
                    return Gaussian(stored[f"{name}_mean"], stored[f"{name}_axes"])

                error = None
                if "error_weights" in stored:
                    error = Line(stored["error_weights"], float(stored["error_offset"]))
                tests = Oddities(
                    gaussian("cost"), gaussian("appearance"), stored["embeddings"].astype(np.float64), error
                )
                references = {
                    name: stored[f"reference_{name}"] for name in (*TESTS, "all") if f"reference_{name}" in stored
                }
                collection = cls(digest, tests, references, gaussian("cells"))
        except OSError:
            raise
        except ModelError:
            raise
        except Exception as error:  # what a damaged archive raises is not documented
            raise ModelError(f"{path}: no readable collection: {error}") from error
        if digest != head.digest:
            raise ModelError(f"{path}: fitted with another model; fit it again")
        return collection


def _rarity(reference: Floats, values: Floats) -> Floats:
    """How rare scores are among those of a collection: 2 is one in a hundred.

    Within the collection by counting, beyond its last tenth by an exponential tail.

    Args:
        reference: scores of the collection, ascending.
        values: any shape.
    """
    n = len(reference)
    share = (n - np.searchsorted(reference, values, side="left") + 0.5) / (n + 1)
    knee = reference[int(np.ceil((1 - TAIL) * n)) - 1]
    tail = reference[reference > knee] - knee
    # A collection of much the same pictures has hardly a tail.
    slope = max(float(tail.mean()) if len(tail) else 0.0, 0.01 * abs(float(knee)), 1e-3)
    beyond = TAIL * np.exp(-np.maximum(values - knee, 0) / slope)
    rare: Floats = -np.log10(np.where(values > knee, np.maximum(beyond, 1e-300), share))
    return rare
