"""Embedding: the deployed head is the trained one, reads files in parts, and learns to tell images apart."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

import codec
from bitstream import ModelError
from codec.cli import main
from codec.engine.registry import SHIPPED, shipped
from codec.manifold import embedding
from codec.manifold.anomaly.features import image_features
from codec.manifold.loading import is_coded, open_coded
from codec.manifold.training import (
    SIDES,
    TEMPERATURE,
    Bank,
    EmbeddingConfig,
    Head,
    _batches,
    aligned,
    build_bank,
    contrastive_loss,
    draw_view,
    split_cells,
)
from codec.models.registry import load_exported
from codec.models.v1.network import V1
from tests.common import MODEL


@pytest.fixture(scope="module")
def head() -> Head:
    torch.manual_seed(1)
    scale = load_exported(SHIPPED).latent_scale
    return Head(scale, 16, 24, 12).eval()


def test_the_deployed_head_is_the_trained_one(head):
    y_hat = torch.randn(2, len(head.scale), 8, 12) * head.scale[:, None, None]
    cells = split_cells(y_hat, head.scale)
    with torch.no_grad():
        expected = head(cells, torch.repeat_interleave(torch.arange(2), 6), 2).numpy()
    deployed = head.deployed(b"abcd")
    for part, vector in zip(y_hat.numpy(), expected, strict=True):
        found = deployed.project(deployed.statistics([part]))
        np.testing.assert_allclose(found, vector, atol=5e-3)
        assert np.linalg.norm(found) == pytest.approx(1, abs=1e-5)
        halves = deployed.statistics([part[:, :4], part[:, 4:]])
        np.testing.assert_allclose(halves, deployed.statistics([part]), rtol=1e-4, atol=1e-6)


def test_latents_are_what_the_receiver_sees_whatever_the_tiles(face):
    data = codec.compress(face, 60)
    file = codec.open(data)
    whole = np.concatenate(list(file.latents()), axis=1)
    z, y = file.symbols()
    level = file.header.quality_index
    expected = shipped().reconstruct(z[None].astype(np.float32), y[None].astype(np.float32), level)[0]
    np.testing.assert_allclose(whole, expected, atol=1e-4)
    parts = list(file.latents(max_tile=4))
    assert len(parts) > 1
    np.testing.assert_allclose(np.concatenate(parts, axis=1), whole, atol=1e-4)


def test_a_file_and_its_picture_have_nearly_one_embedding(head, face, tmp_path, monkeypatch):
    embedding.save(tmp_path / "visual.npz", head.deployed(shipped().model_id))
    monkeypatch.setattr(embedding, "HEADS", tmp_path)
    embedding._shipped.cache_clear()
    try:
        data = codec.compress(face, 50)
        from_file, from_pixels = embedding.embed(data), embedding.embed(Image.fromarray(face))
    finally:
        embedding._shipped.cache_clear()
    np.testing.assert_allclose(from_file, from_pixels, atol=1e-5)
    assert from_file.shape == (12,)


def test_what_is_coded_is_told_by_its_bytes(face, tmp_path):
    buffer = io.BytesIO()
    Image.fromarray(face).save(buffer, "PNG")
    (tmp_path / "a.lmc").write_bytes(buffer.getvalue())
    (tmp_path / "b.png").write_bytes(codec.compress(face, 10))
    assert not is_coded(tmp_path / "a.lmc") and is_coded(tmp_path / "b.png")
    with open_coded(buffer.getvalue()) as file:
        assert file.size == (200, 200)
    with pytest.raises(codec.CodecError):
        open_coded(b"nothing of the kind")


def test_a_head_of_another_model_or_a_damaged_one_is_refused(head, face, tmp_path):
    path = tmp_path / "head.npz"
    embedding.save(path, head.deployed(b"abcd"))
    assert embedding.load(path).dimensions == 12
    with pytest.raises(ModelError, match="belongs to model 61626364"), open_coded(Image.fromarray(face)) as file:
        embedding.embed_file(file, embedding.load(path))
    with pytest.raises(ModelError, match="belongs to model 61626364"):
        image_features(Image.fromarray(face), embedding.load(path))
    with pytest.raises(ModelError, match="belongs to model"):
        embedding.load(path, b"efgh")
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(ModelError, match="cannot read"):
        embedding.load(path)


def test_the_contrastive_loss_wants_pairs_together_and_others_apart():
    vectors = torch.eye(6)
    assert contrastive_loss(vectors, vectors) < 1e-4
    assert contrastive_loss(vectors, vectors.roll(1, 0)) > 5
    same = torch.ones(6, 6) / 6**0.5
    assert contrastive_loss(same, same) == pytest.approx(np.log(6), rel=1e-5)
    one, other = torch.nn.functional.normalize(torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(3)), dim=2)
    scores = np.exp((one @ other.T).double().numpy() / TEMPERATURE)
    both = [np.log(scores.sum(axis) / scores.diagonal()).mean() for axis in (0, 1)]
    assert both[0] != pytest.approx(both[1], rel=0.01)
    assert contrastive_loss(one, other) == pytest.approx(np.mean(both), rel=1e-4)


def test_views_depend_on_their_seed_alone_and_fit_the_codec(face):
    picture = Image.fromarray(face)
    first, again, other = (np.asarray(draw_view(picture, np.random.default_rng(seed))) for seed in (1, 1, 2))
    assert np.array_equal(first, again) and not (first.shape == other.shape and np.array_equal(first, other))
    rng = np.random.default_rng(0)
    sizes = [draw_view(picture, rng).size for _ in range(60)]
    longer = [max(size) for size in sizes]
    assert min(longer) < 1.1 * SIDES[0] and 180 <= max(longer) <= 200
    assert any(w > 1.1 * h for w, h in sizes) and any(h > 1.1 * w for w, h in sizes)
    assert draw_view(picture.resize((1, 2)), rng).size <= (1, 2)


def test_views_are_padded_as_the_codec_does_it(face):
    view = Image.fromarray(face[:70, :65])
    pixels = aligned(view)
    assert pixels.shape == (128, 128, 3)
    assert np.array_equal(pixels[:70, :65], face[:70, :65])
    assert (pixels[70:, :65] == face[69, :65]).all() and (pixels[:, 65:] == pixels[:, 64:65]).all()
    assert aligned(Image.fromarray(face[:64, :64])).shape == (64, 64, 3)


def test_steps_see_two_views_of_each_picture_and_never_all_of_them():
    """Three images of four views of 50 cells, each cell numbered."""
    bank = Bank(torch.arange(600), torch.arange(0, 601, 50), views=4)
    counts = []
    for cells, owner in _batches(bank, EmbeddingConfig(steps=40, batch=2)):
        views = [set((cells[owner == i] // 50).tolist()) for i in range(4)]
        assert all(len(view) == 1 for view in views)
        one, other = ([view.pop() for view in views[at : at + 2]] for at in (0, 2))
        assert all(a // 4 == b // 4 and a != b for a, b in zip(one, other, strict=True))
        assert one[0] // 4 != one[1] // 4
        counts += [int((owner == i).sum()) for i in range(4)]
    assert 10 <= min(counts) < 25 and 40 < max(counts) <= 50


def test_training_brings_views_of_one_picture_together(photo_folder, tmp_path):
    """Unseen views of three images lie nearer to their own than to others, and more so than before training."""
    model: V1 = load_exported(MODEL)
    bank = build_bank(model, sorted(photo_folder.iterdir()), replace(EmbeddingConfig(), views=4, seed=99))
    views = []
    for begin, end in zip(bank.starts[:-1].tolist(), bank.starts[1:].tolist(), strict=True):
        cells = torch.sinh(bank.blocks[begin:end].float()) * model.latent_scale
        views.append(cells.reshape(end - begin, 4, 4, -1).permute(3, 0, 1, 2).reshape(cells.shape[-1], -1, 4).numpy())
    owner = np.repeat(np.arange(3), 4)

    def margin(steps):
        """How much more alike two views of an image are than views of two images, in the mean."""
        out = tmp_path / f"head-{steps}.npz"
        arguments = ["train-embedding", "--data", str(photo_folder), "--out", str(out), "--model", str(MODEL)]
        result = CliRunner().invoke(main, [*arguments, "--steps", str(steps), "--hold-out", "1000"])
        assert result.exit_code == 0, result.output
        head = embedding.load(out)
        vectors = np.stack([head.project(head.statistics([view])) for view in views])
        similarity, same = vectors @ vectors.T, owner[:, None] == owner
        return similarity[same & ~np.eye(12, dtype=bool)].mean() - similarity[~same].mean()

    assert margin(300) > margin(1) + 0.2
    margin(10)  # of which a tenth has no length


def test_damaged_pictures_are_left_out_of_training(photo_folder, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "damaged.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    arguments = ["train-embedding", "--data", str(folder), "--out", str(tmp_path / "head.npz"), "--model", str(MODEL)]
    arguments += ["--steps", "1", "--hold-out", "1000"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 1 and "0 readable images" in result.output
    (tmp_path / "head.npz").mkdir()
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 1 and "is a directory" in result.output
    (tmp_path / "head.npz").rmdir()
    for name in ("astronaut.png", "coffee.png"):
        (folder / name).write_bytes((photo_folder / name).read_bytes())
    result = CliRunner().invoke(main, arguments)
    assert (
        result.exit_code == 0 and "damaged.png: damaged, left out" in result.output and "trained on 2" in result.output
    )
