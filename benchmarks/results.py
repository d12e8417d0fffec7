"""From rows to averaged curves, BD-rates and files: ``results.json``, ``curves/*.json`` and ``points.csv``.

Each curve is in the layout of CompressAI, whose plot tool reads it; so is ``results.json`` as a whole, as the
curve of the first codec.
"""

from __future__ import annotations

import csv
import json
import math
import os
import platform
import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.anchors import Anchor
from benchmarks.bdrate import BdRate, Curve, bd_rate, curve
from benchmarks.codecs import CODECS, MODEL_PREFIX
from benchmarks.metrics import METRICS, ms_ssim_to_db
from benchmarks.rows import Row, write_rows
from codec.engine.registry import loaded
from codec.util.files import replacing

Results = dict[str, Any]

EXACT_DB = 100.0
"""What an infinite PSNR counts as."""

_COLUMNS = ("ms-ssim", *METRICS)


def averaged(rows: list[Row]) -> dict[str, list[float]]:
    """Means over images at each quality; a quality that failed on any image is left out.

    MS-SSIM in decibels is that of the mean, as published curves have it. A PSNR without end, of an image that came
    back exactly, counts as :data:`EXACT_DB`.

    Args:
        rows: of one codec.

    Returns:
        dict: columns of equal length: ``quality``, ``bpp``, metrics, ``encoding_time``, ``decoding_time``. A metric
        that is not defined for every image is missing. CompressAI calls MS-SSIM ``ms-ssim-rgb``.
    """
    images = {row.digest for row in rows}
    by_quality: dict[float, list[Row]] = defaultdict(list)
    for row in rows:
        if row.error is None:
            by_quality[row.quality].append(row)
    complete = {q: group for q, group in sorted(by_quality.items()) if {r.digest for r in group} == images}
    columns: dict[str, list[float]] = {
        "quality": list(complete),
        "bpp": [_mean([r.rate_bpp for r in group]) for group in complete.values()],
    }
    for metric in ("ms-ssim", *(name for name in METRICS if name != "ms-ssim-db")):
        values = [[r.metrics.get(metric) for r in group] for group in complete.values()]
        if values and all(v is not None for group in values for v in group):
            means = [_mean([v if math.isfinite(v) else EXACT_DB for v in group if v is not None]) for group in values]
            columns["ms-ssim-rgb" if metric == "ms-ssim" else metric] = means
    if "ms-ssim-rgb" in columns:
        columns["ms-ssim-db"] = [min(ms_ssim_to_db(v), EXACT_DB) for v in columns["ms-ssim-rgb"]]
    columns["encoding_time"] = [_mean([r.encode_s for r in group]) for group in complete.values()]
    columns["decoding_time"] = [_mean([r.decode_s for r in group]) for group in complete.values()]
    return columns


def _mean(values: list[Any]) -> float:
    return float(sum(values) / len(values))


def _as_dict(result: BdRate | None, metric: str) -> dict[str, float] | None:
    """Plain values, the range in those of the metric, which may be a distance."""
    if result is None:
        return None
    low, high = sorted(METRICS[metric].quality(value) for value in (result.low, result.high))
    values = {"percent": result.percent, "low": low, "high": high, "overlap": result.overlap}
    return {name: round(value, 4) for name, value in values.items()}


def _per_image(rows: dict[str, list[Row]], name: str, anchor: str, metric: str) -> dict[str, dict[str, float]]:
    """BD-rate on each image, where it is defined."""
    curves: dict[str, dict[str, Curve]] = {}
    for codec in (name, anchor):
        points: dict[str, list[Row]] = defaultdict(list)
        for row in rows[codec]:
            if row.error is None and row.metrics.get(metric) is not None:
                points[row.image].append(row)
        curves[codec] = {
            image: curve(
                [r.rate_bpp for r in group], [METRICS[metric].quality(float(r.metrics[metric] or 0)) for r in group]
            )
            for image, group in points.items()
        }
    results = {
        image: _as_dict(bd_rate(curves[anchor][image], tested), metric)
        for image, tested in curves[name].items()
        if image in curves[anchor]
    }
    return {image: result for image, result in results.items() if result is not None}


def _table(
    anchor: str, by_codec: dict[str, list[Row]], measured: dict[str, dict[str, Curve]], published: dict[str, Anchor]
) -> list[dict[str, Any]]:
    """BD-rate of every codec and published curve against one of them."""
    reference = measured[anchor] if anchor in measured else published[anchor].curves
    others = {f"{name} (published)": a.curves for name, a in published.items() if name != anchor or anchor in measured}
    table = []
    for name, curves in {**measured, **others}.items():
        if name == anchor:
            continue
        row: dict[str, Any] = {"name": name, "measured": name in measured, "bd_rate": {}, "per_image": {}}
        for metric in METRICS:
            if metric in curves and metric in reference:
                row["bd_rate"][metric] = _as_dict(bd_rate(reference[metric], curves[metric]), metric)
            if name in measured and anchor in measured:
                row["per_image"][metric] = _per_image(by_codec, name, anchor, metric)
        table.append(row)
    return table


