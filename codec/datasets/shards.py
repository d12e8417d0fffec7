"""Shards in, shards out: each image in a file of many is changed, and everything beside the images carried along."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from bitstream.errors import CodecError
from codec.datasets import parquet, tar

SUFFIXES = (".tar", ".parquet")
"""Of files that hold many images."""
Change = Callable[[bytes, str], bytes]
"""From the bytes and the name of an image to what stands in its place."""


@dataclass
class Report:
    """What became of a shard's images.

    Attributes:
        images: how many there are.
        failed: of those that could not be changed, and stay as they were, the names and why.
    """

    images: int = 0
    failed: list[tuple[str, Exception]] = field(default_factory=list)

    def attempt(self, change: Change, data: bytes, name: str) -> bytes | None:
        """What stands in an image's place; None if it cannot be changed."""
        self.images += 1
        try:
            return change(data, name)
        except InterruptedError:
            raise
        except Exception as error:  # whatever one image fails with, the others go on
            self.failed.append((name, error))
            return None


def holds_many(name: str) -> bool:
    """Whether a file holds many images, by its name."""
    return PurePosixPath(name).suffix.lower() in SUFFIXES


def rewrite(
    source: Path | io.BytesIO,
    name: str,
    target: BinaryIO,
    change: Change,
    takes: Callable[[str], bool],
    suffix: str,
) -> Report:
    """Copy a shard with other images. An image that cannot be changed stays as it is.

    Args:
        source: the shard.
        name: its name, whose suffix says its kind.
        target: written to from where it is.
        change: called with the bytes and the name of each image.
        takes: whether a file of a lower-case suffix is an image to be changed.
        suffix: that images have afterwards.

    Raises:
        CodecError: it is damaged, or holds no images to be changed.
    """
    report = Report()
    with source.open("rb") if isinstance(source, Path) else source as file:
        if PurePosixPath(name).suffix.lower() == ".tar":
            tar.write(target, _members(file, change, takes, suffix, report))
        else:

            def change_cell(data: bytes, path: str | None) -> tuple[bytes, str | None]:
                made = report.attempt(change, data, path or f"image {report.images}")
                if made is None:
                    return data, path
                return made, None if path is None else str(PurePosixPath(path).with_suffix(suffix))

            parquet.rewrite(file, target, change_cell)
    if not report.images:
        raise CodecError(f"{name}: holds no images of a kind that is taken")
    return report


def _members(
    file: BinaryIO, change: Change, takes: Callable[[str], bool], suffix: str, report: Report
) -> Iterator[tar.Member]:
    for sample in tar.samples(file):
        names = [PurePosixPath(member.about.name) for member in sample]
        for member, path in zip(sample, names, strict=True):
            if member.data is not None and takes(member.suffix):
                made = report.attempt(change, member.data, member.about.name)
                if made is not None:
                    alone = sum(other.with_suffix("") == path.with_suffix("") and takes(other.suffix.lower())
                                for other in names) == 1 and path.with_suffix(suffix) not in names  # fmt: skip
                    member.rename(str(path.with_suffix(suffix) if alone else path.with_name(path.name + suffix)))
                    member.data = made
            yield member
