"""Graphics are exact and small, photographs are left alone, and both may stand on one page."""

import io
import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

import codec
from bitstream.boxes import PixelFormat
from bitstream.container import Container, parse, parse_header, serialize
from bitstream.exact_blocks import join, split, to_pixels
from codec.encoding.encoder import encode
from codec.encoding.graphics import CHUNK_LOG2, exact_blocks
from codec.encoding.watch import SymbolWatch
from codec.engine.registry import shipped
from codec.images.sources import ArraySource

LEVELS = (60, 205, 320)


@pytest.fixture(scope="module")
def photo():
    from skimage import data

    return data.astronaut()[20:276, 100:356]


def lines(height, width, ink=(20, 20, 60), ground=(255, 255, 255)):
    """A page of text."""
    image = Image.new("RGB", (width, height), ground)
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(13)
    for row in range(8, height - 16, 20):
        draw.text((8, row), f"{row}: text in one colour, row after row, {row * 7919}", ink, font)
    return np.asarray(image)


@pytest.fixture(scope="module")
def page(photo):
    """A photograph of 256 pixels a side within a page of text."""
    page = lines(512, 640).copy()
    page[128:384, 320:576] = photo
    return page


@pytest.fixture(scope="module")
def coded(page):
    return codec.compress(page, 50)


def lossless_bytes(pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "WEBP", lossless=True)
    return len(buffer.getvalue())


def test_text_is_exact_and_no_larger_than_a_lossless_file():
    text = lines(400, 300)
    data = codec.compress(text)
    assert (np.asarray(codec.decompress(data)) == text).all()
    assert len(data) < 0.7 * lossless_bytes(text)  # its lines on their side
    assert len(data) < len(codec.compress(text, graphics=False))
    assert codec.inspect(data).exact_share == 1


