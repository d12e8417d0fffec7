"""Images that are odd, cut, hostile, or change while they are read."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import threading

import numpy as np
import pytest
from PIL import Image

import codec
from bitstream.errors import ImageError
from codec.images import pillow_compat, pnm
from codec.images.pillow_compat import open_image
from codec.images.sources import open_source
from tests.common import raw_png


def test_a_pixmap_of_nothing_but_comments_is_refused_at_once(tmp_path):
    """In a process of its own: a search that doubles with each comment cannot be interrupted."""
    path = tmp_path / "evil.pgm"
    path.write_bytes(b"P5" + b" #" * 500)
    code = "import sys, codec\ntry:\n    codec.compress(sys.argv[1])\nexcept codec.CodecError:\n    sys.exit(7)"
    result = subprocess.run([sys.executable, "-c", code, str(path)], timeout=60, check=False)
    assert result.returncode == 7


@pytest.mark.parametrize(
    "header", [b"P5 3 2 255\n", b"P5\n# a comment\n3 2\n255 ", b"P5\n#a\n#b\n 3\n#c\n2\n  #d\n255\n", b"P5\t3\r2 255\t"]
)
def test_comments_of_a_pixmap_are_passed_over(header):
    found = pnm.read(header + bytes(range(6)))
    assert found is not None and found.shape == (2, 3, 1)
    np.testing.assert_array_equal(found.crop(1, 2, 1, 3)[0, :, 0], [4, 5])


def test_a_pixmap_that_is_shortened_while_it_is_read_is_an_error(tmp_path):
    path = tmp_path / "a.ppm"
    path.write_bytes(b"P6 40 30 255\n" + bytes(range(256)) * 20)
    source = open_source(path)
    assert source.crop(29, 30, 39, 40).shape == (1, 1, 3)
    os.truncate(path, 100)
    with pytest.raises(ImageError, match="has changed"):
        source.crop(0, 30, 0, 40)


def test_a_pixmap_that_is_replaced_while_it_is_read_is_an_error(tmp_path):
    path, other = tmp_path / "a.ppm", tmp_path / "b.ppm"
    for file, level in ((path, b"\1"), (other, b"\2")):
        file.write_bytes(b"P6 40 30 255\n" + level * 3600)
    source = open_source(path)
    assert source.crop(0, 10, 0, 40).max() == 1
    other.replace(path)
    with pytest.raises(ImageError, match="has changed"):
        source.crop(10, 30, 0, 40)


def test_the_limit_on_pixels_is_ours_for_every_reader(tmp_path, monkeypatch):
    """Pillow's reader of TIFF asks about its own limit once more as it loads."""
    path = tmp_path / "large.tif"
    Image.new("L", (300, 200), 77).save(path, compression="tiff_lzw")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with open_image(path) as image, pytest.raises(Image.DecompressionBombError):
        image.load()
    assert open_source(path).crop(0, 200, 0, 300)[199, 299, 0] == 77
    with pytest.raises(ImageError, match="limit 50000"):
        open_source(path, max_pixels=50_000)
    assert Image.MAX_IMAGE_PIXELS == 1000


