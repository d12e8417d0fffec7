"""Figures of a measurement, kept as JSON where that was asked for.

Those of a release are kept in ``benchmarks/results``; without ``--out`` a measurement only prints, so that trying one
on a few images replaces nothing.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

out_option = click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="Also write the figures, as JSON."
)


def keep(results: dict[str, Any], out: Path | None) -> None:
    """Write figures to a file, if there is one to write to."""
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