def test_faint_text_below_a_photograph_is_kept():
    """Grey letters with coloured edges, which the networks would code for less, but for what text is worth."""
    from skimage import data

    image, font = Image.new("L", (512, 128), 255), ImageFont.load_default(10)
    draw = ImageDraw.Draw(image)
    for i, words in enumerate(("214 likes", "31 remarks", "Share it", "5 h, Mill Street", "early gulls", "again")):
        draw.text((17 + 167 * (i % 3), 20 + 37 * (i // 3)), words, 160, font)
    text = np.stack([np.roll(np.asarray(image), shift, axis=1) for shift in (-1, 0, 1)], axis=2)
    page = np.concatenate([data.astronaut()[:384], text])
    with codec.open(codec.compress(page, 50)) as file:
        decoded, share = file.array(), file.exact_share
    assert (decoded[384:] == page[384:])[(text < 255).any(axis=2)].all() and share < 0.3


def test_a_flat_colour_takes_no_more_than_its_header():
    data = codec.compress(np.full((256, 256, 3), (255, 0, 255), np.uint8))
    assert len(data) < 150
    edge = np.zeros((256, 256, 3), np.uint8)
    edge[:, 101:] = 255, 0, 255
    data = codec.compress(edge)
    assert len(data) < 150 and (codec.open(data).array() == edge).all()


@pytest.mark.parametrize("quality", [10, 50, 100])
@pytest.mark.parametrize("side", [1, 2, 3, 8])
def test_checkerboards_come_back(side, quality):
    y, x = np.mgrid[:96, :128] // side
    board = np.where(((x + y) % 2 == 1)[..., None], (255, 0, 0), (0, 255, 255)).astype(np.uint8)
    assert (codec.open(codec.compress(board, quality)).array() == board).all()


@pytest.mark.parametrize("size", [(256, 256), (65, 65), (250, 200)])
def test_photographs_have_no_exact_blocks(photo, size):
    part = photo[: size[0], : size[1]]
    for pixels in (part, part[:, :, 1], part // 16):
        for tune in ("visual", "psnr"):
            for level in LEVELS:
                assert exact_blocks(shipped(2, tune), ArraySource(pixels), level) is None
    assert codec.compress(part, 50) == codec.compress(part, 50, graphics=False)


@pytest.mark.parametrize("quality", [75, 100])
def test_photographs_that_were_jpegs_lose_nothing(photo, quality):
    """Flat blocks of coarse JPEGs may be exact, where that makes up for its bytes."""
    buffer = io.BytesIO()
    Image.fromarray(photo[:250, :200]).save(buffer, "JPEG", quality=15)
    pixels = np.asarray(Image.open(buffer))

    def decoded(**options):
        data = codec.compress(pixels, quality, **options)
        return len(data), float(np.square(codec.open(data).array().astype(float) - pixels).mean())

    (size, error), (plain_size, plain_error) = decoded(), decoded(graphics=False)
    assert size <= plain_size or (size < 1.25 * plain_size and error < plain_error * (plain_size / size) ** 1.2)


def test_more_quality_never_makes_a_page_worse():
    """A small photograph on a page of text: its text is exact from low qualities on, and sizes rise with quality."""
    from skimage import data

    page = lines(192, 320).copy()
    page[32:160, 160:288] = data.astronaut()[20:148, 100:228]
    text = np.ones(page.shape[:2], bool)
    text[32:160, 160:288] = False
    sizes = []
    for quality in (25, 40, 60, 80, 100):
        coded = codec.compress(page, quality)
        assert (codec.open(coded).array() == page)[text].all()
        assert len(coded) < len(codec.compress(page, quality, graphics=False))
        sizes.append(len(coded))
    assert sizes == sorted(sizes) and sizes[-1] < 0.5 * len(codec.compress(page, lossless=True))


def test_on_a_page_text_is_exact_and_the_photograph_is_not(page, photo, coded):
    with codec.open(coded) as file:
        decoded = file.array()
        assert 0.5 < file.exact_share < 0.9 and codec.inspect(coded).exact_share == file.exact_share
    text = np.ones(page.shape[:2], bool)
    text[128:384, 320:576] = False
    assert (decoded == page)[text].all()
    seen = decoded[128:384, 320:576].astype(int)
    assert 1 < np.abs(seen - photo).mean() < 6
    assert len(coded) < len(codec.compress(page, 50, graphics=False))
    alone = codec.open(codec.compress(photo, 50, graphics=False)).array().astype(int)
    assert np.abs(seen - photo).mean() < 1.1 * np.abs(alone - photo).mean()


def test_what_is_filled_in_costs_next_to_nothing(page, photo):
    """The networks' symbols on the page take little more than those of the photograph alone."""
    runtime, source = shipped(2), ArraySource(page)
    exact = exact_blocks(runtime, source, 205)
    data = encode(runtime, source, 205, [], exact=exact, chunk_log2=CHUNK_LOG2)
    with codec.open(data) as file:
        symbols = len(file._parts.chunk(0, 1 << 20).symbols)
    assert symbols < 1.25 * len(encode(runtime, ArraySource(photo), 205, []))


def test_regions_scales_and_tiles_agree(page, coded):
    with codec.open(coded) as file:
        whole = file.array()
        assert np.asarray(file.region(300, 100, 300, 300)).tolist() == whole[100:400, 300:600].tolist()
        assert np.asarray(file.region(1, 2, 33, 34)).tolist() == page[2:36, 1:34].tolist()
        strips = [strip for _, strip in file.strips(max_tile=4)]
        assert len(strips) > 2 and np.abs(np.concatenate(strips).astype(int) - whole).max() <= 1
        for scale in (2, 4, 8, 16):
            small = np.asarray(file.preview(scale), int)
            means = page.reshape(512 // scale, scale, 640 // scale, scale, 3).mean(axis=(1, 3))
            assert small.shape == means.shape
            assert np.abs(small - means)[: 96 // scale].max() <= 0.5
            assert np.abs(small - means).mean() < 4


def test_chunks_beside_each_other(photo):
    """Wider than a chunk: text on both sides of the border, and a photograph across it."""
    wide = np.tile(lines(192, 192), (1, 13, 1))[:, :2400].copy()
    wide[:, 1920:2176] = photo[:192]
    data = codec.compress(wide, 50)
    assert len(parse_header(data).chunks) == 2
    with codec.open(data) as file:
        decoded = file.array()
        assert (decoded[:, :1920] == wide[:, :1920]).all() and (decoded[:, 2176:] == wide[:, 2176:]).all()
        assert np.abs(decoded.astype(int) - wide)[:, 1920:2176].mean() < 8
        part = np.asarray(file.region(1900, 3, 300, 150), int)
        assert np.abs(part - decoded[3:153, 1900:2200]).max() <= 1


def test_either_tune(page):
    data = codec.compress(page, 50, tune="psnr")
    assert 0.5 < codec.inspect(data).exact_share < 0.9 and len(data) < len(
        codec.compress(page, 50, tune="psnr", graphics=False)
    )


@pytest.mark.train
def test_effort_leaves_exact_pixels_alone(page):
    small = page[96:288, 256:448]
    mask = exact_blocks(shipped(2), ArraySource(small), shipped(2).scale.level(50))
    assert mask is not None and 0.2 < mask.mean() < 0.9
    with codec.open(codec.compress(small, 50, effort=1)) as file:
        assert (file.array() == small)[to_pixels(mask, 192, 192)].all()


def test_progress_never_falls(page):
    told = []
    codec.compress(page, 50, progress=lambda done, total: told.append(done / total))
    assert told == sorted(told) and told[-1] == 1 and len(told) > 4


def test_threads_share_a_file_and_copies_are_read_anew(page, coded, tmp_path):
    (tmp_path / "a.lmc").write_bytes(coded)
    with codec.open(tmp_path / "a.lmc", threads=1) as file, ThreadPoolExecutor(4) as pool:
        regions = list(pool.map(lambda y: np.asarray(file.region(0, y, 300, 40)), range(0, 120, 10)))
        for y, region in zip(range(0, 120, 10), regions, strict=True):
            assert (region == page[y : y + 40, :300]).all()
        with pickle.loads(pickle.dumps(file)) as again:
            assert (np.asarray(again.region(3, 4, 200, 50)) == page[4:54, 3:203]).all()


def test_a_portable_pixmap_gives_the_same_file(page, coded, tmp_path):
    Image.fromarray(page).save(tmp_path / "a.ppm")
    assert codec.compress(tmp_path / "a.ppm", 50) == coded


def test_a_damaged_picture_is_told_or_filled(page, coded):
    """With its checksum made right again: the networks' pixels take its place."""
    container = parse(coded)
    parts = split(container.chunks[0], container.header.chunk_size(0), PixelFormat())
    for name in ("rest", "turned"):
        half = getattr(parts.picture, name)[: len(getattr(parts.picture, name)) // 2]
        assert half
        broken = join(replace(parts, picture=replace(parts.picture, **{name: half})))
        data = serialize(Container(container.header, [broken], container.boxes))
        with pytest.raises(codec.BitstreamError, match="picture"):
            codec.decompress(data)
        with codec.open(data, on_damage="fill") as file:
            assert file.array().shape == page.shape and [damage.part for damage in file.damage] == ["chunk 0"]


def test_exact_blocks_need_pillow_with_webp(page, monkeypatch):
    plain = codec.compress(page, 50, graphics=False)
    monkeypatch.setattr("PIL.features.check", lambda name: name != "webp")
    assert codec.compress(page, 50) == plain
    with pytest.raises(codec.CodecError, match="WebP"):
        codec.compress(page, lossless=True)


def test_damage_costs_its_own_chunk(photo):
    wide = np.tile(lines(192, 192), (1, 13, 1))[:, :2400].copy()
    data = bytearray(codec.compress(wide, 50))
    at, length, _ = parse_header(bytes(data)).chunks[1]
    data[at + length // 2] ^= 1
    with pytest.raises(codec.BitstreamError, match="chunk 1"):
        codec.decompress(bytes(data))
    with codec.open(bytes(data), on_damage="fill") as file:
        assert (file.array()[:, :2048] == wide[:, :2048]).all()
        assert [damage.part for damage in file.damage] == ["chunk 1"]


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_all_forms(channels, dtype):
    pixels = lines(70, 150)[..., :1].repeat(channels, axis=2)
    pixels = pixels.astype(dtype) * (257 if dtype is np.uint16 else 1)
    if channels == 3:
        pixels[30:, :, 1] //= 2
    pixels = pixels[..., 0] if channels == 1 else pixels
    decoded = codec.open(codec.compress(pixels, 50)).array()
    assert decoded.dtype == pixels.dtype
    if channels in (2, 4):  # what is transparent shows nothing
        seen = pixels[..., -1] > 0
        assert (decoded[..., -1] == pixels[..., -1]).all() and (decoded[seen] == pixels[seen]).all()
    else:
        assert (decoded == pixels).all()


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (17, 1), (16, 16), (15, 65), (64, 64), (65, 129)])
def test_any_size(size):
    pixels = np.zeros((*size, 3), np.uint8)
    pixels[::2] = 0, 255, 0
    for options in ({}, {"lossless": True}):
        assert (codec.open(codec.compress(pixels, **options)).array() == pixels).all()


def test_targets_are_met(page, coded):
    for target in (len(coded) // 2, len(coded) // 3):
        data = codec.compress(page, target=codec.Target("bytes", target))
        assert 0.8 * target < len(data) <= target


def test_dark_images_of_16_bits_are_told(photo):
    dark = photo[..., 0].astype(np.uint16)
    with pytest.warns(codec.ConversionWarning, match="values of 16 bits from .* lossless"):
        codec.compress(dark)
    data = codec.compress(dark, lossless=True)
    assert (codec.open(data).array() == dark).all()


KODAK = Path(__file__).parents[3] / "shared" / "data" / "kodak"


@pytest.mark.skipif(not KODAK.is_dir(), reason="the Kodak images are not here")
@pytest.mark.parametrize("quality", [25, 50, 75])
def test_kodak_has_no_exact_blocks(quality):
    """So its files are what they are without graphics, byte for byte."""
    paths = sorted(KODAK.glob("*.png"))
    assert len(paths) == 24
    for path in paths:
        pixels = np.asarray(Image.open(path).convert("RGB"))
        for tune in ("visual", "psnr"):
            runtime = shipped(2, tune)
            source, level = ArraySource(pixels), runtime.scale.level(quality)
            assert exact_blocks(runtime, source, level) is None, path.name
            if path.name.endswith("3.png"):  # three of them, as it takes a whole pass
                watch = SymbolWatch(runtime, level, tuple(-(-side // 64) for side in pixels.shape[:2]))
                encode(runtime, source, level, [], watch=watch)
                assert not watch.doubtful.any(), path.name


@pytest.mark.parametrize("tune", ["visual", "psnr"])
@pytest.mark.parametrize(("shape", "most"), [("half", 1.06), ("window", 1.06), ("squares of a chessboard", 1.7)])
def test_blocks_beside_exact_ones_come_back_almost_as_well(photo, tune, shape, most):
    """They do not have the latents of those, as the encoder knows; only blocks alone among exact ones are the worse."""
    row, column = np.indices((16, 16))
    exact = {
        "half": column < 8,
        "window": (abs(row - 7.5) < 4) & (abs(column - 7.5) < 4),
        "squares of a chessboard": (row + column) % 2 == 0,
    }[shape]
    runtime, source = shipped(2, tune), ArraySource(photo)
    seen = ~to_pixels(exact, 256, 256)
    files = [encode(runtime, source, 205, [], exact=mask) for mask in (np.zeros_like(exact), exact)]
    errors = [np.square(codec.open(data).array().astype(float) - photo)[seen].mean() for data in files]
    assert errors[1] < most * errors[0]
    with codec.open(files[1]) as file:
        _, y = file.symbols()
        symbols = len(file._parts.chunk(0, 1 << 20).symbols)
    assert not y[:, exact].any() and y[:, ~exact].any()
    assert symbols < (1.3 - exact.mean()) * len(files[0])
