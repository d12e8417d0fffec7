"""Many small images through the networks at once give what each gives alone."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

import codec
from codec.decoding import together
from codec.engine.runtime import Runtime


@pytest.fixture(scope="module")
def files() -> list[bytes]:
    """Files of several sizes, qualities, models and kinds."""
    from skimage import data

    photo = data.astronaut()
    found = [
        codec.compress(photo[20 * i : 20 * i + 60, 5 * i : 5 * i + 64], quality=10 + 6 * i, graphics=False)
        for i in range(12)
    ]
    found += [codec.compress(photo[:60, 20 * i : 20 * i + 64], tune="psnr") for i in range(3)]
    found += [codec.compress(photo[:120, :100, 0]), codec.compress(photo[30:150, 40:140, 1])]
    found += [codec.compress(photo[:70, :90], lossless=True), codec.compress(photo[:300, :300])]
    clear = np.dstack([photo[:60, :64], photo[60:120, :64, 0]])
    framed = photo[:60, :64].copy()
    framed[:32] = 255  # exact blocks beside others
    stored = io.BytesIO()
    exif = Image.Exif()
    exif[0x0131] = "a program"
    Image.fromarray(photo[:60, :64]).save(stored, "PNG", exif=exif)
    return [*found, codec.compress(clear), codec.compress(framed), codec.compress(stored)]


def test_pixels_and_metadata_are_those_of_each_alone(files, monkeypatch):
    runs: list[int] = []
    synthesise = Runtime.synthesise

    def counted(self, y_hat, quality_index):
        runs.append(len(y_hat))
        return synthesise(self, y_hat, quality_index)

    monkeypatch.setattr(Runtime, "synthesise", counted)
    images = codec.decompress_batch(files)
    assert max(runs) > 8 and len(runs) < len(files)  # that they went together at all
    alone = [codec.decompress(data) for data in files]
    for image, wanted in zip(images, alone, strict=True):
        assert (image.mode, image.size, image.info) == (wanted.mode, wanted.size, wanted.info)
        assert np.abs(np.asarray(image).astype(int) - np.asarray(wanted)).max() <= 1
    assert images[-1].getexif()[0x0131] == "a program"


def test_so_many_at_once_and_no_more(files, monkeypatch):
    monkeypatch.setattr(together, "AT_ONCE", 5)
    for image, data in zip(codec.decompress_batch(files[:12]), files, strict=False):
        assert np.abs(np.asarray(image).astype(int) - np.asarray(codec.decompress(data))).max() <= 1
    assert codec.decompress_batch([]) == []


def test_a_damaged_file_is_named(files):
    spoilt = bytearray(files[1])
    spoilt[-9] ^= 1
    with pytest.raises(codec.BitstreamError, match=r"^file 1: "):
        codec.decompress_batch([files[0], bytes(spoilt)])
    with pytest.raises(codec.BitstreamError, match=r"^file 0: "):
        codec.decompress_batch([b"no file of ours"])
