"""Images for training: crops by seed and step alone, on every device; images held out, images that cannot be read."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from bitstream.errors import CodecError, ImageError
from codec.training import crops, data
from codec.training.crops import Crop, color_turn, draw_crop
from codec.training.data import (
    CPU,
    GRAPHICS_KEPT,
    GRAPHICS_ON_DEVICE,
    Photos,
    ResidentPhotos,
    decoded_bytes,
    draw_batch,
    photos_for,
)
from codec.training.evaluate import GRAPHICS, divide
from codec.training.split import find_images, split_validation
from codec.training.synthetic import KINDS, SIDE, draw_graphic

PLAIN = Crop(image=0, side=64, top=0, left=0, turn=0, flip=False, color=None)


def test_crops_depend_on_seed_and_step_alone(photo_folder):
    photos, draw = Photos(find_images(photo_folder)), {"seed": 1, "rank": 0, "batch": 2, "size": 64}
    x, t = draw_batch(photos, 5, **draw)
    draw_batch(photos, 6, **draw)
    again, t_again = draw_batch(Photos(find_images(photo_folder), cache_bytes=1), 5, **draw)
    assert torch.equal(x, again) and torch.equal(t, t_again)
    for other in ({"seed": 2}, {"rank": 1}):
        assert not torch.equal(x, draw_batch(photos, 5, **{**draw, **other})[0])


def drawn(count, shape=(900, 1200), files=20):
    """Crops as one batch after the other draws them, photographs and graphics apart."""
    rng, weights = np.random.default_rng(0), np.full(files, 1 / files)
    found = [draw_crop(weights, lambda image: shape if image < files else (SIDE, SIDE), 256, rng) for _ in range(count)]
    return [c for c in found if c.image < files], [c for c in found if c.image >= files]


def test_crops_are_of_the_kinds_that_they_should_be():
    photographs, graphics = drawn(4000)
    assert 0.05 < len(graphics) / 4000 < 0.1
    assert len({c.image for c in graphics}) == len(graphics)  # each another one
    scaled = [c.side / 256 for c in photographs if c.side >= 1.5 * 256]
    assert 0.5 < len(scaled) / len(photographs) < 0.7 and set(scaled) == set(crops.SCALES)
    assert all(c.side <= 900 and 0 <= c.top <= 900 - c.side and 0 <= c.left <= 1200 - c.side for c in photographs)
    assert 0.04 < np.mean([c.color is not None for c in photographs]) < 0.12
    assert {(c.turn, c.flip) for c in photographs} == {(turn, flip) for turn in range(4) for flip in (False, True)}
    assert {c.side for c in drawn(200, (300, 1200))[0]} == {256}  # too low to be scaled down
    aligned = [c.top % 16 == c.left % 16 == 0 for c in graphics if c.side == 256]
    assert 0.4 < np.mean(aligned) < 0.6


def test_larger_images_are_drawn_more_often(photo_folder, tmp_path):
    paths = find_images(photo_folder)
    photos = Photos(paths)
    sizes = np.array([path.stat().st_size for path in paths])
    np.testing.assert_allclose(photos.weights, np.sqrt(sizes) / np.sqrt(sizes).sum())


def test_a_turn_of_colours_keeps_luma_and_grays():
    pixels = np.random.default_rng(0).random((3, 100))
    turned = color_turn(1.0, 0.5) @ pixels
    luma = np.array([0.299, 0.587, 0.114])
    np.testing.assert_allclose(luma @ turned, luma @ pixels, atol=1e-6)
    np.testing.assert_allclose(color_turn(2.0, 1.7).sum(axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(color_turn(0.0, 1.0), np.eye(3), atol=1e-6)
    np.testing.assert_allclose(color_turn(2 * np.pi / 3, 0.0), np.tile(luma, (3, 1)), atol=1e-6)
    assert np.abs(turned - pixels).max() > 0.1


def test_colours_are_turned_and_stay_in_range(photo_folder, monkeypatch):
    draw = {"seed": 1, "rank": 0, "batch": 8, "size": 64}
    monkeypatch.setattr(crops, "RECOLORED_SHARE", 0.0)
    plain = draw_batch(Photos(find_images(photo_folder)), 5, **draw)[0]
    monkeypatch.setattr(crops, "RECOLORED_SHARE", 1.0)
    turned = draw_batch(Photos(find_images(photo_folder)), 5, **draw)[0]
    assert turned.min() >= 0 and turned.max() <= 1 and ((plain - turned).abs().amax(dim=(1, 2, 3)) > 0.05).sum() >= 6


def test_crops_of_small_images_are_mirrored(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (5, 300, 3)).astype(np.uint8)
    Image.fromarray(image).save(tmp_path / "a.png")
    expected = np.pad(image, [(0, 59), (0, 0), (0, 0)], "symmetric")[:, 10:74]
    for photos in (Photos([tmp_path / "a.png"]), ResidentPhotos([tmp_path / "a.png"], CPU)):
        cut = photos.cut([replace(PLAIN, left=10)], 64)[0].permute(1, 2, 0).numpy()
        np.testing.assert_allclose(cut, expected / 255, atol=1e-6)


def test_a_device_cuts_the_same_crops_as_the_cpu(photo_folder, monkeypatch):
    """In any turn exactly, and scaled down as another library does it."""
    paths = find_images(photo_folder)
    here, there = Photos(paths), ResidentPhotos(paths, CPU)
    assert len(here) == len(there) and all(here.shape(n) == there.shape(n) for n in range(len(here)))
    np.testing.assert_array_equal(here[1], there[1])
    turns = [replace(PLAIN, image=2, top=7, left=9, turn=turn, flip=flip) for turn in range(4) for flip in (0, 1)]
    assert torch.equal(here.cut(turns, 64), there.cut(turns, 64))
    mixed = [replace(PLAIN, image=n % 3, side=64 * (1 + n % 3), top=n, turn=n % 4) for n in range(6)]
    error = (here.cut(mixed, 64) - there.cut(mixed, 64)).abs()
    assert error.mean() < 0.01 and error[0].max() == 0
    seed = 3 + 2 * GRAPHICS_ON_DEVICE  # the bank begins anew
    np.testing.assert_array_equal(there[len(there) + seed], draw_graphic(3))
    np.testing.assert_array_equal(here[len(here) + seed], draw_graphic(seed))
    monkeypatch.setattr(crops, "GRAPHICS_SHARE", 0.0)
    x, t = draw_batch(there, 5, seed=1, rank=0, batch=4, size=64)
    x_here, t_here = draw_batch(here, 5, seed=1, rank=0, batch=4, size=64)
    assert torch.equal(t, t_here) and x.shape == x_here.shape and (x - x_here).abs().mean() < 0.02
    assert x.is_contiguous(memory_format=torch.channels_last)


def test_a_device_has_another_image_in_place_of_a_damaged_one(photo_folder, tmp_path, capsys):
    whole = find_images(photo_folder)
    (tmp_path / "damaged.png").write_bytes(whole[0].read_bytes()[:2000])
    paths = [whole[0], tmp_path / "damaged.png", whole[1], tmp_path / "damaged.png"]
    here, there = Photos(paths), ResidentPhotos(paths, CPU)
    for index in range(4):
        np.testing.assert_array_equal(here[index], there[index])
    with pytest.raises(ImageError, match="all of 1 images"):
        ResidentPhotos(paths[1:2], CPU)
    assert type(photos_for(whole, CPU)) is Photos
    with Image.open(whole[0]) as image:
        assert decoded_bytes([whole[0], tmp_path / "nowhere.png"]) == 3 * image.width * image.height


def test_images_stay_where_there_is_room_for_them(photo_folder, monkeypatch):
    paths, cuda = find_images(photo_folder), torch.device("cuda", 0)
    kinds = []
    for name, kind in (("ResidentPhotos", "device"), ("Photos", "machine")):
        monkeypatch.setattr(data, name, lambda paths, device, kind=kind: kinds.append(kind))
    for free in (2 * decoded_bytes(paths) + 1, 2 * decoded_bytes(paths)):
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device, free=free: (free, 10 * free))
        photos_for(paths, cuda)
    assert kinds == ["device", "machine"]


def test_graphics_do_not_take_the_place_of_images(photo_folder):
    photos = Photos(find_images(photo_folder))
    for seed in range(GRAPHICS_KEPT + 5):
        photos[len(photos) + seed]
    assert photos._held == 0 and len(photos._drawn) == GRAPHICS_KEPT


def test_graphics_depend_on_their_seed_alone_and_are_of_all_kinds():
    for seed in range(len(KINDS)):
        graphic = draw_graphic(seed)
        assert graphic.shape == (SIDE, SIDE, 3) and graphic.dtype == np.uint8
        np.testing.assert_array_equal(graphic, draw_graphic(seed))
        assert not np.array_equal(graphic, draw_graphic(seed + len(KINDS)))
    assert sum(np.ptp(draw_graphic(seed)) > 10 for seed in range(20)) > 15  # hardly any of one colour
    assert {seed % len(KINDS) for seed in GRAPHICS} == set(range(len(KINDS)))


def test_what_is_evaluated_on_is_not_trained_on(photo_folder, tmp_path):
    for n in range(40):
        shutil.copy(next(photo_folder.iterdir()), tmp_path / f"{n}.png")
    trained, sets = divide((tmp_path,), ())
    assert set(sets) == {"photographs", "graphics"} and 30 < len(trained) < 40
    assert len(list(sets["photographs"]())) == 40 - len(trained)
    assert len(list(sets["graphics"]())) == len(GRAPHICS) and min(GRAPHICS) >= 1 << 31  # which no crop draws
    more, named = divide((tmp_path, photo_folder), (tmp_path, photo_folder))
    assert len(more) == 43 and set(named) == {tmp_path.name, photo_folder.name, "graphics"}
    with pytest.raises(CodecError, match="one name"):
        divide((tmp_path,), (photo_folder, photo_folder))
    with pytest.raises(FileNotFoundError, match="no images"):
        (tmp_path / "empty").mkdir()
        divide((photo_folder, tmp_path / "empty"), ())


def test_validation_split_is_by_name(tmp_path):
    paths = [tmp_path / f"{i}.png" for i in range(500)]
    train, held_out = split_validation(paths, every=10)
    assert 20 < len(held_out) < 90 and not set(train) & set(held_out) and len(train) + len(held_out) == 500
    assert set(split_validation(paths[::2], every=10)[1]) == set(held_out) & set(paths[::2])
    turns = [split_validation(paths, every=10, turn=turn)[1] for turn in range(10)]
    assert turns[0] == held_out and sorted(path for turn in turns for path in turn) == sorted(paths)


def test_names_that_are_not_utf8_are_split_as_well(tmp_path):
    names = [f"caf\udce9{n}.png" for n in range(500)]
    train, held_out = split_validation([tmp_path / name for name in names], every=10)
    assert 20 < len(held_out) < 90 and len(train) + len(held_out) == 500


def test_images_of_which_none_can_be_read_are_an_error(tmp_path):
    (tmp_path / "a.png").write_bytes(b"no image")
    with pytest.raises(ImageError, match="all of 1 images"):
        Photos(find_images(tmp_path))[0]


def test_an_image_that_is_gone_is_no_damaged_one(photo_folder, tmp_path):
    """A disk that went away must end a run, not thin out what it is trained on."""
    shutil.copytree(photo_folder, tmp_path / "photos")
    photos = Photos(find_images(tmp_path / "photos"))
    photos.paths[0].unlink()
    with pytest.raises(FileNotFoundError):
        photos[0]
