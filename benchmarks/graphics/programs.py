"""Windows of programs as a desktop shows them. HTML draws these too: a true desktop would need an X server."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks.graphics.pages import Page, each, page
from benchmarks.graphics.texts import CODE, PEOPLE, PLACES, coloured, prose


def _editor() -> Page:
    style = """body{background:#1e1e1e;color:#d4d4d4;font-size:13px}.m{background:#323233;height:30px;
      line-height:30px;padding:0 12px;color:#ccc}.a{position:absolute;top:30px;left:0;width:48px;bottom:22px;
      background:#333}.a b{display:block;width:22px;height:22px;border:2px solid #858585;border-radius:3px;
      margin:14px 13px}.x{position:absolute;left:48px;top:30px;bottom:22px;width:240px;background:#252526;
      line-height:22px}.x div{padding-left:22px}.x .on{background:#37373d;color:#fff}.x h3{font-size:11px;
      font-weight:normal;padding:8px 20px}.tab{position:absolute;left:288px;top:30px;right:0;height:35px;
      background:#252526;line-height:35px}.tab span{display:inline-block;padding:0 18px;background:#2d2d2d;
      color:#969696;margin-right:1px}.tab .on{background:#1e1e1e;color:#fff}pre{position:absolute;left:288px;
      top:65px;font:14px/18px 'DejaVu Sans Mono';padding-left:64px;width:900px}.l{padding:0;width:44px;
      text-align:right;color:#858585}i{font-style:normal}.k{color:#c586c0}.s{color:#ce9178}.c{color:#6a9955}
      .n{color:#b5cea8}.f,.d{color:#dcdcaa}.t{color:#4ec9b0}.b{position:absolute;bottom:0;height:22px;width:100%;
      background:#007acc;color:#fff;font-size:12px;line-height:22px;padding:0 12px;display:flex;
      justify-content:space-between}.h{position:absolute;left:352px;right:110px;top:479px;height:18px;border:1px
      solid #303030;background:#282828}.z{position:absolute;right:14px;top:70px;font:2px/3px 'DejaVu Sans Mono';
      width:90px;padding:0;left:auto}"""
    files = ("&#9662; tides", "&nbsp; __init__.py", "&nbsp; constants.py", "&nbsp; currents.py")
    code = coloured(CODE)
    body = f"""<div class=m>File &nbsp; Edit &nbsp; Selection &nbsp; View &nbsp; Go &nbsp; Run &nbsp; Terminal &nbsp;
      Help</div> <div class=a><b></b><b></b><b></b><b></b></div><div class=x><h3>EXPLORER</h3>{
        each("<div>{0}</div>", files)
    } <div class=on>&nbsp; harbour.py</div>{
        each(
            "<div>{0}</div>",
            ("&nbsp; tables.py", "&#9656; tests", "&#9656; docs", "LICENSE", "pyproject.toml", "README.md"),
        )
    }</div><div
      class=tab><span class=on>harbour.py &times;</span><span>tables.py </span><span>test_highs.py
      &#9679;</span></div><div class=h></div><pre class=l>{each("{0}<br>", range(1, 52))}</pre> <pre>{code}</pre><pre
      class=z>{code}</pre><div class=b><span>&#9095; main* &nbsp; &#10006; 0 &nbsp; &#9650; 1</span><span>Ln 24, Col
      31 &nbsp; Spaces: 4 &nbsp; UTF-8 &nbsp; LF &nbsp; Python</span></div>"""
    return page(1440, 1020, style, body, "subpixel")


def _terminal() -> Page:
    style = """body{background:#300a24;color:#eee;font:15px/18px 'DejaVu Sans Mono'}.m{background:#3c3b37;
      height:28px;text-align:center;font:bold 13px/28px 'Liberation Sans';color:#dfdbd2}.m i{float:left;width:13px;
      height:13px;border-radius:7px;background:#f0544c;margin:7px 0 0 8px}.m i+i{background:#7d7b76}pre{font:inherit;
      padding:6px}.g{color:#8ae234;font-weight:bold}.b{color:#729fcf;font-weight:bold}.r{color:#ef2929}
      .y{color:#fce94f}u{background:#eee}"""
    prompt = "<span class=g>fay@quay</span>:<span class=b>~/tides</span>$ "
    files = (
        (4127, 3, 14, "README.md"),
        (912, 3, 14, "pyproject.toml"),
        (18844, 5, 41, "harbour.py"),
        (7310, 6, 58, "tables.py"),
    )
    listed = each("-rw-r--r-- 1 fay crew {0:>6} Jun  {1} 09:{2} {3}\n", files)
    body = f"""<div class=m><i></i><i></i><i></i>fay@quay: ~/tides</div><pre>{prompt}ls -l
total 48
{listed}drwxr-xr-x 3 fay crew   4096 Jun  6 09:58 <span class=b>tests</span>
{prompt}git status --short
 <span class=r>M</span> harbour.py
<span class=r>??</span> notes.txt
{prompt}python -m pytest -q
<span class=g>{"." * 61}</span><span class=r>F</span>{"." * 8} [100%]
____________________________ test_low_water ____________________________
<span class=r>E   assert 0.48 == 0.5 +- 0.01</span>\ntests/test_highs.py:27: AssertionError
<span class=r><b>1 failed</b>, <span class=g>69 passed</span> in 2.31s</span>\n{prompt}df -h /
Filesystem      Size  Used Avail Use% Mounted on\n/dev/sda2        98G   61G   33G  66% /
<span class=y>warning: 3 snapshots are older than 30 days</span>\n{prompt}<u> </u></pre>"""
    return page(720, 480, style, body)


def _chat() -> Page:
    style = """body{background:#fff}nav{position:absolute;width:190px;height:100%;background:#3f0e40;color:#cfc3cf;
      padding:12px}nav b{color:#fff;display:block;margin-bottom:8px;font-size:16px}nav .on{background:#1164a3;
      color:#fff;margin:0 -12px;padding:0 12px}main{margin-left:190px}header{border-bottom:1px solid #ddd;padding:9px
      16px;font-weight:bold}.l{padding:7px 16px 0 62px;position:relative;font-size:13.5px;line-height:1.4}
      .l:before{content:attr(data-x);position:absolute;left:16px;top:9px;width:34px;height:34px;border-radius:5px;
      background:var(--c);color:#fff;text-align:center;font:bold 15px/34px 'Liberation Sans'}small{color:#616061}
      .i{position:absolute;bottom:12px;left:206px;right:16px;height:40px;border:1px solid #999;border-radius:6px;
      padding:8px 12px;color:#888}.r{border:1px solid #1264a3;background:#e8f5fa;border-radius:10px;font-size:11px;
      padding:0 7px}"""
    said = (
        (
            PEOPLE[i * 3 % 10],
            PEOPLE[i * 3 % 10][0],
            ("#2b7a78", "#b23a48", "#e09f3e", "#5f0f40", "#3a5a98")[i % 5],
            f"{9 + i // 3}:{17 * i % 60:02d}",
            prose(3 * i + 1, 1),
        )
        for i in range(6)
    )
    body = f"""<nav><b>Harbour team</b>{each("<div># {0}</div>", ("general", "boats"))}<div class=on>#
      tide-wall</div> {each("<div># {0}</div>", ("painting", "lost-and-found"))}<br>{
        each("<div>&#9679; {0}</div>", PEOPLE[:6])
    }</nav><main> <header># tide-wall</header>{
        each("<div class=l data-x={1} style='--c:{2}'><b>{0}</b> <small>{3}</small><br>{4}</div>", said)
    } <div class=l
      style="--c:#fff"><span class=r>&#10004; 4</span> <span class=r>&#9829; 2</span></div></main> <div class=i>Write
      to # tide-wall</div>"""
    return page(640, 520, style, body)


def _mail() -> Page:
    style = """body{font-size:13px;background:#f5f5f5}.m{background:#e3e3e3;height:30px;line-height:30px;padding:0
      10px;border-bottom:1px solid #bbb}.b{height:44px;padding:8px 10px;border-bottom:1px solid #ccc}.b b{border:1px
      solid #bbb;border-radius:3px;background:linear-gradient(#fff,#e9e9e9);padding:5px 12px;margin-right:6px;
      font-weight:normal}nav,.list,main{position:absolute;top:74px;bottom:0}nav{width:200px;padding:10px;
      line-height:25px}nav .on{background:#cfe3f7}.list{left:200px;width:420px;background:#fff;border:1px solid #ccc;
      border-width:0 1px}.list div{padding:6px 12px;height:58px;border-bottom:1px solid #e6e6e6;white-space:nowrap;
      overflow:hidden;text-overflow:ellipsis;color:#666}.list b{color:#111}.list .on{background:#2a7de1;color:#fff}
      .list .on b{color:#fff}.list span{float:right}main{left:620px;right:0;background:#fff;padding:18px 26px}
      h2{font-size:20px}main p{margin-top:12px;line-height:1.55}hr{border:0;border-top:1px solid #ddd}
      blockquote{border-left:3px solid #729fcf;color:#456;margin:12px 0;padding-left:12px}"""
    mails = ((PEOPLE[i * 7 % 10], f"{6 - i // 4} Jun", prose(i + 5, 1), "on" if i == 2 else "") for i in range(12))
    folders = (
        "<b>Inbox (3)</b>",
        "Drafts (1)",
        "Sent",
        "Archive",
        "Junk (17)",
        "Wastebasket",
        "",
        "<b>Lists</b>",
        "Rowing",
        "Tides",
    )
    body = f"""<div class=m>Inbox &mdash; Post &nbsp; &nbsp; &nbsp; File &nbsp; Edit &nbsp; View &nbsp; Message
      &nbsp; Help</div> <div class=b>{
        each("<b>{0}</b>", ("Get", "Write", "Reply", "Forward", "Archive", "Delete", "Print"))
    }</div> <nav>{each("<div>{0}&nbsp;</div>", folders)}</nav><div class=list>
      {each("<div class='{3}'><span>{1}</span><b>{0}</b><br>{2}</div>", mails)}</div><main><h2>Readings of the tide
      wall</h2> <p>From <b>{PEOPLE[4]}</b> &lt;emil@quay.example&gt;<br>To {PEOPLE[5]}, {PEOPLE[8]}</p><hr><p>Dear
      both,</p> {each("<p>{0}</p>", (prose(6, 3), prose(14, 3)))}<blockquote>{prose(0, 3)}</blockquote><p>{
        prose(11, 2)
    }</p><p>Yours,<br>Emil <br>-- <br>Harbour office, room 12</p></main>"""
    return page(1366, 768, style, body, "subpixel")


def _files() -> Page:
    style = """body{background:#2e7d8c;font-size:13px}.w{position:absolute;left:60px;top:44px;width:840px;
      height:540px;background:#fff;border:1px solid #444;border-radius:8px 8px 0 0;box-shadow:0 8px 30px #0007}
      .m{background:linear-gradient(#4d4d4d,#383838);color:#fff;height:34px;line-height:34px;text-align:center;
      border-radius:7px 7px 0 0}.m b{float:right;margin-right:12px}.b{background:#ededed;border-bottom:1px solid
      #c4c4c4;height:38px;line-height:37px;padding:0 12px}nav{position:absolute;top:73px;bottom:0;width:170px;
      background:#f4f4f4;border-right:1px solid #ccc;padding:10px;line-height:27px}.g{margin-left:190px;display:grid;
      grid-template-columns:repeat(5,1fr);padding:16px 8px;row-gap:14px;text-align:center}.g svg{display:block;
      margin:0 auto 4px}.p{position:absolute;bottom:0;width:100%;height:36px;background:#222;color:#eee;
      line-height:36px;padding:0 14px}.p span{float:right}.p b{background:#444;padding:5px 12px;margin-left:8px}"""
    folder = """<path d='M4 12h20l5 6h31v34H4z' fill='#d99a2b'/><path d='M4 22h56v30H4z' fill='#f7c65b'/>"""
    sheet = """<path d='M14 4h26l12 12v44H14z' fill='#fff' stroke='#888'/><path d='M40 4v12h12' fill='#ddd'
      stroke='#888'/> <path d='M20 26h26M20 33h26M20 40h26M20 47h16' stroke='#4a7ab5' stroke-width='3'/>"""
    names = ("Boats", "Dues", "Maps", "Minutes", "Ships", "bridge.odt", "crane.pdf", "notes.txt", "plan.svg",
             "rates.ods", "survey.csv", "tides.html", "wall.odt", "todo.txt")  # fmt: skip
    icons = ((name, sheet if "." in name else folder) for name in names)
    body = f"""<div class=w><div class=m>Documents<b>&#8211; &nbsp; &#9633; &nbsp; &#10005;</b></div><div
      class=b>&#9664; &nbsp; &#9654; &nbsp; &#9650; &nbsp; | &nbsp; Home &rsaquo; <b>Documents</b></div><nav>{
        each(
            "<div>{0}</div>",
            (
                "Home",
                "Desktop",
                "<b>Documents</b>",
                "Downloads",
                "Music",
                "Pictures",
                "Videos",
                "<hr>",
                "Trash",
                "Disk, 61 GB",
            ),
        )
    }</nav><div class=g> {
        each("<div><svg width=64 height=64>{1}</svg>{0}</div>", icons)
    }</div></div><div class=p>Menu<b>Documents</b><b>Terminal</b> <span>Thu 6 Jun &nbsp; 14:07</span></div>"""
    return page(1024, 680, style, body, "subpixel")


def _dialog() -> Page:
    style = """body{background:#008080;font:12px 'DejaVu Sans'}.w{position:absolute;background:#c0c0c0;border:2px
      solid;padding:2px;border-color:#fff #000 #000 #fff}.m{background:#000080;color:#fff;font-weight:bold;
      padding:1px 4px}.m b,button{float:right;background:#c0c0c0;color:#000;border:2px solid;border-color:#fff
      #404040 #404040 #fff;padding:0 4px;line-height:13px}button{float:none;font:12px 'DejaVu Sans';width:84px;
      height:25px;margin:0 5px}.i{border:2px solid;background:#fff;margin:4px;border-color:#808080 #fff #fff #808080;
      padding:3px 5px;line-height:17px}.t{margin:14px 0 14px 70px}.c{position:absolute;left:18px;top:38px;width:36px;
      height:36px;border-radius:18px;background:#f00;color:#fff;font:bold 26px/36px 'DejaVu Sans';text-align:center}
      .bar{position:absolute;bottom:0;width:100%;height:28px;background:#c0c0c0;border-top:2px solid #fff}"""
    lines = each("{0}<br>", (prose(i, 1)[:62] for i in range(14)))
    body = f"""<div class=w style="left:24px;top:20px;width:470px;height:330px"><div class=m>notes.txt -
      Pad<b>&#215;</b><b>_</b> </div>&nbsp;<u>F</u>ile &nbsp; <u>E</u>dit &nbsp; <u>S</u>earch &nbsp; <u>H</u>elp<div
      class=i>{lines}</div></div> <div class=w style="left:210px;top:230px;width:380px;height:140px"><div
      class=m>Pad<b>&#215;</b></div><div class=c>&#215;</div> <div class=t>The text in notes.txt has changed.<br>Do
      you want to save it?</div><center><button><u>Y</u>es</button><button>
      <u>N</u>o</button><button>Cancel</button></center></div><div
      class=bar><button>Start</button><button>Pad</button></div>"""
    return page(640, 480, style, body, "aliased")


def _paper() -> Page:
    style = """body{background:#525659;font:13px/1.32 'Liberation Serif'}.m{background:#323639;color:#f1f1f1;
      height:44px;font:14px/44px 'Liberation Sans';padding:0 20px}main{background:#fff;width:800px;height:980px;
      margin:14px auto;padding:46px 60px;box-shadow:0 0 6px #000a}h1{font:22px 'Liberation Serif';text-align:center}
      .by{text-align:center;margin:8px 0 14px}.c{column-count:2;column-gap:24px;text-align:justify;height:800px;
      column-fill:auto}h2{font:bold 14px 'Liberation Serif';margin:8px 0 3px}.c p{text-indent:1em}math{margin:8px 0}
      td,th{padding:1px 8px;text-align:right}table{border-collapse:collapse;border-top:1.5px solid;
      border-bottom:1.5px solid;margin:8px auto}th{border-bottom:1px solid}"""
    formula = """<math display=block><mi>h</mi><mo>(</mo><mi>t</mi><mo>)</mo><mo>=</mo><munderover><mo>&#8721;</mo>
      <mrow><mi>i</mi><mo>=</mo><mn>1</mn></mrow><mi>n</mi></munderover><msub><mi>a</mi><mi>i</mi></msub><mi>cos</mi>
      <mo>(</mo><mfrac><mrow><mn>2</mn><mi>&#960;</mi><mi>t</mi></mrow><msub><mi>T</mi><mi>i</mi></msub></mfrac>
      <mo>&#8722;</mo><msub><mi>&#966;</mi><mi>i</mi></msub><mo>)</mo><mo>,</mo><mspace width=1em /><mn>0</mn>
      <mo>&#8804;</mo><mi>t</mi><mo>&lt;</mo><mn>24</mn></math>"""
    rows = (
        (PLACES[i], f"{v:.2f}", f"{v * 0.31:.3f}", 40 + 7 * i)
        for i, v in enumerate(np.random.default_rng(3).random(8) * 4)
    )
    table = "<tr><th>Site<th>Mean<th>s.d.<th><i>n</i></tr>" + each("<tr><td>{0}<td>{1}<td>{2}<td>{3}</tr>", rows)
    sections = each(
        "<h2>{0} &nbsp; {1}</h2><p>{2}</p><p>{3}</p>{4}",
        (
            (1, "Introduction", prose(6, 4), prose(15, 3), ""),
            (2, "Levels", prose(1, 3), "The level of the water is", formula),
            (3, "Measurements", prose(17, 3), prose(8, 2), f"<table>{table}</table>"),
            (4, "Results", prose(2, 5), prose(11, 5), ""),
            (5, "Discussion", prose(9, 6), prose(4, 7), ""),
            (6, "Conclusions", prose(13, 5), prose(3, 4), ""),
        ),
    )
    body = f"""<div class=m>&#9776; &nbsp; tides.pdf <span style="margin-left:300px">1 / 8 &nbsp; | &nbsp; &#8722;
      &nbsp; 100% &nbsp; + </span></div><main><h1>On the Level of the Water at Eleven Islands</h1><div
      class=by>{PEOPLE[3]} and {PEOPLE[6]}<br><i>Institute of Shores, Bay</i></div><div
      class=c>{sections}</div></main>"""
    return page(1100, 1060, style, body)


def _departures() -> Page:
    style = """body{background:#06142e;color:#ffd21f;font:bold 30px 'DejaVu Sans Mono'}header{background:#ffd21f;
      color:#06142e;font:bold 40px/84px 'Liberation Sans';padding:0 34px}header span{float:right}table{width:100%;
      border-spacing:0}td,th{padding:0 34px;height:62px;text-align:left}th{font:20px 'Liberation Sans';color:#8fa8d8;
      height:48px}tr:nth-child(even){background:#0d2250}.r{color:#ff5a4f}.g{color:#6be08a}"""
    on_time = ("", "on time")
    notices = {0: ("g", "boarding"), 3: ("", "+12 min"), 5: ("r", "cancelled")}
    rows = (
        (f"{at // 60}:{at % 60:02d}", 1 + i * 5 % 7, PLACES[(3 * i + 2) % 10], "ABCD"[i % 4], *notices.get(i, on_time))
        for i, at in enumerate(range(850, 1003, 17))
    )
    body = f"""<header>Departures<span>14:07</span></header><table><tr><th>Time<th>Line<th>To<th>Quay<th>Notice</tr>
      {each("<tr><td>{0}<td>{1}<td>{2}<td>{3}<td class='{4}'>{5}</tr>", rows)}</table>"""
    return page(1280, 720, style, body)


def _review() -> Page:
    style = """body{padding:18px 28px;background:#fff}h1{font-size:22px;font-weight:normal}h1 span{color:#59636e}
      .s{background:#1f883d;color:#fff;border-radius:16px;padding:4px 12px;margin-right:8px}.f{border:1px solid
      #d1d9e0;border-radius:6px;margin-top:14px;overflow:hidden}.f>b{display:block;background:#f6f8fa;
      border-bottom:1px solid #d1d9e0;padding:7px 12px;font:13px 'DejaVu Sans Mono'}
      .f div{font:12px/20px 'DejaVu Sans Mono';white-space:pre;padding-left:110px;position:relative}
      .f div:before{content:attr(data-n);
      position:absolute;left:0;width:96px;text-align:right;padding-right:10px;color:#59636e}.add{background:#dafbe1}
      .del{background:#ffebe9}.add:before{background:#aceebb}.del:before{background:#ffcecb}.at{background:#ddf4ff}
      i{font-style:normal}.k{color:#cf222e}.s2,i.s{all:unset;color:#0a3069}.c{color:#59636e}.n,.t{color:#0550ae}.f
      i.f,i.d{all:unset;color:#6639ba}"""
    lines, shown, number = CODE.split("\n"), [], 22
    hunk = "@@ -22,26 +22,27 @@"
    total = "        total = sum(tide.level(hour) for tide in self.tides)"
    rounded = "                yield round(i * step, 2), now  # as the printed tables have it"
    parts = (
        (lines[21:28], " "), (lines[28:29], "-"), ([total, "        return max(total, self.floor)"], "+"),
        (lines[29:36], " "), (lines[36:37], "-"), ([rounded], "+"), (lines[37:47], " "),
    )  # fmt: skip
    for part, mark in parts:
        for line in part:
            shown.append(({" ": "", "-": "del", "+": "add"}[mark], number, f"{mark} {coloured(line)}"))
            number += mark != "-"
    body = f"""<h1>Never show less than the floor <span>#482</span></h1><p><span
      class=s>Open</span><b>{PEOPLE[7]}</b> wants to merge 3 commits into <b>main</b> from <b>floor</b></p><div
      class=f><b>tides/harbour.py &nbsp; +3 &minus;2</b> <div class=at
      data-n=...>{hunk}</div>{each("<div class='{0}' data-n={1}>{2}</div>", shown)}</div>"""
    return page(1100, 760, style, body)


PROGRAMS: dict[str, Callable[[], Page]] = {
    "editor": _editor, "terminal": _terminal, "chat": _chat, "mail": _mail, "files": _files, "dialog": _dialog,
    "paper": _paper, "departures": _departures, "review": _review,
}  # fmt: skip
"""What makes each window, by its name."""
