"""Files of this codec as Pillow opens and saves them."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageFile

import codec
from bitstream import Metadata
from tests.common import as_mode


def test_pillow_plugin(face, tmp_path):
    codec.register_pillow()
    path, exif = tmp_path / "photo.lmc", Image.Exif()
    exif[0x010F] = "Maker"
    Image.fromarray(face).save(path, quality=60, exif=exif, icc_profile=b"profile")
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


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "I;16"])
def test_the_mode_is_known_before_pixels_are_decoded(face, tmp_path, mode):
    codec.register_pillow()
    as_mode(face, mode, (70, 50)).save(tmp_path / "a.lmc", exif=b"", xmp=b"")
    with Image.open(tmp_path / "a.lmc") as image:
        assert image.mode == mode and image.tile
        image.load()
        assert image.mode == mode and not image.tile
        np.testing.assert_array_equal(np.asarray(image), np.asarray(codec.decompress(tmp_path / "a.lmc")))


def test_what_is_given_stands_in_place_of_what_the_picture_has(face, tmp_path):
    codec.register_pillow()
    image = Image.fromarray(face[:50, :60])
    image.info.update(icc_profile=b"profile", xmp=b"<x/>")
    image.save(tmp_path / "a.lmc", xmp=b"", quality=20, tune="psnr")
    with codec.open(tmp_path / "a.lmc") as file:
        assert file.metadata == Metadata(icc=b"profile")
    info = codec.inspect(tmp_path / "a.lmc")
    assert (info.quality, info.tune) == (20, "psnr")


@pytest.mark.parametrize("given", [{}, {"icc_profile": b"profile"}, {"xmp": b"<xmp/>"}])
def test_a_picture_from_a_file_is_turned_upright_once(face, tmp_path, given):
    codec.register_pillow()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(face[:60, :120]).save(tmp_path / "a.jpg", exif=exif)
    with Image.open(tmp_path / "a.jpg") as image:
        image.save(tmp_path / "a.lmc", quality=60, **given)
    with Image.open(tmp_path / "a.lmc") as back, Image.open(tmp_path / "a.jpg") as image:
        assert back.size == (60, 120) and back.getexif().get(0x0112, 1) == 1
        upright = np.asarray(image.transpose(Image.Transpose.ROTATE_270), float)
        assert np.abs(np.asarray(back, float) - upright).mean() < 12


def test_a_parser_gives_the_picture_once_it_is_fed_whole(face):
    codec.register_pillow()
    data = codec.compress(face, 40)
    parser = ImageFile.Parser()
    for at in range(0, len(data), 500):
        parser.feed(data[at : at + 500])
    np.testing.assert_array_equal(np.asarray(parser.close()), np.asarray(codec.decompress(data)))
    parser = ImageFile.Parser()
    parser.feed(data[:-10])
    with pytest.raises(OSError):
        parser.close()


def test_options_are_obeyed_or_refused(face):
    codec.register_pillow()
    image = Image.fromarray(face)

    def saved(**options):
        buffer = io.BytesIO()
        image.save(buffer, "LMC", **options)
        return buffer.getvalue()

    assert saved(optimize=True, progressive=True, threads=1) == saved()
    assert len(saved(target=codec.Target("bpp", 0.3))) * 8 <= 0.3 * 200 * 200
    for name in ("near_lossless", "target_size", "compress_level"):
        with pytest.raises(TypeError, match=f"unknown option {name}"):
            saved(**{name: 1})
    assert (codec.open(saved(lossless=True)).array() == face).all()
    with pytest.raises(ValueError, match="quality"):
        saved(quality=101)


@pytest.mark.train
def test_effort_is_an_option(face):
    codec.register_pillow()
    buffer = io.BytesIO()
    Image.fromarray(face).save(buffer, "LMC", effort=2)
    assert buffer.getvalue() == codec.compress(face, effort=2) != codec.compress(face)