def test_lifting_the_limit_leaves_no_trace(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pillow_compat.without_limit():
        with pillow_compat.without_limit():
            assert Image.MAX_IMAGE_PIXELS is None
        assert Image.MAX_IMAGE_PIXELS is None
    assert Image.MAX_IMAGE_PIXELS == 1000
    with pillow_compat.without_limit():
        Image.MAX_IMAGE_PIXELS = 5  # somebody's own
    assert Image.MAX_IMAGE_PIXELS == 5


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_child_forked_meanwhile_can_open_pictures(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    Image.new("L", (20, 20)).save(path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    inside, leave = threading.Event(), threading.Event()

    def hold():
        with pillow_compat.without_limit(), pillow_compat._lock:
            inside.set()
            leave.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    inside.wait(60)
    child = os.fork()
    if child == 0:
        import signal

        signal.alarm(30)  # a child that waits for ever is killed
        try:
            restored = Image.MAX_IMAGE_PIXELS == 1000
            with open_image(path) as image:
                os._exit(0 if restored and image.size == (20, 20) else 3)
        finally:
            os._exit(4)
    leave.set()
    thread.join()
    assert os.waitpid(child, 0)[1] == 0 and Image.MAX_IMAGE_PIXELS == 1000


@pytest.mark.parametrize("kind", ["tif", "gif"])
def test_of_a_cut_animation_the_first_frame_is_taken(kind, tmp_path):
    rng = np.random.default_rng(0)
    frames = [Image.fromarray(rng.integers(0, 256, (60, 80), dtype=np.uint8)) for _ in range(4)]
    path, unsound = tmp_path / f"a.{kind}", 0
    frames[0].save(path, save_all=True, append_images=frames[1:])
    data = path.read_bytes()
    with Image.open(path) as image:
        whole = np.asarray(image.convert("L"))
    for cut in range(len(data) * 3 // 10, len(data), 151):
        path.write_bytes(data[:cut])
        source = open_source(path)
        np.testing.assert_array_equal(source.crop(0, 60, 0, 80)[..., 0], whole)
        (note,) = source.notes
        assert note.startswith("only the first of")
        unsound += "several" in note
    assert unsound > 2


@pytest.mark.parametrize(("bits", "key"), [(1, 1), (1, 0), (2, 2), (2, 3), (4, 15), (4, 6), (8, 200)])
def test_transparency_of_gray_of_any_depth(bits, key, tmp_path):
    levels = np.arange(256 if bits == 8 else 1 << bits, dtype=np.uint8)
    levels = np.tile(levels, 8 // bits if bits < 8 else 1)
    packed = np.packbits(np.unpackbits(levels[:, None], axis=1)[:, 8 - bits :].ravel()).tobytes()
    path = tmp_path / "a.png"
    path.write_bytes(raw_png(len(levels), 1, bits, 0, [packed], struct.pack(">H", key)))
    alpha = open_source(path).alpha()
    np.testing.assert_array_equal(alpha[0], np.where(levels == key, 0, 255))
    assert codec.decompress(codec.compress(path)).mode == "LA"
    with Image.open(path) as image:  # an image that is coded twice is the same both times, and stays as it was
        told = image.info["transparency"]
        for _ in range(2):
            np.testing.assert_array_equal(open_source(image).alpha(), alpha)
            assert image.info["transparency"] == told
        image.info["transparency"] = 255  # on the scale of the pixels, as they are loaded
        white = np.asarray(image.convert("L")) == 255
        np.testing.assert_array_equal(open_source(image).alpha(), np.where(white, 0, 255))


def test_transparency_told_by_sixteen_bits_is_told_by_eight(tmp_path):
    colours = [(0x1234, 0x5678, 0x9ABC), (0x3434, 0x7878, 0xBCBC), (0x1212, 0x5656, 0x9A9A)]
    row = b"".join(struct.pack(">HHH", *colour) for colour in colours)
    path = tmp_path / "a.png"
    path.write_bytes(raw_png(3, 1, 16, 2, [row], struct.pack(">HHH", *colours[0])))
    with Image.open(path) as image:
        for source in (open_source(path), open_source(image), open_source(image)):
            np.testing.assert_array_equal(source.alpha()[0], [0, 255, 0])
            assert any("16 bits" in note for note in source.notes)
        assert image.info["transparency"] == colours[0]


def test_loading_beside_a_thread_that_lifts_the_limit(tmp_path, monkeypatch):
    """It may be set again while the image is loaded."""
    path = tmp_path / "large.tif"
    Image.new("L", (300, 200), 77).save(path, compression="tiff_lzw")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with open_image(path) as image:
        with pillow_compat.without_limit():
            real = image.load

            def load():
                assert pillow_compat._users == 2  # its own as well, so that the other's leaving changes nothing
                return real()

            monkeypatch.setattr(image, "load", load)
            pillow_compat.load(image)
            monkeypatch.undo()
        assert image.getpixel((0, 0)) == 77