def collect(
    rows: list[Row], published: dict[str, Anchor], anchors: list[str], megabytes: dict[str, float | None]
) -> Results:
    """Everything a report needs, as plain values.

    Args:
        rows: of one run, by codec, image and quality.
        published: curves of others.
        anchors: names of codecs or published curves that BD-rates are against; plots show the first. A codec of
            the run goes before a published curve of the same name.
        megabytes: peak memory by codec.

    Returns:
        Results: ``name``, ``description``, ``results`` of the first codec; ``codecs``, all of them; ``bd_rate``, a
        table for each anchor; ``published``, ``images``, ``judged_by`` which packages, ``machine``.

    Raises:
        ValueError: an anchor is neither a codec of the run nor a published curve.
    """
    by_codec: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_codec[row.codec].append(row)
    unknown = [name for name in anchors if name not in by_codec and name not in published]
    if unknown or not anchors:
        raise ValueError(f"anchors {unknown}: neither codecs of this run nor published curves")
    codecs = []
    measured: dict[str, dict[str, Curve]] = {}
    for name, group in by_codec.items():
        columns = averaged(group)
        measured[name] = {
            m: curve(columns["bpp"], [metric.quality(v) for v in columns[m]])
            for m, metric in METRICS.items()
            if m in columns
        }
        codecs.append(
            {
                "name": name,
                "description": group[0].identity.split(" | ", 1)[1],
                "results": {k: [round(v, 6) for v in values] for k, values in columns.items()},
                "repeats": group[0].repeats,
                "threads": group[0].threads,
                "jobs": group[0].jobs,
                "peak_megabytes": megabytes.get(name),
                "failed": sorted({f"{r.image} quality {r.quality:g}: {r.error}" for r in group if r.error}),
            }
        )
    first = codecs[0]
    return {
        "name": first["name"],
        "description": first["description"],
        "results": first["results"],
        "codecs": codecs,
        "bd_rate": {anchor: _table(anchor, by_codec, measured, published) for anchor in anchors},
        "published": {
            name: {m: {"bpp": c.rate.tolist(), "quality": c.quality.tolist()} for m, c in a.curves.items()}
            for name, a in published.items()
        },
        "images": sorted({row.image for row in rows}),
        "judged_by": rows[0].judged_by,
        "machine": f"{platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}",
    }


def best_first(table: list[dict[str, Any]], metric: str = "psnr-rgb") -> list[dict[str, Any]]:
    """Rows of a BD-rate table in order of one metric, those without it last."""
    return sorted(table, key=lambda row: bd["percent"] if (bd := row["bd_rate"].get(metric)) else math.inf)


def write(results: Results, rows: list[Row], folder: Path) -> None:
    """Write ``results.json``, ``curves/NAME.json``, ``points.csv``, ``bd_rate.csv`` and ``rows.jsonl.xz``, each when it
    is complete."""
    curves = folder / "curves"
    curves.mkdir(parents=True, exist_ok=True)
    _write_json(folder / "results.json", results)
    for codec in results["codecs"]:
        _write_json(
            curves / f"{re.sub(r'[^A-Za-z0-9_.-]+', '-', codec['name'])}.json",
            {k: codec[k] for k in ("name", "description", "results")},
        )
    write_rows(rows, folder / "rows.jsonl.xz")
    header = ["codec", "image", "quality", "file_bytes", "rate_bpp", *_COLUMNS, "encode_s", "decode_s", "error"]
    points = (
        [
            *(r.codec, r.image, r.quality, r.file_bytes, f"{r.rate_bpp:.6f}"),
            *(r.metrics.get(m) for m in _COLUMNS),
            *(r.encode_s, r.decode_s, r.error),
        ]
        for r in rows
    )
    _write_csv(folder / "points.csv", header, points)
    comparisons = (
        [anchor, row["name"], image, metric, *(bd[k] for k in ("percent", "low", "high", "overlap"))]
        for anchor, table in results["bd_rate"].items()
        for row in table
        for metric in METRICS
        for image, bd in {"mean": row["bd_rate"].get(metric), **row["per_image"].get(metric, {})}.items()
        if bd
    )
    header = ["anchor", "codec", "image", "metric", "bd_rate_percent", "from", "to", "overlap"]
    _write_csv(folder / "bd_rate.csv", header, comparisons)


def _write_csv(path: Path, header: list[str], rows: Iterable[list[Any]]) -> None:
    with replacing(path, overwrite=True) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)


def _write_json(path: Path, content: dict[str, Any]) -> None:
    with replacing(path, overwrite=True) as temporary:
        temporary.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def known_codecs(names: str) -> list[str]:
    """Codec names of a comma-separated list; ``all`` is every one, ``lmc:FOLDER`` ours with an exported model.

    Raises:
        ValueError: a name is unknown.
        ModelError: a folder holds no model.
    """
    wanted = list(CODECS) if names == "all" else [n.strip() for n in names.split(",") if n.strip()]
    unknown = [n for n in wanted if n not in CODECS and not n.startswith(MODEL_PREFIX)]
    if unknown or not wanted:
        raise ValueError(f"unknown codecs {unknown}; known are {', '.join(CODECS)}, {MODEL_PREFIX}FOLDER")
    for name in wanted:
        if name.startswith(MODEL_PREFIX):
            loaded(name.removeprefix(MODEL_PREFIX))
    return list(dict.fromkeys(wanted))
