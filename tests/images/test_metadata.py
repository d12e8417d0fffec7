"""Metadata kept as it is but for the orientation, which is applied and forgotten."""

from __future__ import annotations

import contextlib
import io
import struct
import zlib

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps, PngImagePlugin, TiffImagePlugin
from PIL.ExifTags import IFD

import codec
from bitstream.errors import ConversionWarning
from codec.cli import main
from codec.images.exif import orientation, upright
from codec.images.pillow_metadata import exif_resolution, image_metadata
from codec.images.sources import PillowSource


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_and_forgotten(face, orientation, tmp_path):
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = orientation, "Maker"
    path = tmp_path / "turned.png"
    Image.fromarray(face[:100, :77]).save(path, exif=exif)
    with Image.open(path) as image:
        expected = np.asarray(ImageOps.exif_transpose(image))
        source = PillowSource(image)
    assert (source.height, source.width) == expected.shape[:2]
    np.testing.assert_array_equal(source.crop(0, source.height, 0, source.width), expected)
    np.testing.assert_array_equal(source.crop(10, 30, 7, 50), expected[10:30, 7:50])
    back = codec.decompress(codec.compress(path))
    assert back.getexif()[0x0112] == 1 and back.getexif()[0x010F] == "Maker"


@given(st.binary(max_size=200))
def test_any_exif_keeps_its_length_or_is_written_anew(exif):
    for start in (b"", b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08"):
        made = upright(start + exif)
        assert orientation(made) == 1
        assert len(made) == len(start + exif) or orientation(start + exif) != 1


def test_orientation_of_any_integer_type_and_in_xmp_is_forgotten():
    for kind, form in ((1, "B"), (3, "H"), (4, "I"), (6, "b"), (8, "h"), (9, "i")):
        exif = b"II*\0" + struct.pack("<IHHHI", 8, 1, 0x0112, kind, 1) + struct.pack("<" + form, 6).ljust(4, b"\0")
        assert upright(exif) == exif[:18] + struct.pack("<" + form, 1).ljust(4, b"\0")
    image = Image.new("RGB", (3, 4))
    for xmp in (b"<x tiff:Orientation='6'/>", b"<tiff:Orientation>8</tiff:Orientation>"):
        image.info["xmp"] = xmp
        assert image_metadata(image).xmp == xmp.replace(b"6", b"1").replace(b"8", b"1")


@pytest.mark.parametrize("head", [b"II*\0", b"II\0*", b"MM\0*", b"MM*\0"])
@pytest.mark.parametrize("prefixes", [1, 2])
@pytest.mark.parametrize("twice", [False, True])
def test_what_turned_the_picture_does_not_turn_it_again(face, head, prefixes, twice, tmp_path):
    """Pillow accepts more than the standard allows, and who turns by it must forget all of that."""
    order = "<" if head[:1] == b"I" else ">"
    entry = struct.pack(order + "HHIHH", 0x0112, 3, 1, 6, 0)
    exif = head + struct.pack(order + "IH", 8, 1 + twice) + entry * (1 + twice) + bytes(4)
    path = tmp_path / "a.jpg"
    Image.fromarray(face[:100, :77]).save(path, exif=b"Exif\0\0" * prefixes + exif)
    with Image.open(path) as image:
        assert image.getexif()[0x0112] == 6
    data = codec.compress(path)
    back = codec.decompress(data)
    assert back.size == (100, 77) and back.getexif().get(0x0112, 1) == 1
    if not twice:  # then all else stays byte for byte
        one, six = (struct.pack(order + "HH", value, 0) for value in (1, 6))
        assert codec.open(data).metadata.exif == exif.replace(six, one)


def test_exif_that_nobody_can_read_comes_through_all_writers(face, tmp_path):
    for junk in (b"garbage", b"II*\0"):
        path = tmp_path / "junk.jpg"
        Image.fromarray(face).save(path, exif=b"Exif\0\0" + junk)
        coded = tmp_path / "junk.lmc"
        coded.write_bytes(codec.compress(path))
        assert codec.open(coded.read_bytes()).metadata.exif == junk
        for suffix in ("png", "webp", "avif", "jpg"):
            out = tmp_path / f"junk.{suffix}"
            result = CliRunner().invoke(main, ["decompress", str(coded), str(out), "-f"])
            assert result.exit_code == 0 and ("exif" in result.stderr) == (suffix == "avif")
            assert codec.decompress(codec.compress(out)).size == (face.shape[1], face.shape[0])
        codec.register_pillow()
        Image.fromarray(face).save(coded, exif=junk)


def test_tags_of_odd_types_are_left_out(face, tmp_path):
    for value in ("a text", 7):
        tags = TiffImagePlugin.ImageFileDirectory_v2()
        tags[34675] = value  # where an ICC profile lies
        tags.tagtype[34675] = 2 if isinstance(value, str) else 3
        Image.fromarray(face).save(tmp_path / "a.tif", tiffinfo=tags)
        with Image.open(tmp_path / "a.tif") as image:
            assert not isinstance(image.info.get("icc_profile"), bytes)
        assert codec.open(codec.compress(tmp_path / "a.tif")).metadata.icc is None


def test_exif_in_either_byte_order():
    for order, head in (("<", b"II*\0"), (">", b"MM\0*")):
        entries = struct.pack(order + "HHIHH", 0x010E, 3, 1, 9, 0) + struct.pack(order + "HHIHH", 0x0112, 3, 1, 6, 0)
        exif = head + struct.pack(order + "IH", 8, 2) + entries + bytes(4)
        changed = upright(exif)
        assert changed != exif and struct.unpack_from(order + "H", changed, 30) == (1,)
        assert changed[:30] + exif[30:32] + changed[32:] == exif


def test_a_picture_turned_by_its_owner_is_not_turned_again(face, tmp_path):
    codec.register_pillow()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(face[:100, :70]).save(tmp_path / "a.jpg", exif=exif)
    with Image.open(tmp_path / "a.jpg") as image:
        assert codec.decompress(codec.compress(image)).size == (100, 70)
        turned = image.rotate(90, expand=True)
        image.save(tmp_path / "b.lmc", exif=image.getexif())
    assert codec.decompress(codec.compress(turned)).size == turned.size == (100, 70)
    with Image.open(tmp_path / "b.lmc") as image:
        assert image.size == (100, 70) and image.getexif().get(0x0112, 1) == 1


def test_exif_of_a_tiff_is_kept(face, tmp_path):
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "Canon", 3
    exif.get_ifd(0x8769)[0x829A] = 0.25
    Image.fromarray(face).save(tmp_path / "a.tif", exif=exif)
    back = codec.decompress(codec.compress(tmp_path / "a.tif")).getexif()
    assert back[0x010F] == "Canon" and back.get(0x0112, 1) == 1 and 0x0111 not in back


def with_thumbnail(order, orientation, after=b""):
    """EXIF whose second directory holds a thumbnail, and what comes after that."""
    head = {"<": b"II*\0", ">": b"MM\0*"}[order]
    buffer = io.BytesIO()
    Image.new("RGB", (32, 24)).save(buffer, "JPEG")
    thumbnail = buffer.getvalue()
    second = 8 + 2 + 12 + 4
    begin = second + 2 + 3 * 12 + 4
    return (
        head + struct.pack(order + "I", 8) + struct.pack(order + "HHHIHHI", 1, 0x0112, 3, 1, orientation, 0, second)
        + struct.pack(order + "HHHIHH", 3, 0x0103, 3, 1, 6, 0) + struct.pack(order + "HHII", 0x0201, 4, 1, begin)
        + struct.pack(order + "HHIII", 0x0202, 4, 1, len(thumbnail), 0) + thumbnail + after
    )  # fmt: skip


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_thumbnail_that_is_not_turned_is_dropped(order):
    turned = upright(with_thumbnail(order, 6))
    assert orientation(turned) == 1 and len(turned) == 8 + 2 + 12 + 4 + 2 + 3 * 12 + 4
    found = Image.Exif()
    found.load(turned)
    assert not found.get_ifd(IFD.IFD1)
    after = upright(with_thumbnail(order, 6, b"a maker's note"))
    found.load(after)
    assert not found.get_ifd(IFD.IFD1) and after.endswith(b"a maker's note")
    kept = with_thumbnail(order, 1)
    assert upright(kept) == kept


@pytest.mark.parametrize("order", ["<", ">"])
def test_exif_cut_anywhere_is_survived(order):
    whole = with_thumbnail(order, 6)
    for end in range(len(whole)):
        assert orientation(upright(whole[:end])) == 1


@pytest.mark.parametrize(("dpi", "kept"), [((300, 300), True), ((150, 300), True), ((72, 72), False)])
@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "bmp"])
def test_the_resolution_is_kept(face, tmp_path, suffix, dpi, kept):
    Image.fromarray(face).save(tmp_path / f"a.{suffix}", dpi=dpi)
    data = codec.compress(tmp_path / f"a.{suffix}")
    assert (codec.open(data).metadata.exif is not None) == kept
    (tmp_path / "a.lmc").write_bytes(data)
    for back in ("png", "jpg", "tif", "bmp"):
        result = CliRunner().invoke(main, ["decompress", str(tmp_path / "a.lmc"), str(tmp_path / f"b.{back}"), "-f"])
        assert result.exit_code == 0
        with Image.open(tmp_path / f"b.{back}") as image:
            found = image.info.get("dpi")
            assert not kept or [round(float(value)) for value in found] == list(dpi)
    result = CliRunner().invoke(main, ["decompress", str(tmp_path / "a.lmc"), str(tmp_path / "b.tga")])
    assert ("resolution is not written to TGA" in result.stderr) == kept


