"""What is written: any format, with its pixels, its bits, its transparency and its metadata."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

import codec
from bitstream import Metadata
from codec.images import sinks
from codec.images.pillow_metadata import image_metadata
from tests.common import as_mode

LOSSLESS = (".png", ".tif", ".bmp", ".ppm", ".pgm")


def written(file, format_name, metadata=None):
    """A file decoded and written in a format, and what was told of what the format cannot hold."""
    buffer = io.BytesIO()
    metadata = file.metadata if metadata is None else metadata
    notes = sinks.write(buffer, format_name, file.strips(), *file.size, file.form, file.alpha(), metadata)
    buffer.seek(0)
    return buffer, notes


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".avif", ".tif", ".bmp", ".gif", ".ppm", ".pgm"])
@pytest.mark.parametrize("kind", ["L", "RGB", "RGBA", "I;16", "RGB16"])
def test_outputs_by_suffix(face, suffix, kind):
    picture = face.astype(np.uint16) * 257 if kind == "RGB16" else as_mode(face, kind, (90, 60))
    file = codec.open(codec.compress(picture, 80))
    formats = sinks.writable_suffixes()
    if suffix not in formats:
        pytest.skip(f"this Pillow cannot write {suffix}")
    if kind == "RGBA" and suffix in (".jpg", ".bmp", ".gif", ".ppm", ".pgm"):
        with pytest.raises(codec.ImageError, match="hold transparency"):
            written(file, formats[suffix])
        return
    buffer, notes = written(file, formats[suffix])
    cut = file.form.depth == 16 and suffix not in (".png", ".ppm", ".pgm") and (kind, suffix) != ("I;16", ".tif")
    assert bool(notes) == cut or suffix == ".gif"
    assert any("256" in note for note in notes) == (suffix == ".gif" and kind in ("RGB", "RGB16"))
    with Image.open(buffer) as image:
        assert image.size == file.size and image.has_transparency_data == (kind == "RGBA")
        found = np.asarray(image.convert("RGB") if image.mode == "P" else image).astype(int)
    wanted = file.array().astype(int)
    if wanted.max() > 255 and found.max() <= 255:  # written with fewer bits, or read so: Pillow has no RGB of 16
        high_byte = suffix == ".png"
        wanted = wanted >> 8 if high_byte else (wanted + 128) // 257
    if found.ndim > wanted.ndim:  # gray in a format of colours
        found = found[..., 0]
    error = np.abs(found - wanted)
    if suffix in LOSSLESS:
        assert error.max() <= (1 if suffix == ".ppm" and kind == "RGB16" else 0)  # Pillow's reader rounds otherwise
    else:
        assert error.mean() < (8 if suffix == ".gif" else 2)  # 2 is more than quality 95 loses, less than 75 does


def test_deep_gray_that_is_cut_to_eight_bits_keeps_its_white():
    white = np.full((40, 50), 65_535, np.uint16)
    white[:20] = 0
    for name in ("JPEG", "WEBP", "BMP"):
        buffer, _ = written(codec.open(codec.compress(white, 90)), name)
        with Image.open(buffer) as image:
            pixels = np.asarray(image.convert("L"), int)
        assert pixels[:10].max() < 30 and pixels[-10:].min() > 225


@pytest.mark.parametrize("name", ["PNG", "JPEG", "WEBP", "AVIF", "TIFF"])
def test_metadata_is_written(face, name):
    """Exactly as it was, in whatever may hold it."""
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    metadata = Metadata(icc, exif.tobytes().removeprefix(b"Exif\0\0"), b"<x:xmpmeta/>")
    if name not in sinks.writable_suffixes().values():
        pytest.skip(f"this Pillow cannot write {name}")
    buffer, notes = written(codec.open(codec.compress(face)), name, metadata)
    with Image.open(buffer) as image:
        image.load()
        found = image_metadata(image)
        assert found.icc == icc
        if name == "TIFF":
            assert sorted(note.split()[0] for note in notes) == ["exif", "xmp"]
        else:
            assert not notes and image.getexif()[0x010F] == "Maker" and found.xmp == metadata.xmp


@pytest.mark.parametrize("kind", [2, 3])
def test_avif_takes_no_exif_that_its_writer_would_stumble_over(face, kind):
    """An orientation that is text, or two numbers: other formats keep it as it is."""
    value = b"ab\0\0" if kind == 2 else struct.pack("<HH", 6, 6)
    exif = b"II*\0" + struct.pack("<IHHHI", 8, 1, 0x0112, kind, 2 if kind == 3 else 3) + value + bytes(4)
    file = codec.open(codec.compress(face))
    for name, left_out in (("AVIF", True), ("WEBP", False)):
        buffer, notes = written(file, name, Metadata(exif=exif))
        assert any("exif" in note for note in notes) == left_out and buffer.getvalue()


def test_avif_keeps_exif_that_its_writer_leaves_alone(face):
    """Without an orientation to take out it is not written anew, odd as its tags may be: its maker is a fraction."""
    exif = b"II*\0" + struct.pack("<IHHHII", 8, 1, 0x010F, 5, 1, 26) + bytes(4) + struct.pack("<II", 1, 2)
    buffer, notes = written(codec.open(codec.compress(face)), "AVIF", Metadata(exif=exif))
    with Image.open(buffer) as image:
        assert notes == [] and image_metadata(image).exif == exif


def test_a_profile_that_jpeg_cannot_number_is_left_out(face):
    file = codec.open(codec.compress(face[:16, :16]))
    for extra, left_out in ((0, False), (1, True)):
        profile = np.random.default_rng(0).bytes(255 * 65_519 + extra)
        buffer, notes = written(file, "JPEG", Metadata(icc=profile))
        with Image.open(buffer) as image:
            assert (image.info.get("icc_profile") is None) == left_out == bool(notes)
            assert left_out or image.info["icc_profile"] == profile


def test_metadata_that_does_not_fit_is_left_out_and_told(face):
    image = Image.fromarray(face)
    image.info["exif"] = b"Exif\0\0II*\0\x08\0\0\0" + bytes(70_000)
    file = codec.open(codec.compress(image))
    for name, count in (("JPEG", 1), ("BMP", 1), ("PPM", 1), ("PNG", 0), ("WEBP", 0)):
        buffer, notes = written(file, name)
        assert len(notes) == count and buffer.getvalue()


def test_formats_without_transparency_take_what_is_opaque_all_over(face):
    file = codec.open(codec.compress(np.dstack([face, np.full(face.shape[:2], 255, np.uint8)])))
    for name in ("JPEG", "BMP", "GIF", "PPM"):
        buffer, notes = written(file, name)
        assert all("256" in note for note in notes)
        with Image.open(buffer) as image:
            assert image.size == file.size


def test_icons_have_the_size_of_their_picture_and_no_more_than_icons_have(face):
    buffer, notes = written(codec.open(codec.compress(face[:80, :100])), "ICO")
    assert notes == []
    with Image.open(buffer) as image:
        assert image.size == (100, 80)
    with pytest.raises(codec.ImageError, match="256"):
        written(codec.open(codec.compress(np.tile(face, (2, 2, 1)))), "ICO")
