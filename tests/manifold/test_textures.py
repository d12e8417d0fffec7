"""Images drawn from blocks of others: that they look like those, show no seams, and copy none of them."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from skimage import data

import codec
from bitstream.errors import CodecError, LimitError
from codec.decoding.lmc_file import LmcFile
from codec.engine.registry import shipped
from codec.manifold import textures
from codec.manifold.quilting.canvas import BLOCK, SIDE, Canvas, Source, _cheapest_path
from codec.manifold.quilting.gradient_domain import REACH, integrate
from codec.manifold.quilting.quilt import Quilt
from codec.manifold.sampling import sample
from codec.manifold.textures import TooSmallError, sample_like
from tests.common import run_codec

Gray = NDArray[np.uint8]
SIZE = (256, 192)
BANDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.3, 0.5)
"""Cycles per pixel, borders of the bands of a spectrum."""


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of .lmc files for each texture."""
    top = tmp_path_factory.mktemp("textures")
    for name in ("grass", "gravel"):
        (top / name).mkdir()
        (top / name / "a.lmc").write_bytes(codec.compress(getattr(data, name)()))
    return top


@pytest.fixture(scope="module")
def drawn(folders: Path) -> dict[str, Gray]:
    """A draw from each."""
    return {
        path.name: np.asarray(codec.decompress(sample_like([path], *SIZE, 90, seed=1)))
        for path in sorted(folders.iterdir())
    }


def decoded(folders: Path, name: str) -> Gray:
    """What a texture's file shows."""
    return np.asarray(codec.decompress(folders / name / "a.lmc"))


