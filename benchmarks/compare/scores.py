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
"""Points for a factor of e in odds: 200 points are odds of three to one, as in chess."""
PRIOR = 0.5
"""Choices won and lost against each other codec that are added, so that a codec which never lost has a finite score."""
ROUNDS = 1000


@dataclass(frozen=True)
class Vote:
    """One choice.

    Attributes:
        better: name of the codec that was preferred, or of either if none was.
        worse: of the other.
        bpp: rate that both were asked for.
        block: what choices depend on together: the person and the image.
        tie: whether none was preferred.
    """

    better: str
    worse: str
    bpp: float
    block: tuple[str, str]
    tie: bool


@dataclass(frozen=True)
class Score:
    """Of one codec.

    Attributes:
        codec: its name.
        points: on Elo's scale, with mean 0 over the codecs.
        low: end of the interval that holds 95% of the points of resampled votes.
        high: its other end.
        preferred: share of its choices that it won, a tie counted as half.
        votes: how many choices it was in.
    """

    codec: str
    points: float
    low: float
    high: float
    preferred: float
    votes: int


def read_votes(path: Path) -> list[Vote]:
    """Votes of a file that the page has saved.

    Raises:
        ValueError: it is none.
        OSError: it cannot be read.
    """
    try:
        saved = json.loads(path.read_text(encoding="utf-8"))
        key, voter = opened_key(saved["key"]), str(saved["voter"])
        votes = []
        for entry in saved["votes"]:
            left, right = (key[int(entry[name])] for name in ("left", "right"))
            choice = entry["choice"]
            if choice not in ("left", "right", "equal") or (left["image"], left["bpp"]) != (
                right["image"],
                right["bpp"],
            ):
                raise ValueError("a vote on what was not to be compared")
            better, worse = (right, left) if choice == "right" else (left, right)
            block = (voter, str(left["image"]))
            votes.append(Vote(better["codec"], worse["codec"], float(left["bpp"]), block, choice == "equal"))
        return votes
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise ValueError(f"{path}: not a file of votes: {error}") from error


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
        if np.abs(new - logs).max() < 1e-9:
            return new
        logs = new
    return logs


def score(votes: Sequence[Vote], seed: int = 0) -> list[Score]:
    """Scores of all codecs, best first, with intervals from resampling persons and images.

    Args:
        votes: all of them.
        seed: of the resampling.

    Raises:
        ValueError: there are none.
    """
    if not votes:
        raise ValueError("no votes")
    codecs = sorted({name for vote in votes for name in (vote.better, vote.worse)})
    blocks: dict[tuple[str, str], list[Vote]] = defaultdict(list)
    for vote in votes:
        blocks[vote.block].append(vote)
    # Votes of one person on one image stay together: they are not independent.
    of_blocks = np.stack([_wins(block, codecs) for block in blocks.values()])
    rng = np.random.default_rng(seed)
    chosen = rng.integers(0, len(of_blocks), (ROUNDS, len(of_blocks)))
    resampled = np.stack([strengths(of_blocks[picks].sum(axis=0)) for picks in chosen])
    low, high = np.percentile(ELO * resampled, (2.5, 97.5), axis=0)
    wins = of_blocks.sum(axis=0)
    points, played = ELO * strengths(wins), (wins + wins.T).sum(axis=1)
    rows = [
        Score(name, float(points[n]), float(low[n]), float(high[n]), float(wins[n].sum() / played[n]), round(played[n]))
        for n, name in enumerate(codecs)
    ]
    return sorted(rows, key=lambda row: -row.points)