def test_a_resolution_that_cannot_be_kept_is_told(face, tmp_path):
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    Image.fromarray(face).save(tmp_path / "a.jpg", exif=exif, dpi=(300, 300))
    with pytest.warns(ConversionWarning, match="300 x 300 dpi"):
        codec.compress(tmp_path / "a.jpg")
    exif[0x011A] = exif[0x011B] = 300.0
    exif[0x0128] = 2
    Image.fromarray(face).save(tmp_path / "a.jpg", exif=exif, dpi=(300, 300))
    codec.compress(tmp_path / "a.jpg")  # warnings are errors in tests


def test_texts_that_are_not_kept_are_told(face, tmp_path):
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Copyright", "somebody")
    texts.add_itxt("XML:com.adobe.xmp", "<x/>")
    texts.add_text("parameters", "a cat")
    Image.fromarray(face).save(tmp_path / "a.png", pnginfo=texts)
    with pytest.warns(ConversionWarning, match="texts are not kept: Copyright, parameters$"):
        data = codec.compress(tmp_path / "a.png")
    assert codec.open(data).metadata.xmp == b"<x/>"
    Image.fromarray(face).save(tmp_path / "a.jpg", comment=b"a cat")
    with pytest.warns(ConversionWarning, match="texts are not kept: comment$"):
        codec.compress(tmp_path / "a.jpg")


