"""Images that a codec trained on photographs may never have seen. They are drawn here, and always the same."""

from __future__ import annotations

import itertools
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

SIDE = 256
"""Pixels a side of most images."""
Colour = tuple[int, int, int]
STRONG: tuple[Colour, ...] = tuple((red, green, blue) for red in (0, 255) for green in (0, 255) for blue in (0, 255))
"""Black, white and the six saturated colours between."""
BLACK, BLUE, GREEN, CYAN, RED, MAGENTA, YELLOW, WHITE = STRONG
Pixels = NDArray[Any]


@dataclass(frozen=True)
class Picture:
    """An image of the suite.

    Attributes:
        kind: name of its kind.
        name: unique within the suite.
        pixels: uint8 (H, W, 3), or uint16 (H, W).
    """

    kind: str
    name: str
    pixels: Pixels


Drawn = Iterator[tuple[str, Pixels]]
Y, X = np.mgrid[:SIDE, :SIDE]


def _colour(colour: Colour) -> str:
    return "".join(f"{level:02x}" for level in colour)


def _two(mask: NDArray[np.bool_], one: Colour, other: Colour) -> Pixels:
    return np.where(mask[..., None], np.array(one, np.uint8), np.array(other, np.uint8))


def flat() -> Drawn:
    """Every colour of a grid over the RGB cube."""
    levels = [round(255 * i / 8) for i in range(9)]
    for red, green, blue in itertools.product(levels, repeat=3):
        colour = (red, green, blue)
        yield _colour(colour), np.full((SIDE, SIDE, 3), colour, np.uint8)


def edges() -> Drawn:
    """Straight edges between any two strong colours, upright and slanted, off the grid of blocks."""
    for one, other in itertools.combinations(STRONG, 2):
        yield f"{_colour(one)}-{_colour(other)}-upright", _two(X < 101, one, other)
        yield f"{_colour(one)}-{_colour(other)}-slanted", _two(3 * X + 7 * Y < 1300, one, other)


