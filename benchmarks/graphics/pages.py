"""Pages of the web in HTML of our own, without photographs, and what all our pages are made of."""

from __future__ import annotations

import calendar
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from benchmarks.graphics.texts import CODE, PEOPLE, PLACES, coloured, prose


@dataclass(frozen=True)
class Page:
    """What Chromium is to show.

    Attributes:
        width: of the window, in CSS pixels.
        height: of the window.
        html: the whole page.
        text: how letters are drawn, of :data:`~benchmarks.graphics.pictures.FONTS`.
        scale: device pixels per CSS pixel.
    """

    width: int
    height: int
    html: str
    text: str = "gray"
    scale: int = 1


def page(width: int, height: int, style: str, body: str, text: str = "gray", scale: int = 1) -> Page:
    """A page of a style and a body."""
    base = "*{box-sizing:border-box}body{margin:0;font:14px/1.5 'Liberation Sans',sans-serif;color:#222}"
    base += f"body{{width:{width}px;height:{height}px;overflow:hidden;background:#fff}}p,h1,h2,h3,ul,pre{{margin:0}}"
    whole = f"<!doctype html><meta charset=utf-8><style>{base}{style}</style><body>{body}"
    return Page(width, height, whole, text, scale)


def each(pattern: str, values: Iterable[object]) -> str:
    """A pattern filled in once for each value: its parts are ``{0}``, ``{1}`` and so on, its place is ``{index}``."""
    rows = (value if isinstance(value, tuple) else (value,) for value in values)
    return "".join(pattern.format(*row, index=index) for index, row in enumerate(rows))


def _documentation() -> Page:
    style = """nav{position:absolute;left:0;top:52px;width:250px;height:100%;background:#f6f8fa;padding:18px 24px;
      border-right:1px solid #d8dee4;font-size:13px;line-height:26px}nav b{display:block;margin-top:8px}
      header{height:52px;background:#24425c;color:#fff;line-height:52px;padding:0 24px;font-size:18px}header
      span{float:right;background:#fff;color:#777;font-size:13px;line-height:30px;margin-top:11px;width:220px;
      padding:0 10px;border-radius:4px}main{margin:24px 40px 0 290px}h1{font-size:30px}h2{font-size:21px;margin:18px
      0 6px;border-bottom:1px solid #d8dee4}pre{background:#f6f8fa;border:1px solid #e1e4e8;border-radius:6px;
      padding:12px 16px;font:13px/1.45 'DejaVu Sans Mono';margin:10px 0}i{font-style:normal}.k{color:#cf222e}
      .s{color:#0a3069}.c{color:#6e7781}.n,.t{color:#0550ae}.f,.d{color:#8250df}code{background:#eff1f3;padding:1px
      5px;font:12.5px 'DejaVu Sans Mono'}td,th{border:1px solid #d0d7de;padding:5px 12px;text-align:left;
      font-size:13px}table{border-collapse:collapse}th{background:#f6f8fa}aside{border-left:4px solid #d29922;
      background:#fff8e6;padding:8px 14px;margin:12px 0}a{color:#0969da;text-decoration:underline}nav
      a{text-decoration:none;display:block}nav a.on{font-weight:bold;color:#111}"""
    rows = (
        ("height", "float", "Metres above the mean; below zero it is a low."),
        ("period", "float", "Hours from high to high."),
        ("phase", "float", "Degrees that it lags behind; 0 unless given."),
    )
    body = f"""<header><b>tidelib</b> 4.2 &nbsp; Guide &nbsp; Reference &nbsp; Changes<span>Search these
      pages</span></header> <nav><b>First steps</b>{
        each("<a>{0}</a>", ("Install", "A first table", "Units"))
    }<b>Harbours</b> <a class=on>Parts of the tide</a>{
        each("<a>{0}</a>", ("Levels", "Highs and lows", "Currents"))
    }<b>Output</b> {each("<a>{0}</a>", ("Text", "Calendars", "Plots", "Web service"))}<b>Internals</b>
      {each("<a>{0}</a>", ("Constants", "Accuracy", "Errors"))}</nav><main><h1>Parts of the tide</h1> <p>A
      harbour&rsquo;s water is the sum of several parts. Each of them is a <code>Tide</code>, which has three numbers
      and rises and falls evenly. See <a>Constants</a> for the periods that sun and moon give.</p><h2>Describe a
      part</h2> <pre>{coloured(CODE[CODE.index("@dataclass") : CODE.index("class Harbour")].strip())}</pre>
      <table><tr><th>Argument<th>Type<th>Meaning</tr>{
        each("<tr><td><code>{0}</code><td>{1}<td>{2}</tr>", rows)
    }</table> <aside><b>Note.</b> Periods are in hours of the clock. Before version 3 they were in minutes.</aside>
      <h2>Find the highs</h2><p>{prose(4, 2)} With <code>highs()</code> you get times and levels:</p>
      <pre>{coloured(CODE[CODE.index("    bay =") : CODE.index("    assert")].rstrip())}</pre></main>"""
    return page(1280, 1024, style, body, "subpixel")


