"""The library as a user calls it, with the model that ships."""

from __future__ import annotations

import io
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from PIL import Image

import codec
from bitstream import (
    Box,
    ChecksumError,
    Container,
    CorruptError,
    Header,
    LimitError,
    ModelError,
    UnsupportedVersionError,
    parse,
    serialize,
)
from codec.api import read_symbols
from codec.engine.registry import shipped


def psnr_db(a, b):
    return 10 * np.log10(255**2 / max(1e-9, np.mean((np.asarray(a, float) - np.asarray(b, float)) ** 2)))


@pytest.fixture(scope="module")
def photo():
    from skimage import data

    return data.astronaut()[:389, :317]


@pytest.mark.parametrize("size", [(1, 1), (1, 200), (63, 65), (64, 64), (389, 317)])
def test_any_size_comes_back(photo, size):
    picture = photo[: size[0], : size[1]]
    result = codec.decompress(codec.compress(picture, quality=60))
    assert result.mode == "RGB" and result.size == picture.shape[1::-1]
    assert psnr_db(picture, result) > 22


def test_more_quality_is_more_bytes_and_less_error(photo):
    curve = []
    for quality in (0, 20, 40, 60, 80, 100):
        data = codec.compress(photo, quality=quality)
        curve.append((len(data), psnr_db(photo, codec.decompress(data))))
    sizes, psnrs = zip(*curve, strict=True)
    assert list(sizes) == sorted(set(sizes)) and list(psnrs) == sorted(set(psnrs))
    assert psnrs[-1] > 35 and sizes[-1] > 8 * sizes[0]


def test_every_kind_of_picture_gives_the_same_file(photo, tmp_path):
    path = tmp_path / "photo.png"
    Image.fromarray(photo).save(path)
    data = codec.compress(photo)
    assert codec.compress(path) == codec.compress(str(path)) == codec.compress(Image.fromarray(photo)) == data


def test_files_are_read_from_their_beginning(photo):
    file = io.BytesIO()
    Image.fromarray(photo).save(file, "PNG")
    data = codec.compress(file)
    assert data == codec.compress(photo)
    coded = io.BytesIO()
    coded.write(data)
    assert codec.decompress(coded).tobytes() == codec.decompress(data).tobytes()
    with pytest.raises(TypeError):
        codec.open(data).region(1.5, 0, 3, 3)


def test_gray_pictures_are_coded_as_equal_components(photo):
    gray = photo[:, :, 1]
    data = codec.compress(gray)
    assert codec.compress(gray[:, :, None]) == codec.compress(Image.fromarray(gray)) == data
    assert parse(data).chunks == parse(codec.compress(np.repeat(gray[:, :, None], 3, axis=2))).chunks
    result = codec.decompress(data)
    assert result.mode == "L" and psnr_db(gray, result) > 30
    container = parse(data)
    colour = np.asarray(codec.decompress(serialize(Container(container.header, container.chunks))), float)
    unclipped = ((colour > 0) & (colour < 255)).all(axis=2)
    assert np.abs(colour.mean(axis=2) - np.asarray(result))[unclipped].max() < 1


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_symbols_do_not_depend_on_threads(photo, threads):
    assert codec.compress(photo, threads=threads) == codec.compress(photo, threads=3)
    data = codec.compress(photo)
    one, other = (np.asarray(codec.decompress(data, threads=n), np.int16) for n in (threads, 3))
    assert np.abs(one - other).max() <= 1


def test_one_codec_serves_many_threads(photo):
    crops = [photo[i : i + 100, i : i + 90] for i in range(0, 160, 20)]
    alone = [codec.compress(crop) for crop in crops]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(codec.compress, crops)) == alone


def test_inspect_tells_what_is_there(photo):
    data = codec.compress(photo, quality=33)
    info = codec.inspect(data)
    assert (info.width, info.height, info.quality) == (317, 389, 33)
    assert info.model_available and info.file_bytes == len(data)
    assert info.rate_bpp == pytest.approx(8 * len(data) / (317 * 389))
    assert sum(info.chunk_bytes) + info.overhead_bytes == len(data) and info.overhead_bytes < 40
    assert (info.mode, info.depth) == ("RGB", 8)
    info = codec.inspect(codec.compress(np.full((9, 9, 2), 1234, np.uint16)))
    assert (info.mode, info.depth) == ("LA", 16)


