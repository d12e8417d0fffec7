"""Figures of a run as CSV, one row at a time, continued where a resumed run stands."""

from __future__ import annotations

import csv
from pathlib import Path


class CsvLog:
    """Append rows to a CSV file; the first row names the columns.

    Args:
        path: the file. Rows beyond ``step`` are of steps that a kill undid, and are dropped.
        step: where the run stands.
        enabled: if not, nothing is read or written.
    """

    def __init__(self, path: Path, step: int, enabled: bool = True) -> None:
        self.path = path
        self.enabled = enabled
        if enabled and path.exists():
            with path.open(newline="") as file:
                rows = list(csv.DictReader(file))
            path.unlink()
            for row in rows:
                if int(row["step"]) <= step:
                    self.write(row)

    def write(self, row: dict[str, float] | dict[str, str]) -> None:
        """Append one row."""
        if not self.enabled:
            return
        fresh = not self.path.exists()
        with self.path.open("a", newline="") as file:
            writer = csv.DictWriter(file, row.keys())
            if fresh:
                writer.writeheader()
            writer.writerow({k: f"{v:.6g}" if isinstance(v, float) else v for k, v in row.items()})