def steps(x: Gray) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean steps between neighbours, across each column border and each row border."""
    values = x.astype(np.float64)
    return np.abs(np.diff(values, axis=1)).mean(axis=0), np.abs(np.diff(values, axis=0)).mean(axis=1)


def spectrum(x: Gray) -> NDArray[np.float64]:
    """Logarithms of the power in octaves, of 192 x 192 pixels."""
    part = x[:192, :192].astype(np.float64)
    power = np.abs(np.fft.fft2((part - part.mean()) * np.hanning(192)[:, None] * np.hanning(192))) ** 2
    at = np.hypot(np.fft.fftfreq(192)[:, None], np.fft.fftfreq(192))
    return np.log([power[(at >= a) & (at < b)].mean() for a, b in pairwise(BANDS)])


def likeness(part: Gray, whole: Gray) -> float:
    """The largest correlation of a part with any place of an image."""

    def sums(values: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
        product = np.fft.rfft2(values) * np.fft.rfft2(weights, values.shape).conj()
        return np.fft.irfft2(product, values.shape)[
            : len(values) - len(part) + 1, : values.shape[1] - part.shape[1] + 1
        ]

    there, here, ones = whole.astype(np.float64), part - part.mean(), np.ones(part.shape)
    spread = sums(there**2, ones) - sums(there, ones) ** 2 / part.size
    return float((sums(there, here) / np.sqrt(np.square(here).sum() * spread)).max())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["grass", "gravel"])
def test_a_draw_has_the_statistics_of_its_folder_and_the_prior_has_not(name, folders, drawn):
    source = decoded(folders, name)
    prior = np.asarray(codec.decompress(sample(*SIZE, seed=0)).convert("L"))

    def off(x: Gray) -> NDArray[np.float64]:
        gradients = [np.log(a.mean() / b.mean()) for a, b in zip(steps(x), steps(source), strict=True)]
        return np.abs([(x.mean() - source.mean()) / 255, np.log(x.std() / source.std()), *gradients])

    assert off(drawn[name]).max() < 0.12
    assert (off(prior) > off(drawn[name])).all()
    spectral, of_prior = (np.abs(spectrum(x) - spectrum(source)) for x in (drawn[name], prior))
    assert spectral.max() < 0.8 and of_prior.max() > 2
    assert spectral.mean() < of_prior.mean() / 3


@pytest.mark.slow
def test_no_seams_show(folders, drawn):
    """Where parts of gravel merely lie side by side, steps along their borders are three times those elsewhere."""

    def ridge(x: Gray) -> float:
        return max(along.max() / np.median(along) for along in steps(x))

    source, rng = decoded(folders, "gravel"), np.random.RandomState(0)
    corners = rng.randint(0, len(source) - 64, (3, 4, 2))
    tiled = np.block([[source[a : a + 64, b : b + 64] for a, b in row] for row in corners])
    assert ridge(tiled) > 2.5
    assert ridge(drawn["gravel"]) < 1.1 * ridge(source[100:292, 100:356]) < 2.2


@pytest.mark.slow
@pytest.mark.parametrize("name", ["grass", "gravel"])
def test_no_large_part_is_a_copy(name, folders, drawn):
    source = decoded(folders, name)
    # A part of the source is found though it was coded, and so is a part of one block.
    coded = np.asarray(codec.decompress(codec.compress(source[77:205, 130:258], 50)))
    assert likeness(coded, source) > 0.95
    assert max(likeness(drawn[name][i : i + 48, i : i + 48], source) for i in (0, 8, 16)) > 0.9
    parts = [drawn[name][i : i + 128, j : j + 128] for i in (0, 32, 64) for j in (0, 64, 128)]
    assert max(likeness(part, source) for part in parts) < 0.7


@pytest.mark.slow
def test_a_block_goes_on_as_its_image_does_if_it_may(folders):
    """Neighbours may not come from one place of a file. Of four copies another has what fits: a copy is drawn."""
    with LmcFile(folders / "gravel" / "a.lmc") as file:
        sources = [textures._part(file, 10**6, np.random.RandomState(0)) for _ in range(4)]
        quilt = Quilt(sources, file.runtime, file.header.quality_index, np.random.RandomState(0))
    # The first block is drawn where the image goes on for long enough.
    quilt._places = quilt._places[(quilt._places[:, 1:3] < 20).all(axis=1)]
    x = np.rint(255 * np.clip(quilt.draw(160, 160)[..., 0], 0, 1)).astype(np.uint8)
    assert likeness(x[:, :160], decoded(folders, "gravel")) > 0.98


@pytest.mark.slow
def test_all_of_an_image_is_drawn_from_about_as_often(folders):
    with LmcFile(folders / "grass" / "a.lmc") as file:
        part = textures._part(file, 400, np.random.RandomState(0))
        quilt = Quilt([part], file.runtime, file.header.quality_index, np.random.RandomState(0))
    quilt.draw(512, 384)
    assert quilt._uses.std() < 0.45 * quilt._uses.mean()


def test_a_block_is_moved_to_where_it_fits():
    pixels = np.random.RandomState(0).randint(0, 256, (320, 320, 3)).astype(np.uint8)
    source = Source(np.zeros((20, 20, 1), np.float32), pixels)
    canvas = Canvas(2, 2)
    canvas.put(0, 0, source, np.array([32, 48]))
    # The block beside it goes on 64 pixels further to the right; we look for it some pixels away from there.
    for off in ((4, -6), (-8, 8), (0, 0)):
        error, move = canvas.fit(0, 1, source, np.array([32, 48 + 64]) - off)
        assert error == 0 and move.tolist() == list(off)
    assert canvas.fit(0, 1, source, np.array([32 + 11, 48 + 64]))[0] > 100  # too far


@pytest.mark.slow
def test_a_seed_draws_the_same_again_and_another_does_not(folders):
    one = sample_like([folders / "grass"], 200, 100, seed=4)
    assert sample_like([folders / "grass"], 200, 100, seed=4) == one
    other = sample_like([folders / "grass"], 200, 100, seed=5)
    a, b = (np.asarray(codec.decompress(image)) for image in (one, other))
    assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 0.3


@pytest.mark.parametrize("size", [(1, 1), (97, 33), (96, 96), (20, 161)])
def test_any_size_works(size, folders):
    calls: list[tuple[int, int]] = []
    result = sample_like([folders / "gravel"], *size, 20, progress=lambda *call: calls.append(call))
    info = codec.inspect(result)
    assert (info.width, info.height, info.quality, info.mode) == (*size, 20, "L")
    # One image and the blocks, each of which adds 64 pixels to the 32 that it shares.
    blocks = np.prod([max(1, -(-(-(-side // 16) - 2) // 4)) for side in size])
    assert len(calls) == 1 + blocks and len({total for _, total in calls[1:]}) == 1
    assert [done / total for done, total in calls] == sorted(done / total for done, total in calls)
    assert calls[-1][0] == calls[-1][1]


@pytest.mark.slow
def test_plain_parts_do_not_take_over(tmp_path):
    """Plain blocks fit each other without any error; a draw must not end up with nothing else."""
    half = np.full((256, 512), 128, np.uint8)
    half[:, 256:] = data.gravel()[:256, :256]
    (tmp_path / "half.lmc").write_bytes(codec.compress(half))
    shares = []
    for seed in range(3):
        x = np.asarray(codec.decompress(sample_like([tmp_path], 384, 256, seed=seed)), float)
        shares.append((x.reshape(16, 16, 24, 16).std(axis=(1, 3)) > 10).mean())
    assert 0.1 < np.mean(shares) < 0.9


@pytest.mark.slow
def test_steps_in_brightness_between_images_are_spread_out(tmp_path):
    rng = np.random.RandomState(0)
    for name, level in (("a", 100), ("b", 140)):
        noise = rng.normal(level, 2, (160, 160, 3))
        (tmp_path / f"{name}.lmc").write_bytes(codec.compress(np.clip(noise, 0, 255).astype(np.uint8), 90))
    seen = 0
    for seed in range(4):
        image = codec.decompress(sample_like([tmp_path], 224, 224, 90, seed=seed))
        assert image.mode == "RGB"
        x = np.asarray(image, float).mean(axis=2)
        means = x.reshape(14, 16, 14, 16).mean(axis=(1, 3))
        seen += np.ptp(means) > 15
        assert means.min() > 95 and means.max() < 145
        assert max(np.abs(np.diff(x, axis=axis)).max() for axis in (0, 1)) < 20
    assert seen  # that both come together


def test_pixels_and_coordinates_of_a_part_are_of_the_same_place(face):
    runtime = shipped()
    pixels = np.tile(face, (3, 2, 1))[:, :333]
    with LmcFile(codec.compress(pixels, 90)) as file:
        sources = [textures._part(file, 200, np.random.RandomState(seed)) for seed in range(3)]
        assert textures._part(file, 10**6, np.random.RandomState(0)).y.shape[:2] == (600 // 16, 333 // 16)
    for source in sources:
        rows, columns, channels = source.y.shape
        assert rows * columns <= 200 and min(rows, columns) >= SIDE and channels == 320
        assert source.pixels.shape == (BLOCK * rows, BLOCK * columns, 3)
        x = np.float32(source.pixels / 255).transpose(2, 0, 1)[None]
        analysed = runtime.analyse(x, runtime.scale.level(90))[0].transpose(1, 2, 0)
        inside = np.s_[3:-3, 3:-3]
        assert np.corrcoef(analysed[inside].ravel(), source.y[inside].ravel())[0, 1] > 0.99
    assert len({source.pixels.tobytes() for source in sources}) > 1


def test_only_so_many_images_are_read(tmp_path, monkeypatch):
    for number in range(5):
        (tmp_path / f"{number}.lmc").write_bytes(codec.compress(np.full((96, 96), 50 * number, np.uint8)))
    read: list[int] = []
    part = textures._part
    monkeypatch.setattr(textures, "IMAGES", 2)
    monkeypatch.setattr(
        textures, "_part", lambda file, positions, rng: read.append(positions) or part(file, positions, rng)
    )
    sample_like([tmp_path], 96, 96)
    assert read == [textures.POSITIONS // 2] * 2


def test_a_file_that_is_one_block_is_enough(tmp_path):
    picture = data.gravel()[:96, :96]
    Image.fromarray(picture).save(tmp_path / "a.png")
    x = np.asarray(codec.decompress(sample_like([tmp_path / "a.png"], 96, 96, 90)), float)
    assert np.corrcoef(x.ravel(), picture.ravel())[0, 1] > 0.9
    assert codec.inspect(sample_like([tmp_path], 130, 100)).width == 130


def test_exact_files_are_drawn_from(tmp_path):
    (tmp_path / "a.lmc").write_bytes(codec.compress(data.gravel()[:128, :128], lossless=True))
    x = np.asarray(codec.decompress(sample_like([tmp_path], 96, 96, 90)), float)
    assert x.std() > 20


def test_what_cannot_be_drawn_from_is_told(tmp_path, monkeypatch):
    with pytest.raises(CodecError, match="0 images found"):
        sample_like([tmp_path], 64, 64)
    with pytest.raises(FileNotFoundError):
        sample_like([tmp_path / "none"], 64, 64)
    for size in ((0, 5), (5, 65_536), (65_535, 65_535)):
        with pytest.raises(LimitError, match="size"):
            sample_like([tmp_path], *size)
    Image.fromarray(data.gravel()[:95, :300]).save(tmp_path / "small.png")
    with pytest.raises(TooSmallError, match=r"small\.png: 300 x 95 pixels"):
        sample_like([tmp_path], 64, 64)
    failures: dict[str, Exception] = {}
    (tmp_path / "text.png").write_text("no image")
    with pytest.raises(CodecError, match="2 images found"):
        sample_like([tmp_path], 64, 64, failed=lambda path, error: failures.update({path.name: error}))
    assert sorted(failures) == ["small.png", "text.png"] and isinstance(failures["small.png"], TooSmallError)
    Image.fromarray(data.gravel()[:100, :100]).save(tmp_path / "good.png")
    with pytest.raises(CodecError, match=r"good\.png: .*limit 9999"):
        sample_like([tmp_path / "good.png"], 64, 64, max_pixels=9_999)
    with pytest.raises(ValueError, match="quality"):
        sample_like([tmp_path / "good.png"], 64, 64, 101)
    wild = np.full((320, 8, 8), np.nan, np.float32)
    monkeypatch.setattr(LmcFile, "latents", lambda *_, **__: iter([wild]))
    with pytest.raises(CodecError, match=r"good\.png: coordinates"):
        sample_like([tmp_path / "good.png"], 64, 64)


def test_the_path_of_least_error_is_found():
    errors = np.ones((9, 7), np.float32)
    path = [3, 4, 5, 5, 4, 3, 2, 1, 1]
    errors[np.arange(9), path] = 0
    assert _cheapest_path(errors).tolist() == path
    errors[4] = 1
    errors[4, 0] = 0  # which no neighbour leads to
    assert _cheapest_path(errors)[[0, 3, 5, 8]].tolist() == [3, 5, 3, 1]


def test_an_image_comes_back_from_its_gradients_and_a_step_without_one_is_spread():
    rng = np.random.RandomState(0)
    x = rng.rand(37, 530, 2).astype(np.float32)
    down, right = (np.zeros_like(x), np.zeros_like(x))
    down[:-1], right[:, :-1] = np.diff(x, axis=0), np.diff(x, axis=1)
    down[-1], right[:, -1] = 9, 9  # which lead outside and are not used
    np.testing.assert_allclose(integrate(x, right, down), x, atol=1e-5)
    step = np.zeros((20, 600, 1), np.float32)
    step[:, 300:] = 1
    spread = integrate(step, np.zeros_like(step), np.zeros_like(step))
    # In one dimension the solution is known: on each side it falls off by 1 / e within the reach.
    at = np.arange(600) - 299.5
    np.testing.assert_allclose(
        spread[7, :, 0], 0.5 + np.sign(at) * (0.5 - 0.5 * np.exp(-np.abs(at) / REACH)), atol=0.03
    )
    np.testing.assert_allclose(spread.mean(), step.mean(), atol=1e-6)


@pytest.mark.slow
def test_the_command_draws_from_a_folder_and_names_what_it_cannot_read(tmp_path, folders):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.lmc").write_bytes((folders / "grass" / "a.lmc").read_bytes())
    options = ("--like", tmp_path / "in", "--size", "130x70", "--seed", 3)
    result = run_codec("sample", tmp_path / "in" / "new.lmc", *options, "-q", 30)
    assert result.exit_code == 0 and not result.output
    before = (tmp_path / "in" / "new.lmc").read_bytes()
    assert before == sample_like([folders / "grass"], 130, 70, 30, seed=3)
    # It is not drawn from itself.
    assert run_codec("sample", tmp_path / "in" / "new.lmc", *options, "-q", 30).exit_code == 1
    assert run_codec("sample", tmp_path / "in" / "new.lmc", *options, "-q", 30, "-f").exit_code == 0
    assert (tmp_path / "in" / "new.lmc").read_bytes() == before
    (tmp_path / "in" / "new.lmc").unlink()
    Image.new("RGB", (64, 300)).save(tmp_path / "in" / "small.png")
    result = run_codec("sample", tmp_path / "new.png", *options)
    assert result.exit_code == 0 and "Note" in result.output and "small.png" in result.output
    (tmp_path / "in" / "text.png").write_text("no image")
    result = run_codec("sample", tmp_path / "new.png", *options, "-f")
    assert result.exit_code == 1 and "Error" in result.output and "text.png" in result.output
    with Image.open(tmp_path / "new.png") as image:
        assert image.size == (130, 70)
    (tmp_path / "in" / "a.lmc").unlink()
    result = run_codec("sample", tmp_path / "none.png", *options)
    assert result.exit_code == 1 and "2 images found" in result.output and not (tmp_path / "none.png").exists()
    for wrong in (("--near", folders / "grass" / "a.lmc"), ("--strength", 0.5)):
        assert run_codec("sample", tmp_path / "none.png", "--like", folders / "grass", *wrong).exit_code == 2