def _spreadsheet() -> Page:
    style = """body{font-size:13px}header{background:#1d6f42;color:#fff;padding:6px 14px;font-size:15px}
      .bar{background:#f3f2f1;border-bottom:1px solid #c8c6c4;padding:5px 12px;height:38px}.bar b,.bar
      i{display:inline-block;border:1px solid #c8c6c4;background:#fff;min-width:26px;text-align:center;
      margin-right:5px;padding:2px 6px;font-style:normal;border-radius:2px}.fx{border-bottom:1px solid #c8c6c4;
      padding:4px 12px;font-size:13px}table{border-collapse:collapse;table-layout:fixed;width:1366px}td,th{border:1px
      solid #dadcde;height:22px;padding:0 5px;white-space:nowrap;overflow:hidden;text-align:right;line-height:20px}
      th{background:#eceff1;font-weight:normal;text-align:center;color:#444}
      td:nth-child(2),td:nth-child(3){text-align:left}.t td{background:#dcefe3;font-weight:bold}.neg{color:#c00}
      .sel{outline:2px solid #1d6f42;outline-offset:-1px}footer{position:absolute;bottom:0;width:100%;height:28px;
      background:#f3f2f1;border-top:1px solid #c8c6c4;line-height:27px;padding-left:40px}footer b{background:#fff;
      padding:5px 16px;color:#1d6f42;border-bottom:2px solid #1d6f42}footer span{padding:0 16px}"""
    rng = np.random.default_rng(1)
    lines = []
    for row in range(1, 30):
        cells = [f"<th>{row}", f"<td>{PLACES[row % 10]}", f"<td>{PEOPLE[row * 3 % 10]}"]
        for column, amount in enumerate(rng.normal(900, 700, 10)):
            chosen = " class=sel" if (row, column) == (12, 4) else " class=neg" if amount < 0 else ""
            cells.append(f"<td{chosen}>{amount:,.2f}" if rng.random() < 0.93 else "<td>")
        lines.append(f"<tr{' class=t' if row % 7 == 1 else ''}>{''.join(cells)}</tr>")
    body = f"""<header>Quay dues 2024 &mdash; Sheets &nbsp; &nbsp; File &nbsp; Edit &nbsp; Insert &nbsp; Format
      &nbsp; Data </header><div class=bar><b>B</b><i><em>I</em></i><i><u>U</u></i><i>Liberation Sans &#9662;</i><i>11
      &#9662;</i> <i>&#8721;</i><i>%</i><i>.0</i><i>.00</i><i>&#8644;</i></div><div class=fx>F12 &nbsp; | &nbsp;
      <em>fx</em> &nbsp; =SUM(D12:E12)*Rates!$B$4</div><table><tr><th style="width:44px">{
        each("<th>{0}", "ABCDEFGHIJKL")
    }</tr>
      {"".join(lines)}</table><footer><b>Dues</b><span>Rates</span><span>Ships</span><span>+</span></footer>"""
    return page(1366, 768, style, body, "subpixel")


def _news() -> Page:
    style = """body{font:15px/1.45 'Liberation Serif',serif;padding:0 36px;background:#fffef9}h1{font:bold 44px
      'Liberation Serif';text-align:center;border-bottom:3px double #222;padding:12px 0 8px}.day{display:flex;
      justify-content:space-between;font:12px 'Liberation Sans';border-bottom:1px solid #222;padding:5px 0}
      h2{font-size:30px;line-height:1.15;margin:16px 0 8px}.c{column-count:3;column-gap:26px;column-rule:1px solid
      #bbb;text-align:justify;hyphens:manual}.by{font-style:italic;color:#666}.c p+p{text-indent:1.2em}.c
      h3{break-after:avoid;font-size:19px;line-height:1.2;margin:8px 0 4px;text-align:left}"""
    body = f"""<h1>The Bay Messenger</h1><div class=day><span>Thursday, 6 June</span><span>Town &middot; Harbour
      &middot; Sport &middot; Culture &middot; Letters</span><span>No. 14 882</span></div><h2>Council to decide on
      the wooden roof of the fish market</h2><div class=c><p class=by>By Ines Prado and Jon
      Berg</p>{each("<p>{0}</p>", (prose(i, 4) for i in (3, 7, 11)))} <h3>Tide wall lower than
      planned</h3>{each("<p>{0}</p>", (prose(i, 4) for i in (6, 15, 0)))}<h3>In brief</h3> {
        each("<p>{0}</p>", (prose(i, 3) for i in (18, 9, 13, 1, 5, 16)))
    }</div>"""
    return page(1024, 768, style, body)


