"""Which images a job is about, and where its outputs go."""

from __future__ import annotations

import csv
import json
import posixpath
import re
import zlib
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from bitstream.errors import CodecError
from codec.batch.naming import keeps_suffix, output
from codec.batch.tasks import Task
from codec.datasets.shards import holds_many
from codec.util import storage

TABLE_PARTS = ".parts"
"""What the folder of a table's parts has after the table's name."""


@dataclass(frozen=True, slots=True)
class Item:
    """An input and its output.

    Attributes:
        source: address of the image.
        target: address of the output; None if there is none.
        error: why it cannot be worked on.
    """

    source: str
    target: str | None
    error: str | None = None


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
    ours: Container[str] = (),
    passed: Callable[[str], None] | None = None,
) -> list[Item]:
    """Find the images of folders and files.

    Args:
        sources: addresses of folders, whose files are taken if the task takes their kind, and of files. Files of many
            images, see :mod:`codec.datasets.shards`, are taken by tasks that have outputs.
        out: address of the folder for outputs, which lie in it as the images lie in their folder; None if the task
            makes none.
        task: what is to be done.
        names: of the images to take from the one folder that ``sources`` is then, from the folder on or whole
            addresses; None takes all.
        shard: the part to keep; None keeps all.
        ours: addresses in the folders that are no inputs, such as the job's table.
        passed: called with the name of each file that is not taken.

    Returns:
        list[Item]: in the order of the folders. A folder that cannot be read is one, with an error, and so is an image
        whose output would take its place.

    Raises:
        CodecError: a source is not there, two inputs would have one output, or a name
            is not of the folder.
        OSError: a source is out of reach.
    """
    unreadable: list[OSError] = []
    found: list[tuple[str, str]] = []  # of each image its source, "" if that is the image itself, and its name
    for source in sources:
        if storage.is_folder(source):
            found += [(source, name) for name in _files(source, out, task, ours, passed, unreadable.append)]
        elif storage.size(source) is not None:
            found.append(("", source))
        else:
            raise CodecError(f"{source}: not there")
    if names is not None:
        if len(sources) != 1:
            raise CodecError("a list of images needs the one folder that they lie in")
        listed = dict.fromkeys(_name(sources[0], name) for name in names)
        there = {name for _, name in found}
        # Others are kept for now, as what an output is called depends on its neighbours.
        found += [(sources[0], name) for name in listed if name not in there]
    else:
        listed = None

    def wanted(name: str) -> bool:
        return (listed is None or name in listed) and (shard is None or shard.has(name))

    errors = [Item(str(error.filename), None, f"{error.filename}: {error.strerror}") for error in unreadable]
    if not task.suffix or out is None:
        return [Item(storage.joined(root, n) if root else n, None) for root, n in found if wanted(n)] + errors
    return _with_outputs(found, out, task.suffix, wanted) + errors


def _files(
    root: str,
    out: str | None,
    task: Task,
    ours: Container[str],
    passed: Callable[[str], None] | None,
    failed: Callable[[OSError], None],
) -> Iterator[str]:
    """Names of the images in a folder, without the outputs and tables of jobs."""
    inside = _within(root, out)
    for name in storage.find(root, failed):
        if inside is not None and name.startswith(inside):
            continue
        address = storage.joined(root, name)
        if address in ours or f"{TABLE_PARTS}/" in address:
            continue
        if task.takes(PurePosixPath(name).suffix.lower()) or (task.suffix and holds_many(name)):
            yield name
        elif passed is not None:
            passed(name)


def _with_outputs(found: list[tuple[str, str]], out: str, suffix: str, wanted: Callable[[str], bool]) -> list[Item]:
    """Items of images, each with its output."""
    named = [PurePosixPath(name if root else name.partition("::")[0].rpartition("/")[2]) for root, name in found]
    single = [i for i, path in enumerate(named) if not holds_many(path.name)]
    whole = {single[i] for i in keeps_suffix([(named[i], named[i].parent) for i in single], suffix)}
    roots = {root: storage.canonical(root) for root, _ in found if root}
    canonical_out = storage.canonical(out)
    taken: dict[PurePosixPath, str] = {}
    items = []
    for i, ((root, name), path) in enumerate(zip(found, named, strict=True)):
        source = storage.joined(root, name) if root else name
        made = path if holds_many(path.name) else PurePosixPath(output(path, path.parent, suffix, i in whole))
        if made in taken:
            raise CodecError(f"{taken[made]} and {source} would both become {storage.joined(out, str(made))}")
        taken[made] = source
        if wanted(name):
            there = f"{roots[root]}/{name}" if root else storage.canonical(name)
            error = f"{source}: its output would take its place" if there == f"{canonical_out}/{made}" else None
            items.append(Item(source, storage.joined(out, str(made)), error))
    return items


def _name(root: str, given: str) -> str:
    """Name of an image, from the folder on, by what a list calls it.

    Raises:
        CodecError: it is not in the folder.
    """
    before, _, after = storage.joined(root, "\0").partition("\0")
    name = given if storage.is_remote(given) else storage.absolute(given) if _is_absolute(given) else None
    if name is None:
        name = given
    elif name.startswith(before) and name.endswith(after):
        name = name[len(before) : len(name) - len(after)]
    else:
        raise CodecError(f"{given}: listed, and not in {root}")
    name = posixpath.normpath(name)
    if name.startswith(".."):
        raise CodecError(f"{given}: listed, and not in {root}")
    return name


def _is_absolute(address: str) -> bool:
    return address.startswith("file://") or Path(address).is_absolute()


def _within(source: str, out: str | None) -> str | None:
    """Where outputs lie in a folder of inputs, with a slash at the end; None if they lie elsewhere."""
    if out is None:
        return None
    root, inner = storage.canonical(source) + "/", storage.canonical(out) + "/"
    return inner[len(root) :] if inner.startswith(root) and inner != root else None


def read_manifest(address: str) -> list[str]:
    """Addresses of images that a file lists: one a line, or the column ``source`` of a table.

    Args:
        address: of a ``.jsonl``, ``.csv`` or ``.parquet`` file, such as the table of another job, or of any other,
            which is read as text, UTF-8; empty lines and those that begin with ``#`` are left out.

    Returns:
        list[str]: as they are written there.

    Raises:
        CodecError: it has no such column, or cannot be read.
        OSError: it is not there.
    """
    data = storage.read(address)
    found: list[str]
    suffix = PurePosixPath(address).suffix.lower()
    expected = "expected a table with a column named source, or a text with one address a line"
    try:
        if suffix == ".parquet":
            import pyarrow as pa
            import pyarrow.parquet

            table = pyarrow.parquet.read_table(pa.BufferReader(data), columns=["source"])
            found = table.column("source").to_pylist()
        else:
            # Names need not be text; and some programs begin theirs with a mark.
            lines = data.decode("utf-8-sig", "surrogateescape").splitlines()
            if suffix == ".csv":
                found = [row["source"] for row in csv.DictReader(lines)]
            elif suffix == ".jsonl":
                found = [json.loads(line)["source"] for line in lines if line.strip()]
            else:
                found = [line for line in lines if line.strip() and not line.startswith("#")]
    except (KeyError, ValueError, TypeError, ImportError, OSError) as error:
        raise CodecError(f"{address}: {expected}: {str(error).splitlines()[0]}") from error
    if not all(isinstance(name, str) and name for name in found):
        raise CodecError(f"{address}: {expected}: a source is empty")
    return found
