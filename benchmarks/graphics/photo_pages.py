"""Pages on which text and flat surfaces stand beside photographs."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from functools import cache

import numpy as np
from PIL import Image

from benchmarks.graphics.pages import Page, each, page
from benchmarks.graphics.texts import PEOPLE, PLACES, prose
from bitstream.errors import CodecError

Box = tuple[int, int, int, int]
"""Left, top, right and bottom."""


@cache
def _source(name: str, box: Box | None = None) -> str:
    """A photograph that scikit-image ships, or a part of it, as a URL that holds its exact pixels."""
    try:
        from skimage import data
    except ImportError as error:
        raise CodecError('graphics: needs pip install "manifold-codec[bench]"') from error
    pixels = data.stereo_motorcycle()[0] if name == "motorcycle" else getattr(data, name)()
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).convert("RGB").crop(box).save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def _photo(name: str, box: Box | None = None, rest: str = "") -> str:
    """An ``<img>`` of a photograph, at its own size unless the style or ``rest`` says otherwise."""
    return f'<img decoding=sync src="{_source(name, box)}" {rest}>'


def _news() -> Page:
    style = """header{background:#b3121d;color:#fff;font:bold 30px/64px 'Liberation Serif';padding:0 40px}
      nav{border-bottom:1px solid #ddd;padding:8px 40px;word-spacing:14px;font-weight:bold;font-size:13px}
      main{padding:18px 40px}h1{font:bold 34px/1.15 'Liberation Serif'}.g{display:grid;grid-template-columns:640px
      1fr;gap:28px;margin-top:12px}img{display:block}figcaption{font-size:12px;color:#666;padding:5px 0}h2{font:bold
      21px/1.2 'Liberation Serif';margin:10px 0 4px}p{font-size:15px;margin-bottom:8px}figure{margin:0}"""
    body = f"""<header>The Bay Messenger</header><nav>Town Harbour Sport Culture Letters
      Weather</nav><main><h1>Rocket seen from the pier as it waits for calmer wind</h1><div
      class=g><div><figure>{_photo("rocket")}<figcaption>The tower on Wednesday evening. Photograph: Space Agency
      </figcaption></figure><p>{prose(4, 3)}</p><p>{prose(10, 3)}</p></div><div><figure>{
        _photo("astronaut", None, "width=532 height=400 style='object-fit:cover'")
    } <figcaption>She will fly
      next.</figcaption></figure><h2>&ldquo;The bay looks like a coin from up there&rdquo;</h2><p>{prose(16, 3)}</p>
      <h2>In brief</h2><p>{prose(0, 2)}</p><p>{prose(19, 2)}</p></div></div></main>"""
    return page(1280, 960, style, body)


def _shop() -> Page:
    style = """header{background:#14213d;color:#fff;height:60px;line-height:60px;padding:0 32px;font-size:22px}header
      span{float:right;font-size:14px}aside{position:absolute;top:60px;width:210px;padding:18px 32px;
      line-height:26px;font-size:13px}.g{margin:18px 32px 0 240px;display:grid;grid-template-columns:repeat(4,1fr);
      gap:18px}.i{border:1px solid #e2e2e2;border-radius:6px;padding:10px;font-size:13px}img{width:100%;height:190px;
      object-fit:cover;display:block;margin-bottom:8px}b{font-size:19px;display:block}s{color:#999}.n{color:#e08a00}
      button{background:#fca311;border:0;border-radius:4px;width:100%;padding:7px;font:bold 13px 'Liberation Sans';
      margin-top:7px}.o{background:#d00;color:#fff;font-size:12px;padding:1px 7px;border-radius:3px}"""
    wares = (
        ("coffee", None, "Cup with saucer, red"),
        ("chelsea", None, "Poster &ldquo;Cat&rdquo;"),
        ("motorcycle", (60, 60, 460, 400), "Model motorcycle"),
        ("coffee", (330, 180, 600, 400), "Spoon of steel"),
        ("rocket", (180, 60, 480, 360), "Print &ldquo;Launch&rdquo;"),
        ("retina", (300, 300, 1100, 1100), "Glass lamp, amber"),
        ("astronaut", (0, 0, 300, 260), "Flag of cotton"),
        ("hubble_deep_field", (0, 0, 400, 300), "Cloth, stars"),
    )
    items = (
        (
            _photo(name, box),
            title,
            f"{7 + 13 * i}.90",
            f"{9 + 15 * i}.00",
            "&#9733;" * (3 + i % 3) + "&#9734;" * (2 - i % 3),
            11 + 37 * i,
        )
        for i, (name, box, title) in enumerate(wares)
    )
    body = f"""<header>quayshop<span>Search &nbsp; Orders &nbsp; Basket (2)</span></header><aside><b>Filter</b>{
        each("&#9744; {0}<br>", ("Under 20", "20 to 50", "Over 50"))
    }<br>&#9745; In stock<br>&#9744;
      Used<br><br><b>Makers</b>{each("&#9744; {0}<br>", PLACES[:8])}</aside><div class=g> {
        each(
            "<div class=i>{0}{1}<br><span class=n>{4}</span> ({5})<b>{2} <s><small>{3}</small></s></b>"
            "<span class=o>Sale</span> Free delivery<button>Put into basket</button></div>",
            items,
        )
    }</div>"""
    return page(1280, 860, style, body, "subpixel")


def _viewer() -> Page:
    style = """body{background:#2b2b2b;color:#ccc;font-size:13px}.m{background:#3a3a3a;height:32px;line-height:32px;
      padding:0 12px}.v{position:absolute;left:56px;top:32px;width:900px;height:568px;background:#1c1c1c;
      text-align:center;padding-top:26px}.v img{width:741px;height:500px}.t{position:absolute;top:32px;width:56px;
      bottom:0;background:#333;padding:8px 12px;font-size:22px;line-height:40px}aside{position:absolute;left:956px;
      right:0;top:32px;bottom:0;background:#303030;padding:14px;border-left:1px solid #111;line-height:24px}
      .s{position:absolute;left:56px;width:900px;top:600px;bottom:26px;background:#242424;padding:10px;
      white-space:nowrap;overflow:hidden}.s img{height:104px;margin-right:8px;border:2px solid #444}.s
      .on{border-color:#e8a33d}.b{position:absolute;left:56px;width:900px;bottom:0;height:26px;line-height:26px;
      padding:0 12px;background:#3a3a3a}td{padding:0 12px 0 0}h3{color:#fff;border-bottom:1px solid #555;margin:8px
      0}svg{background:#1c1c1c}input{width:170px;float:right}"""
    curve = "".join(
        f"L{3 * i} {110 - 95 * h:.0f}"
        for i, h in enumerate(np.convolve(np.random.default_rng(4).random(110), np.ones(9) / 9, "same"))
    )
    shown = "".join(
        _photo(*one)
        for one in (
            ("chelsea",),
            ("coffee",),
            ("motorcycle", None, "class=on"),
            ("rocket",),
            ("astronaut",),
            ("retina",),
        )
    )
    body = f"""<div class=m>Lighttable &nbsp; &nbsp; File &nbsp; Edit &nbsp; Image &nbsp; View &nbsp; Help</div><div
      class=t>&#9633;<br>&#9675;<br>&#9998;<br> &#8634;<br>&#9986;<br>T</div><div
      class=v>{_photo("motorcycle")}</div><div class=s>{shown}</div><div class=b>motorcycle.png &nbsp; 741 &times;
      500 &nbsp; 8 bit &nbsp; 100 % &nbsp; 3 of 214</div><aside><h3>Histogram</h3><svg width=292 height=112><path
      d='M0 112{curve}L330 112Z' fill='#8d8d8d'/></svg><h3>Light</h3> {
        each(
            "{0}<input type=range value={1}><br>",
            (("Exposure", 50), ("Contrast", 62), ("Shadows", 35), ("Whites", 70), ("Colour", 44)),
        )
    }<h3>Facts</h3><table>
      {
        each(
            "<tr><td>{0}<td>{1}</tr>",
            (
                ("Camera", "stereo pair"),
                ("Taken", "6 June, 14:07"),
                ("Focal length", "35 mm"),
                ("Shutter", "1/60 s"),
                ("Rating", "&#9733;&#9733;&#9733;&#9733;"),
            ),
        )
    }</table></aside>"""
    return page(1280, 768, style, body, "subpixel")


def _slide() -> Page:
    style = """body{background:#fafafa}h1{position:absolute;left:64px;top:56px;font-size:46px;color:#123;
      line-height:1.15;width:560px}ul{position:absolute;left:64px;top:230px;width:520px;font-size:25px;
      line-height:1.5;padding-left:26px}li{margin-bottom:12px}img{position:absolute;right:0;top:0;width:640px;
      height:640px}footer{position:absolute;bottom:0;width:100%;height:80px;background:#0d3b66;color:#fff;
      line-height:80px;padding:0 64px;font-size:20px}.c{position:absolute;right:24px;top:24px;background:#0d3b66;
      color:#fff;padding:6px 14px;font-size:18px}"""
    body = f"""<h1>Who flies to the station this autumn</h1><ul><li>Two crews of three, six months each<li>First
      launch on <b>14 September</b><li>Forty trials, nine of them with plants<li>Lessons from orbit every other
      week</ul>{_photo("astronaut")}<div class=c>Crew 2</div><footer>Space club of the bay, spring meeting</footer>"""
    return page(1280, 720, style, body)


def _document() -> Page:
    style = """body{font:15px/1.4 'Liberation Serif';padding:50px 80px;text-align:justify}h1{font:bold 25px
      'Liberation Serif';text-align:left}h2{font:bold 18px 'Liberation Serif';margin:14px 0 4px}figure{margin:14px 0;
      text-align:center}figcaption{font-size:13px;padding:6px 60px}"""
    body = f"""<h1>3 &nbsp; Stained tissue</h1><p>{prose(6, 3)} Figure 7 shows what remains after the stain has been
      washed out.</p><figure> {_photo("immunohistochemistry")}<figcaption><b>Figure 7.</b> Section of a gland,
      stained brown where the protein is present and blue elsewhere. Width of the field: 0.6
      mm.</figcaption></figure><h2>3.1 &nbsp; How we counted</h2><p>{prose(8, 3)}</p><p>{prose(17, 3)}</p><p
      style="text-align:center">&ndash; 41 &ndash;</p>"""
    return page(840, 940, style, body)


def _captioned() -> Page:
    style = """body{background:#111}.w{position:absolute;left:0;top:0;width:600px;height:400px;text-align:center;
      line-height:390px;color:#ffffff80;font:bold 54px/390px 'Liberation Sans'}.w div{transform:rotate(-24deg)}
      img{display:block}.c{color:#fff;font:bold 27px/1.2 'Liberation Sans';text-align:center;padding:11px}
      .l{position:absolute;left:12px;top:370px;color:#fff;font-size:13px;text-shadow:1px 1px 1px #000}"""
    body = f"""{_photo("coffee")}<div class=w><div>&copy; quaypics</div></div><div class=l>Mill Street, 6
      June</div><div class=c>THE FIRST CUP<br>IS FOR THE GULLS</div>"""
    return page(600, 488, style, body)


def _satellite() -> Page:
    style = """img{position:absolute;left:256px;top:0;width:768px;height:768px}svg{position:absolute;left:256px;top:0}
      text{font-family:'Liberation Sans';paint-order:stroke;stroke:#000;stroke-width:3px;fill:#fff;
      text-anchor:middle}aside{width:256px;height:768px;padding:14px;border-right:1px solid #bbb}.s{border:1px solid
      #bbb;border-radius:18px;padding:6px 14px;margin-bottom:10px}.p{border-top:1px solid #ddd;padding:8px 0;
      font-size:13px}.p b{font-size:15px}.z{position:absolute;right:14px;bottom:40px;background:#fff;width:36px;
      text-align:center;font-size:22px;border-radius:4px}footer{position:absolute;bottom:0;right:0;
      background:#ffffffcc;font-size:11px;padding:1px 8px}.a{color:#0b57d0}"""
    places = (
        (183, 130, "Great Bowl"),
        (530, 170, "Twin Pits"),
        (360, 640, "Dark Hills"),
        (75, 50, "Bead"),
        (270, 277, "North Pier"),
        (610, 470, "Calm Plain"),
    )
    above = ((x, y, y + 20, name) for x, y, name in places)
    pins = each(
        """<path d='M{0} {1}c-4-16-14-18-14-30a14 14 0 0 1 28 0c0 12-10 14-14 30' fill='#e53935'
      stroke='#fff' stroke-width=2 /> <text x={0} y={2} font-size=15>{3}</text>""",
        above,
    )
    route = "M183 130Q260 240 270 277T360 520V640M270 277Q420 260 530 170"
    lines = f"""<path d='{route}' stroke='#123c8c' stroke-width=8 fill=none /><path d='{route}' stroke='#4d90fe'
      stroke-width=5 fill=none /> <path d='M420 380L700 330V560L480 610Z' fill='#ffca28' fill-opacity=.25
      stroke='#ffca28' stroke-width=2 stroke-dasharray='8 5'/>"""
    found = each(
        "<div class=p><b>{2}</b><br>{0} km east, {1} km south<br><span class=a>Route &nbsp; Save"
        " &nbsp; Share</span></div>",
        places,
    )
    body = f"""<aside><div class=s>craters near me</div>{found}<div class=p>{prose(6, 1)}</div></aside>{
        _photo("moon")
    }<svg width=768 height=768>{lines}{pins}</svg> <div class=z>+<br>&#8722;</div><footer>Pictures
      from orbit &nbsp; | &nbsp; 5 km</footer>"""
    return page(1024, 768, style, body)


def _feed() -> Page:
    style = """body{background:#f0f2f5}header{background:#fff;height:52px;line-height:52px;padding:0 20px;font:bold
      22px/52px 'Liberation Sans';color:#7b2cbf;border-bottom:1px solid #ddd}.p{background:#fff;width:602px;
      margin:14px auto 0;border:1px solid #dcdcdc;border-radius:8px;overflow:hidden}.h{padding:10px 14px 8px 66px;
      position:relative}.h img{position:absolute;left:14px;top:10px;width:42px;height:42px;border-radius:21px;
      object-fit:cover}.p>img{display:block}.f{padding:8px 14px;color:#65676b;border-top:1px solid #eee;
      word-spacing:3px}.p p{padding:0 14px 10px}small{color:#65676b}"""
    body = f"""<header>chirrup</header><div class=p><div class=h>{_photo("astronaut", (150, 0, 310, 160))}<b>{
        PEOPLE[3]
    }</b><br><small>2 h &middot; Mill Street</small></div> <p>{prose(9, 1)} So we got up early. <span
      style="color:#7b2cbf">#rye #gulls</span></p>{_photo("coffee")}<div class=f>&#9829; 214 &nbsp; &nbsp; &#9998; 31
      remarks &nbsp; &nbsp; &#10150; Share</div></div><div class=p><div class=h>{
        _photo("rocket", (280, 130, 400, 250))
    }<b>{PEOPLE[8]}</b><br><small>5 h &middot; Lighthouse</small></div> <p>Somebody has taken my chair
      again.</p>{_photo("chelsea", None, "width=600 height=399")}</div>"""
    return page(760, 1000, style, body, "subpixel")


def _call() -> Page:
    style = """body{background:#202124;color:#e8eaed}.g{display:grid;grid-template-columns:460px 460px;gap:12px;
      padding:14px}.v{position:relative;height:300px;border-radius:8px;overflow:hidden}.n{background:#3c4043}.v
      img{width:100%;height:100%;object-fit:cover}.v b{position:absolute;left:10px;bottom:8px;font-size:14px;
      text-shadow:0 0 3px #000}.v i{position:absolute;left:180px;top:100px;width:100px;height:100px;
      border-radius:50px;background:#7b1fa2;font:44px/100px 'Liberation Sans';text-align:center}
      aside{position:absolute;right:14px;top:14px;bottom:74px;width:310px;background:#fff;color:#202124;
      border-radius:8px;padding:14px;font-size:13px}aside p{margin-bottom:9px}.c{position:absolute;bottom:14px;
      left:0;width:100%;text-align:center}.c span{display:inline-block;width:84px;height:40px;line-height:40px;
      border-radius:20px;background:#3c4043;margin:0 5px}.c .x{background:#ea4335}"""
    remarks = each("<p><b>{0}</b> 14:0{index}<br>{1}</p>", ((PEOPLE[i * 3 % 10], prose(i + 6, 1)) for i in range(7)))
    body = f"""<div class=g><div class=v>{_photo("astronaut", (40, 0, 440, 300))}<b>{PEOPLE[0]}</b></div><div
      class=v>{_photo("chelsea")}<b>{PEOPLE[2]} (cat)</b></div> <div class='v n'><i>G</i><b>{PEOPLE[6]}</b></div><div
      class=v>{_photo("rocket", (0, 60, 500, 400))}<b>Launch
      site</b></div></div><aside><h3>Messages</h3>{remarks}</aside> <div class=c>{
        each("<span>{0}</span>", ("Mute", "Camera", "Share", "Hand"))
    }<span class=x>Leave</span></div>"""
    return page(1280, 720, style, body)


PHOTO_PAGES: dict[str, Callable[[], Page]] = {
    "news-photographs": _news, "shop": _shop, "viewer": _viewer, "slide-photograph": _slide,
    "document-figure": _document, "captioned": _captioned, "satellite": _satellite, "feed": _feed, "call": _call,
}  # fmt: skip
"""What makes each page, by its name."""
