"""What is compared by eye: crops of decoded images at equal file sizes, in pairs, without names."""

from __future__ import annotations

import base64
import itertools
import json
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from benchmarks.codecs import CODECS
from benchmarks.images import read_pixels, shown
from benchmarks.visual import busiest, encode_at_rate, lossless_uri

UNEQUAL = 0.1
"""A pair is left out if one file is larger than the other by more than this share: it would win for that."""


@dataclass(frozen=True)
class Pair:
    """Two reconstructions to choose from.

    Attributes:
        scene: number of the original crop.
        one: number of a reconstruction.
        other: number of another one.
    """

    scene: int
    one: int
    other: int


@dataclass(frozen=True)
class Comparison:
    """All that a page shows.

    Attributes:
        originals: crops of the originals as ``data:`` addresses.
        reconstructions: crops of what codecs made of them, likewise.
        pairs: to be voted on, in random order.
        key: which codec, image and rate each reconstruction is of; the page carries it encoded, so that nobody who
            votes reads it by chance.
    """

    originals: list[str]
    reconstructions: list[str]
    pairs: list[Pair]
    key: list[dict[str, Any]]

    @property
    def sealed_key(self) -> str:
        """The key as text that says nothing at a glance."""
        return base64.b64encode(json.dumps(self.key).encode()).decode()


def opened_key(sealed: str) -> list[dict[str, Any]]:
    """The key that :attr:`Comparison.sealed_key` is of.

    Raises:
        ValueError: it is none.
    """
    key = json.loads(base64.b64decode(sealed, validate=True))
    if not isinstance(key, list) or not all(isinstance(e, dict) and {"codec", "image", "bpp"} <= e.keys() for e in key):
        raise ValueError("not the key of a comparison")
    return key


def _are_equal(one: dict[str, Any], other: dict[str, Any]) -> bool:
    small, large = sorted((one["found_bpp"], other["found_bpp"]))
    return bool(large <= (1 + UNEQUAL) * small)


def prepare(paths: list[Path], codecs: list[str], rates: list[float], side: int, threads: int, seed: int) -> Comparison:
    """Code images at each rate with each codec, cut the busiest part of each out, and pair what is of equal size.

    A codec that fails is named and missing there; so is a pair whose files differ too much in size.

    Args:
        paths: images.
        codecs: names in :data:`~benchmarks.codecs.CODECS`.
        rates: bits per pixel of whole files.
        side: pixels a side of a crop.
        threads: for the codecs.
        seed: of the order of the pairs.
    """
    originals: list[str] = []
    reconstructions: list[str] = []
    key: list[dict[str, Any]] = []
    pairs: list[Pair] = []
    with tqdm(total=len(paths) * len(rates) * len(codecs), unit="crop", disable=None) as progress:
        for path in paths:
            pixels = read_pixels(path)
            top, left = busiest(pixels, side)
            part = slice(top, top + side), slice(left, left + side)
            originals.append(lossless_uri(pixels[part]))
            for rate in rates:
                made: list[int] = []
                for name in codecs:
                    progress.update()
                    try:
                        data = encode_at_rate(CODECS[name], pixels, rate, threads)
                        decoded = CODECS[name].decode(data, threads)
                    except Exception as error:  # a gap, as in every benchmark
                        tqdm.write(f"{name} {shown(path)}: {type(error).__name__}: {error}")
                        continue
                    found = 8 * len(data) / pixels[..., 0].size
                    made.append(len(reconstructions))
                    reconstructions.append(lossless_uri(decoded[part]))
                    entry = {"codec": name, "identity": CODECS[name].identity, "image": shown(path)}
                    key.append({**entry, "bpp": rate, "found_bpp": round(found, 4)})
                for one, other in itertools.combinations(made, 2):
                    if _are_equal(key[one], key[other]):
                        pairs.append(Pair(len(originals) - 1, one, other))
                    else:
                        names = " and ".join(f"{key[n]['codec']} ({key[n]['found_bpp']:.3f} bpp)" for n in (one, other))
                        tqdm.write(f"{shown(path)} at {rate:g} bpp: {names} differ too much in size, left out")
    random.Random(seed).shuffle(pairs)
    return Comparison(originals, reconstructions, pairs, key)
