"""The rows of a job on disk, kept as they come, so that a job whose machine dies loses little.

While a job runs, rows lie in parts beside the table, ``TABLE.parts``, each a file of JSON lines that appears whole. At
the end they become the table. A job that runs again begins with the rows of both.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from bitstream.errors import CodecError
from codec.batch.plan import Item
from codec.batch.rows import FAILED, Row
from codec.util import storage

ROWS_A_PART = 1000
SECONDS_A_PART = 30.0
ROWS_A_GROUP = 10_000
"""Of a Parquet table that are held at a time."""
_TYPES = {
    "source": "string", "target": "string", "status": "string", "bytes_in": "int64", "bytes_out": "int64",
    "seconds": "double", "width": "int32", "height": "int32", "quality": "double",
    "images": "int32", "images_failed": "int32", "notes": "string",
    "error": "string", "message": "string",
}  # fmt: skip
"""Arrow types of the columns that every table has."""


class Table:
    """Where rows go.

    Args:
        address: of the table, ``.jsonl`` or ``.parquet``.
        columns: names and Arrow types of what the task finds out.
        mark: of temporary files, see :func:`codec.util.storage.writing`.

    Raises:
        CodecError: the address ends in something else, or Parquet needs a package that is missing.
    """

    def __init__(self, address: str, columns: dict[str, str], mark: str = "") -> None:
        self.address, self._types, self._mark = address, {**_TYPES, **columns}, mark
        self._suffix = PurePosixPath(address).suffix.lower()
        if self._suffix not in (".jsonl", ".parquet"):
            raise CodecError(f"{address}: a table is .jsonl or .parquet")
        if self._suffix == ".parquet":
            _arrow(address)
        self._folder = address + ".parts"
        self._waiting: list[Row] = []
        self._written = time.monotonic()

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
            with storage.writing(storage.joined(self._folder, name), False, self._mark) as file:
                for row in self._waiting:
                    file.write(_line(row.flat()))
            self._waiting = []
        self._written = time.monotonic()

    def done(self) -> set[str]:
        """Inputs that an earlier run of the job has a row of, which says that all went well."""
        return {row["source"] for row in self._rows() if row["status"] != FAILED}

    def finish(self, items: Iterable[Item]) -> None:
        """Make the table of the latest row of each input, and remove the parts.

        Args:
            items: the inputs; rows of others are left out.
        """
        self.flush()
        wanted = {item.source for item in items}
        with storage.writing(self.address, True, self._mark) as file:
            rows = (row for row in self._rows() if row["source"] in wanted)
            if self._suffix == ".parquet":
                self._write_parquet(file, rows)
            else:
                for row in rows:
                    file.write(_line(row))
        for name in self._parts():
            storage.remove(storage.joined(self._folder, name))
        if not storage.is_remote(self._folder) and storage.local_path(self._folder).is_dir():
            storage.local_path(self._folder).rmdir()

    def _parts(self) -> list[str]:
        if not storage.is_folder(self._folder):
            return []
        return sorted(name for name, _ in storage.find(self._folder))

    def _rows(self) -> Iterator[dict[str, Any]]:
        """The latest row of each input, the newest first."""
        seen: set[str] = set()
        for row in self._all():
            if row["source"] not in seen:
                seen.add(row["source"])
                yield row

    def _all(self) -> Iterator[dict[str, Any]]:
        for name in reversed(self._parts()):
            opened = storage.source(storage.joined(self._folder, name))
            data = opened.read_bytes() if isinstance(opened, Path) else opened.getvalue()
            yield from (json.loads(line) for line in reversed(data.splitlines()))
        if storage.size(self.address) is not None:
            yield from self._former()

    def _former(self) -> Iterator[dict[str, Any]]:
        """Rows of the table that is there.

        Raises:
            CodecError: it is no table of a job.
        """
        opened = storage.source(self.address)
        try:
            with opened.open("rb") if isinstance(opened, Path) else opened as file:
                if self._suffix == ".parquet":
                    parquet = _arrow(self.address)[1].ParquetFile(file)
                    for group in parquet.iter_batches(ROWS_A_GROUP):
                        for row in group.to_pylist():
                            yield self._checked(row)
                else:
                    for line in file:
                        yield self._checked(json.loads(line))
        except (ValueError, TypeError, KeyError) as error:
            raise CodecError(f"{self.address}: there, and not a table of such a job; move it away") from error

    def _checked(self, row: dict[str, Any]) -> dict[str, Any]:
        if set(self._types) - set(row):
            raise KeyError("columns")
        if isinstance(row.get("score_parts"), list):  # as Arrow gives a map
            row["score_parts"] = dict(row["score_parts"])
        return row

    def _write_parquet(self, file: Any, rows: Iterator[dict[str, Any]]) -> None:
        arrow, parquet = _arrow(self.address)
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


def _arrow(address: str) -> tuple[Any, Any]:
    """PyArrow and its part for Parquet.

    Raises:
        CodecError: it is not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise CodecError(f"{address}: Parquet needs the extra [cluster] (no pyarrow); .jsonl does not") from error
    return pyarrow, pyarrow.parquet


def _arrow_type(arrow: Any, kind: str) -> Any:
    """An Arrow type by its name in :attr:`codec.batch.tasks.Task.columns`."""
    named = {
        "list<float>": arrow.list_(arrow.float32()), "map<string, double>": arrow.map_(arrow.string(), arrow.float64())
    }  # fmt: skip
    return named.get(kind) or arrow.type_for_alias(kind)
