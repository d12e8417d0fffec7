"""Photographs for training: crops by seed and step alone, pictures held out, pictures that cannot be read."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import torch

from bitstream.errors import ImageError
from codec.training.data import Photos, draw_batch, random_crop
from codec.training.split import find_images, split_validation


def test_crops_depend_on_seed_and_step_alone(photo_folder):
    photos, draw = Photos(find_images(photo_folder)), {"seed": 1, "rank": 0, "batch": 2, "size": 64}
    x, t = draw_batch(photos, 5, **draw)
    draw_batch(photos, 6, **draw)
    again, t_again = draw_batch(Photos(find_images(photo_folder), cache_bytes=1), 5, **draw)
    assert torch.equal(x, again) and torch.equal(t, t_again)
    for other in ({"seed": 2}, {"rank": 1}):
        assert not torch.equal(x, draw_batch(photos, 5, **{**draw, **other})[0])


def test_crops_of_small_pictures_are_mirrored():
    picture = np.arange(5 * 300 * 3).reshape(5, 300, 3).astype(np.uint8)

    class AtTheCorner:
        """As it comes, not scaled down."""

        random = staticmethod(lambda: 0.9)
        integers = staticmethod(lambda _: 0)

    crop = random_crop(picture, 64, AtTheCorner)
    np.testing.assert_array_equal(crop, np.pad(picture, [(0, 59), (0, 0), (0, 0)], "symmetric")[:, :64])


def test_validation_split_is_by_name(tmp_path):
    paths = [tmp_path / f"{i}.png" for i in range(500)]
    train, held_out = split_validation(paths, every=10)
    assert 20 < len(held_out) < 90 and not set(train) & set(held_out) and len(train) + len(held_out) == 500
    assert set(split_validation(paths[::2], every=10)[1]) == set(held_out) & set(paths[::2])
    turns = [split_validation(paths, every=10, turn=turn)[1] for turn in range(10)]
    assert turns[0] == held_out and sorted(path for turn in turns for path in turn) == sorted(paths)


def test_pictures_of_which_none_can_be_read_are_an_error(tmp_path):
    (tmp_path / "a.png").write_bytes(b"no picture")
    with pytest.raises(ImageError, match="all of 1 pictures"):
        Photos(find_images(tmp_path))[0]


def test_a_picture_that_is_gone_is_no_damaged_one(photo_folder, tmp_path):
    """A disk that went away must end a run, not thin out what it is trained on."""
    shutil.copytree(photo_folder, tmp_path / "photos")
    photos = Photos(find_images(tmp_path / "photos"))
    photos.paths[0].unlink()
    with pytest.raises(FileNotFoundError):
        photos[0]
