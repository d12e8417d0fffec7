"""Charts: in SVG on pages, and as matplotlib draws them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import pi

import numpy as np
from numpy.typing import NDArray

from benchmarks.graphics.drawings import TINTS, label, path, walk
from benchmarks.graphics.pages import Page, each, page
from benchmarks.graphics.texts import PLACES, prose


def _chart(width: int, height: int, kind: str, seed: int, count: int = 24) -> str:
    """A small chart with a grid, as SVG: "line", "area", "bar" or "ring"."""
    colour, left, top, w, h = TINTS[seed % 6], 34, 8, width - 54, height - 32
    if kind == "ring":
        shares, parts, start = np.array([0.34, 0.27, 0.18, 0.13, 0.08]), "", 0.0
        for share, tint in zip(shares, TINTS, strict=False):
            length, offset = 2 * pi * 62 * share, 2 * pi * 62 * start
            parts += f"""<circle cx={height / 2} cy={height / 2} r=62 fill=none stroke={tint} stroke-width=32
      stroke-dasharray='{length:.2f} 999' stroke-dashoffset={-offset:.2f} />"""
            start += share
        for i, place in enumerate(PLACES[:5]):
            y = height / 2 - 48 + 24 * i
            parts += f"<rect x={height + 14} y={y - 11} width=13 height=13 fill={TINTS[i]} />"
            parts += label(height + 36, y, f"{place}, {shares[i]:.0%}", 13, text_anchor="start", fill="#444")
        return f"<svg width={width} height={height}>{parts}</svg>"
    grid = "".join(
        f"<path d='M{left} {top + h * i / 4:.1f}H{left + w}' stroke='#e3e6ea'/>"
        + label(left - 6, top + h * i / 4 + 4, str(100 - 25 * i), 11, text_anchor="end", fill="#888")
        for i in range(5)
    )
    hours = (label(left + w * i / 6, height - 6, f"{4 * i}:00", 11, fill="#888") for i in range(7))
    values = walk(seed, count)
    points = [(left + w * i / (count - 1), top + h * (0.95 - 0.85 * value)) for i, value in enumerate(values)]
    if kind == "bar":
        wide = w / count * 0.7
        drawn = "".join(
            f"<rect x={left + w * (i + 0.15) / count:.1f} y={y:.1f} width={wide:.1f} "
            f"height={top + h - y:.1f} fill={colour} />"
            for i, (_, y) in enumerate(points)
        )
    else:
        drawn = f"<path d='{path(points)}' fill=none stroke={colour} stroke-width=2 stroke-linejoin=round />"
        if kind == "area":
            drawn += f"<path d='{path(points)}V{top + h}H{left}Z' fill={colour} fill-opacity=.2 />"
        else:
            drawn += "".join(f"<circle cx={x:.1f} cy={y:.1f} r=3 fill={colour} />" for x, y in points)
    return f"<svg width={width} height={height}>{grid}{''.join(hours)}{drawn}</svg>"


def _dashboard() -> Page:
    style = """body{background:#f0f2f5}header{background:#fff;height:60px;padding:0 28px;font-size:20px;
      line-height:60px;border-bottom:1px solid #dcdfe4}header span{float:right;font-size:14px;color:#666}
      nav{position:absolute;top:60px;bottom:0;width:220px;background:#1f2937;color:#aeb8c6;padding:18px 0;
      line-height:42px}nav div{padding:0 28px}nav .on{background:#374151;color:#fff;border-left:4px solid #3b82f6}
      main{position:absolute;left:244px;top:84px;display:grid;gap:20px;grid-template-columns:repeat(4,397px)}
      .k{background:#fff;border:1px solid #e2e5ea;border-radius:6px;padding:16px 18px;color:#667}.k b{font-size:30px;
      color:#111;display:block;line-height:40px}.up{color:#15803d}.down{color:#b91c1c}.w{grid-column: span 2}
      h3{font-size:16px;color:#333;margin-bottom:8px}table{width:100%;border-collapse:collapse;font-size:13px;
      color:#333}td{border-top:1px solid #e8eaee;padding:6px 4px}td:last-child{text-align:right}"""
    figures = (
        ("Passengers today", "12 480", "up", "&#9650; 4.2 %"),
        ("Boats on time", "93.7 %", "down", "&#9660; 0.8 %"),
        ("Level at noon", "1.46 m", "up", "&#9650; 12 cm"),
        ("Open repairs", "17", "down", "&#9650; 3"),
    )
    charts = (
        ("w", "Passengers by hour", _chart(770, 270, "area", 6)),
        ("w", "Level of the water", _chart(770, 270, "line", 2)),
        ("w", "Arrivals", _chart(770, 220, "bar", 4, 31)),
        ("", "Share of the lines", _chart(360, 220, "ring", 0)),
        ("", "Wind", _chart(360, 220, "line", 3, 12)),
    )
    rows = (
        (PLACES[i], f"{900 - 77 * i} passengers", ("on time", "late", "on time")[i % 3], f"{9 + i}:{7 * i:02d}")
        for i in range(6)
    )
    body = f"""<header><b>Quayside</b> &nbsp; / &nbsp; Overview<span>Thursday, 6 June &nbsp; Last 24 hours &#9662;
      &nbsp; Ada Lund</span> </header><nav><div class=on>Overview</div>{
        each("<div>{0}</div>", ("Boats", "Passengers", "Water", "Repairs", "People", "Reports", "Settings"))
    }</nav><main>{each("<div class=k>{0}<b>{1}</b><span class={2}>{3}</span> since yesterday</div>", figures)} {
        each("<div class='k {0}'><h3>{1}</h3>{2}</div>", charts)
    }<div class='k w'><h3>Next boats</h3><table>
      {each("<tr><td>{0}<td>{1}<td>{2}<td>{3}</tr>", rows)}</table></div><div class='k w'><h3>Notes</h3>{
        prose(2, 4)
    }</div></main>"""
    return page(1920, 1080, style, body)


def _slide() -> Page:
    style = """body{padding:56px 72px}h1{font-size:50px;color:#1b3a5c}ul{font-size:27px;line-height:1.7;
      margin-top:16px;width:640px}hr{border:0;height:6px;background:#e07a2f;width:160px;margin:6px 0}
      svg{position:absolute;left:740px;top:220px}footer{position: absolute;left:0;right:0;bottom:0;height:48px;
      background:#1b3a5c;color:#fff;line-height:48px;padding:0 72px;font-size:17px}footer span{float:right}"""
    body = f"""<h1>Why the tide wall must grow</h1><hr><ul><li>It is two centimetres lower than the plans
      say<li>Highs above two metres have doubled since 1990<li>The old quay floods <b>six days a year</b><li>Raising
      it costs less than one flood</ul> {_chart(480, 330, "bar", 1, 14)}<footer>Harbour office<span>7 /
      23</span></footer>"""
    return page(1280, 720, style, body)


def plots() -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """Names and RGB pixels of figures as matplotlib draws them."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rng = np.random.default_rng(3)
    y, x = np.mgrid[-2:2:80j, -3:3:120j]
    titles = {
        "lines": ((8, 5), "Level of the water"),
        "points": ((6.4, 4.8), "Wind, east and north"),
        "bars": ((9, 5), "Passengers, thousands"),
        "heat-map": ((7, 6), "How full the boats are"),
        "histogram": ((6.4, 4.8), "Delay in minutes"),
        "contours": ((8, 6), "Sea floor"),
        "pie": ((6, 6), "Berths"),
        "night": ((9, 4), "Load of the server"),
        "boxes": ((7, 4.5), "Six gauges"),
    }
    for kind, (size, title) in titles.items():
        ground, ink = ("#11151c", "#dddddd") if kind == "night" else ("white", "black")
        figure = Figure(size, dpi=100, facecolor=ground, layout="constrained")
        canvas, axes = FigureCanvasAgg(figure), figure.add_subplot(facecolor=ground)
        axes.tick_params(colors=ink)
        axes.set_title(title, color=ink)
        if kind in ("lines", "night"):
            lines = axes.plot(rng.standard_normal((120, 4)).cumsum(axis=0), linewidth=1.6)
            axes.legend(lines, ["North Pier", "Old Quay", "Shipyard", "Lighthouse"], facecolor=ground, labelcolor=ink)
            axes.grid(True, alpha=0.3)
            axes.set_xlabel("hours", color=ink)
            axes.spines[:].set_color(ink)
        elif kind == "points":
            east, north = rng.standard_normal((2, 250))
            axes.scatter(east, north, 8 + 60 * rng.random(250), rng.integers(0, 4, 250), cmap="Set1", alpha=0.8)
        elif kind == "bars":
            for i, when in enumerate(("morning", "noon", "night")):
                axes.bar(np.arange(7) + 0.27 * i, rng.random(7) + 0.3, 0.25, label=when)
            axes.set_xticks(np.arange(7) + 0.27, ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"])
            axes.legend()
        elif kind == "heat-map":
            cells = rng.random((7, 8))
            axes.imshow(cells, cmap="viridis")
            for (row, column), value in np.ndenumerate(cells):
                axes.text(column, row, f"{value:.2f}", ha="center", va="center", color="w" if value < 0.6 else "k")
        elif kind == "histogram":
            axes.hist([rng.normal(0, 1, 900), rng.normal(1.5, 0.7, 600)], 30, histtype="stepfilled", alpha=0.6)
        elif kind == "contours":
            heights = np.exp(-(x**2) - y**2) - np.exp(-((x - 1) ** 2) - (y - 0.7) ** 2) + 0.3 * np.sin(2 * x)
            axes.clabel(axes.contour(x, y, heights, 14, cmap="RdBu"), fontsize=8)
        elif kind == "pie":
            axes.pie([34, 27, 18, 13, 8], labels=["Pier", "Quay", "Yard", "Isles", "Other"], autopct="%d %%")
        else:
            axes.boxplot(rng.normal(0, 1, (60, 6)) * rng.random(6), notch=True)
            axes.grid(axis="y")
        canvas.draw()  # type: ignore[no-untyped-call]
        yield f"plot-{kind}", np.asarray(canvas.buffer_rgba())[..., :3].copy()  # type: ignore[no-untyped-call]


CHARTS: dict[str, Callable[[], Page]] = {"dashboard": _dashboard, "slide": _slide}
"""What makes each page with charts, by its name."""
