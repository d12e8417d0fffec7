"""Morphs: what two images share moves, everything else changes place by place, and nothing fades."""

from __future__ import annotations

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import gaussian_filter

from bitstream import LimitError
from codec.cli import main
from codec.manifold.paths.blending import Changeover, spline
from codec.manifold.paths.correspondence import scene_motion, transport_motion
from codec.manifold.paths.interpolation import Endpoints
from codec.manifold.paths.morph import Morph
from codec.manifold.paths.motion import Motion, grid, power, with_real_powers

SIZE = (240, 176)


def turned(degrees, zoom=1.0, shift=(0.0, 0.0)):
    """An affine map, float64 (3, 3)."""
    angle = np.deg2rad(degrees)
    matrix = np.eye(3)
    matrix[:2, :2] = zoom * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix[:2, 2] = shift
    return matrix


def view(picture, matrix):
    """What is seen of a picture, its points moved by a map from its middle."""
    back = np.linalg.inv(matrix)
    offset = back[:2, 2] + np.array(picture.size) / 2 - back[:2, :2] @ (np.array(SIZE) / 2)
    data = (*back[0, :2], offset[0], *back[1, :2], offset[1])
    return picture.transform(SIZE, Image.Transform.AFFINE, data, Image.Resampling.BICUBIC)


@pytest.fixture(scope="module")
def cat():
    from skimage import data

    return Image.fromarray(data.chelsea())


@pytest.fixture(scope="module")
def coffee():
    from skimage import data

    return Image.fromarray(data.coffee())


def planes(image):
    return np.asarray(image, np.float32).transpose(2, 0, 1) / 255


def psnr(one, other):
    return -10 * np.log10(np.square(np.asarray(one, float) - np.asarray(other, float)).mean() / 255**2 + 1e-9)


def gradient_energy(image):
    gray = np.asarray(image.convert("L"), float)
    return np.square(np.diff(gray, axis=0)).mean() + np.square(np.diff(gray, axis=1)).mean()


@pytest.mark.parametrize(
    "matrix",
    [turned(40, 1.3, (12, -5)), turned(-90), turned(175, 1.1), turned(180), turned(180, 0.8, (20, -30)),
     np.diag([1.2, 0.9, 1]), np.array([[1, 0.3, 4], [0, 1, 0], [0, 0, 1]])],
)  # fmt: skip
def test_half_a_turn_twice_is_a_turn(matrix):
    half = power(matrix, 0.5)
    np.testing.assert_allclose(half @ half, matrix, atol=1e-9)
    np.testing.assert_allclose(power(matrix, -1) @ matrix, np.eye(3), atol=1e-9)
    assert np.linalg.det(half[:2, :2]) > 0.5


def test_a_map_without_real_powers_becomes_half_a_turn():
    matrix = np.array([[-1.1, 0.02, 7], [0.03, -0.9, 2], [0, 0, 1]])
    near = with_real_powers(matrix)
    half = power(near, 0.5)
    np.testing.assert_allclose(half @ half, near, atol=1e-9)
    assert np.linalg.det(near) == pytest.approx(np.linalg.det(matrix)) and np.abs(near - matrix).max() < 0.15
    ordinary = turned(170, 1.1)
    assert with_real_powers(ordinary) is ordinary


def test_what_turns_keeps_its_size_on_the_way():
    # As it would not on a straight line.
    assert np.linalg.det(power(turned(40), 0.5)) == pytest.approx(1)


def test_at_either_end_an_image_lies_where_it_is():
    waves = np.sin(grid((12, 16), (20, 16)) / 60)
    motion = Motion((192, 320), turned(10, 1.1, (9, 4)), (3 * waves).astype(np.float32))
    size = (48, 80)
    still = grid(size, (4, 4))
    inner = np.s_[:, 8:-8, 8:-8]  # beyond the field's edge the motion is not known
    np.testing.assert_allclose(motion.at(0, size)[0][inner], still[inner], atol=0.1)
    np.testing.assert_allclose(motion.at(1, size)[1][inner], still[inner], atol=0.1)
    # On the way, both points are those of the same place halfway.
    from_a, from_b, middle = motion.at(0.5, size)
    np.testing.assert_allclose(middle[inner], still[inner], atol=1e-4)
    assert np.abs(from_a - from_b).max() > 9


