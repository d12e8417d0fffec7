"""The rows of a job on disk, kept as they come, so that a job whose machine dies loses little.

While a job runs, rows lie in parts beside the table, ``TABLE.parts``, each a file of JSON lines that appears whole. At
the end they become the table, with the rows that were in it before. A job that runs again begins with the rows of
both.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from bitstream.errors import CodecError
from codec.batch.plan import TABLE_PARTS, Item
from codec.batch.rows import DONE, EXISTED, FAILED, Row
from codec.batch.tasks import Task
from codec.datasets.parquet import modules as parquet_modules
from codec.util import storage

ROWS_A_PART = 1000
SECONDS_A_PART = 30.0
ROWS_A_GROUP = 10_000
"""Of a Parquet table that are held at a time."""
_TYPES = {
    "source": "string", "target": "string", "task": "string", "status": "string", "bytes_in": "int64",
    "bytes_out": "int64", "seconds": "double", "width": "int32", "height": "int32", "quality": "double",
    "images": "int32", "images_failed": "int32", "notes": "string",
    "error": "string", "message": "string",
}  # fmt: skip
"""Arrow types of the columns that every table has."""


class Table:
    """Where rows go. It may hold rows of other inputs, of jobs before; they stay.

    Args:
        address: of the table, ``.jsonl`` or ``.parquet``.
        task: whose rows they are.
        mark: of temporary files, see :func:`codec.util.storage.writing`.

    Raises:
        CodecError: the address ends in something else, or is a folder; Parquet needs a package that is missing; or
            what is there is no table of such a task.
        OSError: it is out of reach.
    """

    def __init__(self, address: str, task: Task, mark: str = "") -> None:
        self.address, self.folder = address, address + TABLE_PARTS
        self._types, self._task, self._mark = {**_TYPES, **task.columns}, task.name, mark
        self._suffix = PurePosixPath(address).suffix.lower()
        if self._suffix not in (".jsonl", ".parquet"):
            raise CodecError(f"{address}: a table is .jsonl or .parquet")
        if storage.is_folder(address):
            raise CodecError(f"{address}: is a folder, and no table")
        if self._suffix == ".parquet":
            parquet_modules()  # to find out now whether they are there
        self._waiting: list[Row] = []
        self._written = time.monotonic()
        next(iter(self._all()), None)  # to find out now whether it is a table of this kind

    def add(self, row: Row) -> None:
        """Take a row; every now and then those that wait are written."""
        self._waiting.append(row)
        if len(self._waiting) >= ROWS_A_PART or time.monotonic() - self._written > SECONDS_A_PART:
            self.flush()

    def flush(self) -> None:
        """Write the rows that wait."""
        if self._waiting:
            # Names ascend with time, also from one run to the next.
            name = f"{time.time_ns():020d}-{secrets.token_hex(2)}.jsonl"
            with storage.writing(storage.joined(self.folder, name), False, self._mark) as file:
                for row in self._waiting:
                    file.write(_line({**dict.fromkeys(self._types), **row.flat()}))
            self._waiting = []
        self._written = time.monotonic()

    def done(self) -> dict[str, int]:
        """Inputs that have a row of this very task which says that all went well, and how many of the images in each,
        if it holds many, stayed as they were."""
        return {
            row["source"]: row["images_failed"] or 0
            for row in self._rows()
            if row["status"] != FAILED and row["task"] == self._task
        }

    def is_known(self, item: Item, done: Mapping[str, int]) -> bool:
        """Whether an input is among those of :meth:`done`."""
        return self._stored(item.source) in done

    def finish(self) -> None:
        """Make the table of the latest row of each input, and remove the parts."""
        self.flush()
        parts = self._parts()
        with storage.writing(self.address, True, self._mark) as file:
            if self._suffix == ".parquet":
                self._write_parquet(file, self._rows())
            else:
                for row in self._rows():
                    file.write(_line(row))
        for name in parts:
            storage.remove(storage.joined(self.folder, name))
        storage.remove_folder(self.folder)

    def _stored(self, source: str) -> str:
        """An address as the table has it."""
        return _text(source) if self._suffix == ".parquet" else source

    def _parts(self) -> list[str]:
        storage.forget(self.folder)
        return sorted(storage.find(self.folder)) if storage.is_folder(self.folder) else []

    def _rows(self) -> Iterator[dict[str, Any]]:
        """The latest row of each input, the newest first. What says no more than that an output was there gives way to
        a row of the same task that says how it was made."""
        seen: set[str] = set()
        bare: dict[str, dict[str, Any]] = {}
        for row in self._all():
            source = self._stored(row["source"])
            if source in bare:
                if row["task"] == bare[source]["task"] and row["status"] == DONE:
                    del bare[source]
                    yield row
            elif source not in seen:
                seen.add(source)
                if row["status"] == EXISTED:
                    bare[source] = row
                else:
                    yield row
        yield from bare.values()

    def _all(self) -> Iterator[dict[str, Any]]:
        """All rows, the newest first.

        Raises:
            CodecError: what is there is no table of such a task.
        """
        for name in reversed(self._parts()):
            lines = storage.read(storage.joined(self.folder, name)).splitlines()
            yield from (self._checked(json.loads(line)) for line in reversed(lines))
        if storage.size(self.address) is not None:
            yield from self._former()

    def _former(self) -> Iterator[dict[str, Any]]:
        """Rows of the table that is there."""
        opened = storage.source(self.address)
        try:
            with opened.open("rb") if isinstance(opened, Path) else opened as file:
                if self._suffix == ".parquet":
                    parquet = parquet_modules()[1].ParquetFile(file)
                    for group in parquet.iter_batches(ROWS_A_GROUP):
                        for row in group.to_pylist():
                            yield self._checked(row)
                else:
                    for line in file:
                        yield self._checked(json.loads(line))
        except (ValueError, TypeError, AttributeError) as error:
            raise CodecError(f"{self.address}: there, and no table of such a job; name another") from error

    def _checked(self, row: dict[str, Any]) -> dict[str, Any]:
        if set(self._types) != set(row):
            raise CodecError(f"{self.address}: there, and no table of such a job; name another")
        if isinstance(row.get("score_parts"), list):  # as Arrow gives a map
            row["score_parts"] = dict(row["score_parts"])
        return row

    def _write_parquet(self, file: Any, rows: Iterator[dict[str, Any]]) -> None:
        arrow, parquet = parquet_modules()
        schema = arrow.schema([(name, _arrow_type(arrow, kind)) for name, kind in self._types.items()])
        with parquet.ParquetWriter(file, schema, compression="zstd") as writer:
            group: list[dict[str, Any]] = []
            for row in rows:
                group.append({name: _text(value) if isinstance(value, str) else value for name, value in row.items()})
                if len(group) == ROWS_A_GROUP:
                    writer.write_table(arrow.Table.from_pylist(group, schema))
                    group = []
            if group:
                writer.write_table(arrow.Table.from_pylist(group, schema))


def _text(value: str) -> str:
    """A string that UTF-8 can hold; names of files need not be text."""
    return value.encode("utf-8", "backslashreplace").decode("utf-8")


def _line(row: dict[str, Any]) -> bytes:
    return (json.dumps(row, ensure_ascii=True) + "\n").encode()


def _arrow_type(arrow: Any, kind: str) -> Any:
    """An Arrow type by its name in :attr:`codec.batch.tasks.Task.columns`."""
    named = {
        "list<float>": arrow.list_(arrow.float32()), "map<string, double>": arrow.map_(arrow.string(), arrow.float64())
    }  # fmt: skip
    return named.get(kind) or arrow.type_for_alias(kind)
