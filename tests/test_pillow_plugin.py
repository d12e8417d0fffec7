"""Files of this codec as Pillow opens and saves them."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

import codec


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
