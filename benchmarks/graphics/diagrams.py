"""Diagrams in SVG."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.graphics.drawings import drawing, label
from benchmarks.graphics.pages import Page, each

ARROW = """<defs><marker id=a viewBox='0 0 10 10' refX=9 refY=5 markerWidth=8 markerHeight=8
      orient=auto-start-reverse> <path d='M0 0L10 5L0 10z'/></marker><marker id=h viewBox='0 0 12 12' refX=11 refY=6
      markerWidth=14 markerHeight=14 orient=auto> <path d='M1 1L11 6L1 11z' fill='#fff'
      stroke='#000'/></marker></defs>"""


def _flow_chart() -> Page:
    def box(x: int, y: int, words: str, fill: str) -> str:
        return (
            f"<rect x={x - 85} y={y - 26} width=170 height=52 rx=8 fill='{fill}' stroke='#333' stroke-width=1.5 />"
            + label(x, y + 5, words)
        )

    def choice(x: int, y: int, words: str) -> str:
        return (
            f"<path d='M{x} {y - 48}L{x + 110} {y}L{x} {y + 48}L{x - 110} {y}Z' fill='#fff2cc' "
            "stroke='#b8860b' stroke-width=1.5 />" + label(x, y + 5, words)
        )

    lines = ("M200 76V114", "M200 166V202", "M200 298V354", "M310 250H415", "M585 250H650", "M760 298V354",
             "M870 250H890V140H675V114", "M285 380H415", "M675 380H585", "M500 406V474",
             "M200 406V500H415")  # fmt: skip
    content = ARROW + each("<path d='{0}' stroke='#333' stroke-width=1.5 fill=none marker-end='url(#a)'/>", lines)
    content += "".join(
        box(*args)
        for args in (
            (200, 50, "Boat asks for a berth", "#d5e8d4"),
            (200, 140, "Read the tide table", "#dae8fc"),
            (500, 250, "Wait for high water", "#dae8fc"),
            (675, 88, "Send to North Pier", "#f8cecc"),
            (200, 380, "Assign a quay", "#dae8fc"),
            (500, 380, "Write the bill", "#e1d5e7"),
            (760, 380, "Call the pilot", "#dae8fc"),
            (500, 500, "Moored", "#d5e8d4"),
        )
    )
    content += choice(200, 250, "Deep enough?") + choice(760, 250, "Before dark?")
    content += "".join(
        label(x, y, w, 12) for x, y, w in ((335, 242, "no"), (220, 322, "yes"), (780, 330, "yes"), (882, 242, "no"))
    )
    return drawing(940, 600, content)


def _classes() -> Page:
    def one(x: int, y: int, name: str, fields: tuple[str, ...], methods: tuple[str, ...]) -> str:
        height = 34 + 20 * (len(fields) + len(methods)) + 16
        drawn = f"<rect x={x} y={y} width=230 height={height} fill='#fefece' stroke='#a80036' stroke-width=1.5 />"
        drawn += label(x + 115, y + 22, name, 15, font_weight="bold")
        below = y + 34 + 20 * len(fields) + 8
        drawn += f"<path d='M{x} {y + 34}h230M{x} {below}h230' stroke='#a80036'/>"
        rows = [
            *((y + 50 + 20 * i, word) for i, word in enumerate(fields)),
            *((below + 16 + 20 * i, w) for i, w in enumerate(methods)),
        ]
        return drawn + "".join(label(x + 10, at, word, 13, text_anchor="start") for at, word in rows)

    content = ARROW + "".join(
        one(*args)
        for args in (
            (
                60,
                50,
                "Harbour",
                ("- name: str", "- tides: list&lt;Tide&gt;", "- quays: list&lt;Quay&gt;"),
                ("+ water(hour): float", "+ highs(step)"),
            ),
            (440, 60, "Tide", ("- height: float", "- period: float", "- phase: float"), ("+ level(hour): float",)),
            (60, 360, "Quay", ("- length: float", "- depth: float"), ("+ is_free(day): bool", "+ moor(boat)")),
            (440, 330, "Boat", ("# name: str", "# draught: float"), ("+ fits(quay): bool", "+ fee(): Money")),
            (320, 580, "Ferry", ("- line: int", "- seats: int"), ("+ fee(): Money",)),
            (600, 580, "Trawler", ("- hold: float",), ("+ fee(): Money",)),
            (800, 200, "Money", ("- cents: int", "- currency: str"), ("+ plus(other): Money", "+ text(): str")),
        )
    )
    content += each(
        "<path d='{0}' stroke='#a80036' stroke-width=1.5 fill=none {1} />",
        (
            ("M290 120H440", ""),
            ("M175 200V360", ""),
            ("M290 420H440", "marker-end='url(#a)'"),
            ("M435 580V520H520V462", "marker-end='url(#h)'"),
            ("M715 580V520H590V462", "marker-end='url(#h)'"),
            ("M670 400H730V260H800", "stroke-dasharray='6 4' marker-end='url(#a)'"),
        ),
    )
    content += "".join(
        label(x, y, w, 13)
        for x, y, w in ((302, 112, "1"), (424, 112, "1..*"), (190, 226, "1"), (196, 352, "0..*"), (365, 412, "moors"))
    )
    return drawing(1080, 760, content)


def _circuit() -> Page:
    resistor, diode = "h30l5-10 10 20 10-20 10 20 10-20 10 20 5-10h30", "M0-12v24l20-12zM20-12v24"
    wires = each("<path d='{0}' fill=none stroke='#000' stroke-width=2 />", (
        "M80 120" + resistor, "M200 120h120M320 120v60M300 180h40M300 192h40M320 192v148", "M320 120h60", "M470 60v54",
        "M400 120h20M400 180h20", "M380 120h40M380 180h40", "M380 180v160", "M520 150h80", "M600 150" + resistor,
        "M720 150h60v60", "M780 232v108", "M80 340h700", "M430 340v20M412 360h36M418 367h24M424 374h12",
        "M80 120v80M80 240v100", "M560 150V90H635M635 76v28M645 76v28M645 90H720V150",
    ))  # fmt: skip
    parts = f"""<circle cx=80 cy=220 r=20 fill=none stroke='#000' stroke-width=2 /><path d='M68 220q6-14 12 0t12 0'
      fill=none stroke='#000' stroke-width=2 /><path d='M420 80L520 150L420 220Z' fill='#fff' stroke='#000'
      stroke-width=2 /><g transform='translate(780 212) rotate(90)' fill='#000' stroke='#000' stroke-width=2><path
      d='{diode}'/></g><g fill='#000'>"""
    parts += (
        each("<circle cx={0} cy={1} r=4 />", ((320, 120), (320, 340), (380, 340), (430, 340), (560, 150), (720, 150)))
        + "</g>"
    )
    labels = (
        (140, 100, "R1 4.7k"),
        (264, 192, "C1 10n"),
        (470, 155, "U1"),
        (660, 130, "R2 22k"),
        (640, 66, "C2 330p"),
        (815, 230, "D1"),
        (45, 225, "V1"),
        (434, 126, "+"),
        (434, 186, "&#8722;"),
        (650, 400, "Level sensor, sheet 2 of 3"),
    )
    return drawing(860, 430, wires + parts + "".join(label(x, y, w, 15) for x, y, w in labels))


DIAGRAMS: dict[str, Callable[[], Page]] = {"flow-chart": _flow_chart, "classes": _classes, "circuit": _circuit}
"""What makes each diagram, by its name."""
