"""Published rate-distortion points, in the JSON layout of CompressAI, or Cool-chic's table of points."""

from __future__ import annotations

import csv
import json
import math
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from benchmarks.bdrate import Curve, curve


@dataclass(frozen=True)
class Anchor:
    """A published curve.

    Attributes:
        name: file name without suffix.
        curves: by metric.
    """

    name: str
    curves: dict[str, Curve]


def _read_json(path: Path) -> dict[str, Curve]:
    results = json.loads(path.read_text())["results"]
    columns = {"psnr-rgb": results.get("psnr-rgb")}
    if "ms-ssim-rgb" in results:
        columns["ms-ssim-db"] = [-10 * math.log10(1 - v) for v in results["ms-ssim-rgb"]]
    elif "ms-ssim-db-rgb" in results:
        columns["ms-ssim-db"] = results["ms-ssim-db-rgb"]
    return {metric: curve(results["bpp"], values) for metric, values in columns.items() if values}


def _read_tsv(path: Path) -> dict[str, Curve]:
    """One row an image and Lagrange multiplier; averaged over images at each multiplier."""
    points: dict[str, list[tuple[float, float]]] = defaultdict(list)
    with path.open(newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            points[row["lmbda"]].append((float(row["rate_bpp"]), float(row["psnr_db"])))
    means = [tuple(sum(column) / len(rows) for column in zip(*rows, strict=True)) for rows in points.values()]
    return {"psnr-rgb": curve([rate for rate, _ in means], [psnr for _, psnr in means])}


def read_anchors(folder: Path) -> dict[str, Anchor]:
    """All published curves of a folder, by name.

    Raises:
        ValueError: a file is not in one of the two layouts.
    """
    anchors = {}
    for path in sorted([*folder.glob("*.json"), *folder.glob("*.tsv")]):
        try:
            curves = _read_json(path) if path.suffix == ".json" else _read_tsv(path)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path}: not a file of rate-distortion points: {error}") from error
        anchors[path.stem] = Anchor(path.stem, curves)
    return anchors
