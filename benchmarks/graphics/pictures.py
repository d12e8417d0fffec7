"""The images on which exact coding of flat graphics is judged: drawn here, and the same wherever they are drawn alike.

A headless Chromium draws most of them, so letters depend a little on its version and on the fonts that are installed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from benchmarks.graphics.charts import CHARTS, plots
from benchmarks.graphics.diagrams import DIAGRAMS
from benchmarks.graphics.drawings import DRAWINGS
from benchmarks.graphics.pages import WEB, Page
from benchmarks.graphics.photo_pages import PHOTO_PAGES
from benchmarks.graphics.programs import PROGRAMS
from bitstream.errors import CodecError

Pixels = NDArray[np.uint8]

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FONTS = {"gray": (True, "none"), "subpixel": (True, "rgb"), "aliased": (False, "none")}
"""How letters are drawn: whether their edges are smooth, and the order of a pixel's red, green and blue parts."""
TIME_LIMIT = 120
"""Seconds that Chromium may take for a page."""
ROUNDING = 2
"""Levels that pixels without text may change by from one run of Chromium to the next, at round corners."""
NO_TEXT = """<style>*,*::before,*::after,::placeholder,::marker{-webkit-text-fill-color:transparent!important;
text-shadow:none!important;text-decoration-color:transparent!important}::marker{color:transparent!important}
text,tspan{fill:transparent!important;stroke:none!important}math,math *{color:transparent!important}</style>"""
"""What makes the text of a page invisible, and leaves everything else where it is."""


@dataclass(frozen=True)
class Picture:
    """An image of the suite.

    Attributes:
        name: unique within the suite.
        kind: "flat", or "mixed" if it has photographs too.
        pixels: RGB (H, W, 3).
        text: where letters are, with a border of one pixel (H, W), also upon photographs; None of flat ones.
    """

    name: str
    kind: str
    pixels: Pixels
    text: NDArray[np.bool_] | None = None


def _browser() -> str:
    for name in BROWSERS:
        found = shutil.which(name)
        if found:
            return found
    raise CodecError(f"graphics: needs Chromium to draw pages, but found none of {', '.join(BROWSERS)}")


def _font_settings(text: str) -> str:
    smooth, order = FONTS[text]
    edits = f"""<edit name="antialias" mode="assign"><bool>{str(smooth).lower()}</bool></edit>
      <edit name="rgba" mode="assign"><const>{order}</const></edit>"""
    rules = "".join(f'<match target="{target}">{edits}</match>' for target in ("pattern", "font"))
    start = '<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig>'
    return f"{start}<include ignore_missing='yes'>/etc/fonts/fonts.conf</include>{rules}</fontconfig>"


def _rendered(page: Page) -> Pixels:
    """A page as Chromium shows it.

    Raises:
        CodecError: without Chromium, or if it gives no picture of the right size.
    """
    browser = _browser()
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        source, shot, fonts = folder / "page.html", folder / "page.png", folder / "fonts.conf"
        source.write_text(page.html, encoding="utf-8")
        fonts.write_text(_font_settings(page.text), encoding="utf-8")
        options = [
            "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--force-color-profile=srgb",
            f"--user-data-dir={folder / 'profile'}", f"--force-device-scale-factor={page.scale}",
            f"--window-size={page.width},{page.height}", f"--screenshot={shot}",
        ]  # fmt: skip
        try:
            done = subprocess.run(
                [browser, *options, source.as_uri()],
                env={**os.environ, "FONTCONFIG_FILE": str(fonts)},
                capture_output=True,
                text=True,
                timeout=TIME_LIMIT,
            )
        except subprocess.TimeoutExpired as error:
            raise CodecError(f"graphics: {browser} took more than {TIME_LIMIT} s for a page") from error
        if done.returncode or not shot.exists():
            raise CodecError(f"graphics: {browser} drew nothing: {done.stderr.strip()[-500:]}")
        with Image.open(shot) as image:
            pixels = np.asarray(image.convert("RGB"))
    expected = page.height * page.scale, page.width * page.scale, 3
    if pixels.shape != expected:
        raise CodecError(f"graphics: {browser} gave {pixels.shape}, expected {expected}")
    return pixels


