"""The last phase of training."""

from __future__ import annotations

import torch

from codec.models.v1.network import V1
from codec.training.data import Photos, draw_batch
from codec.training.refit import hard_bits, refit_entropy_model
from codec.training.split import find_images
from tests.tiny import TINY


def test_hardening_lowers_the_bits_of_integers_and_moves_nothing_else(photo_folder):
    torch.manual_seed(0)
    model = V1(TINY)
    photos = Photos(find_images(photo_folder))
    model.initialise([draw_batch(photos, i, seed=1, rank=0, batch=8, size=64)[0] for i in range(4)])
    before = {name: value.clone() for name, value in model.state_dict().items()}
    model.eval()  # as files are charged
    x, t = draw_batch(photos, 7, seed=9, rank=0, batch=32, size=128)

    def bits():
        with torch.no_grad():
            return float(hard_bits(model, x, t)[0].sum())

    first = bits()
    model.train()
    refit_entropy_model(model, photos, 30, seed=0, batch=8, size=128)
    assert model.training
    model.eval()
    assert bits() < 0.995 * first
    moved = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    assert {name.split(".")[0] for name in moved} == {"scale_index", "prior_z", "hyper_context", "shapes"}
    assert "hyper_context.weight" not in moved  # what is expected of z, not how far it strays
    assert model.shapes.log_ratio.abs().max() > 0.1
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_no_steps_change_nothing(photo_folder):
    torch.manual_seed(0)
    model = V1(TINY)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    refit_entropy_model(model, Photos(find_images(photo_folder)), 0, seed=0, batch=8, size=64)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
