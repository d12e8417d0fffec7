"""Every kind of picture through a file and back: modes, sizes, bit depths, transparency, metadata, formats."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image, ImageCms, ImageOps

import codec
import codec.sources
from bitstream.boxes import Metadata
from codec import png, pnm, sinks
from codec.metadata import of_image, upright
from codec.sources import PillowSource, open_source

SIZES = [(1, 1), (1, 70), (65, 64), (130, 97)]


@pytest.fixture(scope="module")
def photo():
    from skimage import data

    return data.astronaut()[60:260, 120:320]


def as_mode(photo, mode, size):
    image = Image.fromarray(photo).resize(size)
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


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("1", "L"), ("L", "L"), ("LA", "LA"), ("P", "RGB"), ("PA", "RGBA"), ("RGB", "RGB"), ("RGBA", "RGBA"),
        ("CMYK", "RGB"), ("YCbCr", "RGB"), ("HSV", "RGB"), ("I;16", "I;16"), ("I", "I;16"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("with_metadata", [False, True])
def test_modes_sizes_and_metadata(photo, size, mode, expected, with_metadata):
    image = as_mode(photo, mode, size)
    if with_metadata:
        image.info.update(icc_profile=b"profile" * 50, exif=b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0", xmp=b"<x/>")
    data = codec.compress(image, quality=90)
    back = codec.decompress(data)
    assert back.mode == expected and back.size == size
    reference = np.asarray(image.convert("RGBA" if mode == "PA" else expected) if mode not in ("I;16", "I") else image)
    scale = 257 if expected == "I;16" else 1
    difference = np.abs(np.asarray(back).astype(float) - reference.astype(float)) / scale
    if expected.endswith("A"):
        np.testing.assert_array_equal(np.asarray(back)[..., -1], reference[..., -1])
    assert mode == "1" or difference.mean() < 12
    kept = {k: v for k, v in back.info.items() if k in ("icc_profile", "exif", "xmp")}
    wanted = {k: image.info[k] for k in ("icc_profile", "exif", "xmp") if k in image.info}
    if mode == "CMYK":
        wanted.pop("icc_profile", None)  # it no longer holds
    assert kept == wanted
    assert not codec.open(codec.compress(image, strip=True)).box_bytes.keys() & {"icc", "exif", "xmp"}


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
def test_arrays_keep_depth_and_transparency(photo, channels, dtype):
    rgba = np.dstack([photo, photo[:, :, :1]])
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
        assert len(np.unique(back[..., 0] % 256)) > 100  # more than 8 bits are used


def test_sixteen_bits_are_finer_than_eight():
    """A ramp of 600 of 65,536 values is two or three levels at 8 bits; at 16 it stays a ramp."""
    ramp = np.tile(np.linspace(30_000, 30_600, 256).astype(np.uint16), (64, 1))
    back = codec.open(codec.compress(ramp, quality=100)).array()
    assert np.abs(back.astype(int) - ramp).mean() < 100


def test_flat_transparency_costs_three_bytes(photo):
    half = np.dstack([photo, np.full(photo.shape[:2], 77, np.uint8)])
    file = codec.open(codec.compress(half))
    assert file.box_bytes["alpha"] == 3 and (file.array()[..., 3] == 77).all()
    assert file.region(5, 5, 20, 10).getchannel("A").getextrema() == (77, 77)
    assert file.preview().mode == "RGBA"


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_and_forgotten(photo, orientation, tmp_path):
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = orientation, "Maker"
    path = tmp_path / "turned.png"
    Image.fromarray(photo[:100, :77]).save(path, exif=exif)
    with Image.open(path) as image:
        expected = np.asarray(ImageOps.exif_transpose(image))
        source = PillowSource(image)
    assert (source.height, source.width) == expected.shape[:2]
    np.testing.assert_array_equal(source.crop(0, source.height, 0, source.width), expected)
    np.testing.assert_array_equal(source.crop(10, 30, 7, 50), expected[10:30, 7:50])
    back = codec.decompress(codec.compress(path))
    assert back.getexif()[0x0112] == 1 and back.getexif()[0x010F] == "Maker"


@given(st.binary(max_size=200))
def test_any_exif_keeps_its_length(exif):
    for start in (b"", b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08"):
        assert len(upright(start + exif)) == len(start + exif)


def test_orientation_of_any_integer_type_and_in_xmp_is_forgotten():
    for kind, form in ((1, "B"), (3, "H"), (4, "I")):
        exif = b"II*\0" + struct.pack("<IHHHI", 8, 1, 0x0112, kind, 1) + struct.pack("<" + form, 6).ljust(4, b"\0")
        assert upright(exif) == exif[:18] + struct.pack("<" + form, 1).ljust(4, b"\0")
    image = Image.new("RGB", (3, 4))
    for xmp in (b"<x tiff:Orientation='6'/>", b"<tiff:Orientation>8</tiff:Orientation>"):
        image.info["xmp"] = xmp
        assert of_image(image).xmp == xmp.replace(b"6", b"1").replace(b"8", b"1")


def test_a_picture_turned_by_its_owner_is_not_turned_again(photo, tmp_path):
    codec.register_pillow()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(photo[:100, :70]).save(tmp_path / "a.jpg", exif=exif)
    with Image.open(tmp_path / "a.jpg") as image:
        assert codec.decompress(codec.compress(image)).size == (100, 70)
        turned = image.rotate(90, expand=True)
        image.save(tmp_path / "b.lmc", exif=image.getexif())
    assert codec.decompress(codec.compress(turned)).size == turned.size == (100, 70)
    with Image.open(tmp_path / "b.lmc") as image:
        assert image.size == (100, 70) and image.getexif().get(0x0112, 1) == 1


def test_exif_of_a_tiff_is_kept(photo, tmp_path):
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "Canon", 3
    exif.get_ifd(0x8769)[0x829A] = 0.25
    Image.fromarray(photo).save(tmp_path / "a.tif", exif=exif)
    back = codec.decompress(codec.compress(tmp_path / "a.tif")).getexif()
    assert back[0x010F] == "Canon" and back.get(0x0112, 1) == 1 and 0x0111 not in back


def test_what_a_picture_loses_is_told(photo, tmp_path):
    frames = [Image.fromarray(photo), Image.fromarray(255 - photo)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert "first of 2" in open_source(tmp_path / "a.gif").notes[0]
    (tmp_path / "a.ppm").write_bytes(b"P6 2 2 1023 " + bytes(24))
    assert "cut to 8" in open_source(tmp_path / "a.ppm").notes[0]
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    image = Image.fromarray(photo)
    image.info["icc_profile"] = lab
    source = PillowSource(image)
    assert source.metadata.icc is None and "colour space" in source.notes[0]


def test_pixmaps_are_read_from_streams_with_all_bits():
    data = b"P5\n# a comment\n3 2\n65535\n" + np.arange(6, dtype=">u2").tobytes()
    source = open_source(io.BytesIO(data))
    assert source.form == codec.sources.Form(1, 16) and source.crop(0, 2, 0, 3).ravel().tolist() == list(range(6))
    with pytest.raises(codec.ImageError, match="ends at byte"):
        open_source(io.BytesIO(data[:-1]))


def test_readers_that_fail_in_their_own_ways_give_one_error(photo, tmp_path, monkeypatch):
    Image.fromarray(photo).save(tmp_path / "a.png")

    def fail(*_):
        raise RuntimeError("of some reader")

    monkeypatch.setattr(Image.Image, "load", fail)
    with pytest.raises(codec.ImageError, match=r"a\.png.*of some reader"):
        codec.compress(tmp_path / "a.png")
    for no_picture in (b"bytes", 5, [1, 2]):
        with pytest.raises(codec.ImageError, match="expected a path"):
            codec.compress(no_picture)


def test_metadata_that_does_not_fit_is_left_out_and_told(photo):
    image = Image.fromarray(photo)
    image.info["exif"] = b"Exif\0\0II*\0\x08\0\0\0" + bytes(70_000)
    file = codec.open(codec.compress(image))
    for name, count in (("JPEG", 1), ("BMP", 1), ("PPM", 1), ("PNG", 0), ("WEBP", 0)):
        buffer = io.BytesIO()
        notes = sinks.write(buffer, name, file.strips(), *file.size, file.form, None, file.metadata)
        assert len(notes) == count and buffer.getvalue()


def test_large_transparency_is_read_back(photo, monkeypatch):
    rgba = np.dstack([photo, photo[:, :, 0]])
    data = codec.compress(rgba)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    np.testing.assert_array_equal(codec.open(data).array()[..., 3], rgba[..., 3])


def test_exif_in_either_byte_order():
    for order, head in (("<", b"II*\0"), (">", b"MM\0*")):
        entries = struct.pack(order + "HHIHH", 0x010E, 3, 1, 9, 0) + struct.pack(order + "HHIHH", 0x0112, 3, 1, 6, 0)
        exif = head + struct.pack(order + "IH", 8, 2) + entries + bytes(4)
        changed = upright(exif)
        assert changed != exif and struct.unpack_from(order + "H", changed, 30) == (1,)
        assert changed[:30] + exif[30:32] + changed[32:] == exif


def test_a_cmyk_profile_is_used(photo, tmp_path):
    image = Image.fromarray(photo).convert("CMYK")
    source = PillowSource(image)
    assert "without a profile" in source.notes[0] and source.metadata.icc is None
    image.info["icc_profile"] = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()  # not of CMYK
    assert "without a profile" in PillowSource(image).notes[0]


def test_a_reader_that_cuts_bits_is_told_of(tmp_path):
    path = tmp_path / "deep.png"
    deep = np.random.default_rng(0).integers(0, 65536, (20, 30, 3), dtype=np.uint16)
    with path.open("wb") as file:
        writer = png.Writer(file, 30, 20, 3, 16)
        writer.write(deep)
        writer.finish()
    assert "cut to 8" in open_source(path).notes[0]


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
    np.testing.assert_array_equal(pnm.read(path), pixels)
    source = open_source(path)
    assert source.form.depth == pixels.dtype.itemsize * 8 and source.form.components == pixels.shape[2]
    with Image.open(path) as image:  # another reader agrees
        assert image.size == (pixels.shape[1], pixels.shape[0])
        if pixels.dtype == np.uint8:
            np.testing.assert_array_equal(np.asarray(image).reshape(pixels.shape), pixels)


@given(
    arrays.arrays(np.uint8, st.tuples(st.integers(1, 150), st.integers(1, 40), st.integers(1, 4))),
    st.integers(1, 150),
)
def test_png_comes_back(pixels, cut):
    buffer = io.BytesIO()
    writer = png.Writer(buffer, pixels.shape[1], pixels.shape[0], pixels.shape[2], 8)
    writer.write(pixels[:cut])
    writer.write(pixels[cut:]) if cut < len(pixels) else None
    writer.finish()
    with Image.open(buffer) as image:
        np.testing.assert_array_equal(np.asarray(image).reshape(pixels.shape), pixels)


def test_png_is_as_small_as_pillows_and_carries_metadata(photo):
    metadata = Metadata(icc=b"p" * 200, exif=b"MM\0*\0\0\0\x08\0\0\0\0\0\0", xmp=b"<x:xmpmeta/>")
    ours, theirs = io.BytesIO(), io.BytesIO()
    writer = png.Writer(ours, 200, 200, 3, 8, metadata)
    writer.write(photo)
    writer.finish()
    Image.fromarray(photo).save(theirs, "PNG")
    assert len(ours.getvalue()) < 1.05 * len(theirs.getvalue()) + 400
    with Image.open(ours) as image:
        image.load()
        assert of_image(image) == metadata


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".avif", ".tif", ".bmp", ".gif", ".ppm", ".pgm"])
@pytest.mark.parametrize("kind", ["L", "RGB", "RGBA", "I;16", "RGB16"])
def test_outputs_by_suffix(photo, suffix, kind):
    picture = photo.astype(np.uint16) * 257 if kind == "RGB16" else as_mode(photo, kind, (90, 60))
    file = codec.open(codec.compress(picture))
    formats = sinks.writable_suffixes()
    if suffix not in formats:
        pytest.skip(f"this Pillow cannot write {suffix}")
    buffer = io.BytesIO()
    try:
        notes = sinks.write(buffer, formats[suffix], file.strips(), *file.size, file.form, file.alpha(), file.metadata)
    except codec.ImageError as error:
        assert kind == "RGBA" and suffix in (".jpg", ".ppm", ".pgm") and "transparency" in str(error)
        return
    with Image.open(buffer) as image:
        assert image.size == file.size
    assert bool(notes) == (
        file.form.depth == 16 and suffix not in (".png", ".ppm", ".pgm") and (kind, suffix) != ("I;16", ".tif")
    )


def test_hostile_transparency_is_refused(photo):
    from bitstream import Box, Container, CorruptError, parse, serialize

    container = parse(codec.compress(photo))
    other = sinks.encode_alpha(np.zeros((3, 3), np.uint8))
    for payload in (b"", b"\0", b"\0\xff\xff", b"\2abc", b"\1no PNG", b"\1" + other):
        data = serialize(Container(container.header, container.chunks, [Box(1, payload)]))
        with pytest.raises((CorruptError, codec.ImageError)):
            codec.decompress(data)


def test_pillow_plugin(photo, tmp_path):
    codec.register_pillow()
    path, exif = tmp_path / "photo.lmc", Image.Exif()
    exif[0x010F] = "Maker"
    Image.fromarray(photo).save(path, quality=60, exif=exif, icc_profile=b"profile")
    assert codec.inspect(path).quality == 60
    with Image.open(path) as image:
        assert image.format == "LMC" and image.size == (200, 200) and image.mode == "RGB"
        assert image.info["icc_profile"] == b"profile" and image.getexif()[0x010F] == "Maker"
        assert image.tile  # nothing decoded yet
        with codec.open(path) as file:
            np.testing.assert_array_equal(np.asarray(image), file.array())
        assert image.get_format_mimetype() == "image/x-lmc"
    damaged = bytearray(path.read_bytes())
    damaged[-1] ^= 1
    with pytest.raises(OSError, match="checksum"), Image.open(io.BytesIO(damaged)) as image:
        image.load()
    with pytest.raises(OSError, match="checksum"), Image.open(io.BytesIO(damaged)) as image:
        image.verify()
    with pytest.raises(Image.UnidentifiedImageError):
        Image.open(io.BytesIO(damaged[:20]))