def _grown(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """A mask with a border of one pixel around it."""
    padded = np.pad(mask, 1)
    tall = padded[:-2] | padded[1:-1] | padded[2:]
    grown: NDArray[np.bool_] = tall[:, :-2] | tall[:, 1:-1] | tall[:, 2:]
    return grown


def _with_text(page: Page) -> tuple[Pixels, NDArray[np.bool_]]:
    """A page, and where its text is: where it looks different without."""
    shown, bare = _rendered(page), _rendered(replace(page, html=page.html + NO_TEXT))
    return shown, _grown((np.abs(shown.astype(int) - bare) > ROUNDING).any(axis=2))


def _code() -> Pixels:
    """What looks like a QR code of 33 modules a side; it says nothing."""
    modules = np.random.default_rng(7).random((33, 33)) < 0.5
    modules[6, 8:25:2] = modules[8:25:2, 6] = True
    modules[6, 9:25:2] = modules[9:25:2, 6] = False
    ring = np.maximum(*np.abs(np.mgrid[-4:5, -4:5]))
    for place, size in (((0, 0), 8), ((0, 25), 8), ((25, 0), 8)):
        top, left = place
        finder = np.isin(ring, (0, 1, 3))[(1 if top == 0 else 0) :, (1 if left == 0 else 0) :][:size, :size]
        modules[top : top + size, left : left + size] = finder
    modules[24:29, 24:29] = np.isin(ring[2:7, 2:7], (0, 2))
    large = np.kron(np.pad(modules, 4), np.ones((9, 9), bool))
    return np.where(large[..., None], np.uint8(0), np.uint8(255)).repeat(3, axis=2)


def _pixel_art() -> Pixels:
    """A landscape with houses and a moon in few colours, each pixel enlarged to 6 x 6."""
    rng = np.random.default_rng(9)
    palette = np.array([
        (16, 14, 30), (72, 30, 58), (40, 48, 104), (84, 80, 92), (140, 82, 50), (46, 104, 48), (214, 74, 66),
        (124, 120, 104), (84, 120, 212), (216, 132, 40), (140, 156, 170), (116, 178, 52), (218, 176, 158),
        (104, 196, 214), (226, 214, 88), (232, 244, 222),
    ], np.uint8)  # fmt: skip
    y, x = np.mgrid[:90, :128]
    cells = np.where(y < 30, 2, np.where((y < 34) & ((x + y) % 2 == 0), 2, 8))
    cells[(rng.random(cells.shape) < 0.012) & (y < 40)] = 15
    cells[np.hypot(x - 100, y - 16) < 9] = 14
    cells[(np.hypot(x - 104, y - 13) < 7) & (cells == 14)] = 2
    cells[y > 58 + 9 * np.sin(x / 11) + 4 * np.sin(x / 5)] = 3
    cells[y > 66 + 3 * np.sin(x / 17)] = 5
    cells[(y > 68) & ((x * 7 + y * 3) % 11 == 0)] = 11
    for left, wide, tall, wall in ((10, 16, 14, 12), (40, 22, 18, 7), (78, 14, 20, 4), (104, 18, 12, 12)):
        cells[72 - tall : 74, left : left + wide] = wall
        for step in range(wide // 2 + 2):
            cells[72 - tall - step, left - 2 + step : left + wide + 2 - step] = 6 if step % 2 == 0 else 1
        cells[66:74, left + 3 : left + 7] = 1
        cells[72 - tall + 3 : 72 - tall + 7, left + wide - 6 : left + wide - 2] = 14
        cells[72 - tall + 5, left + wide - 6 : left + wide - 2] = 1
    cells[y > 80] = 2
    cells[(y > 80) & ((x + 2 * y) % 9 < 3) & (y % 3 == 0)] = 13
    return np.kron(palette[cells], np.ones((6, 6, 1), np.uint8))


def _checkerboard() -> Pixels:
    y, x = np.mgrid[:256, :256]
    tones = np.array([(118, 150, 86), (238, 238, 210)], np.uint8)
    board: Pixels = tones[(x // 32 + y // 32) % 2]
    return board


def _badge() -> Pixels:
    """A small icon without smooth edges, as old programs have it."""
    image = Image.new("RGB", (64, 64), (192, 192, 192))
    draw = ImageDraw.Draw(image)
    draw.fontmode = "1"
    draw.polygon([(32, 3), (60, 16), (54, 46), (32, 61), (10, 46), (4, 16)], (0, 0, 128), (0, 0, 0))
    draw.ellipse((16, 14, 48, 46), (255, 255, 0), (0, 0, 0))
    draw.text((24, 18), "B", (200, 0, 0), ImageFont.load_default(22))
    return np.asarray(image)


def pictures() -> Iterator[Picture]:
    """All images, flat ones first.

    Raises:
        CodecError: without Chromium or scikit-image, or if Chromium fails.
    """
    _browser()
    for name, make in {**WEB, **PROGRAMS, **CHARTS, **DIAGRAMS, **DRAWINGS}.items():
        yield Picture(name, "flat", _rendered(make()))
    for name, pixels in plots():
        yield Picture(name, "flat", pixels)
    drawn: dict[str, Callable[[], Pixels]] = {
        "code": _code, "pixel-art": _pixel_art, "checkerboard": _checkerboard, "badge": _badge,
    }  # fmt: skip
    for name, draw in drawn.items():
        yield Picture(name, "flat", draw())
    for name, make in PHOTO_PAGES.items():
        yield Picture(name, "mixed", *_with_text(make()))
