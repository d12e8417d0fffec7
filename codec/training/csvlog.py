"""Figures of a run as CSV, one row at a time, continued where a resumed run stands."""

from __future__ import annotations

import csv
import io
import os
import sys
from itertools import count
from pathlib import Path

from tqdm import tqdm

from codec.util.files import replacing


def set_aside(paths: list[Path]) -> None:
    """Give logs that belong together, of a run that a new one follows, names of one number."""
    number = next(n for n in count(1) if not any(path.with_suffix(f".{n}.csv").exists() for path in paths))
    for path in paths:
        if path.exists():
            path.rename(path.with_suffix(f".{number}.csv"))


class CsvLog:
    """Append rows to a CSV file; the first row names the columns, ``step`` among them.

    Attributes:
        last: step of the last row; None if there is none.

    Args:
        path: the file. Rows beyond ``step`` are of steps that a kill undid, and are dropped.
        step: where the run stands.
        enabled: if not, nothing is read or written.
    """

    def __init__(self, path: Path, step: int, enabled: bool = True) -> None:
        self.path = path
        self.enabled = enabled
        self.last: int | None = None
        if enabled and path.exists():
            with path.open(newline="", errors="replace") as file:
                # A line without an end is one that a kill or a power cut has cut, whole as it may look.
                reader = csv.DictReader(line.replace("\0", "") for line in file if line.endswith("\n"))
                rows = [row for row in reader if self._holds(row, step)]
            if "step" not in (reader.fieldnames or ()):
                path.unlink()  # so that the next row names the columns
                return
            if rows:
                self.last = int(rows[-1]["step"] or 0)
            with replacing(path, overwrite=True) as temporary, temporary.open("w", newline="") as file:
                writer = csv.DictWriter(file, reader.fieldnames or ())
                writer.writeheader()
                writer.writerows(rows)

    @staticmethod
    def _holds(row: dict[str, str | None], step: int) -> bool:
        """Whether a row is whole, which the last before a power cut need not be, and of a step that was kept."""
        try:
            return None not in row and None not in row.values() and int(row["step"] or "") <= step
        except (KeyError, ValueError):
            return False

    def write(self, row: dict[str, float | str]) -> None:
        """Append one row. A file with other columns, of an earlier version of the trainer, is set aside first.

        Where the disk is full, the row is lost, and a line on stderr says so: figures are not worth a run.
        """
        if not self.enabled:
            return
        self.last = int(row["step"])
        try:
            self._append(row)
        except OSError as error:
            tqdm.write(f"{self.path}: figures of step {self.last} are lost: {error.strerror}", file=sys.stderr)

    def _append(self, row: dict[str, float | str]) -> None:
        if self.path.exists():
            with self.path.open(newline="", errors="replace") as file:
                if next(csv.reader(file), None) != list(row):
                    set_aside([self.path])
        fresh = not self.path.exists()
        values = {k: f"{v:.6g}" if isinstance(v, float) else v for k, v in row.items()}
        text = io.StringIO()
        writer = csv.DictWriter(text, row.keys())
        if fresh:
            writer.writeheader()
        writer.writerow(values)
        with self.path.open("ab+") as file:
            if file.tell() and (file.seek(-1, os.SEEK_END), file.read(1))[1] != b"\n":
                file.write(b"\n")  # a row that was cut short must not swallow this one
            file.write(text.getvalue().encode())