@pytest.mark.parametrize("quality", [-0.1, 100.1, float("nan")])
def test_quality_out_of_range_is_refused(photo, quality):
    with pytest.raises(ValueError, match="quality"):
        codec.compress(photo, quality=quality)


def test_quality_has_to_be_a_number_and_alone(photo):
    with pytest.raises(TypeError, match="quality: expected a number, found '50'"):
        codec.compress(photo, quality="50")
    with pytest.raises(ValueError, match="in place of a quality"):
        codec.compress(photo, quality=50, target=codec.Target("bytes", 4000))
    assert codec.compress(photo) == codec.compress(photo, quality=np.float32(50))


def test_damaged_files_are_refused(photo):
    data = codec.compress(photo)
    for read in (codec.decompress, codec.inspect):
        with pytest.raises(ChecksumError):
            read(data[:-5] + bytes([data[-5] ^ 8]) + data[-4:])
        for other in (data[:-1], data + b"x"):
            with pytest.raises(codec.BitstreamError):
                read(other)
    for read in (codec.decompress, codec.inspect):
        with pytest.raises(LimitError):
            read(data, max_pixels=1000)
    with pytest.raises(codec.ImageError, match="limit 1000"):
        codec.compress(photo, max_pixels=1000)


def test_files_of_other_models_are_refused(photo):
    container = parse(codec.compress(photo))
    h = container.header
    other = serialize(Container(Header(h.width, h.height, b"\0\0\0\0", h.quality_index), container.chunks))
    with pytest.raises(ModelError, match="00000000"):
        codec.decompress(other)
    info = codec.inspect(other)
    assert not info.model_available and info.quality is None
    beyond = serialize(Container(Header(h.width, h.height, h.model_id, 401), container.chunks))
    with pytest.raises(CorruptError, match="quality_index"):
        codec.decompress(beyond)


def test_boxes_of_even_type_are_skipped(photo):
    container = parse(codec.compress(photo))
    boxed = serialize(Container(container.header, container.chunks, [Box(4000, b"from the future")]))
    np.testing.assert_array_equal(codec.decompress(boxed), codec.decompress(serialize(container)))
    info = codec.inspect(boxed)
    assert info.box_bytes == {"box 4000": 15} and info.overhead_bytes < 50


def test_boxes_of_odd_type_must_be_understood(photo):
    container = parse(codec.compress(photo))
    boxed = serialize(Container(container.header, container.chunks, [Box(4001, b"from the future")]))
    for read in (codec.decompress, codec.open, codec.inspect):
        with pytest.raises(UnsupportedVersionError, match="4001"):
            read(boxed)


def test_an_open_file_is_lazy(photo, tmp_path):
    path = tmp_path / "photo.lmc"
    path.write_bytes(codec.compress(photo))
    with codec.open(path) as file:
        assert file.size == (317, 389) and not file._reader.cache
        region = file.region(50, 60, 100, 90)
        assert np.array_equal(np.asarray(region), np.asarray(file.load())[60:150, 50:150])
        assert np.array_equal(file.array(), np.asarray(codec.decompress(path.read_bytes())))
        for bad in ((-1, 0, 5, 5), (0, 0, 318, 1), (0, 0, 0, 1), (0, 389, 1, 1)):
            with pytest.raises(ValueError, match="region"):
                file.region(*bad)
        with pytest.raises(ValueError, match="scale"):
            file.preview(3)


