"""A PyTorch dataset over shards and folders of images, coded or not."""

from __future__ import annotations

import io
import random
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps
from torch.utils.data import IterableDataset, get_worker_info

import codec.pillow_plugin  # noqa: F401 - so that Pillow knows the format
from bitstream.container import MAGIC
from bitstream.errors import CodecError
from codec import api
from codec.api import SUFFIX
from codec.datasets import parquet, tar
from codec.datasets.latents import latents
from codec.datasets.shards import holds_many
from codec.util import storage

KINDS = ("pixels", "latents")


class ImageDataset(IterableDataset[dict[str, Any]]):  # type: ignore[misc]
    """Samples of shards and folders, each a dictionary.

    Of a tar file: ``__key__``, ``image``, which is the first member that is one, and all other members by their
    suffixes, JSON, text and class numbers as what they mean. Of a Parquet file: its columns, those of images decoded.
    Of a folder: ``__key__`` and ``image``.

    Workers of a ``DataLoader``, and the processes of ``torch.distributed``, share the files out: give it at least as
    many files as there are. Workers that persist keep the order of the epoch that they began with.

    Args:
        sources: addresses of shards, images, and folders of both: paths, or what fsspec knows.
        kind: ``"pixels"``: uint8 (components, H, W), or uint16 where a file has 16 bits; ``"latents"``: see
            :func:`codec.latents`.
        transform: called with each Pillow image in place of that; what it gives is the sample's.
        shuffle: take the files in another order in each epoch, see :meth:`set_epoch`.
        seed: of that order.
        on_error: ``"raise"``, or ``"skip"`` a sample whose image is damaged, with a warning.
        threads: for the networks, in each worker.

    Raises:
        ValueError: there is no such kind or ``on_error``, or both ``latents`` and a transform.
        CodecError: a source is not there.
    """

    def __init__(
        self,
        sources: str | Sequence[str],
        *,
        kind: str = "pixels",
        transform: Callable[[Image.Image], Any] | None = None,
        shuffle: bool = False,
        seed: int = 0,
        on_error: str = "raise",
        threads: int | None = 1,
    ) -> None:
        if kind not in KINDS:
            raise ValueError(f"kind: found {kind!r}, expected one of {', '.join(KINDS)}")
        if on_error not in ("raise", "skip"):
            raise ValueError(f"on_error: found {on_error!r}, expected 'raise' or 'skip'")
        if kind == "latents" and transform is not None:
            raise ValueError("transform: is for pixels; leave it out, or the kind")
        self._kind, self._transform, self._shuffle, self._seed = kind, transform, shuffle, seed
        self._on_error, self._threads, self._epoch = on_error, threads, 0
        self._process = _process()
        self.files = _files([sources] if isinstance(sources, str) else sources)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_process": _process() or self._process}

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of an epoch; without, all have the same."""
        self._epoch = epoch

    def __iter__(self) -> Iterator[dict[str, Any]]:
        files = list(self.files)
        if self._shuffle:
            random.Random(f"{self._seed} {self._epoch}").shuffle(files)
        worker = get_worker_info()
        index, count = (worker.id, worker.num_workers) if worker is not None else (0, 1)
        process = _process() or self._process
        if process is not None:
            index += count * process[0]
            count *= process[1]
        for address in files[index::count]:
            yield from self._samples(address)

    def _samples(self, address: str) -> Iterator[dict[str, Any]]:
        suffix = PurePosixPath(address.partition("::")[0]).suffix.lower()
        if not holds_many(address):
            yield from self._checked(
                address, lambda: {"__key__": address, "image": self._decoded(storage.read(address))}
            )
            return
        try:
            yield from self._of_shard(address, suffix)
        except CodecError as error:
            raise CodecError(str(error) if str(error).startswith(address) else f"{address}: {error}") from error

    def _of_shard(self, address: str, suffix: str) -> Iterator[dict[str, Any]]:
        opened = storage.source(address)
        with opened.open("rb") if isinstance(opened, Path) else opened as file:
            if suffix == ".tar":
                for members in tar.samples(file):
                    if all(member.data is None for member in members):
                        continue  # a folder or a link
                    yield from self._checked(f"{address}: {members[0].key}", partial(self._of_tar, members))
            else:
                for number, (row, images) in enumerate(parquet.rows(file)):
                    name = f"{address}: row {number}"
                    yield from self._checked(name, partial(self._of_row, row, images))

    def _checked(self, name: str, decode: Callable[[], dict[str, Any]]) -> Iterator[dict[str, Any]]:
        try:
            yield decode()
        except (CodecError, OSError) as error:
            if self._on_error == "raise":
                raise CodecError(f"{name}: {error}") from error
            warnings.warn(f"{name} is left out: {error}", stacklevel=2)

    def _of_tar(self, members: list[tar.Member]) -> dict[str, Any]:
        sample: dict[str, Any] = {"__key__": members[0].key}
        for member in members:
            if member.data is None:
                continue
            if "image" not in sample and _is_image(member.suffix):
                sample["image"] = self._decoded(member.data)
            elif _is_image(member.suffix):
                sample[member.field] = self._decoded(member.data)
            else:
                sample[member.field] = tar.parsed(member)
        return sample

    def _of_row(self, row: dict[str, Any], images: list[str]) -> dict[str, Any]:
        decoded = {
            name: self._decoded(row[name]["bytes"])
            for name in images
            if row[name] is not None and row[name]["bytes"] is not None
        }
        return {**row, **decoded}

    def _decoded(self, data: bytes) -> Any:
        if self._kind == "latents":
            return torch.from_numpy(latents(data, threads=self._threads))
        if self._transform is None and data.startswith(MAGIC):
            with api.open(data, threads=self._threads) as file:
                file.verify()
                array = file.array()
            return torch.from_numpy(array[None] if array.ndim == 2 else array.transpose(2, 0, 1).copy())
        try:
            with Image.open(io.BytesIO(data)) as image:
                upright = ImageOps.exif_transpose(image)  # as .lmc files are
                upright.load()
        except Exception as error:  # readers of many formats, each with errors of its own
            raise CodecError(f"cannot be read as an image: {error}") from error
        return _as_tensor(upright) if self._transform is None else self._transform(upright)


def _as_tensor(image: Image.Image) -> torch.Tensor:
    """Pixels of any other image, uint8 (components, H, W), or uint16 of 16 bits of gray: gray or RGB, with transparency
    if there is any.

    Raises:
        CodecError: they are real or 32-bit numbers.
    """
    if image.mode.startswith("I;16"):
        return torch.from_numpy(np.array(image).astype(np.uint16)[None])
    if image.mode in ("I", "F"):
        raise CodecError(f"mode {image.mode}: has no 8 or 16 bits")
    clear = image.has_transparency_data
    mode = ("LA" if clear else "L") if image.mode in ("1", "L", "LA") else ("RGBA" if clear else "RGB")
    array = np.array(image.convert(mode))
    return torch.from_numpy(array[None] if array.ndim == 2 else array.transpose(2, 0, 1).copy())


def _process() -> tuple[int, int] | None:
    """Rank of this process and how many there are; None without ``torch.distributed``."""
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return None
    return torch.distributed.get_rank(), torch.distributed.get_world_size()


def _is_image(suffix: str) -> bool:
    return suffix == SUFFIX or suffix in api.readable_suffixes()


def _files(sources: Sequence[str]) -> list[str]:
    """Addresses of all shards and images.

    Raises:
        CodecError: a source is not there, or there are no files at all.
    """
    found: list[str] = []
    for source in map(str, sources):
        if storage.is_folder(source):
            names = sorted(storage.find(source))
            found += [
                storage.joined(source, name)
                for name in names
                if holds_many(name) or _is_image(PurePosixPath(name).suffix.lower())
            ]
        elif storage.size(source) is not None:
            found.append(source)
        else:
            raise CodecError(f"{source}: not there")
    if not found:
        raise CodecError(f"{', '.join(map(str, sources))}: no shards or images found")
    return found
