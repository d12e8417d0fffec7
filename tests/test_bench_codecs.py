"""The codecs of the benchmarks: whole files, and settings that are in force."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from benchmarks.codecs import CODECS
from benchmarks.images import read_pixels


@pytest.mark.parametrize("name", CODECS)
def test_every_codec_gives_whole_files_that_better_quality_makes_larger(name, pictures):
    codec, pixels = CODECS[name], read_pixels(pictures / "a.png")
    errors = []
    sizes = []
    for quality in (codec.qualities[1], codec.qualities[-1]):
        data = codec.encode(pixels, quality, 1)
        decoded = codec.decode(data, 1)
        assert decoded.shape == pixels.shape and decoded.dtype == np.uint8
        errors.append(float(np.abs(decoded.astype(int) - pixels).mean()))
        sizes.append(len(data))
    assert sizes[0] < sizes[1] and errors[0] > errors[1]
    if not name.startswith(("lmc", "heic", "vvc")):  # what Pillow and its plugins open is a whole file, headers and all
        assert Image.open(io.BytesIO(data)).size == (200, 171)
    assert codec.version and codec.settings and codec.name == name


def test_settings_are_in_force(pictures):
    """Two names for one thing would be two rows of one measurement."""
    pixels = read_pixels(pictures / "a.png")
    for family in ("jpeg", "webp", "avif", "heic", "vvc", "lmc"):
        names = [name for name in CODECS if name.split("-")[0] == family]
        files = {name: CODECS[name].encode(pixels, 60, 1) for name in names}
        assert len(names) > 1 and len(set(files.values())) == len(names), family
    assert 8 * len(CODECS["jpeg2000"].encode(pixels, 1.0, 1)) / pixels[..., 0].size == pytest.approx(1.0, rel=0.1)
