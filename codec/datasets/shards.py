"""Shards in, shards out: each image in a file of many is changed, and everything beside the images carried along."""

from __future__ import annotations

import io
import posixpath
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
    """Whether a file holds many images, by its name or address."""
    return _suffix(name.partition("::")[0]) in SUFFIXES


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
        if _suffix(name) == ".tar":
            tar.write(target, _members(file, change, takes, suffix, report))
        else:

            def change_cell(data: bytes, path: str | None) -> tuple[bytes, str | None]:
                made = report.attempt(change, data, path or f"image {report.images}")
                if made is None:
                    return data, path
                return made, None if path is None else _renamed(path, suffix)

            parquet.rewrite(file, target, change_cell)
    if not report.images and _suffix(name) == ".tar":
        raise CodecError(f"{name}: holds no images of a kind that is taken")
    return report


def _members(
    file: BinaryIO, change: Change, takes: Callable[[str], bool], suffix: str, report: Report
) -> Iterator[tar.Member]:
    """The members of another tar file, with images changed and links to them following.

    Raises:
        CodecError: a link is to an image that comes after it, or two members would have one name.
    """
    written: set[str] = set()
    renamed: dict[str, str] = {}
    for sample in tar.samples(file):
        kept = {member.about.name for member in sample}
        for member in sample:
            name, is_image = member.about.name, takes(member.suffix) and not _is_hidden(member.about.name)
            if is_image and member.data is not None:
                made = report.attempt(change, member.data, name)
                if made is not None:
                    path = PurePosixPath(name)
                    alike = [PurePosixPath(other).with_suffix("") for other in kept if takes(_suffix(other))]
                    alone = alike.count(path.with_suffix("")) == 1
                    choices = [str(path.with_suffix(suffix))] if alone else []
                    choices += [name + suffix, name + 2 * suffix]
                    renamed[name] = next((c for c in choices if c not in written and c not in kept), choices[-1])
                    member.rename(renamed[name])
                    member.data = made
            elif is_image and (member.about.islnk() or member.about.issym()):
                _follow(member, renamed, suffix)
            if member.about.name in written and member.data is not None:
                raise CodecError(f"two members would be called {member.about.name}")
            written.add(member.about.name)
            yield member


def _follow(link: tar.Member, renamed: dict[str, str], suffix: str) -> None:
    """Have a link to an image lead to what became of it.

    Raises:
        CodecError: the image has not come yet.
    """
    folder = "" if link.about.islnk() else posixpath.dirname(link.about.name)
    target = posixpath.normpath(posixpath.join(folder, link.about.linkname))
    if target not in renamed:
        raise CodecError(f"{link.about.name}: links to an image that comes later, or is not there")
    made = renamed[target]
    link.about.linkname = made if link.about.islnk() else posixpath.relpath(made, folder or ".")
    link.rename(str(PurePosixPath(link.about.name).with_suffix(suffix)))


def _suffix(name: str) -> str:
    return PurePosixPath(name).suffix.lower()


def _is_hidden(name: str) -> bool:
    return PurePosixPath(name).name.startswith(".")


def _renamed(path: str, suffix: str) -> str:
    """A path with another suffix; as it is if it has none."""
    head, slash, name = path.rpartition("/")
    stem = name.rpartition(".")[0]
    return f"{head}{slash}{stem}{suffix}" if stem.strip(".") else path
