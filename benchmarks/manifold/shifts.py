"""Images that are no photographs of a collection, each shift drawn from a seed."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps
from scipy.ndimage import gaussian_filter

Shift = Callable[[Image.Image, np.random.Generator], Image.Image]
_TEXT = (
    "the of and to in is that for it as was with be by on not he this are or his from at which but have "
    "an they you were her all their one there been if when will would who so no more about up out them "
    "then some could time "
)
_WORDS = _TEXT.split()


def noise(photo: Image.Image, rng: np.random.Generator) -> Image.Image:
    """The photograph under strong noise: a standard deviation of 40 levels."""
    pixels = np.asarray(photo, np.float32)
    return Image.fromarray(np.clip(pixels + rng.normal(0, 40, pixels.shape), 0, 255).astype(np.uint8))


def text(photo: Image.Image, rng: np.random.Generator) -> Image.Image:
    """A page of text, or a screen with windows of it, as large as the photograph."""
    words = random.Random(int(rng.integers(1 << 30)))
    dark = rng.random() < 0.4
    paper = tuple(int(v) for v in (rng.integers(10, 60, 3) if dark else rng.integers(225, 256, 3)))
    page = Image.new("RGB", photo.size, paper)
    draw = ImageDraw.Draw(page)
    size = int(rng.integers(11, 22))
    font = ImageFont.load_default(size)
    ink = (225, 225, 225) if dark else (20, 20, 25)
    if rng.random() < 0.5:  # a screen: bars and frames
        for _ in range(4):
            left, top = int(rng.integers(page.width)), int(rng.integers(page.height))
            colour = tuple(int(v) for v in rng.integers(0, 256, 3))
            draw.rectangle((left, top, left + page.width // 3, top + page.height // 4), outline=ink, fill=paper)
            draw.rectangle((left, top, left + page.width // 3, top + 2 * size), fill=colour)
    for y in range(size, page.height - size, round(1.5 * size)):
        line = " ".join(words.choices(_WORDS, k=max(1, page.width // (4 * size))))
        draw.text((size, y), line, font=font, fill=ink)
    return page


def tomogram(photo: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Something like a slice of computed tomography: soft ellipses in a body, gray, with the noise of a scanner."""
    width, height = photo.size
    rows, columns = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    columns *= width / height
    density = np.zeros((height, width), np.float32)

    def add(x: float, y: float, a: float, b: float, turn: float, value: float) -> None:
        u = (columns - x) * np.cos(turn) + (rows - y) * np.sin(turn)
        v = (rows - y) * np.cos(turn) - (columns - x) * np.sin(turn)
        density[(u / a) ** 2 + (v / b) ** 2 < 1] += value

    a, b = rng.uniform(0.65, 0.9), rng.uniform(0.55, 0.8)
    add(0, 0, a, b, 0, 0.9)
    add(0, 0, a - 0.06, b - 0.06, 0, -0.45)
    for _ in range(int(rng.integers(6, 14))):
        x, y, a, b = rng.uniform((-0.45, -0.45, 0.05, 0.05), (0.45, 0.45, 0.25, 0.25))
        add(x, y, a, b, rng.uniform(0, np.pi), rng.uniform(-0.25, 0.25))
    density = gaussian_filter(density, rng.uniform(0.7, 1.5)) + rng.normal(0, 0.03, density.shape)
    return Image.fromarray(np.clip(255 * density, 0, 255).astype(np.uint8)).convert("RGB")


def negative(photo: Image.Image, _: np.random.Generator) -> Image.Image:
    """The photograph's negative."""
    return ImageOps.invert(photo)


def upside_down(photo: Image.Image, _: np.random.Generator) -> Image.Image:
    """The photograph turned by half a turn."""
    return photo.transpose(Image.Transpose.ROTATE_180)


def sideways(photo: Image.Image, _: np.random.Generator) -> Image.Image:
    """The photograph turned by a quarter."""
    return photo.transpose(Image.Transpose.ROTATE_90)


SHIFTS: dict[str, Shift] = {
    "noise": noise,
    "text and screens": text,
    "tomogram": tomogram,
    "negative": negative,
    "upside down": upside_down,
    "sideways": sideways,
}