def _form() -> Page:
    style = """body{background:#eef1f5;padding:26px 0}form{width:620px;margin:auto;background:#fff;border:1px solid
      #d5dbe3;border-radius:8px;padding:20px 34px;box-shadow:0 2px 8px #0002}h1{font-size:22px;margin-bottom:8px}
      label{display:block;font-weight:bold;font-size:13px;margin-top:9px}
      input:not([type]),select,textarea{width:100%;font:14px 'Liberation Sans';padding:6px 9px;border:1px solid
      #aab4c0;border-radius:4px;background:#fff}.r{display:flex;gap:18px}.r>*{flex:1}
      .bad{border-color:#d1242f!important}.e{color:#d1242f;font-size:12px}button{background:#1f6feb;color:#fff;
      border:0;padding:9px 22px;border-radius:5px;font:bold 14px 'Liberation Sans';margin:12px 10px 0 0}
      button+button{background:#e6eaef;color:#333}.o{font-weight:normal;display:inline-block;margin-right:22px}"""
    body = """<form><h1>Order a season ticket</h1><div class=r><div><label>First name<input
      value="Hana"></label></div><div> <label>Last name<input value="Mori"></label></div></div><label>E-mail<input
      class=bad value="hana.mori@bay"></label> <div class=e>Something seems to be missing after the dot.</div><div
      class=r><div><label>Line<select><option>4 &ndash; North Pier to
      Shipyard</select></label></div><div><label>Valid from<input
      placeholder="dd.mm.yyyy"></label></div></div><label> Price</label><label class=o><input type=radio name=p
      checked> Adult, 48.00</label><label class=o><input type=radio name=p> Child, 24.00</label><label class=o><input
      type=radio name=p> Dog, free</label><label>Remarks<textarea rows=2>At the office, please.</textarea></label>
      <label class=o><input type=checkbox checked> Send me a receipt</label><label class=o>
      <input type=checkbox> I have read the terms</label><br><progress value=60 max=100></progress> Step 3 of 5<br>
      <button>Continue</button><button>Back</button></form>"""
    return page(800, 640, style, body)


def _settings() -> Page:
    style = """body{background:#f3f3f5}nav{position:absolute;width:220px;height:100%;background:#e8e8ec;padding:18px
      12px;border-right:1px solid #d3d3d8}nav div{padding:6px 12px;border-radius:6px}nav .on{background:#3478f6;
      color:#fff}main{margin-left:220px;padding:18px 28px}h1{font-size:20px;margin-bottom:10px}.g{background:#fff;
      border:1px solid #dedee3;border-radius:9px;margin-bottom:16px}.g div{padding:9px 16px;display:flex;
      justify-content:space-between;align-items:center}.g div+div{border-top:1px solid #ececf0}small{color:#8a8a90;
      display:block}.s{width:38px;height:22px;border-radius:11px;background:#34c759;position:relative}
      .s:after{content:"";position:absolute;right:2px;top:2px;width:18px;height:18px;border-radius:9px;
      background:#fff}.s.off{background:#d4d4d9}.s.off:after{right:18px}.v{color:#8a8a90}"""
    rows = (
        ("Warn before high water", "When the level will pass two metres", ""),
        ("Show times of boats", "On the first page", ""),
        ("Play a sound", "A short bell", "off"),
        ("Use mobile data", "Tables are small", "off"),
    )
    values = (
        ("Language", "English"),
        ("Units", "Metres, hours"),
        ("Home harbour", "Old Quay"),
        ("Refresh", "Every hour"),
    )
    body = f"""<nav>{each("<div>{0}</div>", ("Account", "Display"))}<div class=on>Notices</div>{
        each("<div>{0}</div>", ("Harbours", "Storage", "Privacy", "Languages", "About"))
    }</nav><main><h1>Notices</h1><div class=g>
      {each("<div><span>{0}<small>{1}</small></span><span class='s {2}'></span></div>", rows)}</div><div class=g>
      {each("<div>{0}<span class=v>{1} &rsaquo;</span></div>", values)}</div></main>"""
    return page(800, 520, style, body, scale=2)


