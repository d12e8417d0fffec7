"""From votes to scores: Bradley and Terry's model, in which each codec has a strength and the odds of a choice are the
ratio of two.

Reference:
    Bradley and Terry, "Rank Analysis of Incomplete Block Designs", Biometrika 1952;
    Hunter, "MM algorithms for generalized Bradley-Terry models", Annals of Statistics 2004.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.compare.trials import opened_key

ELO = 400 / math.log(10)
"""Points for a factor of e in odds: 200 points are odds of about three to one, as in chess."""
PRIOR = 0.5
"""Choices won and lost against each other codec that are added, so that a codec which never lost has a finite score."""
ROUNDS = 1000
FEWEST_IMAGES = 6
"""With fewer there is no interval: what would be resampled is too little."""


@dataclass(frozen=True)
class Vote:
    """One choice.

    Attributes:
        better: name of the codec that was preferred, or of either if none was.
        worse: of the other.
        bpp: rate that both were asked for.
        person: who voted; of one name in two sittings, two.
        image: what on.
        tie: whether none was preferred.
    """

    better: str
    worse: str
    bpp: float
    person: str
    image: str
    tie: bool


@dataclass(frozen=True)
class Score:
    """Of one codec.

    Attributes:
        codec: its name.
        points: on Elo's scale, with mean 0 over the codecs.
        low: lower end of the 95% interval, a bootstrap over persons and images; None if there are too few of them, or
            all votes agree.
        high: its upper end.
        preferred: share of its choices that it won, a tie counted as half.
        votes: how many choices it was in.
    """

    codec: str
    points: float
    low: float | None
    high: float | None
    preferred: float
    votes: int


def read_votes(paths: Sequence[Path]) -> list[Vote]:
    """Votes of files that pages have saved. Of one pair in one sitting, the vote of the last file counts.

    Raises:
        ValueError: one is not a file of votes.
        OSError: one cannot be read.
    """
    found: dict[tuple[str, str, int, int], Vote] = {}
    for path in paths:
        try:
            saved = json.loads(path.read_text(encoding="utf-8"))
            key, sitting = opened_key(saved["key"]), (str(saved["page"]), f"{saved['voter']} {saved['sitting']}")
            for entry in saved["votes"]:
                numbers = int(entry["left"]), int(entry["right"])
                if min(numbers) < 0:
                    raise ValueError("a vote on nothing")
                left, right = (key[number] for number in numbers)
                choice = entry["choice"]
                same = (left["image"], left["bpp"]) == (right["image"], right["bpp"])
                if choice not in ("left", "right", "equal") or not same:
                    raise ValueError("a vote on what was not to be compared")
                better, worse = (right, left) if choice == "right" else (left, right)
                vote = Vote(
                    better["codec"],
                    worse["codec"],
                    float(left["bpp"]),
                    sitting[1],
                    str(left["image"]),
                    choice == "equal",
                )
                place = (*sitting, min(numbers), max(numbers))
                found[place] = vote
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise ValueError(f"{path}: not a file of votes: {error}") from error
    return list(found.values())


def _wins(votes: Iterable[Vote], codecs: Sequence[str]) -> NDArray[np.float64]:
    """How often the codec of each row was preferred to that of each column; a tie is half for both."""
    at = {name: index for index, name in enumerate(codecs)}
    wins = np.zeros((len(codecs), len(codecs)))
    for vote in votes:
        better, worse = at[vote.better], at[vote.worse]
        wins[better, worse] += 0.5 if vote.tie else 1.0
        wins[worse, better] += 0.5 if vote.tie else 0.0
    return wins


def strengths(wins: NDArray[np.float64]) -> NDArray[np.float64]:
    """Logarithms of the strengths that explain choices best, with mean 0.

    Args:
        wins: (N, N), how often the row was preferred to the column.
    """
    wins = wins + PRIOR * (1 - np.eye(len(wins)))
    played, won = wins + wins.T, wins.sum(axis=1)
    logs = np.zeros(len(wins))
    for _ in range(10_000):
        strength = np.exp(logs)
        new = np.log(won / (played / (strength[:, None] + strength[None, :])).sum(axis=1))
        new -= new.mean()
        moved, logs = float(np.abs(new - logs).max()), new
        if moved < 1e-9:
            break
    return logs


def score(votes: Sequence[Vote], seed: int = 0) -> list[Score]:
    """Scores of all codecs, best first, with intervals.

    Persons and images are resampled on their own, as votes of one person are alike, and so are votes on one image. One
    person's intervals say how that person would choose on other images.

    Args:
        votes: all of them.
        seed: of the resampling.

    Raises:
        ValueError: there are none.
    """
    if not votes:
        raise ValueError("no votes")
    codecs = sorted({name for vote in votes for name in (vote.better, vote.worse)})
    persons, images = ({value: n for n, value in enumerate(sorted(values))} for values in (
        {vote.person for vote in votes}, {vote.image for vote in votes}
    ))  # fmt: skip
    cells: dict[tuple[int, int], list[Vote]] = defaultdict(list)
    for vote in votes:
        cells[persons[vote.person], images[vote.image]].append(vote)
    wins_of_cells = np.stack([_wins(cell, codecs) for cell in cells.values()])
    wins = wins_of_cells.sum(axis=0)
    points, played = ELO * strengths(wins), (wins + wins.T).sum(axis=1)
    low, high = _interval(list(cells), wins_of_cells, len(persons), len(images), seed)
    rows = [
        Score(name, float(points[n]), low[n], high[n], float(wins[n].sum() / played[n]), round(played[n]))
        for n, name in enumerate(codecs)
    ]
    return sorted(rows, key=lambda row: -row.points)


def _interval(
    cells: list[tuple[int, int]], wins: NDArray[np.float64], persons: int, images: int, seed: int
) -> tuple[list[float | None], list[float | None]]:
    """Ends of the 95% interval of each codec; None where they say nothing."""
    nothing: list[float | None] = [None] * wins.shape[1]
    if images < FEWEST_IMAGES:
        return nothing, nothing
    rng = np.random.default_rng(seed)
    of_person, of_image = np.array(cells).T
    resampled: list[NDArray[np.float64]] = []
    while len(resampled) < ROUNDS:
        person_counts = np.bincount(rng.integers(0, persons, persons), minlength=persons)
        image_counts = np.bincount(rng.integers(0, images, images), minlength=images)
        weights = person_counts[of_person] * image_counts[of_image]
        if weights.any():  # not everybody has voted on everything
            resampled.append(ELO * strengths(np.tensordot(weights, wins, axes=1)))
    low, high = np.percentile(resampled, (2.5, 97.5), axis=0)
    known = high - low > 1e-3  # unanimous votes do not say by how much
    return tuple([float(v) if k else None for v, k in zip(ends, known, strict=True)] for ends in (low, high))  # type: ignore[return-value]
