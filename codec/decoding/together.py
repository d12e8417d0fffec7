"""Small images of one size, many at a time through the networks.

Starting a network takes about as long as the pixels of a small image. From 192 x 192 pixels on it no longer matters:
``python -m benchmarks batch`` measures both.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from codec.decoding.lmc_file import LmcFile

if TYPE_CHECKING:
    from PIL import Image

MAX_CELLS = 4
"""Of 64 x 64 pixels, of an image that is decoded with others: 128 x 128 pixels, or 64 x 256."""
AT_ONCE = 16


class _Given:
    """A model whose networks have run already for one image, which is within one tile."""

    def __init__(self, runtime: Any, y_hat: NDArray[np.float32], x: NDArray[np.float32]) -> None:
        self._runtime, self._y_hat, self._x = runtime, y_hat, x

    def __getattr__(self, name: str) -> Any:
        return getattr(self._runtime, name)

    def reconstruct(self, *_: Any) -> NDArray[np.float32]:
        """The latent that the decoder sees."""
        return self._y_hat

    def synthesise(self, *_: Any) -> NDArray[np.float32]:
        """Its pixels."""
        return self._x


def load_together(files: Sequence[LmcFile]) -> list[Image.Image]:
    """Decode files, to the pixels that :meth:`LmcFile.load` gives, up to one level.

    Args:
        files: open, of any sizes and models.

    Returns:
        list: an image of each.

    Raises:
        BitstreamError: a file is damaged, and damage is not to be filled.
        ModelError: one needs a model that is not here.
    """
    images: list[Image.Image | None] = [None] * len(files)
    alike: dict[Any, list[int]] = defaultdict(list)
    for i, file in enumerate(files):
        rows, columns = file.header.cells
        if rows * columns <= MAX_CELLS and not file.is_exact:
            alike[id(file.runtime), rows, columns].append(i)
        else:
            images[i] = file.load()
    for group in alike.values():
        waiting = iter(group)
        while part := list(islice(waiting, AT_ONCE)):
            for i, image in zip(part, _load_alike([files[i] for i in part]), strict=True):
                images[i] = image
    return [image for image in images if image is not None]


def _load_alike(files: list[LmcFile]) -> Iterator[Image.Image]:
    runtime = files[0].runtime
    symbols = [file.symbols() for file in files]
    z, y = (np.stack(part).astype(np.float32) for part in zip(*symbols, strict=True))
    levels = [file.header.quality_index for file in files]
    y_hat = runtime.reconstruct(z, y, levels)
    x = runtime.synthesise(y_hat, levels)
    for i, file in enumerate(files):
        yield file.load_with(_Given(runtime, y_hat[i : i + 1], x[i : i + 1]))