def stripes() -> Drawn:
    """Stripes of 1 to 16 pixels in three directions."""
    for width, (one, other) in itertools.product((1, 2, 3, 5, 8, 16), ((BLACK, WHITE), (RED, CYAN))):
        for name, place in (("upright", X), ("level", Y), ("slanted", X + Y)):
            yield f"{width}-{_colour(one)}-{name}", _two(place // width % 2 == 0, one, other)


def checkerboards() -> Drawn:
    """Checkerboards of 1 to 8 pixels."""
    for width, (one, other) in itertools.product(range(1, 9), ((BLACK, WHITE), (MAGENTA, GREEN))):
        yield f"{width}-{_colour(one)}", _two((X // width + Y // width) % 2 == 0, one, other)


def text() -> Drawn:
    """Letters of several sizes in several colours."""
    rng = np.random.default_rng(1)
    colours = ((WHITE, BLACK), (BLACK, WHITE), (WHITE, BLUE), (BLUE, RED))
    for size, (ground, ink) in itertools.product((9, 13, 20, 48), colours):
        image = Image.new("RGB", (SIDE, SIDE), ground)
        draw, font = ImageDraw.Draw(image), ImageFont.load_default(size)
        for y in range(2, SIDE, round(size * 1.3)):
            draw.text((3, y), "".join(rng.choice(list(string.ascii_letters + "    0123"), 60)), ink, font)
        yield f"{size}-{_colour(ink)}-on-{_colour(ground)}", np.asarray(image)


def gradients() -> Drawn:
    """Linear and radial gradients, and hue wheels of three brightnesses."""
    share = X / (SIDE - 1)
    around = np.clip(np.hypot(X - 128, Y - 128) / 128, 0, 1)
    for one, other in itertools.combinations(STRONG, 2):
        for name, part in (("linear", share), ("radial", around)):
            pixels = part[..., None] * np.array(one) + (1 - part[..., None]) * np.array(other)
            yield f"{name}-{_colour(one)}-{_colour(other)}", np.rint(pixels).astype(np.uint8)
    hue = (np.arctan2(Y - 128, X - 128) / (2 * np.pi) * 255 % 256).astype(np.uint8)
    strength = (255 * np.clip(around, 0, 1)).astype(np.uint8)
    for value in (255, 160, 60):
        wheel = np.dstack([hue, strength, np.full_like(hue, value)])
        yield f"wheel-{value}", np.asarray(Image.fromarray(wheel, "HSV").convert("RGB"))


def colour_maps() -> Drawn:
    """Values in the false colours that programs use, smooth and in steps."""
    from matplotlib import colormaps

    smooth = (np.sin(X / 23) + np.cos(Y / 31) + 2) / 4
    coarse = np.kron(np.random.default_rng(2).random((16, 16)), np.ones((16, 16)))
    for name in ("viridis", "jet", "hot", "hsv", "gray", "tab10", "RdBu", "turbo"):
        for kind, values in (("smooth", smooth), ("steps", coarse)):
            yield f"{name}-{kind}", (255 * colormaps[name](values)[..., :3]).round().astype(np.uint8)


def flags() -> Drawn:
    """Areas of strong colours with straight and round borders."""
    thirds = np.repeat(np.arange(3), 86)[:SIDE]
    for name, colours in (
        ("germany", ((0, 0, 0), (221, 0, 0), (255, 206, 0))),
        ("france", ((0, 35, 149), (255, 255, 255), (237, 41, 57))),
        ("ireland", ((22, 155, 98), (255, 255, 255), (255, 136, 62))),
    ):
        rows = np.array(colours, np.uint8)[thirds]
        yield name, np.broadcast_to(rows[:, None] if name == "germany" else rows[None], (SIDE, SIDE, 3)).copy()
    yield "japan", _two(np.hypot(X - 128, Y - 128) < 76, (188, 0, 45), (255, 255, 255))
    yield "sweden", _two((np.abs(X - 96) < 24) | (np.abs(Y - 128) < 24), (255, 205, 0), (0, 82, 147))
    yield "cross-on-red", _two((np.abs(X - 128) < 25) & (np.abs(Y - 128) < 80) | (np.abs(Y - 128) < 25)
                               & (np.abs(X - 128) < 80), (255, 255, 255), (255, 0, 0))  # fmt: skip


def plots() -> Drawn:
    """Figures as matplotlib draws them."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rng = np.random.default_rng(3)
    for kind in ("lines", "points", "bars", "contours"):
        for ground in ("white", "black"):
            figure = Figure((4, 3), dpi=100, facecolor=ground)
            canvas, axes = FigureCanvasAgg(figure), figure.add_subplot(facecolor=ground)
            axes.tick_params(colors="white" if ground == "black" else "black")
            if kind == "lines":
                axes.plot(rng.standard_normal((60, 5)).cumsum(axis=0))
                axes.grid(True)
            elif kind == "points":
                axes.scatter(rng.standard_normal(300), rng.standard_normal(300), 12, rng.random(300))
            elif kind == "bars":
                axes.bar(range(12), rng.random(12), color=["#e41a1c", "#377eb8", "#4daf4a"] * 4)
            else:
                axes.contourf(np.sin(X[::8, ::8] / 30) * np.cos(Y[::8, ::8] / 20), cmap="jet")
            canvas.draw()  # type: ignore[no-untyped-call]
            pixels = np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
            yield f"{kind}-on-{ground}", pixels[..., :3].copy()


def windows() -> Drawn:
    """What a desktop shows: bars, buttons, lists and text in thin letters."""
    rng = np.random.default_rng(4)
    for name, ground, bar, ink in (
        ("light", (250, 250, 250), (38, 110, 210), (20, 20, 20)),
        ("dark", (30, 32, 36), (60, 64, 72), (225, 225, 225)),
        ("garish", (255, 0, 255), (0, 255, 0), (0, 0, 255)),
    ):
        image = Image.new("RGB", (480, 320), ground)
        draw, small, large = ImageDraw.Draw(image), ImageFont.load_default(11), ImageFont.load_default(15)
        draw.rectangle((0, 0, 480, 28), bar)
        draw.text((10, 5), "File  Edit  View  Help", (255, 255, 255), large)
        for i in range(12):
            y = 44 + 22 * i
            draw.rectangle((12, y, 26, y + 14), tuple(rng.integers(0, 256, 3).tolist()), ink)
            draw.text((36, y), "".join(rng.choice(list(string.ascii_lowercase + "   "), 44)), ink, small)
            if i % 3 == 0:
                draw.rounded_rectangle((390, y, 462, y + 18), 5, bar, ink)
                draw.text((408, y + 2), "Open", (255, 255, 255), small)
        yield name, np.asarray(image)


def pixel_art() -> Drawn:
    """Small pictures of few colours, each pixel enlarged."""
    rng = np.random.default_rng(5)
    for unit, colours in itertools.product((1, 2, 4, 8, 16), (2, 4, 16)):
        strong = np.array(STRONG)[rng.choice(len(STRONG), min(colours, len(STRONG)), replace=False)]
        palette = strong if colours < 16 else rng.integers(0, 256, (colours, 3))
        cells = palette[rng.integers(0, colours, (SIDE // unit, SIDE // unit))]
        yield f"{unit}-{colours}", np.kron(cells, np.ones((unit, unit, 1))).astype(np.uint8)


def line_art() -> Drawn:
    """Thin lines and circles, with and without smooth edges."""
    rng = np.random.default_rng(6)
    for scale, width in itertools.product((1, 4), (1, 2, 4)):
        image = Image.new("RGB", (SIDE * scale, SIDE * scale), "white")
        draw = ImageDraw.Draw(image)
        for _ in range(40):
            (x, y), radius = rng.integers(0, SIDE, 2) * scale, int(rng.integers(5, 80)) * scale
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), None, "black", width * scale)
            draw.line((*(rng.integers(0, SIDE, 4) * scale).tolist(),), "black", width * scale)
        yield (
            f"{width}-{'smooth' if scale > 1 else 'hard'}",
            np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BOX)),
        )


def noise() -> Drawn:
    """Noise of several strengths, gray and coloured."""
    rng = np.random.default_rng(7)
    for strength, channels in itertools.product((5, 20, 60, 255), (1, 3)):
        field = 128 + strength * (rng.random((SIDE, SIDE, channels)) - 0.5) * 2
        yield f"{strength}-{channels}", np.broadcast_to(field.clip(0, 255).astype(np.uint8), (SIDE, SIDE, 3)).copy()


def _photographs() -> dict[str, Pixels]:
    from skimage import data

    return {
        "astronaut": data.astronaut()[:320, 60:380],
        "coffee": data.coffee()[40:360, 100:420],
        "cat": data.chelsea(),
    }


def halftones() -> Drawn:
    """Photographs in black and white dots: by error diffusion, and as newspapers print."""
    for name, pixels in _photographs().items():
        gray = Image.fromarray(pixels).convert("L")
        yield f"{name}-diffused", np.asarray(gray.convert("1").convert("RGB"))
        y, x = np.mgrid[: gray.height, : gray.width]
        screen = 127.5 + 63 * (np.cos((x + y) * np.pi / 4) + np.cos((x - y) * np.pi / 4))
        yield f"{name}-screened", _two(np.asarray(gray) > screen, WHITE, BLACK)


def turned_photographs() -> Drawn:
    """Photographs of too much colour, of another hue, inverted, and posterised."""
    for name, pixels in _photographs().items():
        hsv = np.asarray(Image.fromarray(pixels).convert("HSV")).astype(int)
        for turn in (43, 85, 128, 170, 213):
            turned = np.dstack([(hsv[..., 0] + turn) % 256, np.clip(3 * hsv[..., 1], 0, 255), hsv[..., 2]])
            yield f"{name}-{turn}", np.asarray(Image.fromarray(turned.astype(np.uint8), "HSV").convert("RGB"))
        yield f"{name}-negative", 255 - pixels
        yield f"{name}-posterised", pixels // 128 * 255


def lights() -> Drawn:
    """Coloured light that falls off into black, as on a stage, with a little grain."""
    rng = np.random.default_rng(8)
    fall = np.exp(-((np.hypot(X - 128, Y - 100) / 70) ** 2))[..., None]
    for colour in STRONG[1:]:
        grain = rng.normal(0, 2, (SIDE, SIDE, 1))
        yield _colour(colour), np.clip(fall * np.array(colour) + grain, 0, 255).round().astype(np.uint8)


def deep_gray() -> Drawn:
    """Gray of 16 bits that uses little of its range, as cameras of microscopes and X-rays give it."""
    rng = np.random.default_rng(9)
    shape = np.sin(X / 17) * np.cos(Y / 23) + rng.normal(0, 0.05, (SIDE, SIDE))
    for low, span in ((0, 4095), (1000, 500), (50, 300), (30_000, 2000), (0, 65_535)):
        share = (shape - shape.min()) / np.ptp(shape)
        yield f"{low}-{low + span}", (low + span * share).round().astype(np.uint16)


KINDS: dict[str, Callable[[], Drawn]] = {
    kind.__name__.replace("_", "-"): kind
    for kind in (
        flat, edges, stripes, checkerboards, text, gradients, colour_maps, flags, plots, windows, pixel_art, line_art,
        noise, halftones, turned_photographs, lights, deep_gray,
    )
}  # fmt: skip
"""What draws each kind."""


def pictures(kinds: tuple[str, ...] = tuple(KINDS), most: int | None = None) -> Iterator[Picture]:
    """The images of some kinds.

    Args:
        kinds: of :data:`KINDS`.
        most: of each kind, evenly chosen; None for all.
    """
    for kind in kinds:
        drawn = list(KINDS[kind]())
        step = 1 if most is None else max(1, -(-len(drawn) // most))
        for name, pixels in drawn[step // 2 :: step]:
            yield Picture(kind, f"{kind}/{name}", pixels)
