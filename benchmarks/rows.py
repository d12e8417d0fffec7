"""Measured points, one a line, appended as they come: so a long run resumes where it stopped."""

from __future__ import annotations

import json
import lzma
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from codec.util.files import replacing

Key = tuple[str, str, float, int, int, int, str]


def row_key(
    identity: str, digest: str, quality: float, repeats: int, threads: int, jobs: int, judged_by: str = ""
) -> Key:
    """What makes a row the same measurement as another: how times were taken and metrics computed is part of it."""
    return identity, digest, quality, repeats, threads, jobs, judged_by


@dataclass(frozen=True)
class Row:
    """One image through one codec at one quality.

    Attributes:
        codec: name of the codec.
        identity: codec, version and settings that the row is valid for.
        image: file name.
        digest: of the image's pixels.
        width: pixels.
        height: pixels.
        quality: setting of the codec's knob.
        file_bytes: size of the whole file.
        metrics: by name, see :mod:`benchmarks.metrics`.
        encode_s: seconds, median of the repeats, warm.
        decode_s: seconds, median of the repeats, warm.
        repeats: timed runs of each step.
        threads: that the codec was given.
        jobs: measurements that ran side by side.
        error: what went wrong, instead of figures.
        judged_by: versions of the packages that the metrics are of.
    """

    codec: str
    identity: str
    image: str
    digest: str
    width: int
    height: int
    quality: float
    file_bytes: int = 0
    metrics: dict[str, float | None] = field(default_factory=dict)
    encode_s: float = 0.0
    decode_s: float = 0.0
    repeats: int = 1
    threads: int = 1
    jobs: int = 1
    error: str | None = None
    judged_by: str = ""

    @property
    def rate_bpp(self) -> float:
        """Bits of the whole file per pixel."""
        return 8 * self.file_bytes / (self.width * self.height)

    @property
    def key(self) -> Key:
        """See :func:`row_key`."""
        return row_key(self.identity, self.digest, self.quality, self.repeats, self.threads, self.jobs, self.judged_by)


class RowStore:
    """Rows in a file of JSON lines.

    Args:
        path: the file; made when the first row is added.
        earlier: files of other runs, whose rows count as this run's; those whose names end in ``.xz`` are compressed.
    """

    def __init__(self, path: Path, earlier: Iterable[Path] = ()) -> None:
        self.path, self.earlier = path, tuple(earlier)

    def add(self, row: Row) -> None:
        """Append one row; a line is written as a whole."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab+") as file:
            if file.tell() and (file.seek(-1, os.SEEK_END), file.read(1))[1] != b"\n":
                file.write(b"\n")  # the line that a kill cut short must not swallow this one
            file.write(json.dumps(asdict(row)).encode() + b"\n")

    def __iter__(self) -> Iterator[Row]:
        """The best row of each key, the last of equals; a line that a kill cut short is passed over."""
        rows: dict[Key, Row] = {}
        for path in (*self.earlier, *([self.path] if self.path.exists() else [])):
            for line in _lines(path):
                try:
                    row = Row(**json.loads(line))
                except (ValueError, TypeError):
                    continue
                held = rows.get(row.key)
                if held is None or _says_as_much(row, held):
                    rows[row.key] = row
        return iter(rows.values())


def write_rows(rows: Iterable[Row], path: Path) -> None:
    """Write rows to a compressed file, to be kept and read by a :class:`RowStore` as rows of an earlier run."""
    lines = "".join(json.dumps(asdict(row)) + "\n" for row in rows)
    with replacing(path, overwrite=True) as temporary:
        temporary.write_bytes(lzma.compress(lines.encode()))


def _says_as_much(row: Row, other: Row) -> bool:
    """Whether nothing would be lost if it took the other's place."""
    return other.error is not None or (row.error is None and set(row.metrics) >= set(other.metrics))


def _lines(path: Path) -> list[str]:
    data = path.read_bytes()
    try:
        return (lzma.decompress(data) if path.suffix == ".xz" else data).decode().splitlines()
    except lzma.LZMAError as error:
        raise ValueError(f"{path}: {error}") from error