@pytest.mark.parametrize(
    "truth",
    [turned(0, 1, (26, -11)), turned(13), turned(-8, 1, (9, 6)), turned(0, 1.25), turned(5, 0.85, (-4, 7))],
    ids=["shift", "rotation", "both", "zoom", "all"],
)
def test_the_motion_of_a_scene_is_found(cat, truth):
    motion = scene_motion(planes(view(cat, power(truth, -0.5))), planes(view(cat, power(truth, 0.5))))
    assert motion is not None
    from_a, from_b, _ = motion.at(0.5, (SIZE[1], SIZE[0]))
    wanted = [np.einsum("ij,jhw->ihw", m[:2, :2], grid(SIZE[::-1])) + m[:2, 2, None, None]
              for m in (power(truth, -0.5), power(truth, 0.5))]  # fmt: skip
    errors = [np.sqrt(np.square(f - w).sum(axis=0)) for f, w in zip((from_a, from_b), wanted, strict=True)]
    assert np.median(errors) < 0.35 and np.percentile(errors, 95) < 1.5


def test_an_image_and_itself_upside_down_are_one_scene(cat):
    picture = view(cat, np.eye(3))
    ends = Endpoints(picture, picture.transpose(Image.Transpose.ROTATE_180))
    morph = Morph(ends)
    assert morph.one_scene and abs(morph.motion.matrix[0, 0] + 1) < 0.1
    halfway = list(ends.images(morph.points(3)))[1]
    assert 0.5 * np.std(np.asarray(picture)) < np.std(np.asarray(halfway))


def page(words):
    image = Image.new("RGB", SIZE, "white")
    ImageDraw.Draw(image).multiline_text((8, 8), words, "black", font=ImageFont.load_default(13), spacing=6)
    return image


def drawing(shape):
    image = Image.new("RGB", SIZE, "white")
    getattr(ImageDraw.Draw(image), shape)((70, 40, 150, 120), outline="black", width=5)
    return image


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            page("some words stand here\nin a few lines, as\nthey would on paper"),
            page("while over there\nquite other ones"),
        ),
        (drawing("ellipse"), drawing("rectangle")),
        (Image.new("RGB", SIZE, "white"), Image.new("RGB", SIZE, "white")),
    ],
    ids=["pages", "drawings", "nothing"],
)
def test_a_common_ground_is_no_common_scene(one, other):
    assert scene_motion(planes(one), planes(other)) is None


def test_a_shift_without_any_corner_is_found():
    soft = gaussian_filter(np.random.default_rng(5).normal(size=(300, 400)), 9)
    gray = np.clip(128 + 40 * soft / soft.std(), 0, 255).astype(np.uint8)
    picture = Image.fromarray(np.repeat(gray[..., None], 3, axis=2))
    ends = [planes(view(picture, turned(0, 1, (x, 0)))) for x in (-10, 10)]
    motion = scene_motion(*ends)
    assert motion is not None and motion.matrix[0, 2] == pytest.approx(20, abs=1.5)


def test_unrelated_images_are_of_no_scene(cat, coffee):
    assert scene_motion(planes(view(cat, np.eye(3))), planes(view(coffee, np.eye(3)))) is None


@pytest.mark.parametrize("truth", [turned(0, 1, (28, 8)), turned(12), turned(0, 1.22)], ids=["shift", "turn", "zoom"])
def test_the_image_halfway_is_the_true_one(cat, truth):
    ends = Endpoints(view(cat, power(truth, -0.5)), view(cat, power(truth, 0.5)))
    true = view(cat, np.eye(3))
    morph = Morph(ends)
    assert morph.one_scene
    halfway = list(ends.images(morph.points(3)))[1]
    faded = list(ends.images(ends.linear(3)))[1]
    as_coded = min(
        psnr(image, view(cat, power(truth, s))) for image, s in zip(ends.images(ends.y), (-0.5, 0.5), strict=True)
    )
    assert psnr(halfway, true) > as_coded - 2
    assert psnr(halfway, true) > psnr(faded, true) + 4


def test_unrelated_images_keep_their_detail_on_the_way(cat, coffee):
    ends = Endpoints(view(cat, np.eye(3)), view(coffee, np.eye(3)))
    morph = Morph(ends)
    assert not morph.one_scene
    images = list(ends.images(morph.points(5)))
    usual = (gradient_energy(images[0]) + gradient_energy(images[-1])) / 2
    assert all(gradient_energy(image) > 0.8 * usual for image in images[1:-1])
    assert gradient_energy(list(ends.images(ends.linear(3)))[1]) < 0.6 * usual


def test_a_morph_begins_and_ends_with_its_ends(cat, coffee):
    ends = Endpoints(view(cat, np.eye(3)), view(coffee, np.eye(3)))
    points = np.stack(list(Morph(ends).points(41)))
    assert np.array_equal(points[[0, -1]], ends.y)
    # Without a jump to what lies next to them.
    images = list(ends.images(points[[0, 1, -2, -1]]))
    assert psnr(images[0], images[1]) > 30 and psnr(images[2], images[3]) > 30
    with pytest.raises(ValueError, match="at least 2"):
        Morph(ends).points(1)