@pytest.mark.parametrize(("scale", "least"), [(2, 50), (4, 50), (8, 38), (16, 40)])
def test_previews_are_near_the_mean_of_the_pixels(photo, scale, least):
    file = codec.open(codec.compress(photo, quality=60))
    small = np.asarray(file.preview(scale), float)
    whole = np.asarray(file.load(), float)
    h, w = 389 // scale, 317 // scale
    means = whole[: h * scale, : w * scale].reshape(h, scale, w, scale, 3).mean(axis=(1, 3))
    assert small.shape == (-(-389 // scale), -(-317 // scale), 3)
    assert psnr_db(small[:h, :w], means) > least


def test_wild_symbols_give_a_picture(photo):
    """A file may hold any integers with valid checksums; decoding them must not fail."""
    runtime = shipped()
    from bitstream import encode_chunk

    rng = np.random.default_rng(0)
    z = rng.integers(-(1 << 20), 1 << 20, (runtime.tables.hyper_latents, 1, 1)).astype(np.int32)
    y = rng.integers(-(1 << 28), 1 << 28, (runtime.tables.latents, 4, 4)).astype(np.int32)
    chunk = encode_chunk(runtime.tables, 400, z, y)
    data = serialize(Container(Header(64, 64, runtime.model_id, 400), [chunk]))
    assert codec.decompress(data).size == (64, 64)
    np.testing.assert_array_equal(read_symbols(runtime, data)[2], y)


def test_what_is_lost_is_told_of(photo, tmp_path):
    """By a warning of its own kind, whoever calls; and in full by :func:`codec.encode`, which does not warn."""
    cmyk = Image.fromarray(photo[:64, :64]).convert("CMYK")
    with pytest.warns(codec.ConversionWarning, match="CMYK converted to RGB without a profile") as told:
        data = codec.compress(cmyk)
    assert told[0].filename == __file__
    encoded = codec.encode(cmyk)
    assert encoded.data == data and encoded.notes == ("CMYK converted to RGB without a profile",)
    assert (encoded.width, encoded.height) == (64, 64)
    deep = codec.compress(photo[:64, :64].astype(np.uint16) * 257)
    with pytest.warns(codec.ConversionWarning, match="16 bits of RGB were cut to 8"):
        assert codec.decompress(deep).mode == "RGB"
    codec.compress(photo[:64, :64])  # warnings are errors in these tests
    codec.register_pillow()
    with pytest.warns(codec.ConversionWarning, match="CMYK"):
        cmyk.save(tmp_path / "a.lmc")


def test_options_are_checked_once_and_mean_what_the_arguments_do(photo):
    part = photo[:64, :64]
    options = codec.EncodeOptions(quality=20, tune="psnr", strip=True)
    assert codec.encode(part, options).data == codec.compress(part, 20, tune="psnr", strip=True)
    assert codec.encode(part).data == codec.compress(part) == codec.compress(part, 50)
    bpp = codec.encode(part, codec.EncodeOptions(target=codec.Target("bpp", 3.0))).data
    assert bpp == codec.compress(part, target=codec.Target("bytes", 3 * 64 * 64 / 8)) and len(bpp) <= 3 * 64 * 64 / 8
    for wrong in ({"quality": 101}, {"quality": 5, "target": codec.Target("psnr", 30)}, {"effort": 10},
                  {"tune": "psnr", "model": "somewhere"}, {"budget": -1.0}):  # fmt: skip
        with pytest.raises(ValueError, match=next(iter(wrong))):
            codec.EncodeOptions(**wrong)
    for wrong in ({"quality": "50"}, {"target": 5}):
        with pytest.raises(TypeError, match=next(iter(wrong))):
            codec.EncodeOptions(**wrong)
    with pytest.raises(FrozenInstanceError):
        options.quality = 3


def test_the_callers_process_stays_as_it_is():
    """Permissions of new files and warnings are not the library's to change."""
    code = """
import os, warnings, numpy as np, PIL.Image
mask, filters = os.umask(0o027), list(warnings.filters)
import codec
codec.decompress(codec.compress(np.zeros((64, 64, 3), np.uint8)))
assert os.umask(mask) == 0o027 and warnings.filters == filters, set(warnings.filters) ^ set(filters)
"""
    subprocess.run([sys.executable, "-W", "default", "-c", code], check=True)


@pytest.mark.train
def test_torchs_threads_are_the_callers(photo):
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        codec.compress(photo[:200, :200], effort=1, threads=1)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


def test_a_file_is_written_in_other_formats_or_refused(photo):
    with codec.open(codec.compress(photo[:130, :150])) as file:
        whole = np.asarray(file.load())
        for options, expected in (
            ({}, whole),
            ({"region": (3, 5, 40, 60)}, whole[5:65, 3:43]),
            ({"scale": 8}, np.asarray(file.preview())),
        ):
            output = io.BytesIO()
            assert file.write(output, ".PNG", **options) == ()
            np.testing.assert_array_equal(np.asarray(Image.open(output)), expected)
        with pytest.raises(ValueError, match="expected 1 for a region"):
            file.write(io.BytesIO(), ".png", region=(0, 0, 64, 64), scale=2)
        for suffix in (".xyz", "png"):
            with pytest.raises(codec.ImageError, match="known are"):
                file.write(io.BytesIO(), suffix)
        with pytest.raises(codec.ImageError, match="region"):
            file.write(io.BytesIO(), ".png", region=(100, 100, 64, 64))
    assert {"LmcFile", "Damage", "compress", "__version__"} <= set(dir(codec))
