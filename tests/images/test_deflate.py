"""Parallel deflate: one sound zlib stream, whose parts know what came before them."""

from __future__ import annotations

import os
import zlib

import numpy as np
import pytest

from codec.images.deflate import ParallelDeflate


def deflated(parts):
    deflate = ParallelDeflate(6, zlib.Z_DEFAULT_STRATEGY)
    pieces = [piece for part in parts for piece in deflate.compress(part)]
    return b"".join([*pieces, *deflate.finish()])


@pytest.mark.parametrize("sizes", [[1], [0, 5], [70_000, 3, 0, 40_000], [1000] * 40])
def test_any_parts_are_one_stream_with_a_checksum(sizes):
    parts = [np.random.default_rng(n).integers(0, 9, size, np.uint8).tobytes() for n, size in enumerate(sizes)]
    stream = deflated(parts)
    assert zlib.decompress(stream) == b"".join(parts)  # which checks the checksum, as readers of PNG need not
    with pytest.raises(zlib.error):
        zlib.decompress(stream[:-1] + bytes([stream[-1] ^ 1]))


def test_a_part_refers_to_the_one_before():
    noise = np.random.default_rng(0).integers(0, 256, 20_000, np.uint8).tobytes()
    assert len(deflated([noise, noise])) < 1.1 * len(deflated([noise]))


def test_bytes_do_not_depend_on_the_number_of_threads(monkeypatch):
    parts = [np.random.default_rng(n).integers(0, 9, 30_000, np.uint8).tobytes() for n in range(12)]
    expected = deflated(parts)
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    assert deflated(parts) == expected
