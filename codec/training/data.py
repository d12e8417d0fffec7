"""Images for training: read once, kept in memory, and cut into crops on the device that trains.

On a CPU crops are cut in the training loop itself: there a loader process beside the trainer's threads costs more than
it saves. On a GPU all images stay in its memory, and the crops of a batch are cut together.
"""

from __future__ import annotations

import os
import sys
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from bitstream.errors import ImageError
from codec.images.pillow_compat import shallow
from codec.training import synthetic
from codec.training.crops import Crop, draw_crop, draw_qualities

Pixels = NDArray[np.uint8]

READ_AT_ONCE = 64
GRAPHICS_ON_DEVICE = 250
"""How many of the drawn graphics a GPU keeps; a CPU draws each anew."""
GRAPHICS_KEPT = 64
"""Graphics that a CPU keeps until the batch is cut that they were drawn for."""
CPU = torch.device("cpu")


def read_rgb(path: Path) -> Pixels | None:
    """Pixels of an image, uint8 (H, W, 3).

    None, and a line on stderr, if it is damaged: one such file among thousands must not cost hours of work.

    Raises:
        OSError: the file itself cannot be read.
    """
    try:
        with Image.open(path) as image:
            return np.asarray(shallow(image).convert("RGB"))
    except MemoryError:
        raise
    except Exception as error:  # what a damaged image raises is not documented
        if isinstance(error, OSError) and error.errno is not None:
            raise
        tqdm.write(f"{path}: damaged, left out: {error}", file=sys.stderr)
        return None


def to_tensor(batch: list[Pixels]) -> Tensor:
    """Stack images of one size to float32 (N, 3, H, W) in [0, 1], channels last in memory."""
    stacked = torch.from_numpy(np.stack(batch)).permute(0, 3, 1, 2)
    return stacked.float().div_(255).contiguous(memory_format=torch.channels_last)


class Photos:
    """Images by index, the decoded ones kept in memory up to a budget.

    ``weights`` is how often each is to be drawn: larger images more often, by the square root of their bytes on disk.

    Args:
        paths: the files.
        device: where crops go.
        cache_bytes: how much decoded pixels may take; the least recently used go first.
    """

    def __init__(self, paths: list[Path], device: torch.device = CPU, cache_bytes: int = 4 << 30) -> None:
        self.paths = paths
        self.device = device
        weights = np.sqrt([max(p.stat().st_size, 1) for p in paths])
        self.weights: NDArray[np.float64] = weights / weights.sum()
        self._budget = cache_bytes
        self._held = 0
        self._cache: OrderedDict[int, Pixels] = OrderedDict()
        self._drawn: OrderedDict[int, Pixels] = OrderedDict()
        self._damaged: set[int] = set()

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Pixels:
        """Pixels of an image, or if it is damaged of the next one that is not; beyond the last file, of the graphic
        whose seed is the rest.

        Raises:
            ImageError: all are damaged.
            OSError: a file cannot be read.
        """
        if index >= len(self):
            return self._graphic(index - len(self))
        for at in chain(range(index, len(self)), range(index)):
            pixels = self._pixels(at)
            if pixels is not None:
                return pixels
        raise ImageError(f"all of {len(self)} images are damaged")

    def _graphic(self, seed: int) -> Pixels:
        if seed not in self._drawn:
            while len(self._drawn) >= GRAPHICS_KEPT:
                self._drawn.popitem(last=False)
            self._drawn[seed] = synthetic.draw_graphic(seed)
        return self._drawn[seed]

    def _pixels(self, index: int) -> Pixels | None:
        if index in self._damaged:
            return None
        pixels = self._cache.get(index)
        if pixels is None:
            pixels = read_rgb(self.paths[index])
            if pixels is None:
                self._damaged.add(index)
                return None
        self._keep(index, pixels)
        return pixels

    def _keep(self, key: int, pixels: Pixels) -> None:
        if self._cache.pop(key, None) is None:
            self._held += pixels.nbytes
        self._cache[key] = pixels
        while self._held > self._budget and len(self._cache) > 1:
            self._held -= self._cache.popitem(last=False)[1].nbytes

    def shape(self, index: int) -> tuple[int, int]:
        """Height and width of an image, see :meth:`__getitem__`."""
        height, width = self[index].shape[:2]
        return height, width

    def cut(self, crops: list[Crop], size: int) -> Tensor:
        """Cut crops out of images, before colours are turned.

        Args:
            crops: which.
            size: pixels a side of what comes out.

        Returns:
            Tensor: float32 (N, 3, size, size) in [0, 1], channels last, on :attr:`device`.
        """
        return to_tensor([self._cut(crop, size) for crop in crops]).to(self.device)

    def _cut(self, crop: Crop, size: int) -> Pixels:
        pixels = self[crop.image]
        # Images that are too small are mirrored at their edges.
        short = [(0, max(0, crop.side - n)) for n in pixels.shape[:2]]
        if any(map(any, short)):
            pixels = np.pad(pixels, [*short, (0, 0)], mode="symmetric")
        pixels = pixels[crop.top : crop.top + crop.side, crop.left : crop.left + crop.side]
        if crop.side != size:  # in bytes, which is ten times as fast as Pillow
            channels = torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None]
            scaled = F.interpolate(channels, (size, size), mode="bicubic", antialias=True)
            pixels = scaled[0].permute(1, 2, 0).numpy()
        pixels = np.rot90(pixels, crop.turn)
        return pixels[:, ::-1] if crop.flip else pixels


