"""Portable pixmaps and PNG, row by row: what is written comes back, with other readers too."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

import codec
from bitstream import Metadata, PixelFormat
from bitstream.errors import ImageError
from codec.images import png, pnm
from codec.images.pillow_metadata import image_metadata
from codec.images.sources import open_source
from tests.common import as_mode


@given(
    arrays.arrays(
        st.sampled_from([np.uint8, np.uint16]),
        st.tuples(st.integers(1, 150), st.integers(1, 40), st.sampled_from([1, 3])),
    ),
    st.integers(1, 150),
)
def test_pixmaps_come_back(tmp_path_factory, pixels, cut):
    path = tmp_path_factory.getbasetemp() / "any.ppm"
    with path.open("wb") as file:
        writer = pnm.Writer(file, pixels.shape[1], pixels.shape[0], pixels.shape[2], pixels.dtype.itemsize * 8)
        writer.write(pixels[:cut])
        writer.write(pixels[cut:])
    np.testing.assert_array_equal(pnm.read(path).crop(0, len(pixels), 0, pixels.shape[1]), pixels)
    source = open_source(path)
    assert source.form.depth == pixels.dtype.itemsize * 8 and source.form.components == pixels.shape[2]
    with Image.open(path) as image:  # another reader agrees
        assert image.size == (pixels.shape[1], pixels.shape[0])
        if pixels.dtype == np.uint8:
            np.testing.assert_array_equal(np.asarray(image).reshape(pixels.shape), pixels)


def test_pixmaps_are_read_from_streams_with_all_bits():
    data = b"P5\n# a comment\n3 2\n65535\n" + np.arange(6, dtype=">u2").tobytes()
    source = open_source(io.BytesIO(data))
    assert source.form == PixelFormat(1, 16) and source.crop(0, 2, 0, 3).ravel().tolist() == list(range(6))
    with pytest.raises(codec.ImageError, match="ends at byte"):
        open_source(io.BytesIO(data[:-1]))


@given(
    arrays.arrays(np.uint8, st.tuples(st.integers(1, 150), st.integers(1, 40), st.integers(1, 4))),
    st.integers(1, 150),
)
def test_png_comes_back(pixels, cut):
    buffer = io.BytesIO()
    writer = png.Writer(buffer, pixels.shape[1], pixels.shape[0], pixels.shape[2], 8)
    writer.write(pixels[:cut])
    writer.write(pixels[cut:])
    writer.finish()
    with Image.open(buffer) as image:
        np.testing.assert_array_equal(np.asarray(image).reshape(pixels.shape), pixels)


def test_png_is_as_small_as_pillows_and_carries_metadata(face):
    metadata = Metadata(icc=b"p" * 200, exif=b"MM\0*\0\0\0\x08\0\0\0\0\0\0", xmp=b"<x:xmpmeta/>")
    ours, theirs = io.BytesIO(), io.BytesIO()
    writer = png.Writer(ours, 200, 200, 3, 8, metadata)
    writer.write(face)
    writer.finish()
    Image.fromarray(face).save(theirs, "PNG")
    assert len(ours.getvalue()) < 1.05 * len(theirs.getvalue()) + 400
    with Image.open(ours) as image:
        image.load()
        assert image_metadata(image) == metadata


@pytest.mark.parametrize(("mode", "background"), [("RGBA", (0, 255, 0)), ("LA", (200, 200, 200)), ("LA", (9, 80, 255))])
def test_transparency_is_laid_over_a_colour(face, tmp_path, mode, background):
    image = as_mode(face, mode, (90, 70))
    file = codec.open(codec.compress(image, 95))
    for suffix in ("jpg", "png"):
        path = tmp_path / f"a.{suffix}"
        with path.open("wb") as output:
            file.write(output, f".{suffix}", background=background)
        with Image.open(path) as flat:
            flat.load()
        assert flat.mode == ("L" if mode == "LA" and len(set(background)) == 1 else "RGB")
        ground = Image.new("RGBA", image.size, background)
        ground.alpha_composite(file.load().convert("RGBA"))
        error = np.abs(np.asarray(flat.convert("RGB"), int) - np.asarray(ground.convert("RGB"), int))
        assert error.max() <= (30 if suffix == "jpg" else 1)
    with pytest.raises(ValueError, match="background"):
        file.write(io.BytesIO(), ".png", background=(0, 0, 256))
    with pytest.raises(ImageError, match="transparency"):
        file.write(io.BytesIO(), ".jpg")


def test_sixteen_bits_of_gray_are_written_to_jpeg_2000(face, tmp_path):
    gray = face[..., 0].astype(np.uint16) * 257
    file = codec.open(codec.compress(gray, 90))
    with (tmp_path / "a.jp2").open("wb") as output:
        assert file.write(output, ".jp2") == ()
    with Image.open(tmp_path / "a.jp2") as image:
        assert np.abs(np.asarray(image).astype(int) - file.array()).max() <= 1 and image.mode == "I;16"
