"""Graphics that the trainer draws itself, as photographs hardly have any: text, shapes, posters, gradients, plots,
patterns of pixels, hard lines.

Each is a function of its seed alone.
"""

from __future__ import annotations

import string
from collections.abc import Callable
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Color = tuple[int, int, int]
Pixels = NDArray[np.uint8]

SIDE = 512
"""Pixels a side of what is drawn."""


def _color(rng: np.random.Generator) -> Color:
    """Any colour, half of the time one at a corner or an edge of the RGB cube."""
    levels = rng.choice((0, 128, 255), 3) if rng.random() < 0.5 else rng.integers(0, 256, 3)
    return int(levels[0]), int(levels[1]), int(levels[2])


def _ink(ground: Color, rng: np.random.Generator) -> Color:
    """A colour that can be told from the ground."""
    while True:
        ink = _color(rng)
        if sum(abs(a - b) for a, b in zip(ground, ink, strict=True)) > 150:
            return ink


def _paper(rng: np.random.Generator) -> Color:
    """A ground for text and plots: mostly white or black."""
    draw = rng.random()
    return (255, 255, 255) if draw < 0.5 else (0, 0, 0) if draw < 0.65 else _color(rng)


def _corners(rng: np.random.Generator, longest: int) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of a box, part of which may lie outside."""
    (x, y), (width, height) = rng.integers(-longest // 2, SIDE, 2), rng.integers(4, longest, 2)
    return int(x), int(y), int(x + width), int(y + height)


def _line(rng: np.random.Generator, length: int) -> str:
    """Words and numbers."""
    words: list[str] = []
    while sum(map(len, words)) + len(words) < length:
        letters = string.digits if rng.random() < 0.2 else string.ascii_letters + ".,;:()%&?"
        words.append("".join(rng.choice(list(letters), rng.integers(1, 11))))
    return " ".join(words)


def draw_text(rng: np.random.Generator) -> Pixels:
    """Lines of text in a few sizes, each line with a colour of its own now and then."""
    ground = _paper(rng)
    ink = _ink(ground, rng)
    image = Image.new("RGB", (SIDE, SIDE), ground)
    draw = ImageDraw.Draw(image)
    y = int(rng.integers(0, 20))
    while y < SIDE:
        size = int(rng.choice((9, 11, 13, 16, 20, 28, 40, 64)))
        if rng.random() < 0.2:
            ink = _ink(ground, rng)
        for _ in range(int(rng.integers(1, 6))):
            draw.text((int(rng.integers(-20, 30)), y), _line(rng, SIDE // size * 2), ink, ImageFont.load_default(size))
            y += round(size * 1.3)
        y += int(rng.integers(0, 30))
    return np.asarray(image)


def draw_shapes(rng: np.random.Generator) -> Pixels:
    """Outlines and filled shapes with smooth edges, as icons and diagrams have."""
    scale = 2
    image = Image.new("RGB", (SIDE * scale, SIDE * scale), _paper(rng))
    draw = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(5, 40))):
        box = tuple(scale * side for side in _corners(rng, 200))
        fill = _color(rng) if rng.random() < 0.6 else None
        outline, width = _color(rng), scale * int(rng.integers(1, 6))
        kind = rng.integers(4)
        if kind == 0:
            draw.ellipse(box, fill, outline, width)
        elif kind == 1:
            draw.rounded_rectangle(box, scale * int(rng.integers(0, 30)), fill, outline, width)
        elif kind == 2:
            draw.regular_polygon((box[0], box[1], scale * int(rng.integers(5, 90))), int(rng.integers(3, 8)),
                                 float(rng.uniform(0, 360)), fill, outline)  # fmt: skip
        else:
            draw.line(box, outline, width)
    return np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BOX))


def draw_poster(rng: np.random.Generator) -> Pixels:
    """A few flat areas of strong colours with hard edges, as flags, logos and pixel art have."""
    image = Image.new("RGB", (SIDE, SIDE), _color(rng))
    draw = ImageDraw.Draw(image)
    if rng.random() < 0.3:
        unit = int(rng.choice((4, 8, 16, 16, 32)))
        palette = np.array([_color(rng) for _ in range(int(rng.integers(2, 6)))], np.uint8)
        cells = palette[rng.integers(0, len(palette), (SIDE // unit, SIDE // unit))]
        return np.kron(cells, np.ones((unit, unit, 1), np.uint8))
    for _ in range(int(rng.integers(2, 12))):
        box = _corners(rng, SIDE)
        (draw.rectangle if rng.random() < 0.6 else draw.ellipse)(box, _color(rng))
    return np.asarray(image)


def draw_gradient(rng: np.random.Generator) -> Pixels:
    """Smooth transitions between strong colours, linear or around a point, now and then with grain."""
    y, x = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32) / SIDE
    pixels, layers = np.zeros((SIDE, SIDE, 3), np.float32), int(rng.integers(1, 4))
    for _ in range(layers):
        if rng.random() < 0.5:
            angle = rng.uniform(0, 2 * np.pi)
            share = x * np.cos(angle) + y * np.sin(angle) + rng.uniform(-0.5, 0.5)
        else:
            share = np.hypot(x - rng.random(), y - rng.random()) * rng.uniform(0.5, 3)
        first, last = (np.array(_color(rng), np.float32) / layers for _ in range(2))
        pixels += first + np.clip(share, 0, 1)[..., None] * (last - first)
    if rng.random() < 0.3:
        pixels += np.float32(rng.uniform(1, 8)) * rng.standard_normal(pixels.shape, np.float32)
    return np.clip(np.rint(pixels), 0, 255).astype(np.uint8)


def draw_plot(rng: np.random.Generator) -> Pixels:
    """Axes with a grid and labels; curves, points, bars, or a map of values in false colours."""
    ground = _paper(rng)
    ink = _ink(ground, rng)
    image = Image.new("RGB", (SIDE, SIDE), ground)
    draw = ImageDraw.Draw(image)
    left, top, right, bottom = 44, 20, SIDE - 16, SIDE - 32
    faint = tuple((3 * g + i) // 4 for g, i in zip(ground, ink, strict=True))
    font = ImageFont.load_default(int(rng.integers(9, 14)))
    for share in np.linspace(0, 1, int(rng.integers(3, 9))):
        x, y = left + share * (right - left), top + share * (bottom - top)
        draw.line((x, top, x, bottom), faint)
        draw.line((left, y, right, y), faint)
        draw.text((x - 8, bottom + 6), f"{share * 10:.1f}", ink, font)
        draw.text((8, y - 6), f"{rng.integers(0, 1000)}", ink, font)
    kind = rng.random()
    if kind < 0.2:
        values = rng.random((int(rng.integers(4, 24)), int(rng.integers(4, 24))))
        jet = np.clip(1.5 - np.abs(4 * values[..., None] - np.array((3, 2, 1))), 0, 1)
        map_of_values = Image.fromarray(np.rint(255 * jet).astype(np.uint8))
        smooth = Image.Resampling.BICUBIC if rng.random() < 0.5 else Image.Resampling.NEAREST
        image.paste(map_of_values.resize((right - left, bottom - top), smooth), (left, top))
    for _ in range(0 if kind < 0.2 else int(rng.integers(1, 5))):
        color, count = _ink(ground, rng), int(rng.integers(5, 60))
        x = np.linspace(left, right, count)
        y = np.clip(rng.uniform(top, bottom) + np.cumsum(rng.normal(0, 15, count)), top, bottom)
        if kind < 0.6:
            draw.line(list(zip(x, y, strict=True)), color, int(rng.integers(1, 4)))
        elif kind < 0.8:
            for a, b in zip(x, y, strict=True):
                draw.ellipse((a - 3, b - 3, a + 3, b + 3), color)
        else:
            for a, b in zip(x, y, strict=True):
                draw.rectangle((a, b, a + 0.6 * (right - left) / count, bottom), color)
    draw.rectangle((left, top, right, bottom), None, ink)
    return np.asarray(image)


def _pattern(rng: np.random.Generator) -> NDArray[np.bool_]:
    """Stripes, a checkerboard, a screen of dots, or error diffusion of a gradient."""
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    width = int(rng.choice((1, 1, 2, 2, 3, 4, 6, 8, 12, 16)))
    kind = rng.integers(5)
    if kind == 0:
        return (rng.choice((0, 1)) * x + rng.choice((1, -1)) * y) // width % 2 == 0
    if kind == 1:
        return x // width % 2 == 0
    if kind == 2:
        return (x // width + y // width) % 2 == 0
    shade = np.clip(0.5 + rng.uniform(-1, 1) * (x / SIDE - 0.5) + rng.uniform(-1, 1) * (y / SIDE - 0.5), 0, 1)
    if kind == 3:
        period = 2 * np.pi / rng.uniform(3, 12)
        return shade > 0.5 + 0.25 * (np.cos((x + y) * period) + np.cos((x - y) * period))
    return np.asarray(Image.fromarray(np.rint(255 * shade).astype(np.uint8)).convert("1"))


def draw_pattern(rng: np.random.Generator) -> Pixels:
    """Patterns of pixels in two colours each, side by side."""
    edges = [0, *sorted(int(edge) for edge in rng.integers(0, SIDE, int(rng.integers(0, 4)))), SIDE]
    pixels = np.empty((SIDE, SIDE, 3), np.uint8)
    for left, right in pairwise(edges):
        ground = _paper(rng)
        ink = _ink(ground, rng)
        pixels[:, left:right] = np.where(
            _pattern(rng)[:, left:right, None], np.array(ink, np.uint8), np.array(ground, np.uint8)
        )
    return pixels


def draw_lines(rng: np.random.Generator) -> Pixels:
    """Lines, circles and letters without smooth edges, as scans and old programs have."""
    ground = _paper(rng)
    ink = _ink(ground, rng)
    image = Image.new("RGB", (SIDE, SIDE), ground)
    draw, width = ImageDraw.Draw(image), int(rng.integers(1, 5))
    for _ in range(int(rng.integers(10, 120))):
        box = _corners(rng, 200)
        if rng.random() < 0.5:
            draw.line(box, ink, width)
        else:
            draw.ellipse(box, None, ink, width)
    if rng.random() < 0.3:
        draw.fontmode = "1"
        draw.text((8, int(rng.integers(0, SIDE - 40))), _line(rng, 60), ink, ImageFont.load_default(14))
    return np.asarray(image)


KINDS: tuple[Callable[[np.random.Generator], Pixels], ...] = (
    draw_text, draw_shapes, draw_poster, draw_gradient, draw_plot, draw_pattern, draw_lines,
)  # fmt: skip


def draw_graphic(seed: int) -> Pixels:
    """A graphic of a random kind.

    Args:
        seed: 0 or more; the same gives the same graphic.

    Returns:
        NDArray[np.uint8]: (:data:`SIDE`, :data:`SIDE`, 3).
    """
    rng = np.random.default_rng((seed, 0x6A6))
    return np.ascontiguousarray(KINDS[seed % len(KINDS)](rng))