def _calendar() -> Page:
    style = """header{padding:12px 22px;font-size:24px}header b{border:1px solid #ccc;border-radius:5px;font:14px
      'Liberation Sans';padding:6px 14px;margin-right:10px}table{border-collapse:collapse;width:100%;
      table-layout:fixed}td{border:1px solid #dadce0;height:142px;vertical-align:top;padding:4px 6px;font-size:12px}
      th{font-size:11px;color:#70757a;font-weight:normal}td p{border-radius:4px;color:#fff;padding:0 6px;
      margin-top:2px;white-space:nowrap;overflow:hidden}.now b{background:#1a73e8;color:#fff;border-radius:9px;
      padding:1px 5px}.out{color:#aaa;background:#fafafa}"""
    rng = np.random.default_rng(2)
    tints = ("#d50000", "#0b8043", "#3f51b5", "#f4511e", "#8e24aa", "#039be5")
    what = (
        "Crane test",
        "Rowing club",
        "Tide report",
        "Dentist",
        "Council",
        "Paint benches",
        "Market",
        "Ferry to the isles",
    )
    cells = ""
    for week in calendar.Calendar().monthdatescalendar(2024, 6):
        cells += "<tr>"
        for day in week:
            notes = each("<p style='background:{0}'>{1}:{2:02d} {3}</p>", (
                (tints[rng.integers(6)], 8 + rng.integers(11), 30 * rng.integers(2), what[rng.integers(8)])
                for _ in range(rng.choice(4, p=(0.4, 0.3, 0.2, 0.1)))
            ))  # fmt: skip
            kind = "now" if (day.month, day.day) == (6, 6) else "" if day.month == 6 else "out"
            cells += f"<td class='{kind}'><b>{day.day}</b>{notes}"
    body = f"""<header><b>Today</b><b>&lsaquo;</b><b>&rsaquo;</b>June 2024</header><table> <tr>{
        each("<th>{0}", ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"))
    }{cells}</table>"""
    return page(1280, 800, style, body)


def _search() -> Page:
    style = """header{padding:18px 28px;border-bottom:1px solid #ebebeb}header b{font-size:24px;color:#0b57d0}header
      span{display:inline-block;width:560px;height:40px;border:1px solid #dfe1e5;border-radius:20px;padding:8px 18px;
      margin-left:26px;box-shadow:0 1px 5px #2022242e}main{margin:12px 0 0 150px;width:600px}main p{color:#4d5156;
      margin-bottom:14px}h3{font:19px 'Liberation Sans';color:#1a0dab}small{color:#202124}aside{position:absolute;
      left:790px;top:104px;width:210px;border:1px solid #dadce0;border-radius:8px;padding:14px}em{font-style:normal;
      font-weight:bold}nav{margin-left:150px;color:#5f6368;padding:10px 0}nav b{color:#1a73e8;border-bottom:3px solid
      #1a73e8;padding-bottom:8px}"""
    titles = (
        ("tides today and tomorrow", "tides"),
        ("opening hours", "visit"),
        ("how we measure", "about"),
        ("timetable of all lines", "boats"),
        ("past and present", "history"),
    )
    found = (
        (f"{place}: {title}", f"https://{place.lower().replace(' ', '-')}.example &rsaquo; {word}", prose(i * 2, 2))
        for i, (place, (title, word)) in enumerate(zip(PLACES, titles, strict=False))
    )
    body = f"""<header><b>seek</b><span>high water old quay</span></header><nav><b>All</b> &nbsp; &nbsp; Maps &nbsp;
      &nbsp; News &nbsp; &nbsp;
      Books</nav><main>{each("<small>{1}</small><h3>{0}</h3><p><em>6 Jun</em> &mdash; {2}</p>", found)}</main>
      <aside><b>Old Quay</b><br>Harbour<hr>{prose(9, 2)}<hr>High water<br><b>04:52</b> &nbsp; 2.31 m<br><b>17:20</b>
      &nbsp; 2.18 m </aside>"""
    return page(1024, 700, style, body, "subpixel")


WEB: dict[str, Callable[[], Page]] = {
    "documentation": _documentation, "spreadsheet": _spreadsheet, "news": _news, "form": _form, "settings": _settings,
    "calendar": _calendar, "search": _search,
}  # fmt: skip
"""What makes each page, by its name."""
