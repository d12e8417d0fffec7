"""Every kind of image through a file and back: modes, sizes, bit depths, transparency, metadata, formats."""

from __future__ import annotations

import contextlib
import io
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

import codec
import codec.images.sources
from bitstream import Box, Container, CorruptError, Header, parse, serialize
from bitstream.boxes import alpha_box
from bitstream.errors import ConversionWarning
from codec.engine.registry import TUNES, shipped
from codec.images import alpha, png
from codec.images.pillow_source import PillowSource
from codec.images.sources import open_source
from tests.common import as_mode, raw_png

SIZES = [(1, 1), (1, 70), (65, 64), (130, 97)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("1", "L"), ("L", "L"), ("LA", "LA"), ("P", "RGB"), ("PA", "RGBA"), ("RGB", "RGB"), ("RGBA", "RGBA"),
        ("CMYK", "RGB"), ("YCbCr", "RGB"), ("HSV", "RGB"), ("I;16", "I;16"), ("I", "I;16"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("with_metadata", [False, True])
def test_modes_sizes_and_metadata(face, size, mode, expected, with_metadata):
    image = as_mode(face, mode, size)
    if with_metadata:
        image.info.update(icc_profile=b"profile" * 50, exif=b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0", xmp=b"<x/>")
    narrow = mode == "I" and size != (1, 1)  # values of 8 bits in an image of 16
    note = "CMYK" if mode == "CMYK" else "values of 16 bits" if narrow else None
    with pytest.warns(ConversionWarning, match=note) if note else contextlib.nullcontext():
        data = codec.compress(image, quality=90)
    back = codec.decompress(data)
    assert back.mode == expected and back.size == size
    reference = np.asarray(image.convert("RGBA" if mode == "PA" else expected) if mode not in ("I;16", "I") else image)
    scale = 257 if expected == "I;16" else 1
    difference = np.abs(np.asarray(back).astype(float) - reference.astype(float)) / scale
    if expected.endswith("A"):
        np.testing.assert_array_equal(np.asarray(back)[..., -1], reference[..., -1])
        difference = difference[reference[..., -1] > 0]  # the rest nobody sees
    assert mode == "1" or difference.sum() <= 12 * difference.size
    kept = {k: v for k, v in back.info.items() if k in ("icc_profile", "exif", "xmp")}
    wanted = {k: image.info[k] for k in ("icc_profile", "exif", "xmp") if k in image.info}
    if mode == "CMYK":
        wanted.pop("icc_profile", None)  # it no longer holds
    assert kept == wanted
    stripped = codec.encode(image, codec.EncodeOptions(strip=True)).data
    assert not codec.open(stripped).box_bytes.keys() & {"icc", "exif", "xmp"}


@pytest.mark.parametrize("quality", [0, 10, 25, 50, 75, 100])
@pytest.mark.parametrize("kind", ["dithered", "noise", "other noise", "more noise", "noise in colours"])
@pytest.mark.parametrize("tune", TUNES)
def test_networks_stay_sane_on_pictures_unlike_any_photograph(face, tune, kind, quality):
    """All detail, hundreds of standard deviations from natural: no worse than gray is, at not much more than a byte
    a pixel; colours that change at every pixel may cost 2% more than gray, for the few that are kept."""
    shapes = {"more noise": (256, 200), "noise in colours": (128, 160, 3)}
    if kind == "dithered":
        picture = np.asarray(Image.fromarray(face).convert("1").convert("L"))
    else:
        rng = np.random.default_rng(1 if kind == "other noise" else 0)
        picture = rng.integers(0, 2, shapes.get(kind, (128, 128))).astype(np.uint8) * 255
    data = codec.compress(picture, quality, tune=tune)
    error = np.asarray(codec.decompress(data)).astype(float) - picture
    assert np.square(error).mean() < 127.5**2 * (1.02 if kind == "noise in colours" else 1)
    assert len(data) < 1.2 * picture.shape[0] * picture.shape[1]


def test_what_cannot_be_coded_is_refused():
    for image in (Image.new("F", (3, 3)), Image.fromarray(np.array([[-1, 5]], np.int32))):
        with pytest.raises(codec.ImageError, match="mode"):
            codec.compress(image)
    for array in (
        np.zeros((3, 3), np.int16),
        np.zeros((3, 3, 5), np.uint8),
        np.zeros(3, np.uint8),
        np.zeros((0, 3), np.uint8),
    ):
        with pytest.raises(codec.ImageError):
            codec.compress(array)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_arrays_keep_depth_and_transparency(face, channels, dtype):
    rgba = np.dstack([face, face[:, :, :1]])
    array = rgba[:, :, {1: [0], 2: [0, 3], 3: [0, 1, 2], 4: [0, 1, 2, 3]}[channels]]
    if dtype == np.uint16:
        array = array.astype(np.uint16) * 256 + 77
    back = codec.open(codec.compress(array, quality=95)).array()
    assert back.dtype == dtype
    back = back.reshape(array.shape)
    colours = array.shape[2] - (channels in (2, 4))
    scale = 257 if dtype == np.uint16 else 1
    assert np.abs(back[..., :colours].astype(float) - array[..., :colours]).mean() / scale < 4
    np.testing.assert_array_equal(back[..., colours:], array[..., colours:])
    if dtype == np.uint16:
        assert len(np.unique(back[..., 0] % 257)) > 100  # of 8 bits, spread to 16, all would be multiples of 257


def test_sixteen_bits_are_finer_than_eight():
    """A ramp of 600 of 65,536 values is two or three levels at 8 bits; at 16 it stays a ramp."""
    ramp = np.tile(np.linspace(30_000, 30_600, 256).astype(np.uint16), (64, 1))
    with pytest.warns(ConversionWarning, match="values of 16 bits from 30000 to 30600"):
        back = codec.open(codec.compress(ramp, quality=100)).array()
    assert np.abs(back.astype(int) - ramp).mean() < 100 and len(np.unique(back)) > 30  # 8 bits have 3 or 4


def test_flat_transparency_costs_three_bytes(face):
    half = np.dstack([face, np.full(face.shape[:2], 77, np.uint8)])
    file = codec.open(codec.compress(half))
    assert file.box_bytes["alpha"] == 3 and (file.array()[..., 3] == 77).all()
    assert file.region(5, 5, 20, 10).getchannel("A").getextrema() == (77, 77)
    assert file.preview().mode == "RGBA"


def test_what_a_picture_loses_is_told(face, tmp_path):
    frames = [Image.fromarray(face), Image.fromarray(255 - face)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert "first of 2" in open_source(tmp_path / "a.gif").notes[0]
    (tmp_path / "a.ppm").write_bytes(b"P6 2 2 1023 " + bytes(24))
    assert "cut to 8" in open_source(tmp_path / "a.ppm").notes[0]
    for suffix in ("bmp", "pcx", "tga", "ppm", "png"):  # rows of more than 255 bytes are not deep
        Image.fromarray(np.tile(face, (1, 3, 1))).save(tmp_path / f"wide.{suffix}")
        assert open_source(tmp_path / f"wide.{suffix}").notes == ()
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    image = Image.fromarray(face)
    image.info["icc_profile"] = lab
    source = PillowSource(image)
    assert source.metadata.icc is None and "colour space" in source.notes[0]


def test_readers_that_fail_in_their_own_ways_give_one_error(face, tmp_path, monkeypatch):
    Image.fromarray(face).save(tmp_path / "a.png")

    def fail(*_):
        raise RuntimeError("of some reader")

    monkeypatch.setattr(Image.Image, "load", fail)
    with pytest.raises(codec.ImageError, match=r"a\.png.*of some reader"):
        codec.compress(tmp_path / "a.png")
    for no_picture in (b"bytes", 5, [1, 2]):
        with pytest.raises(codec.ImageError, match="expected a path"):
            codec.compress(no_picture)


def test_large_transparency_is_read_back(face, monkeypatch):
    rgba = np.dstack([face, face[:, :, 0]])
    data = codec.compress(rgba)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    np.testing.assert_array_equal(codec.open(data).array()[..., 3], rgba[..., 3])


def test_a_cmyk_profile_is_used(face, monkeypatch):
    image = Image.fromarray(face).convert("CMYK")
    source = PillowSource(image)
    assert "without a profile" in source.notes[0] and source.metadata.icc is None
    image.info["icc_profile"] = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()  # not of CMYK
    assert "without a profile" in PillowSource(image).notes[0]

    def convert(image, profile, space, outputMode):
        assert profile.read() == b"of CMYK" and outputMode == "RGB"
        return Image.new("RGB", image.size, (1, 2, 3))

    image.info["icc_profile"] = b"of CMYK"
    monkeypatch.setattr(ImageCms, "profileToProfile", convert)
    source = PillowSource(image)
    assert "by the image's profile" in source.notes[0] and source.metadata.icc is None
    assert source.crop(0, 1, 0, 1).tolist() == [[[1, 2, 3]]]


def test_a_reader_that_cuts_bits_is_told_of(tmp_path):
    path = tmp_path / "deep.png"
    deep = np.random.default_rng(0).integers(0, 65536, (20, 30, 3), dtype=np.uint16)
    with path.open("wb") as file:
        writer = png.Writer(file, 30, 20, 3, 16)
        writer.write(deep)
        writer.finish()
    assert "cut to 8" in open_source(path).notes[0]


def test_hostile_transparency_is_refused(face):
    container = parse(codec.compress(face))
    other, right = alpha.encode(np.zeros((3, 3), np.uint8)), alpha.encode(face[..., 0])
    profile = b"iCCPa\0"  # after the pixels, and cut off where Pillow looks for its method
    late = right[:-12] + struct.pack(">I", 2) + profile + struct.pack(">I", zlib.crc32(profile)) + right[-12:]
    height, width = face.shape[:2]
    few = raw_png(width, height, 4, 0, [bytes(-(-width // 2))] * height)
    moving = io.BytesIO()  # whose only frame in sight covers a corner
    frames = [Image.fromarray(face[..., 0]), Image.fromarray(255 - face[..., 0])]
    frames[0].save(moving, "PNG", save_all=True, append_images=frames[1:])
    corner = bytearray(moving.getvalue())
    at = corner.index(b"fcTL")
    corner[at + 8 : at + 16] = (8).to_bytes(4, "big") * 2
    corner[at + 30 : at + 34] = zlib.crc32(corner[at : at + 30]).to_bytes(4, "big")
    bad = [other, late, few, bytes(corner)]
    for payload in (b"", b"\0", b"\0\xff\xff", b"\2abc", b"\1no PNG", *(b"\1" + data for data in bad)):
        data = serialize(Container(container.header, container.chunks, [Box(1, payload)]))
        with pytest.raises(CorruptError):
            codec.decompress(data)
        filled = codec.decompress(data, on_damage="fill")
        assert filled.mode == "RGB" and "ALPHA" in filled.info["damage"][0].part


def test_one_level_of_deep_gray_may_stand_for_nothing(tmp_path):
    gray = np.arange(0, 65_536, 16, dtype=np.uint16).reshape(64, 64)
    image = Image.fromarray(gray)
    image.save(tmp_path / "a.png", transparency=int(gray[3, 5]))
    with Image.open(tmp_path / "a.png") as again:
        assert again.mode.startswith("I") and again.info["transparency"] == gray[3, 5]
    back = codec.open(codec.compress(tmp_path / "a.png")).array()
    assert back.shape == (64, 64, 2) and back[3, 5, 1] == 0 and (back[..., 1] == 65_535).sum() == 64 * 64 - 1
    image.save(tmp_path / "b.png", transparency=7)  # which no pixel has
    assert codec.decompress(codec.compress(tmp_path / "b.png")).mode == "I;16"


def test_a_part_of_transparency_takes_no_more_memory_than_it_has(face, monkeypatch):
    huge = Header(40_000, 20_000, shipped().model_id, 0)
    chunks = [b""] * huge.chunk_count
    with codec.open(serialize(Container(huge, chunks, [alpha_box(77)]))) as file:
        tracemalloc.start()
        assert (file.alpha((9, 8, 39_000, 10)) == 77).all() and file.alpha((0, 0, 3, 4)).shape == (4, 3)
        assert (file.alpha()[::999, ::999] == 77).all() and file.scaled_alpha(1).shape == (20_000, 40_000)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
        tracemalloc.stop()
        assert file.scaled_alpha(16).shape == (1250, 2500)
    decoded, decode = [], alpha.decode

    def counting(*arguments):
        decoded.append(arguments)
        return decode(*arguments)

    monkeypatch.setattr(alpha, "decode", counting)
    veil = face[:197, :131]
    with codec.open(codec.compress(np.dstack([veil, veil[..., 1]]))) as file:
        np.testing.assert_array_equal(file.alpha((3, 5, 131, 101)), veil[5:101, 3:131, 1])
        for scale in (2, 8):
            padded = np.pad(veil[..., 1], ((0, -197 % scale), (0, -131 % scale)), mode="edge").astype(float)
            rows, columns = (n // scale for n in padded.shape)
            means = padded.reshape(rows, scale, columns, scale).mean(axis=(1, 3))
            np.testing.assert_allclose(file.scaled_alpha(scale), means, atol=0.51)
        with pytest.raises(ValueError, match="read-only"):
            file.alpha()[:] = 0
    assert len(decoded) == 1