class ResidentPhotos(Photos):
    """Images that are all decoded once and stay in the memory of the device as uint8, with a bank of graphics.

    Args:
        paths: the files.
        device: where images and crops are.
    """

    def __init__(self, paths: list[Path], device: torch.device) -> None:
        super().__init__(paths, device)
        drawn = [synthetic.draw_graphic(seed) for seed in range(GRAPHICS_ON_DEVICE)]
        sources = [*(partial(read_rgb, path) for path in paths), *(partial(np.asarray, graphic) for graphic in drawn)]
        parts: list[Tensor] = []
        shapes: list[tuple[int, int] | None] = []
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            # A few at a time: all of them decoded may be more than the machine's memory holds.
            for first in tqdm(range(0, len(sources), READ_AT_ONCE), desc="images", disable=None):
                for pixels in pool.map(lambda source: source(), sources[first : first + READ_AT_ONCE]):
                    shapes.append(None if pixels is None else (pixels.shape[0], pixels.shape[1]))
                    if pixels is not None:
                        parts.append(torch.from_numpy(np.array(pixels).reshape(-1, 3)).to(device))
        if all(shape is None for shape in shapes[: len(paths)]):
            raise ImageError(f"all of {len(self)} images are damaged")
        self._flat = torch.cat(parts)
        starts = iter(np.cumsum([0, *map(len, parts)]).tolist())
        found = [None if shape is None else (next(starts), *shape) for shape in shapes]
        for index in reversed(range(2 * len(paths))):  # in place of a damaged one the next that is not
            at, after = index % len(paths), (index + 1) % len(paths)
            found[at] = found[after] if found[at] is None else found[at]
        self._places = [place for place in found if place is not None]

    def _at(self, index: int) -> int:
        return index if index < len(self) else len(self) + (index - len(self)) % GRAPHICS_ON_DEVICE

    def __getitem__(self, index: int) -> Pixels:
        start, height, width = self._places[self._at(index)]
        pixels: Pixels = self._flat[start : start + height * width].cpu().numpy().reshape(height, width, 3)
        return pixels

    def shape(self, index: int) -> tuple[int, int]:
        """Height and width of an image."""
        _, height, width = self._places[self._at(index)]
        return height, width

    def cut(self, crops: list[Crop], size: int) -> Tensor:
        """Cut crops out of images, see :meth:`Photos.cut`; those of one side together."""
        x = torch.empty((len(crops), 3, size, size), device=self.device).to(memory_format=torch.channels_last)
        for side in sorted({crop.side for crop in crops}):
            members = [n for n, crop in enumerate(crops) if crop.side == side]
            blocks = self._gather([crops[n] for n in members], side).permute(0, 3, 1, 2).float().div_(255)
            if side != size:
                blocks = F.interpolate(blocks, (size, size), mode="bicubic", antialias=True).clamp_(0, 1)
            x[torch.tensor(members, device=self.device)] = blocks
        for turn, flip in sorted({(crop.turn, crop.flip) for crop in crops} - {(0, False)}):
            which = [n for n, crop in enumerate(crops) if (crop.turn, crop.flip) == (turn, flip)]
            members_at = torch.tensor(which, device=self.device)
            turned = torch.rot90(x[members_at], turn, (2, 3))
            x[members_at] = turned.flip(3) if flip else turned
        return x

    def _gather(self, crops: list[Crop], side: int) -> Tensor:
        """Squares of images, uint8 (N, side, side, 3), mirrored at the edges of images that are too small."""
        facts = [(*self._places[self._at(crop.image)], crop.top, crop.left) for crop in crops]
        start, height, width, top, left = torch.tensor(np.array(facts).T, device=self.device)[..., None, None]
        steps = torch.arange(side, device=self.device)

        def mirrored(position: Tensor, length: Tensor) -> Tensor:
            position = position % (2 * length)
            return torch.minimum(position, 2 * length - 1 - position)

        rows, columns = mirrored(top + steps[:, None], height), mirrored(left + steps[None, :], width)
        return self._flat[start + rows * width + columns]


