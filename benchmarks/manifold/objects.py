"""Textures and objects of a production line, and what can be wrong with them, each drawn from a seed.

Two textures are parts of photographs that scikit-image ships, all else is drawn. No two pieces are the same: threads,
grain, light, place and noise vary within what is normal.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter, map_coordinates

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]
Rng = np.random.Generator
SIDE = 256
"""Pixels a side of all pieces."""


def _soft_noise(rng: Rng, sigma: float | tuple[float, float]) -> Floats:
    """Smooth noise of unit variance."""
    noise = gaussian_filter(rng.normal(size=(SIDE, SIDE)), sigma, mode="wrap")
    scaled: Floats = (noise / noise.std()).astype(np.float32)
    return scaled


def _coloured(gray: Floats, colour: tuple[float, float, float]) -> Floats:
    return gray[..., None] * np.array(colour, np.float32)


def _drawn(draw: Callable[[ImageDraw.ImageDraw, float], None], background: tuple[int, int, int]) -> Floats:
    """A drawing with soft edges: ``draw`` is given a canvas and its pixels for each of ours."""
    scale = 3
    canvas = Image.new("RGB", (scale * SIDE, scale * SIDE), background)
    draw(ImageDraw.Draw(canvas), scale)
    return np.asarray(canvas.resize((SIDE, SIDE), Image.Resampling.BOX), np.float32)


def fabric(rng: Rng) -> Floats:
    """A plain weave."""
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    x, y = x + 1.2 * _soft_noise(rng, 20), y + 1.2 * _soft_noise(rng, 20)
    period = 9.0
    warp, weft = np.abs(np.sin(np.pi * x / period)), np.abs(np.sin(np.pi * y / period))
    above = (np.floor(x / period) + np.floor(y / period)) % 2
    return _coloured(90 + 110 * np.where(above, warp, weft) + 6 * _soft_noise(rng, 1), (0.75, 0.85, 1.0))


def wood(rng: Rng) -> Floats:
    """Grain along the board."""
    y = np.mgrid[:SIDE, :SIDE][0].astype(np.float32)
    rings = np.sin((y + 9 * _soft_noise(rng, (12, 60))) / 5.0) + 0.5 * np.sin((y + 6 * _soft_noise(rng, (8, 50))) / 1.9)
    return _coloured(165 + 22 * rings + 7 * _soft_noise(rng, (0.7, 6)), (1.0, 0.78, 0.52))


def leather(rng: Rng) -> Floats:
    """Bumps and creases, lit from above."""
    height = _soft_noise(rng, 3.5) + 0.5 * _soft_noise(rng, 1.6)
    return _coloured(110 + 60 * np.clip(np.gradient(height)[0], -1, 1) + 4 * _soft_noise(rng, 0.8), (0.9, 0.6, 0.45))


def tiles(rng: Rng) -> Floats:
    """Glazed tiles with joints."""
    shift = rng.integers(-4, 5, 2)
    shades = rng.normal(0, 7, (8, 8))

    def draw(canvas: ImageDraw.ImageDraw, scale: float) -> None:
        for row in range(-1, 5):
            for column in range(-1, 5):
                left, top = 64 * column + shift[0], 64 * row + shift[1]
                level = int(175 + shades[row, column])
                box = tuple(float(scale * v) for v in (left + 2, top + 2, left + 62, top + 62))
                canvas.rounded_rectangle(box, radius=4 * scale, fill=(level - 30, level, level + 10))

    return _drawn(draw, (95, 92, 88)) + 3 * _soft_noise(rng, 1)[..., None]


def _photograph(name: str) -> Callable[[Rng], Floats]:
    """Parts of a photograph of scikit-image's, mirrored at random."""

    def draw(rng: Rng) -> Floats:
        from skimage import data

        pixels = np.asarray(getattr(data, name)(), np.float32)
        top, left = rng.integers(0, [side - SIDE + 1 for side in pixels.shape])
        part = pixels[top : top + SIDE, left : left + SIDE]
        return np.repeat((part[:, ::-1] if rng.random() < 0.5 else part)[..., None], 3, axis=2)

    return draw


def _placed(piece: Floats, rng: Rng, turn: float = 2.0, shift: float = 3.0) -> Floats:
    """A piece, a little moved and turned, under its own light."""
    angle, step = np.deg2rad(rng.normal(0, turn)), rng.normal(0, shift, 2)
    y, x = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    places = [
        np.sin(angle) * x + np.cos(angle) * y + (SIDE - 1) / 2 + step[0],
        np.cos(angle) * x - np.sin(angle) * y + (SIDE - 1) / 2 + step[1],
    ]
    planes = [map_coordinates(piece[..., c], places, order=1, mode="nearest") for c in range(3)]
    light = 1 + (0.05 * rng.normal() * x + 0.05 * rng.normal() * y) / SIDE
    lit: Floats = (np.stack(planes, axis=-1) * light[..., None] * rng.normal(1, 0.02)).astype(np.float32)
    return lit


