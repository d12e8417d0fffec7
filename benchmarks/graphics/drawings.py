"""Maps, logos and a comic, drawn in SVG."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import cos, pi, sin

import numpy as np

from benchmarks.graphics.pages import Page, each, page
from benchmarks.graphics.texts import PLACES, prose

TINTS = ("#4e79a7", "#f28e2b", "#e15759", "#76b7b2", "#59a14f", "#edc948")


def drawing(width: int, height: int, content: str, ground: str = "#fff", text: str = "gray", style: str = "") -> Page:
    """A page that a drawing fills."""
    body = f'<svg width="{width}" height="{height}" style="display:block;background:{ground}">{content}</svg>'
    return page(width, height, "text{font-family:'Liberation Sans'}" + style, body, text)


def label(x: float, y: float, words: str, size: int = 14, **how: object) -> str:
    """A line of text, in the middle unless told otherwise."""
    rest = "".join(f' {name.replace("_", "-")}="{value}"' for name, value in {"text_anchor": "middle", **how}.items())
    return f'<text x="{x:g}" y="{y:g}" font-size="{size}"{rest}>{words}</text>'


def path(points: Sequence[tuple[float, float]]) -> str:
    """The ``d`` of a line through some points."""
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)


def walk(seed: int, count: int) -> list[float]:
    """Values between 0 and 1 that wander."""
    steps = np.random.default_rng(seed).normal(0, 1, count).cumsum()
    return [float(value) for value in (steps - steps.min()) / np.ptp(steps)]


def _map() -> Page:
    rng = np.random.default_rng(5)
    shore = [(35.0 * i - 10, 520 - 80 * sin(i / 7) + 60 * (y - 0.5)) for i, y in enumerate(walk(8, 31))]
    streets = [path([(60 + 96 * i, -10), (-60 + 120 * i, 800)]) for i in range(11)]
    streets += [path([(-10, 40 + 74 * i), (1034, 20 + 66 * i)]) for i in range(9)]
    blocks = ""
    for _ in range(340):
        x, y, w, h = rng.integers((6, 6, 12, 10), (1000, 620, 44, 34))
        blocks += (
            f"<rect x={x} y={y} width={w} height={h} fill='#dfdbd3' stroke='#cbc5b9' transform='rotate(-2 {x} {y})'/>"
        )
    wide = each(
        "<path d='{0}' stroke='#d8d3c8' stroke-width=11 fill=none />"
        "<path d='{0}' stroke='#fff' stroke-width=9 fill=none />",
        streets,
    )
    main = path([(-10, 300), (240, 250), (470, 268), (760, 170), (1040, 190)])
    names = "".join(
        label(
            120 + 88 * i,
            96 + 67 * (i * 2 % 5),
            place,
            12,
            fill="#444",
            stroke="#fff",
            stroke_width=3,
            paint_order="stroke",
        )
        for i, place in enumerate(PLACES)
    )
    pins = "".join(
        f"<g transform='translate({x} {y})'><path d='M0 0C-4-14-13-16-13-26A13 13 0 0 1 13-26C13-16 4-14 0 0' "
        "fill='#d93025' stroke='#a50e0e'/>"
        "<circle cy=-26 r=5 fill='#fff'/></g>"
        for x, y in ((210, 210), (512, 330), (811, 262))
    )
    return drawing(
        1024,
        768,
        f"""<rect width=1024 height=768 fill='#f2efe9'/>{blocks}<path d='M600 60h150v110h-130z'
      fill='#c8e6b2'/> <path d='M90 330q80-50 160 10t90 60h-230z' fill='#c8e6b2'/>{wide}<path d='{main}'
      stroke='#c98a1b' stroke-width=18 fill=none /> <path d='{main}' stroke='#fbc55a' stroke-width=15 fill=none
      /><path d='{path(shore)}V768H0Z' fill='#a5cde8' stroke='#7fb2d3' stroke-width=2 /><path d='M512 520L640 690M640
      690L880 720' stroke='#5b7fb5' stroke-width=2 stroke-dasharray='9 6' fill=none /> <path d='M260 768q60-90
      150-60t80 60z' fill='#f2efe9' stroke='#7fb2d3' stroke-width=2 />{names}{pins} {
            label(700, 590, "Inner Bay", 26, fill="#4a7ea6", font_style="italic", letter_spacing=6)
        } <path d='M900 740v8h100v-8' stroke='#333'
      stroke-width=2 fill=none />{label(950, 736, "200 m", 12)}""",
        text="subpixel",
    )


def _metro() -> Page:
    lines = (
        ("#d6222b", "M60 420H380L520 280H940"),
        ("#0060a9", "M140 90V300L340 500H740L900 660"),
        ("#00843d", "M560 80V560L460 660H120"),
        ("#f9b000", "M80 600L300 380V200L420 80H860"),
    )
    stops = ((60, 420, 1), (190, 350, 0), (260, 420, 1), (560, 280, 1), (700, 280, 0), (830, 280, 0), (940, 280, 1),
             (140, 90, 1), (140, 200, 0), (560, 500, 1), (680, 500, 0), (900, 660, 1), (560, 80, 1), (700, 80, 0),
             (860, 80, 1), (560, 180, 0), (320, 660, 0), (120, 660, 1), (80, 600, 1))  # fmt: skip
    content = each("<path d='{1}' stroke='{0}' stroke-width=12 fill=none stroke-linejoin=round />", lines)
    for i, (x, y, big) in enumerate(stops):
        content += (
            f"<circle cx={x} cy={y} r={10 if big else 6} fill='#fff' stroke='#111' stroke-width={4 if big else 2} />"
        )
        name = PLACES[i % 10] if i < 10 else f"{PLACES[i % 10]} {('East', 'West')[i % 2]}"
        weight = "bold" if big else "normal"
        right, down = {(260, 420): (36, -12), (80, 600): (20, 12)}.get((x, y), (16, -14))
        content += label(x + right, y + down, name, 15, text_anchor="start", font_weight=weight)
    for i, (colour, _) in enumerate(lines):
        content += f"<rect x=700 y={350 + 26 * i} width=34 height=16 fill={colour} />" + label(
            746, 363 + 26 * i, f"Line {i + 1}", 14, text_anchor="start"
        )
    return drawing(1040, 720, content, text="subpixel")


def _score() -> Page:
    rng = np.random.default_rng(11)
    content = label(450, 46, "The Ferry Waltz", 28, style="font-family:Liberation Serif")
    for top in (90, 230, 370):
        content += "".join(f"<path d='M40 {top + 12 * i}H860' stroke='#000'/>" for i in range(5))
        content += "".join(
            f"<path d='M{x} {top}v48' stroke='#000' stroke-width=1.5 />" for x in (40, 245, 450, 655, 860)
        )
        content += label(70, top + 22, "3", 26, font_weight="bold") + label(70, top + 46, "4", 26, font_weight="bold")
        for i in range(12):
            x, y = 110 + 205 * (i // 3) + 52 * (i % 3), top + 6 * int(rng.integers(0, 9))
            up, hollow = (-1, 6.5) if y > top + 24 else (1, -6.5), rng.random() < 0.25
            content += f"""<ellipse cx={x} cy={y} rx=7 ry=5 transform='rotate(-20 {x} {y})' stroke='#000'
      stroke-width=2 fill='{"none" if hollow else "#000"}'/><path d='M{x + up[1]} {y}v{36 * up[0]}' stroke='#000'
      stroke-width=1.6 />"""
            word = prose(top // 30, 2).lower().split()[i].strip(",")
            content += label(x, top + 84, word, 14, style="font-family:Liberation Serif")
    return drawing(900, 480, content)


def _comic() -> Page:
    def person(x: int, y: int, shirt: str, hair: str, mouth: str) -> str:
        return f"""<g transform='translate({x} {y})' stroke='#000' stroke-width=3 stroke-linejoin=round
      stroke-linecap=round> <path d='M-34 130q-4-60 34-62q38 2 34 62z' fill='{shirt}'/><path d='M-28 86q-30 20-20
      44M28 86q34 4 40-34' fill=none /> <circle cy=30 r=36 fill='#ffd9b3'/><path d='M-38 26q-2-42 38-40q40-2 38
      40q-14-22-38-22t-38 22' fill='{hair}'/> <circle cx=-12 cy=30 r=3 fill='#000'/><circle cx=14 cy=30 r=3
      fill='#000'/><path d='M-10 46{mouth}' fill=none /></g>"""

    def says(x: int, y: int, words: Sequence[str]) -> str:
        width, high = 11 * max(map(len, words)) + 24, 22 * len(words) + 14
        bubble = f"""<path d='M{x} {y + high - 2}l-8 34l30-34' fill='#fff' stroke='#000' stroke-width=2.5 /><rect
      x={x - width / 2:g} y={y} rx=16 width={width} height={high} fill='#fff' stroke='#000' stroke-width=2.5 /><path
      d='M{x + 2} {y + high - 2}h18' stroke='#fff' stroke-width=4 />"""
        return bubble + "".join(label(x, y + 24 + 22 * i, word, 16, font_weight="bold") for i, word in enumerate(words))

    def scene(x: int, sky: str, sea: str, content: str) -> str:
        return f"""<svg x={x} y=24 width=304 height=420><rect width=304 height=420 fill='{sky}'/><path d='M0
      250q38-16 76 0t76 0t76 0t76 0V420H0Z' fill='{sea}' stroke='#000' stroke-width=2.5 /><path d='M0 352H304V420H0Z'
      fill='#c49a6c' stroke='#000' stroke-width=3 />{content} <rect width=304 height=420 fill=none stroke='#000'
      stroke-width=8 /></svg>"""

    boat = """<g stroke='#000' stroke-width=3 stroke-linejoin=round><path d='M150 226h120l-22 40h-80z'
      fill='#d33'/><path d='M206 226V120l50 88h-50' fill='#fff'/></g>"""
    sun = "<circle cx=70 cy=150 r=32 fill='#ffd94a' stroke='#000' stroke-width=3 />"
    drops = np.random.default_rng(12).integers(0, (304, 330), (60, 2))
    rain = each("<path d='M{0} {1}l-8 22' stroke='#dfefff' stroke-width=3 />", (tuple(drop) for drop in drops.tolist()))
    blue, yellow, brown = "#3b82c4", "#e8b23a", "#5a3217"
    calm = sun + boat + person(90, 240, blue, brown, "q10 8 22 0") + says(140, 22, ("The sea looks", "calm today!"))
    doubt = boat + person(80, 240, blue, brown, "h20") + person(224, 250, yellow, "#111", "q10-8 22 0")
    doubt += says(196, 22, ("Did you read", "the tide table?"))
    wet = rain + person(150, 226, blue, brown, "q10-12 22 0") + says(170, 30, ("The what?",))
    panels = (
        (24, "#aee2ff", "#2f8fc0", calm),
        (348, "#ffe0a8", "#2f8fc0", doubt),
        (672, "#59677c", "#1d4f74", wet),
    )
    return drawing(1000, 468, "".join(scene(*panel) for panel in panels))


def _logo() -> Page:
    rays = "".join(
        f"<path d='{path([(128, 104), *((128 + 92 * cos(a), 104 - 92 * sin(a)) for a in (start, start + 0.16))])}Z' "
        "fill='#ffb703'/>"
        for start in (i * pi / 9 for i in range(9))
    )
    return drawing(
        256,
        256,
        f"""{rays}<circle cx=128 cy=104 r=46 fill='#fb8500'/><path d='M20 150q27-22 54 0t54 0t54
      0t54 0v30q-27 22-54 0t-54 0t-54 0 t-54 0z' fill='#219ebc'/><path d='M20 172q27-22 54 0t54 0t54 0t54 0v26q-27
      22-54 0t-54 0t-54 0t-54 0z' fill='#023047'/> {
            label(128, 242, "BAYLINE", 30, font_weight="bold", letter_spacing=5, fill="#023047")
        }""",
    )


def _icon() -> Page:
    return drawing(
        64,
        64,
        """<rect x=2 y=2 width=60 height=60 rx=14 fill='#3a5ccc'/><path d='M32 12v34M20 22h24M14 38q2
      12 18 14q16-2 18-14' fill=none stroke='#fff' stroke-width=5 stroke-linecap=round /><circle cx=32 cy=12 r=5
      fill='#ffd166'/>""",
    )


def _icons() -> Page:
    shapes = (
        "M6 12l10-8 10 8v14H6zM13 26v-8h6v8", "M14 4a10 10 0 1 0 .1 0M21 21l8 8", "M4 8h24v18H4zM4 9l12 10L28 9",
        "M16 4l4 8 9 1-7 6 2 9-8-4-8 4 2-9-7-6 9-1z", "M6 6h20M6 16h20M6 26h20", "M8 28V4h12l6 6v18zM20 4v6h6",
        "M16 4v18M8 15l8 8 8-8M5 28h22", "M16 28C2 18 2 6 10 6q4 0 6 4 2-4 6-4c8 0 8 12-6 22",
        "M7 14h18v14H7zM11 14V9a5 5 0 0 1 10 0v5", "M4 16l8 8L28 8", "M6 6l20 20M26 6L6 26", "M16 4v24M4 16h24",
        "M4 10h8l4 4h12v14H4zM4 10V6h8l2 4", "M10 4v24l16-12z", "M8 5h6v22H8zM18 5h6v22h-6z",
        "M16 4a6 6 0 1 0 .1 0M5 29q0-11 11-11t11 11", "M4 24l8-10 6 6 4-4 6 8zM4 4h24v24H4z",
        "M9 11h14l-1 18H10zM5 8h22M12 8V4h8v4", "M4 26V6M4 26h24M9 26v-8M15 26V12M21 26v-5M27 26V9",
        "M16 3v4M16 25v4M3 16h4M25 16h4M16 10a6 6 0 1 0 .1 0M7 7l3 3M22 22l3 3M7 25l3-3M22 10l3-3",
    )  # fmt: skip
    cells = (
        (
            18 + 124 * (i % 5),
            12 + 116 * (i // 5),
            TINTS[i % 6] if i % 3 == 0 else "#37474f",
            "none" if i % 4 else TINTS[i // 4],
            shape,
        )
        for i, shape in enumerate(shapes)
    )
    return drawing(
        640,
        480,
        each(
            """<g transform='translate({0} {1})'><rect width=108 height=104 rx=10 fill='#f5f5f5'
      stroke='#ddd'/><path transform='translate(22 20) scale(2)' d='{4}' fill='{3}' stroke='{2}' stroke-width=2
      stroke-linejoin=round stroke-linecap=round /></g>""",
            cells,
        ),
    )


DRAWINGS: dict[str, Callable[[], Page]] = {
    "map": _map, "metro": _metro, "score": _score, "comic": _comic, "logo": _logo, "icon": _icon, "icons": _icons,
}  # fmt: skip
"""What makes each drawing, by its name."""
