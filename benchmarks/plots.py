"""Plots of a run: rate-distortion for each metric, BD-rate bars, speed against BD-rate. PNG and SVG."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from benchmarks.metrics import METRICS
from benchmarks.results import Results

OURS = "#c2185b"
_PALETTE = [plt.get_cmap("tab10")(n) for n in range(10)]
DRAWN_BPP = 2.2
"""Right end of the rate axis: beyond it nobody chooses a lossy codec by its rate."""


def _style(index: int, name: str) -> dict[str, Any]:
    if index == 0:
        return {"color": OURS, "linewidth": 2.4, "marker": "o", "markersize": 5, "zorder": 5, "label": name}
    color = _PALETTE[(index - 1) % len(_PALETTE)]
    return {"color": color, "linewidth": 1.2, "marker": "." if index <= 10 else "x", "label": name}


def rate_distortion(results: Results, metric: str) -> Figure | None:
    """Curves of all codecs, published ones dashed; None if no codec of the run has the metric."""
    figure, axes = plt.subplots(figsize=(11, 6.5), layout="constrained")
    drawn = 0
    for index, codec in enumerate(results["codecs"]):
        if metric in codec["results"]:
            axes.plot(codec["results"]["bpp"], codec["results"][metric], **_style(index, codec["name"]))
            drawn += 1
    if not drawn:
        plt.close(figure)
        return None
    low, high = axes.get_ylim()
    for index, (name, curves) in enumerate(results["published"].items()):
        if metric in curves:
            color = plt.get_cmap("viridis")(index / max(1, len(results["published"]) - 1))
            line = ("--", ":", "-.")[index % 3]
            axes.plot(
                curves[metric]["bpp"],
                curves[metric]["quality"],
                line,
                color=color,
                linewidth=0.9,
                label=f"{name} (published)",
            )
    axes.set(xlabel="bits per pixel, whole files", ylabel=METRICS[metric].label, xlim=(0, DRAWN_BPP), ylim=(low, high))
    if METRICS[metric].is_distance:
        axes.invert_yaxis()
    axes.set_title(f"{len(results['images'])} images, mean at each quality; thin broken lines are published curves")
    axes.grid(alpha=0.3)
    figure.legend(fontsize=7.5, loc="outside right upper")
    return figure


def bd_rate_bars(results: Results, metric: str = "psnr-rgb") -> Figure | None:
    """BD-rate of every codec and published curve against the first anchor, best first."""
    anchor, table = next(iter(results["bd_rate"].items()))
    rows = [
        (row["bd_rate"][metric]["percent"], row["name"], row["measured"]) for row in table if row["bd_rate"].get(metric)
    ]
    if not rows:
        return None
    rows.sort(reverse=True)
    figure, axes = plt.subplots(figsize=(8.5, 0.9 + 0.28 * len(rows)), layout="constrained")
    ours = results["name"]
    colors = [OURS if name == ours else ("#546e7a" if measured else "#b0bec5") for _, name, measured in rows]
    bars = axes.barh([name for _, name, _ in rows], [value for value, _, _ in rows], color=colors)
    axes.bar_label(bars, [f"{value:+.1f}%" for value, _, _ in rows], fontsize=8, padding=3)
    axes.axvline(0, color="black", linewidth=0.8)
    axes.margins(x=0.14, y=0.01)
    axes.set(xlabel=f"BD-rate against {anchor}, {METRICS[metric].label}; negative is smaller files")
    axes.tick_params(labelsize=8)
    axes.grid(axis="x", alpha=0.3)
    return figure


def speed(results: Results, metric: str = "psnr-rgb") -> Figure | None:
    """Encoding and decoding time of each codec against its BD-rate."""
    anchor, table = next(iter(results["bd_rate"].items()))
    rates = {r["name"]: r["bd_rate"][metric]["percent"] for r in table if r["bd_rate"].get(metric)}
    rates[anchor] = 0.0
    figure, panes = plt.subplots(1, 2, figsize=(11, 5), layout="constrained", sharey=True)
    drawn = False
    for axes, column in zip(panes, ("encoding_time", "decoding_time"), strict=True):
        for index, codec in enumerate(results["codecs"]):
            times = codec["results"][column]
            if codec["name"] in rates and times:
                mean = 1000 * sum(times) / len(times)
                style = _style(index, codec["name"])
                axes.plot(mean, rates[codec["name"]], "o", color=style["color"], markersize=7)
                axes.annotate(f" {codec['name']}", (mean, rates[codec["name"]]), fontsize=8)
                drawn = True
        axes.set_xscale("log")
        axes.margins(x=0.2)
        axes.set(xlabel=f"{column.replace('_', ' ')}, milliseconds per image, mean over qualities")
        axes.grid(alpha=0.3, which="both")
    panes[0].set(ylabel=f"BD-rate against {anchor} (%)")
    if drawn:
        return figure
    plt.close(figure)
    return None


def draw_all(results: Results, folder: Path) -> Iterator[tuple[str, Path]]:
    """Draw every plot that the results allow.

    Args:
        results: of :func:`benchmarks.results.collect`.
        folder: where ``NAME.png`` and ``NAME.svg`` go.

    Yields:
        tuple[str, Path]: title and path of the SVG.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for old in [*folder.glob("*.svg"), *folder.glob("*.png")]:  # of an earlier run, which may have had more
        old.unlink()
    figures: list[tuple[str, str, Figure | None]] = [
        (f"rd-{metric}", METRICS[metric].label, rate_distortion(results, metric)) for metric in METRICS
    ]
    figures.append(("bd-rate", "BD-rate", bd_rate_bars(results)))
    figures.append(("speed", "Speed against BD-rate", speed(results)))
    # Fixed, so that the same results give the same files.
    with plt.rc_context({"svg.hashsalt": "benchmarks"}):
        for name, title, figure in figures:
            if figure is not None:
                figure.savefig(folder / f"{name}.png", dpi=130, metadata={"Software": None})
                figure.savefig(folder / f"{name}.svg", metadata={"Date": None})
                plt.close(figure)
                yield title, folder / f"{name}.svg"


def percent(value: float | None) -> str:
    """A BD-rate for people."""
    return "–" if value is None or not math.isfinite(value) else f"{value:+.1f}%"
