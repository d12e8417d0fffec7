"""Shared pieces of the tests: small random tables, PNG images, and a decoder written from FORMAT.md alone."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
from click.testing import CliRunner, Result
from numpy.typing import NDArray
from PIL import Image

from bitstream.tables import Tables, quantize_pmf
from bitstream.z_context import ZContext
from codec.cli import main

VECTORS = Path(__file__).parent / "vectors"
"""Pinned files, see the README there."""
MODEL = VECTORS / "model"
"""A small exported model."""


def small_tables(
    seed: int = 0, latents: int = 5, hyper_latents: int = 3, levels: int = 7, context: bool = False
) -> Tables:
    """Random tables with narrow and wide distributions, so that escapes occur; with a context for z if asked for."""
    rng = np.random.default_rng(seed)
    limits = np.array([0, 1, 2, 5, 40], np.int32)
    y_counts = np.concatenate([quantize_pmf(rng.random(2 * k + 2) ** 4 + 1e-9) for k in limits])
    z_counts = np.stack([[quantize_pmf(rng.random(8) + 1e-9) for _ in range(hyper_latents)] for _ in range(2)])
    return Tables(
        z_counts=z_counts.astype(np.uint32),
        y_limits=limits,
        y_counts=y_counts.astype(np.uint32),
        weight=rng.integers(-127, 128, (latents * 16, hyper_latents)).astype(np.int8),
        bias=rng.integers(-64, 128, (levels, latents)).astype(np.int32),
        shift=4,
        z_context=small_context(seed, hyper_latents) if context else None,
    )


def raw_png(width: int, height: int, bits: int, color: int, rows: list[bytes], clear: bytes = b"") -> bytes:
    """A PNG image of samples as they are given, of a kind that writers do not make; with one that is transparent."""

    def part(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = part(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, 0))
    pixels = part(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows)))
    return b"\x89PNG\r\n\x1a\n" + head + (part(b"tRNS", clear) if clear else b"") + pixels + part(b"IEND", b"")


def as_mode(picture: NDArray[np.uint8], mode: str, size: tuple[int, int]) -> Image.Image:
    """An image as a Pillow image of a mode; ``PA`` is a palette with transparency."""
    image = Image.fromarray(picture).resize(size)
    ramp = Image.fromarray(np.linspace(0, 255, size[0] * size[1]).reshape(size[::-1]).astype(np.uint8))
    if mode in ("RGBA", "LA"):
        image = image.convert(mode)
        image.putalpha(ramp)
        return image
    if mode == "PA":
        image = image.convert("P")
        image.info["transparency"] = bytes(range(256))
        return image
    if mode == "I;16":
        return Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)
    return image.convert(mode)


def small_context(seed: int, hyper_latents: int) -> ZContext:
    """A random context for z of two scales, for two banks."""
    rng = np.random.default_rng(seed + 1000)
    counts = [[quantize_pmf(rng.random(8) ** 3 + 1e-9) for _ in range(8)] for _ in range(2)]
    return ZContext(
        weight=rng.integers(-127, 128, (hyper_latents, 4 * hyper_latents)).astype(np.int8),
        shift=5,
        scales=rng.integers(0, 2, (2, hyper_latents)).astype(np.uint8),
        counts=np.array(counts, np.uint32),
    )


Cells = NDArray[np.bool_]
"""Which cells of a chunk have symbols, (rows, columns)."""


class ReferenceDecoder:
    """Sections 5 and 6 of FORMAT.md in plain Python integers, without the library that the package uses."""

    def __init__(self, payload: bytes) -> None:
        payload += bytes(-len(payload) % 4)
        self.words = [int.from_bytes(payload[i : i + 4], "little") for i in range(0, len(payload), 4)]
        self.state = self.words.pop() if self.words else 0
        if self.words:
            self.state = self.state * 2**32 + self.words.pop()

    def read(self, counts: list[int]) -> int:
        remainder, left, s = self.state % 2**24, 0, 0
        while left + counts[s] <= remainder:
            left += counts[s]
            s += 1
        self.state = self.state // 2**24 * counts[s] + remainder - left
        if self.state < 2**32 and self.words:
            self.state = self.state * 2**32 + self.words.pop()
        return s

    def uniform(self, bits: int) -> int:
        return self.read([2 ** (24 - bits)] * 2**bits) if bits <= 8 else self._wide_uniform(bits)

    def _wide_uniform(self, bits: int) -> int:
        unit, remainder = 2 ** (24 - bits), self.state % 2**24
        s = remainder // unit
        self.state = self.state // 2**24 * unit + remainder - s * unit
        if self.state < 2**32 and self.words:
            self.state = self.state * 2**32 + self.words.pop()
        return s

    def escapes(self, limits: list[int]) -> list[int]:
        classes = [self.uniform(5) for _ in limits]
        folded = [2**e for e in classes]
        for e in range(1, 32):
            members = [i for i, c in enumerate(classes) if c == e]
            for i in members:
                folded[i] += self.uniform(min(e, 16))
            if e > 16:
                for i in members:
                    folded[i] += self.uniform(e - 16) * 2**16
        return [(-1 if f % 2 == 0 else 1) * ((f + 1) // 2 + k) for f, k in zip(folded, limits, strict=True)]


def reference_context(
    context: ZContext, bank: int, coded_cells: Cells, z: dict[tuple[int, int, int], int], decoder: ReferenceDecoder
) -> None:
    """Read the second half of z into ``z``."""
    rows, columns = coded_cells.shape
    channels, limit = len(context.weight), context.counts.shape[2] // 2 - 1
    means, by_table = {}, {}
    for c, i, j in np.ndindex(channels, rows, columns):
        if (i + j) % 2 and coded_cells[i, j]:
            around = [(i - 1, j), (i, j - 1), (i, j + 1), (i + 1, j)]
            known = [z.get((n, *cell), 0) for cell in around for n in range(channels)]
            total = sum(int(w) * v for w, v in zip(context.weight[c], known, strict=True))
            m = min(max((total + 2**context.shift // 2) >> context.shift, -(2**23)), 2**23)
            means[c, i, j] = m >> 3
            by_table.setdefault(8 * int(context.scales[bank][c]) + (m & 7), []).append((c, i, j))
    coded = {}
    for table in sorted(by_table):
        counts = [int(n) for n in context.counts[table // 8][table % 8]]
        for p in by_table[table]:
            coded[p] = decoder.read(counts) - limit
    escaped = [p for p in means if coded[p] > limit]
    coded.update(zip(escaped, decoder.escapes([limit] * len(escaped)), strict=True))
    z.update({p: coded[p] + means[p] for p in means})


def reference_decode(
    tables: Tables, q: int, rows: int, columns: int, payload: bytes, coded: Cells | None = None
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Decode a chunk as FORMAT.md says."""
    coded = np.ones((4 * rows, 4 * columns), bool) if coded is None else coded
    cells = np.array([[coded[4 * i : 4 * i + 4, 4 * j : 4 * j + 4].any() for j in range(columns)] for i in range(rows)])
    decoder = ReferenceDecoder(payload)
    k = tables.z_limit
    bank = q * len(tables.z_counts) // tables.levels
    z: dict[tuple[int, int, int], int] = {}
    z.update((p, 0) for p in np.ndindex(tables.hyper_latents, rows, columns) if not cells[p[1:]])
    everywhere = [p for p in np.ndindex(tables.hyper_latents, rows, columns) if cells[p[1:]]]
    first = [p for p in everywhere if not (tables.z_context and sum(p[1:]) % 2)]
    for n, i, j in first:
        z[n, i, j] = decoder.read([int(c) for c in tables.z_counts[bank][n]]) - k
    escaped = [p for p in first if z[p] > k]
    z.update(zip(escaped, decoder.escapes([k] * len(escaped)), strict=True))
    if tables.z_context:
        reference_context(tables.z_context, bank, cells, z, decoder)
    z_array = np.array([z[p] for p in np.ndindex(tables.hyper_latents, rows, columns)], np.int64)
    z_array = z_array.reshape(-1, rows, columns)

    index = np.zeros((tables.latents, 4 * rows, 4 * columns), np.int64)
    for c, i, j, u, v in np.ndindex(tables.latents, rows, columns, 4, 4):
        total = sum(int(w) * int(x) for w, x in zip(tables.weight[16 * c + 4 * u + v], z_array[:, i, j], strict=True))
        total = (total + int(tables.bias[q][c])) >> tables.shift
        index[c, 4 * i + u, 4 * j + v] = min(max(total, 0), len(tables.y_limits) - 1)
    flat, y, start = index.ravel(), [0] * index.size, 0
    read = np.broadcast_to(coded, index.shape).ravel()
    for t, limit in enumerate(int(k) for k in tables.y_limits):
        counts = [int(c) for c in tables.y_counts[start : start + 2 * limit + 2]]
        start += 2 * limit + 2
        for i in np.flatnonzero((flat == t) & read):
            y[i] = decoder.read(counts) - limit
    limits = [int(tables.y_limits[t]) for t in flat]
    escaped = [i for i, value in enumerate(y) if value > limits[i]]
    for i, value in zip(escaped, decoder.escapes([limits[i] for i in escaped]), strict=True):
        y[i] = value
    assert decoder.state == 0 and not decoder.words
    return z_array.astype(np.int32), np.array(y, np.int32).reshape(index.shape)


def run_codec(*args: object) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(main, [str(a) for a in args])
