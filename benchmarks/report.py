"""One self-contained HTML page of a run: curves, tables, and crops side by side with a slider."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from benchmarks.metrics import METRICS
from benchmarks.plots import percent
from benchmarks.results import Results, best_first
from benchmarks.visual import Scene


def render(results: Results, plots: list[tuple[str, Path]], scenes: list[Scene]) -> str:
    """The page as text; it needs no network and no other file.

    Args:
        results: of :func:`benchmarks.results.collect`.
        plots: title and path of each SVG.
        scenes: crops to compare; may be empty.

    Returns:
        str: HTML.
    """
    environment = Environment(loader=PackageLoader("benchmarks"), autoescape=True)
    environment.filters["percent"] = percent
    drawings = [(title, Markup(_inline(path, i))) for i, (title, path) in enumerate(plots)]
    return environment.get_template("report.html.j2").render(
        results={**results, "bd_rate": {anchor: best_first(table) for anchor, table in results["bd_rate"].items()}},
        plots=drawings,
        scenes=scenes,
        metrics=METRICS,
    )


def _inline(path: Path, index: int) -> str:
    """An SVG's element without its prologue, its ids made unique within the page."""
    text = path.read_text(encoding="utf-8")
    text = text[text.index("<svg") :]
    return text.replace('id="', f'id="p{index}-').replace('"#', f'"#p{index}-').replace("url(#", f"url(#p{index}-")
