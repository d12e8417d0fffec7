"""Photographs for training: random crops that depend on nothing but the seed and the step.

Crops are drawn in the training loop itself: on a small machine a loader process beside the
trainer's threads costs more than it saves.
"""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from bitstream.errors import ImageError
from codec.images import shallow


def read_rgb(path: Path) -> NDArray[np.uint8] | None:
    """Pixels of a picture, uint8 (H, W, 3).

    None, and a line on stderr, if it is damaged: one such file among thousands must not cost hours of work.

    Raises:
        OSError: the file itself cannot be read.
    """
    try:
        with Image.open(path) as image:
            return np.asarray(shallow(image).convert("RGB"))
    except MemoryError:
        raise
    except Exception as error:  # what a damaged picture raises is not documented
        if isinstance(error, OSError) and error.errno is not None:
            raise
        tqdm.write(f"{path}: damaged, left out: {error}", file=sys.stderr)
        return None


class Photos:
    """Pictures by index, the decoded ones kept in memory up to a budget.

    ``weights`` is how often each is to be drawn: larger pictures more often, by the square root of
    their bytes on disk.

    Args:
        paths: the files.
        cache_bytes: how much decoded pixels may take; the least recently used go first.
    """

    def __init__(self, paths: list[Path], cache_bytes: int = 4 << 30) -> None:
        self.paths = paths
        weights = np.sqrt([max(p.stat().st_size, 1) for p in paths])
        self.weights: NDArray[np.float64] = weights / weights.sum()
        self._budget = cache_bytes
        self._held = 0
        self._cache: OrderedDict[int, NDArray[np.uint8]] = OrderedDict()
        self._damaged: set[int] = set()

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> NDArray[np.uint8]:
        """Pixels of a picture, or if it is damaged of the next one that is not.

        Raises:
            ImageError: all are damaged.
            OSError: a file cannot be read.
        """
        for at in chain(range(index, len(self)), range(index)):
            pixels = self._pixels(at)
            if pixels is not None:
                return pixels
        raise ImageError(f"all of {len(self)} pictures are damaged")

    def _pixels(self, index: int) -> NDArray[np.uint8] | None:
        if index in self._damaged:
            return None
        pixels = self._cache.pop(index, None)
        if pixels is None:
            pixels = read_rgb(self.paths[index])
            if pixels is None:
                self._damaged.add(index)
                return None
            self._held += pixels.nbytes
        self._cache[index] = pixels
        while self._held > self._budget and len(self._cache) > 1:
            self._held -= self._cache.popitem(last=False)[1].nbytes
        return pixels


def random_crop(pixels: NDArray[np.uint8], size: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """A square crop at a random place, scale and orientation.

    Half of the crops are taken from up to twice the side and scaled down, where the picture is
    large enough: photographs reach a codec at every scale. Pictures that are too small are
    mirrored at their edges.

    Args:
        pixels: uint8 (H, W, 3).
        size: side of the crop in pixels.
        rng: source of randomness.

    Returns:
        NDArray[np.uint8]: (size, size, 3).
    """
    height, width = pixels.shape[:2]
    if min(height, width) < size:
        short = [(0, max(0, size - n)) for n in (height, width)]
        pixels = np.pad(pixels, [*short, (0, 0)], mode="symmetric")
        height, width = pixels.shape[:2]
    side = size
    if rng.random() < 0.5:
        side = round(size * rng.uniform(1.0, min(2.0, min(height, width) / size)))
    top, left = rng.integers(height - side + 1), rng.integers(width - side + 1)
    crop = pixels[top : top + side, left : left + side]
    if side != size:
        # Rows of a larger picture are copied much faster here than by Pillow.
        crop = np.asarray(Image.fromarray(np.ascontiguousarray(crop)).resize((size, size), Image.Resampling.LANCZOS))
    turn, flip = rng.integers(4), rng.integers(2)
    crop = np.rot90(crop, turn)
    return crop[:, ::-1] if flip else crop


def to_tensor(batch: list[NDArray[np.uint8]]) -> Tensor:
    """Stack pictures of one size to float32 (N, 3, H, W) in [0, 1], channels last in memory."""
    stacked = torch.from_numpy(np.stack(batch)).permute(0, 3, 1, 2)
    return stacked.float().div_(255).contiguous(memory_format=torch.channels_last)


def draw_batch(photos: Photos, step: int, *, seed: int, rank: int, batch: int, size: int) -> tuple[Tensor, Tensor]:
    """The batch of one step, the same whenever and wherever it is drawn.

    The qualities are stratified: each crop of the batch draws its own from another part of the range,
    in random order, so that every step sees low and high rates and its gradient varies less.

    Returns:
        tuple[Tensor, Tensor]: x, float32 (N, 3, size, size), and the qualities t, float32 (N,).
    """
    rng = np.random.default_rng((seed, rank, step))
    chosen = rng.choice(len(photos), size=batch, p=photos.weights)
    crops = [random_crop(photos[int(i)], size, rng) for i in chosen]
    t = (rng.permutation(batch).astype(np.float32) + rng.random(batch, dtype=np.float32)) / np.float32(batch)
    return to_tensor(crops), torch.from_numpy(t)


def validation_crops(paths: list[Path], size: int = 384) -> Iterator[Tensor]:
    """The middle of each picture, at most ``size`` a side and a multiple of 64: (1, 3, H, W)."""
    for path in paths:
        pixels = read_rgb(path)
        if pixels is None:
            continue
        height, width = (min(size, n // 64 * 64) for n in pixels.shape[:2])
        if height and width:
            top, left = (pixels.shape[0] - height) // 2, (pixels.shape[1] - width) // 2
            yield to_tensor([pixels[top : top + height, left : left + width]])