def test_the_way_back_is_the_way_there(cat):
    one, other = view(cat, turned(-5)), view(cat, turned(5))
    there, back = Endpoints(one, other), Endpoints(other, one)
    images = [list(ends.images(Morph(ends).points(5))) for ends in (there, back)]
    for image, again in zip(images[0], reversed(images[1]), strict=True):
        assert psnr(image, again) > 33


def test_the_same_image_twice_stays(cat):
    picture = view(cat, np.eye(3))
    ends = Endpoints(picture, picture)
    images = list(ends.images(Morph(ends).points(4)))
    assert all(psnr(image, images[0]) > 33 for image in images)


def test_transport_moves_a_cell_to_its_like():
    rng = np.random.default_rng(0)
    a, b = (np.zeros((24, 32, 4), np.float32) for _ in range(2))
    mark = rng.normal(0, 3, 4)
    a[8:12, 8:12], b[8:12, 14:18] = mark, mark
    motion = transport_motion(a, b, (24 * 16, 32 * 16), 16)
    points = grid((24, 32), (16, 16))
    _, _, middle = motion.at(0.5, (24, 32))
    np.testing.assert_allclose(middle, points, atol=1e-3)
    halfway = motion.field[:, 4:6, 5:7].mean(axis=(1, 2))  # of cells of 2 x 2 positions
    assert halfway[0] > 16 and abs(halfway[1]) < 8
    still = transport_motion(a, a, (24 * 16, 32 * 16), 16)
    assert np.abs(still.field).max() < 1e-3


def test_a_composite_has_the_fine_parts_of_one_image_only():
    rng = np.random.default_rng(1)
    a, b = rng.random((2, 3, 64, 80), np.float32)
    share = np.zeros((64, 80), np.float32)
    share[:, 40:] = 1
    joined = spline(a, b, share)
    np.testing.assert_allclose(joined[:, :, :16], a[:, :, :16], atol=0.15)
    np.testing.assert_allclose(joined[:, :, -16:], b[:, :, -16:], atol=0.15)
    np.testing.assert_allclose(spline(a, b, 0 * share), a, atol=1e-5)
    np.testing.assert_allclose(spline(a, b, 0 * share + 1), b, atol=1e-5)


def test_places_change_once_and_agreeing_ones_gradually():
    rng = np.random.default_rng(2)
    a, b = rng.random((2, 64, 96), np.float32)
    b[:, :32] = a[:, :32]
    changeover = Changeover(a, b)
    shares = np.stack([changeover.share(t) for t in np.linspace(0, 1, 21)])
    assert shares[0].max() < 0.02 and shares[-1].min() > 0.98
    assert (np.diff(shares, axis=0) > -1e-6).all()
    np.testing.assert_allclose(shares[10][:, :24], 0.5, atol=0.06)
    apart = shares[10][:, 48:]
    assert np.mean((apart < 0.1) | (apart > 0.9)) > 0.7


@pytest.mark.parametrize("size", [(1, 1), (17, 5), (5, 90), (64, 64)])
def test_every_size_works(cat, coffee, size):
    ends = Endpoints(cat, coffee, size=size)
    images = list(ends.images(Morph(ends).points(3)))
    assert [image.size for image in images] == [size] * 3


def test_images_that_take_too_much_memory_are_refused(cat):
    ends = Endpoints(cat, cat, size=(64, 64))
    ends.size = (4096, 2048)
    with pytest.raises(LimitError, match="smaller --size"):
        Morph(ends)


@pytest.mark.parametrize("colours", [("black", "white"), ("black", "black")])
def test_flat_images_work(colours):
    one, other = (Image.new("RGB", (100, 80), colour) for colour in colours)
    ends = Endpoints(one, other)
    points = np.stack(list(Morph(ends).points(3)))
    assert np.isfinite(points).all()


def test_the_command_says_what_it_found(cat, coffee, tmp_path):
    view(cat, turned(-4)).save(tmp_path / "a.png")
    view(cat, turned(4)).save(tmp_path / "b.png")
    view(coffee, np.eye(3)).save(tmp_path / "c.png")

    def run(other, out):
        arguments = ["interpolate", tmp_path / "a.png", tmp_path / other, "--steps", 3, "--out", tmp_path / out]
        return CliRunner().invoke(main, [str(a) for a in arguments])

    result = run("b.png", "ab.webp")
    assert result.exit_code == 0, result.output
    assert "one scene" in result.output and any(f"turned by {d}" in result.output for d in ("7.9", "8.0", "8.1"))
    with Image.open(tmp_path / "ab.webp") as image:
        assert image.n_frames == 4 and image.size == SIZE
    assert "no common scene" in run("c.png", "ac.gif").output