def gear(rng: Rng) -> Floats:
    """A steel gear on a dark belt."""
    turn = rng.uniform(0, 2 * np.pi)

    def draw(canvas: ImageDraw.ImageDraw, scale: float) -> None:
        middle = SIDE / 2
        for tooth in range(16):
            angle = turn + tooth * np.pi / 8
            corners = [
                (r, angle + side * w) for r, w in ((80, 0.13), (104, 0.08)) for side in ((-1, 1), (1, -1))[r > 90]
            ]
            canvas.polygon(
                [(scale * (middle + r * np.cos(a)), scale * (middle + r * np.sin(a))) for r, a in corners],
                fill=(168, 172, 178),
            )
        for radius, colour in ((86, (168, 172, 178)), (58, (140, 144, 150)), (54, (160, 164, 170)), (24, (40, 42, 46))):
            box = tuple(scale * (middle + s * radius) for s in (-1, -1, 1, 1))
            canvas.ellipse(box, fill=colour)
        for hole in range(6):
            angle = turn + hole * np.pi / 3
            x, y = middle + 40 * np.cos(angle), middle + 40 * np.sin(angle)
            canvas.ellipse(tuple(scale * v for v in (x - 6, y - 6, x + 6, y + 6)), fill=(40, 42, 46))

    return _placed(_drawn(draw, (40, 42, 46)) + 4 * _soft_noise(rng, (0.6, 2))[..., None], rng, turn=0)


def circuit(rng: Rng) -> Floats:
    """A circuit board: the same parts at the same places."""
    layout = np.random.default_rng(7)

    def draw(canvas: ImageDraw.ImageDraw, scale: float) -> None:
        for _ in range(26):
            x, y = 8 * layout.integers(1, 31, 2)
            for _ in range(3):
                dx, dy = ((8, 0), (-8, 0), (0, 8), (0, -8))[layout.integers(4)]
                reach = int(layout.integers(2, 9))
                canvas.line(
                    [scale * float(v) for v in (x, y, x + reach * dx, y + reach * dy)], (60, 140, 80), int(2.5 * scale)
                )
                x, y = x + reach * dx, y + reach * dy
            canvas.ellipse([scale * float(v) for v in (x - 4, y - 4, x + 4, y + 4)], fill=(190, 170, 90))
        for left, top, width, height in ((40, 40, 56, 40), (150, 60, 40, 64), (60, 150, 80, 32), (180, 170, 36, 36)):
            for pin in range(0, width - 4, 8):
                for edge in (top - 5, top + height):
                    box = (left + pin + 2, edge, left + pin + 6, edge + 5)
                    canvas.rectangle([scale * v for v in box], fill=(200, 200, 205))
            canvas.rectangle([scale * v for v in (left, top, left + width, top + height)], fill=(32, 32, 36))
            canvas.ellipse([scale * v for v in (left + 4, top + 4, left + 10, top + 10)], fill=(90, 90, 95))

    return _placed(_drawn(draw, (24, 84, 48)) + 3 * _soft_noise(rng, 0.8)[..., None], rng)


def pills(rng: Rng) -> Floats:
    """A blister of twelve pills."""
    colour = tuple(int(v) for v in np.array([228, 92, 70]) + rng.normal(0, 5, 3))

    def draw(canvas: ImageDraw.ImageDraw, scale: float) -> None:
        for row in range(4):
            for column in range(3):
                x, y = 48 + 80 * column, 38 + 60 * row
                canvas.ellipse([scale * v for v in (x - 28, y - 22, x + 28, y + 22)], fill=(196, 200, 206))
                dx, dy = rng.normal(0, 1, 2)
                canvas.ellipse(
                    [scale * (v + d) for v, d in ((x - 20, dx), (y - 14, dy), (x + 20, dx), (y + 14, dy))], fill=colour
                )
                canvas.ellipse([scale * v for v in (x - 14, y - 11, x - 2, y - 5)], fill=(244, 170, 150))

    return _placed(_drawn(draw, (172, 176, 184)) + 4 * _soft_noise(rng, 1.2)[..., None], rng)


def dial(rng: Rng) -> Floats:
    """A gauge with marks; its needle may stand anywhere."""
    needle = rng.uniform(-0.75 * np.pi, 0.75 * np.pi)

    def draw(canvas: ImageDraw.ImageDraw, scale: float) -> None:
        middle = SIDE / 2
        for radius, colour in ((118, (60, 62, 66)), (108, (236, 234, 226))):
            canvas.ellipse([scale * (middle + s * radius) for s in (-1, -1, 1, 1)], fill=colour)
        for mark in range(31):
            angle = -0.75 * np.pi + mark * 1.5 * np.pi / 30 - np.pi / 2
            inner = 84 if mark % 5 == 0 else 94
            ends = [scale * (middle + r * f(angle)) for r in (inner, 102) for f in (np.cos, np.sin)]
            canvas.line(ends, (30, 30, 34), int((3 if mark % 5 == 0 else 1.5) * scale))
        angle = needle - np.pi / 2
        ends = [scale * (middle + r * f(angle)) for r in (-14, 78) for f in (np.cos, np.sin)]
        canvas.line(ends, (190, 30, 30), int(4 * scale))
        canvas.ellipse([scale * (middle + s * 9) for s in (-1, -1, 1, 1)], fill=(50, 50, 54))

    return _placed(_drawn(draw, (110, 116, 124)) + 3 * _soft_noise(rng, 1)[..., None], rng)


