"""Which images a job is about, and where its outputs go."""

from __future__ import annotations

import csv
import json
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from bitstream.errors import CodecError
from codec.batch.naming import keeps_suffix, output
from codec.batch.tasks import Task
from codec.datasets.shards import is_shard
from codec.util import storage


@dataclass(frozen=True, slots=True)
class Item:
    """An input and its output.

    Attributes:
        source: address of the image.
        target: address of the output; None if there is none.
    """

    source: str
    target: str | None


@dataclass(frozen=True)
class Shard:
    """One of the parts that a job is divided into, for machines that know nothing of each other.

    An image's part depends on its name alone, so that it stays the same when others are added.

    Attributes:
        index: from 0 on.
        count: of all parts.

    Raises:
        ValueError: there is no such part.
    """

    index: int
    count: int

    def __post_init__(self) -> None:
        if not 0 <= self.index < self.count:
            raise ValueError(f"shard: found {self.index}/{self.count}, expected 0/{self.count} to {self.count - 1}"
                             f"/{self.count}")  # fmt: skip

    @classmethod
    def parse(cls, text: str) -> Shard:
        """A shard of a text such as ``0/8``.

        Raises:
            ValueError: it is none.
        """
        match = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text)
        if match is None:
            raise ValueError(f"shard: found {text!r}, expected its number from 0 on and how many there are, as 0/8")
        return cls(int(match[1]), int(match[2]))

    def has(self, name: str) -> bool:
        """Whether an image, by its name from the folder on, is of this part."""
        return zlib.crc32(name.encode("utf-8", "surrogateescape")) % self.count == self.index


def plan(
    sources: Sequence[str],
    out: str | None,
    task: Task,
    *,
    names: Iterable[str] | None = None,
    shard: Shard | None = None,
    passed: Callable[[str], None] | None = None,
    failed: Callable[[OSError], None] | None = None,
) -> list[Item]:
    """Find the images of folders and files.

    Args:
        sources: addresses of folders, whose files are taken if the task takes their kind, and of files. Files of many
            images, see :mod:`codec.datasets.shards`, are taken by tasks that have outputs.
        out: address of the folder for outputs, which lie in it as the images lie in their folder; None if the task
            makes none.
        task: what is to be done.
        names: of the images to take from the one folder that ``sources`` is then, from the folder on or whole
            addresses; None finds them.
        shard: the part to keep; None keeps all.
        passed: called with the name of each file that is not taken.
        failed: called with the error of each folder that cannot be read; None raises the first.

    Raises:
        CodecError: a source is not there, outputs would lie in an archive, two inputs would have one output, or a name
            is not of the folder.
        OSError: a folder cannot be read.
    """
    if out is not None and "::" in out:
        raise CodecError(f"{out}: outputs cannot go into an archive")
    found: list[tuple[str, str]] = []  # address, and name from its folder on
    if names is not None:
        found, sources = list(_named(sources, names)), ()
    for source in sources:
        if storage.is_folder(source):
            inside = _within(source, out)
            for name, _ in storage.find(source, failed):
                if inside is not None and (name + "/").startswith(inside):
                    continue  # our own outputs
                if task.takes(PurePosixPath(name).suffix.lower()) or (task.suffix and is_shard(name)):
                    found.append((storage.joined(source, name), name))
                elif passed is not None:
                    passed(name)
        elif storage.size(source) is not None:
            found.append((source, PurePosixPath(source.partition("::")[0]).name))
        else:
            raise CodecError(f"{source}: not there")
    if not task.suffix or out is None:
        return [Item(source, None) for source, name in found if shard is None or shard.has(name)]
    inputs = [(PurePosixPath(name), PurePosixPath(name).parent) for _, name in found]
    single = [i for i, (_, name) in enumerate(found) if not is_shard(name)]
    whole = {single[i] for i in keeps_suffix([inputs[i] for i in single], task.suffix)}
    taken: dict[str, str] = {}
    items = []
    for i, ((source, name), pair) in enumerate(zip(found, inputs, strict=True)):
        target = storage.joined(out, name if is_shard(name) else output(*pair, task.suffix, i in whole).as_posix())
        if target in taken:
            raise CodecError(f"{taken[target]} and {source} would both become {target}")
        if target == source:
            raise CodecError(f"{source}: its output would take its place")
        taken[target] = source
        if shard is None or shard.has(name):
            items.append(Item(source, target))
    return items


def _named(sources: Sequence[str], names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Address, and name from the folder on, of each image that a list names."""
    if len(sources) != 1:
        raise CodecError("a list of images needs the one folder that they lie in")
    (root,) = sources
    start = storage.joined(root, "")
    start = start if storage.is_remote(root) else start.rstrip("/") + "/"
    for given in dict.fromkeys(names):
        name = given.removeprefix("file://")
        if not name.startswith(start) and (storage.is_remote(name) or PurePosixPath(name).is_absolute()):
            raise CodecError(f"{given}: listed, and not in {root}")
        name = name.removeprefix(start)
        if ".." in PurePosixPath(name).parts:
            raise CodecError(f"{given}: listed, and not in {root}")
        yield storage.joined(root, name), name


def _within(source: str, out: str | None) -> str | None:
    """Where outputs lie in a folder of inputs, with a slash at the end; None if they lie elsewhere."""
    if out is None or storage.is_remote(source) != storage.is_remote(out):
        return None
    if storage.is_remote(source):
        root, inner = source.rstrip("/") + "/", out.rstrip("/") + "/"
    else:
        root = storage.local_path(source).resolve().as_posix().rstrip("/") + "/"
        inner = storage.local_path(out).resolve().as_posix().rstrip("/") + "/"
    return inner[len(root) :] if inner.startswith(root) and inner != root else None


def read_manifest(address: str) -> Iterator[str]:
    """Addresses of images that a file lists: one a line, or the column ``source`` of a table.

    Args:
        address: of a ``.jsonl``, ``.csv`` or ``.parquet`` file, such as the table of another job, or of any other,
            which is read as text, UTF-8; empty lines and those that begin with ``#`` are left out.

    Raises:
        CodecError: it has no such column, or cannot be read.
        OSError: it is not there.
    """
    opened = storage.source(address)
    data = opened.read_bytes() if isinstance(opened, Path) else opened.getvalue()
    suffix = PurePosixPath(address).suffix.lower()
    try:
        if suffix == ".parquet":
            import pyarrow as pa
            import pyarrow.parquet

            table = pyarrow.parquet.read_table(pa.BufferReader(data), columns=["source"])
            yield from table.column("source").to_pylist()
            return
        lines = data.decode("utf-8").splitlines()
        if suffix == ".csv":
            yield from (str(row["source"]) for row in csv.DictReader(lines))
        elif suffix == ".jsonl":
            yield from (str(json.loads(line)["source"]) for line in lines if line.strip())
        else:
            yield from (line for line in lines if line.strip() and not line.startswith("#"))
    except (KeyError, ValueError, TypeError, ImportError) as error:
        raise CodecError(f"{address}: expected a table with a column named source, or a text with one address a line: "
                         f"{error}") from error  # fmt: skip
