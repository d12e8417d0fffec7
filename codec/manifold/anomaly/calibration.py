"""How far an image lies off a collection: by what it costs, what it is made of, what it is like, and how it lies.

Five tests, each calibrated on the collection itself, say how rare an image would be in it:

- **cost**: bits of its symbols against those that the model expected, and how many it expected, for the image's size,
  see :mod:`codec.engine.code_length`;
- **coordinates**: how far the coordinates of its positions lie off those of the collection, by Mahalanobis distance;
- **neighbours**: distance to the nearest of the collection, as embeddings;
- **orientation**: whether it lies the way the collection's images lie, and is no negative, see
  :mod:`codec.manifold.anomaly.orientation`;
- **error**: of the reconstruction, against what the rest leads one to expect; only where there are pixels.

The oddest of them counts. No network runs on an ``.lmc`` file of the collection's model but the one that finds its
coordinates.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitstream.errors import CodecError, ModelError
from codec.decoding.lmc_file import LmcFile
from codec.manifold.anomaly import orientation
from codec.manifold.anomaly.detectors import GAUSSIANS, QUANTILES, TESTS, Detectors, Gaussian, Line, fit_positions
from codec.manifold.anomaly.features import ImageFeatures, coordinates
from codec.manifold.embedding import EmbeddingHead, shipped_by_digest
from codec.util.files import replacing
from codec.util.progress import Progress

Floats = NDArray[np.float64]
FOLDS = 5
TAIL = 0.1
"""Share of the collection from which the tail of a test is extrapolated."""
MIN_IMAGES = 20
"""Images without which there is nothing to learn."""
ADVANTAGE = {"orientation": 0.8}
"""What some tests have ahead of the others when the oddest is found, as a power of ten. A turned image is odd to no
other test, while what is odd to another is mostly odd beyond doubt; so most of the false alarms may be its own."""
_VERSION = 4


@dataclass(frozen=True)
class Score:
    """How odd an image is.

    Attributes:
        score: odds against finding its like in the collection, as a power of ten: at 2, one image in a hundred
            would be as odd.
        parts: the same of each test.
    """

    score: float
    parts: dict[str, float]


class Collection:
    """What is normal.

    Attributes:
        head: the embedding head whose statistics these are.
        tests: of the collection.
        references: scores of each test on images of the collection that it was not fitted to, ascending; of
            "all", the oddest of the others, and of "all but error", the oddest without that one.
        heat_unit: distance that one in a hundred positions has, of images that its distribution does not know.
    """

    def __init__(self, head: EmbeddingHead, tests: Detectors, references: dict[str, Floats], heat_unit: float) -> None:
        self.head, self.tests, self.references, self.heat_unit = head, tests, references, heat_unit

    @classmethod
    def fit(cls, features: Sequence[ImageFeatures], head: EmbeddingHead) -> Collection:
        """Learn what is normal from what is known of images.

        Args:
            features: of each image; what is there twice counts once, as it would vouch for itself.
            head: that they are of.

        Raises:
            CodecError: there are too few.
        """
        features = _different(features)
        if len(features) < MIN_IMAGES:
            raise CodecError(f"collection: {len(features)} different images, expected at least {MIN_IMAGES}")
        # Each fifth is scored by tests fitted to the others.
        scores = {name: np.empty(len(features)) for name in TESTS}
        for part in np.array_split(np.random.default_rng(0).permutation(len(features)), FOLDS):
            inside = set(part.tolist())
            tests = Detectors.fit([f for i, f in enumerate(features) if i not in inside])
            for name, values in tests.run([features[i] for i in part]).items():
                scores[name][part] = values
        scores = {name: values for name, values in scores.items() if not np.isnan(values).any()}
        references = {name: np.sort(values) for name, values in scores.items()}
        parts = {name: _rarity_within(values) for name, values in scores.items()}
        references["all"] = np.sort(_oddest(parts))
        references["all but error"] = np.sort(_oddest({name: parts[name] for name in parts if name != "error"}))
        return cls(head, Detectors.fit(features), references, _heat_unit([f.positions for f in features]))

    def score(self, features: ImageFeatures) -> Score:
        """Score an image."""
        parts = {}
        for name, values in self.tests.run([features]).items():
            if name in self.references and not np.isnan(values[0]):
                parts[name] = float(_rarity(self.references[name], values)[0])
        oddest = self.references["all" if len(parts) == len(self.references) - 2 else "all but error"]
        together = _oddest({name: np.array([value]) for name, value in parts.items()})
        return Score(float(_rarity(oddest, together, of_rarities=True)[0]), parts)

    @property
    def digest(self) -> bytes:
        """Eight bytes that name it: scores compare only if they are of one."""
        digest = hashlib.sha256(self.head.digest + self._net_digest())
        for name, values in sorted(self.references.items()):
            digest.update(name.encode() + np.asarray(values, np.float64).tobytes())
        digest.update(np.asarray(self.tests.positions.mean, np.float64).tobytes())
        return digest.digest()[:8]

    def _net_digest(self) -> bytes:
        """Of the network that knows the orientation; empty without that test."""
        net = None if self.tests.orientation is None else orientation.shipped_for(self.head.model_id)
        return b"" if net is None else net.digest

    def heat(self, file: LmcFile, progress: Progress | None = None) -> NDArray[np.float32]:
        """Oddness of each position of 16 x 16 pixels, float32 (rows, columns).

        It is the Mahalanobis distance of the position's coordinates, and 1 is what one in a hundred positions of the
        collection's own images reaches.

        Args:
            file: an ``.lmc`` file of the head's model.
            progress: of decoding its coordinates.
        """
        self.head.check(file)
        positions = self.tests.positions
        parts = [positions.distance(coordinates(part, self.head)) for part in file.latents(progress=progress)]
        return (np.concatenate(parts) / self.heat_unit).astype(np.float32)

    def save(self, path: Path, overwrite: bool = False) -> None:
        """Write to a file."""
        arrays: dict[str, NDArray[Any]] = {"embeddings": self.tests.embeddings.astype(np.float32)}
        arrays["heat_unit"] = np.array(self.heat_unit)
        for name in GAUSSIANS:
            gaussian = getattr(self.tests, name)
            arrays |= {f"{name}_mean": gaussian.mean, f"{name}_axes": gaussian.axes}
        if self.tests.orientation is not None:
            arrays["orientation"] = self.tests.orientation
        if self.tests.error is not None:
            arrays |= {"error_weights": self.tests.error.weights, "error_offset": np.array(self.tests.error.offset)}
        arrays |= {f"reference_{name}": values for name, values in self.references.items()}
        about = json.dumps({"version": _VERSION, "head": self.head.digest.hex(), "net": self._net_digest().hex()})
        with replacing(path, overwrite) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, about=np.array(about), **arrays)

    @classmethod
    def load(cls, path: str | os.PathLike[str], head: EmbeddingHead | None = None) -> Collection:
        """Read what :meth:`save` wrote.

        Args:
            path: of the file.
            head: that it was learned with; None takes it if it ships.

        Raises:
            ModelError: it is damaged, or of another embedding head.
        """
        path = Path(path)
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
                about = json.loads(str(stored["about"]))
                if about["version"] != _VERSION:
                    raise ModelError(f"{path}: not of this version; fit it again")
                digest = bytes.fromhex(about["head"])
                head = shipped_by_digest(digest) if head is None else head
                if head is None or head.digest != digest:
                    raise ModelError(f"{path}: fitted with another model; fit it again")

                def gaussian(name: str) -> Gaussian:
                    return Gaussian(stored[f"{name}_mean"], stored[f"{name}_axes"])

                error = None
                if "error_weights" in stored:
                    error = Line(stored["error_weights"], float(stored["error_offset"]))
                tests = Detectors(
                    **{name: gaussian(name) for name in GAUSSIANS},
                    embeddings=stored["embeddings"].astype(np.float64),
                    orientation=stored.get("orientation"),
                    error=error,
                )
                references = {
                    name: stored[f"reference_{name}"]
                    for name in (*TESTS, "all", "all but error")
                    if f"reference_{name}" in stored
                }
                collection = cls(head, tests, references, float(stored["heat_unit"]))
                collection._check()
                if collection._net_digest().hex() != about["net"]:
                    raise ModelError(f"{path}: fitted with another network of orientations; fit it again")
        except OSError:
            raise
        except ModelError:
            raise
        except Exception as error:  # what a damaged archive raises is not documented
            raise ModelError(f"{path}: damaged, or not a file of codec anomaly fit: {error}") from error
        return collection

    def _check(self) -> None:
        """Find out whether all parts are there and fit each other, as they do unless a file is damaged.

        Raises:
            ValueError: they do not.
        """
        tests, head = self.tests, self.head
        sizes = {"cost": 3, "positions": len(head.scale), "distances": 1 + len(QUANTILES)}
        sizes["appearance"] = 2 * (head.position.shape[1] + head.cell.shape[1])
        numbers = [tests.embeddings, np.array(self.heat_unit), *self.references.values()]
        for name in GAUSSIANS:
            gaussian = getattr(tests, name)
            if gaussian.mean.shape != (sizes[name],) or gaussian.axes.shape[:1] != (sizes[name],):
                raise ValueError(f"{name}: found {gaussian.mean.shape} and {gaussian.axes.shape}")
            numbers += [gaussian.mean, gaussian.axes]
        if tests.embeddings.ndim != 2 or tests.embeddings.shape[1] != head.dimensions:
            raise ValueError(f"embeddings: found {tests.embeddings.shape}")
        if tests.orientation is not None:
            if tests.orientation.shape != (len(orientation.STATES),) or not (tests.orientation >= 0).all():
                raise ValueError(f"orientation: found {tests.orientation}")
            numbers.append(tests.orientation)
        if tests.error is not None:
            numbers += [tests.error.weights, np.array(tests.error.offset)]
        if not all(np.isfinite(values).all() for values in numbers) or self.heat_unit <= 0:
            raise ValueError("numbers beyond their range")
        absent = {"orientation": tests.orientation is None, "error": tests.error is None}
        wanted = {"all", "all but error", *(name for name in TESTS if not absent.get(name, False))}
        if set(self.references) != wanted or any(values.size == 0 for values in self.references.values()):
            raise ValueError(f"references of {sorted(self.references)}, expected {sorted(wanted)}")


def _heat_unit(samples: Sequence[NDArray[np.float16]]) -> float:
    """Distance that one in a hundred positions of half of the images has from the distribution of the other half's."""
    known, other = np.array_split(np.random.default_rng(0).permutation(len(samples)), 2)
    positions = fit_positions([samples[i] for i in known], of_each_component=4)  # as many as for all
    distances = [positions.distance(samples[i].astype(np.float32)) for i in other]
    return max(float(np.quantile(np.concatenate(distances), 0.99)), 1e-6)