def png_chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


SRGB = (31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
P3 = (31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)
GAMMA, PRIMARIES = png_chunk(b"gAMA", struct.pack(">I", 45455)), png_chunk(b"cHRM", struct.pack(">8I", *SRGB))


@pytest.mark.parametrize(
    ("chunks", "said"),
    [
        (GAMMA, None),
        (GAMMA + PRIMARIES, None),
        (png_chunk(b"gAMA", struct.pack(">I", 100_000)), "gamma 1 of the PNG"),
        (GAMMA + png_chunk(b"cHRM", struct.pack(">8I", *P3)), "primaries of the PNG"),
        (png_chunk(b"sRGB", b"\0") + png_chunk(b"gAMA", struct.pack(">I", 100_000)), None),
        (png_chunk(b"cICP", bytes([9, 16, 0, 1])), "cICP 9, 16"),
        (png_chunk(b"cICP", bytes([1, 13, 0, 1])), None),
        (png_chunk(b"cICP", b""), None),
    ],
)
def test_a_colour_space_that_is_not_kept_is_told(face, chunks, said):
    buffer = io.BytesIO()
    Image.fromarray(face).save(buffer, "PNG")
    whole = buffer.getvalue()
    file = io.BytesIO(whole[:33] + chunks + whole[33:])
    with pytest.warns(ConversionWarning, match=said) if said else contextlib.nullcontext():
        assert codec.compress(file) == codec.compress(face)


@pytest.mark.parametrize(("unit", "dpi"), [(2, (300, 300)), (3, (762, 762)), (1, None)])
def test_the_unit_of_a_resolution_counts(unit, dpi):
    exif = Image.Exif()
    exif[0x011A] = exif[0x011B] = 300.0
    exif[0x0128] = unit
    found = exif_resolution(exif.tobytes())
    assert found == (pytest.approx(dpi) if dpi else None)
    exif[0x011A] = 3e9
    assert exif_resolution(exif.tobytes()) is None


def test_names_of_texts_do_no_harm(face, tmp_path):
    texts = PngImagePlugin.PngInfo()
    for name in ("chromaticity", "srgb", "gamma", "comment", "dpi"):
        texts.add_text(name, "a text")
    Image.fromarray(face).save(tmp_path / "a.png", pnginfo=texts)
    with pytest.warns(ConversionWarning, match="texts are not kept: chromaticity, comment, dpi, gamma, srgb$"):
        codec.compress(tmp_path / "a.png")