PIECES: dict[str, Callable[[Rng], Floats]] = {
    "fabric": fabric, "wood": wood, "leather": leather, "tiles": tiles, "grass": _photograph("grass"),
    "gravel": _photograph("gravel"), "gear": gear, "circuit board": circuit, "pills": pills, "dial": dial,
}  # fmt: skip


def _blot(rng: Rng, radius: float) -> tuple[Floats, tuple[int, int]]:
    """A blot of ragged edge, 1 within and 0 without, and its middle."""
    y, x = np.mgrid[:SIDE, :SIDE]
    row, column = rng.integers(56, SIDE - 56, 2)
    ragged = np.hypot(y - row, (x - column) * rng.uniform(0.7, 1.4)) + 0.25 * radius * _soft_noise(rng, 6)
    return np.clip(radius - ragged + 0.5, 0, 1).astype(np.float32), (int(row), int(column))


def scratch(piece: Floats, rng: Rng) -> tuple[Floats, Floats]:
    """A thin line, lighter or darker than what is below."""
    canvas = Image.new("L", (3 * SIDE, 3 * SIDE))
    x, y = rng.uniform(60, SIDE - 60, 2)
    angle, points = rng.uniform(0, 2 * np.pi), []
    for _ in range(int(rng.integers(5, 10))):
        points.append((3 * x, 3 * y))
        angle += rng.normal(0, 0.25)
        x, y = x + 12 * np.cos(angle), y + 12 * np.sin(angle)
    ImageDraw.Draw(canvas).line(points, 255, int(rng.integers(5, 9)), joint="curve")
    cover = np.asarray(canvas.resize((SIDE, SIDE), Image.Resampling.BOX), np.float32) / 255
    return piece + (rng.choice([-1, 1]) * rng.uniform(45, 80) * cover)[..., None], cover


def stain(piece: Floats, rng: Rng) -> tuple[Floats, Floats]:
    """A blot of some colour that lets through what is below."""
    cover, _ = _blot(rng, rng.uniform(10, 20))
    colour = rng.uniform(0, 255, 3)
    strength = 0.45 * gaussian_filter(cover, 1.5)[..., None]
    return piece + strength * (colour.astype(np.float32) - piece), cover


def missing(piece: Floats, rng: Rng) -> tuple[Floats, Floats]:
    """A hole through which the ground is seen."""
    cover, _ = _blot(rng, rng.uniform(10, 18))
    ground = np.array([70, 72, 76], np.float32) + 3 * _soft_noise(rng, 2)[..., None]
    return piece + cover[..., None] * (ground - piece), cover


def misplaced(piece: Floats, rng: Rng) -> tuple[Floats, Floats]:
    """A part that is turned by a quarter and lies elsewhere."""
    side = int(rng.integers(28, 44))
    source, target = rng.integers(32, SIDE - 32 - side, (2, 2))
    part = np.rot90(piece[source[0] : source[0] + side, source[1] : source[1] + side])
    cover = np.zeros((SIDE, SIDE), np.float32)
    cover[target[0] : target[0] + side, target[1] : target[1] + side] = 1
    moved = piece.copy()
    moved[target[0] : target[0] + side, target[1] : target[1] + side] = part
    return moved, cover


DEFECTS: dict[str, Callable[[Floats, Rng], tuple[Floats, Floats]]] = {
    "scratch": scratch, "stain": stain, "missing part": missing, "misplaced part": misplaced,
}  # fmt: skip
LEAST_CHANGE = 8.0
"""Levels by which a pixel must differ to count as defect: a part that was moved to its like is none there."""


def finished(piece: Floats, rng: Rng) -> Image.Image:
    """The photograph of a piece, with the noise of a camera."""
    noisy = piece + rng.normal(0, 1.5, piece.shape)
    return Image.fromarray(np.clip(np.rint(noisy), 0, 255).astype(np.uint8))


def normal(kind: str, rng: Rng) -> Image.Image:
    """A sound piece."""
    return finished(PIECES[kind](rng), rng)


def defective(kind: str, defect: str, rng: Rng) -> tuple[Image.Image, Mask]:
    """A piece with a defect, and the pixels that it changed."""
    piece = PIECES[kind](rng)
    while True:
        changed, cover = DEFECTS[defect](piece, rng)
        mask = (cover > 0.5) & (np.abs(changed - piece).max(axis=-1) > LEAST_CHANGE)
        if mask.sum() > 60:  # else it was moved to its like, or cannot be seen
            return finished(changed, rng), mask