def _different(features: Sequence[ImageFeatures]) -> list[ImageFeatures]:
    """One of those that are the same, one that knows of an error if there is any."""
    found: dict[bytes, ImageFeatures] = {}
    for one in features:
        key = one.costs.tobytes() + one.embedding.tobytes()
        if key not in found or found[key].error is None:
            found[key] = one
    return list(found.values())


def _oddest(parts: dict[str, Floats]) -> Floats:
    """The highest rarity of all tests, for each image."""
    highest: Floats = np.max([rarities + ADVANTAGE.get(name, 0.0) for name, rarities in parts.items()], axis=0)
    return highest


def _rarity_within(scores: Floats) -> Floats:
    """How rare each score is among the others, itself left out, as a new image's is not among them either."""
    ascending, places = np.sort(scores), np.argsort(np.argsort(scores))
    rare: Floats = np.array([_rarity(np.delete(ascending, i), ascending[i]) for i in places], float)
    return rare


def _rarity(reference: Floats, values: Floats | float, of_rarities: bool = False) -> Floats:
    """How rare scores are among those of a collection: 2 is one in a hundred.

    Within the collection by counting, beyond its last tenth by an exponential tail.

    Args:
        reference: scores of the collection, ascending.
        values: any shape.
        of_rarities: they are rarities themselves.
    """
    n = len(reference)
    share = (n - np.searchsorted(reference, values, side="left") + 0.5) / (n + 1)
    knee = reference[int(np.ceil((1 - TAIL) * n)) - 1]
    tail = reference[reference > knee] - knee
    if of_rarities:
        # They fall at least tenfold for each unit, as they are meant to. The oddest of a collection may be odd beyond
        # measure, so it is the middle one that says whether they fall more slowly.
        slope = max(float(tail[(len(tail) - 1) // 2]) / math.log(2) if len(tail) else 0.0, 1 / math.log(10))
    else:  # a collection of much the same images has hardly a tail
        slope = max(float(tail.mean()) if len(tail) else 0.0, 0.01 * abs(float(knee)), 1e-3)
    beyond = TAIL * np.exp(-np.maximum(values - knee, 0) / slope)
    rare: Floats = -np.log10(np.where(values > knee, np.maximum(beyond, 1e-300), share))
    return rare