def decoded_bytes(paths: list[Path]) -> int:
    """What images take once they are decoded, by their headers; those that cannot be read count nothing."""
    total = 0
    for path in paths:
        try:
            with Image.open(path) as image:
                total += 3 * image.width * image.height
        except Exception:  # reported when it is read
            continue
    return total


def photos_for(paths: list[Path], device: torch.device) -> Photos:
    """The images of a run: in the memory of a GPU if they take less than half of what is free there, else in the
    machine's."""
    if device.type == "cuda":
        # Twice, while they are put together.
        if 2 * decoded_bytes(paths) < torch.cuda.mem_get_info(device)[0]:
            return ResidentPhotos(paths, device)
        tqdm.write("images would fill the GPU's memory: they stay in the machine's", file=sys.stderr)
    return Photos(paths, device)


def draw_batch(photos: Photos, step: int, *, seed: int, rank: int, batch: int, size: int) -> tuple[Tensor, Tensor]:
    """The batch of one step, which depends on nothing but the seed, the process, the step, and whether images are kept
    on the device.

    Args:
        photos: what to cut crops from.
        step: of training.
        seed: of the run.
        rank: of the process.
        batch: crops.
        size: pixels a side.

    Returns:
        tuple[Tensor, Tensor]: x, float32 (N, 3, size, size) in [0, 1], and the qualities t, float32 (N,); both on the
        device of ``photos``.
    """
    rng = np.random.default_rng((seed, rank, step))
    crops = [draw_crop(photos.weights, photos.shape, size, rng) for _ in range(batch)]
    x = photos.cut(crops, size)
    for n, crop in enumerate(crops):
        if crop.color is not None:
            matrix = torch.from_numpy(crop.color).to(x.device)
            x[n] = torch.einsum("oc,chw->ohw", matrix, x[n]).clamp_(0, 1)
    return x, torch.from_numpy(draw_qualities(batch, rng)).to(x.device)


def middle_crops(images: Iterable[Pixels | None], size: int = 384) -> Iterator[Tensor]:
    """The middle of each image, at most ``size`` a side and a multiple of 64: (1, 3, H, W)."""
    for pixels in images:
        if pixels is None:
            continue
        height, width = (min(size, n // 64 * 64) for n in pixels.shape[:2])
        if height and width:
            top, left = (pixels.shape[0] - height) // 2, (pixels.shape[1] - width) // 2
            yield to_tensor([pixels[top : top + height, left : left + width]])
