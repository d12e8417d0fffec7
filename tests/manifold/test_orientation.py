"""Which way up an image is: the runtime says what was trained, and training learns what can be learned."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

import codec
from bitstream import CodecError, ModelError
from codec.cli import main
from codec.engine.registry import TUNES, id_by_tune
from codec.engine.registry import shipped as shipped_runtime
from codec.manifold.anomaly import orientation
from codec.manifold.anomaly.orientation import STATES, shipped_for
from codec.manifold.orientation_training import (
    STEPS_A_UNIT,
    Net,
    OrientationConfig,
    Views,
    build_views,
    in_all_states,
    known_targets,
    quarter_turn,
    targets,
    train_orientation,
)
from codec.models.registry import load_exported


@pytest.fixture(scope="module")
def networks():
    return load_exported(shipped_runtime().folder)


@pytest.mark.parametrize(
    ("size", "inside"),
    [((4, 4), (4, 4)), ((4, 4), (2, 2)), ((8, 20), (8, 18)), ((36, 12), (34, 12)), ((64, 64), (64, 64))],
)
def test_the_runtime_says_what_was_trained(size, inside):
    torch.manual_seed(0)
    net = Net(24, 8, 16).eval()
    with torch.no_grad():  # as exported, in 16 bits
        for parameter in net.parameters():
            parameter.copy_(parameter.half().float())
    scale = torch.linspace(0.5, 2, 24).half().float()
    y = torch.randn(24, *size) * 3
    turn = torch.linalg.qr(torch.randn(24, 24)).Q.half().float()
    said, turned = torch.zeros(5), (y / scale[:, None, None])[:, : inside[0], : inside[1]]
    with torch.no_grad():
        for k in range(4):
            of_turned = net(torch.asinh(turned)[None])[0].log_softmax(dim=1)[0]
            said += of_turned[[k, (k + 1) % 4, (k + 2) % 4, (k + 3) % 4, 4]] / 4
            turned = torch.einsum("chw,cd->dhw", torch.rot90(turned, 1, (1, 2)), turn)
    wanted = said.log_softmax(dim=0)
    deployed = net.deployed(scale, turn, b"abcd")
    strips = [deployed.seen(part) for part in np.split(y.numpy(), size[0] // 4, axis=1)]
    np.testing.assert_allclose(
        deployed.log_probabilities(strips, (16 * inside[1] + 9, 16 * inside[0])), wanted.numpy(), atol=3e-3
    )


def test_a_network_comes_back_as_it_was_saved(tmp_path):
    net = Net(6, 4, 8).deployed(torch.ones(6), torch.eye(6), b"abcd")
    orientation.save(tmp_path / "net", net)
    again = orientation.load(tmp_path / "net")
    assert again.model_id == b"abcd"
    assert all(np.array_equal(getattr(net, name), getattr(again, name)) for name in orientation.ARRAYS)
    (tmp_path / "net").write_bytes((tmp_path / "net").read_bytes()[:200])
    with pytest.raises(ModelError, match="cannot read"):
        orientation.load(tmp_path / "net")


@pytest.mark.parametrize("tune", TUNES)
def test_a_network_ships_for_each_model(tune):
    net = shipped_for(id_by_tune(tune))
    assert net is not None and net.model_id == id_by_tune(tune)
    assert shipped_for(b"none") is None


def told(image, tune="visual"):
    """What the network that ships makes of an image: probabilities of the states."""
    net = shipped_for(id_by_tune(tune))
    with codec.open(codec.compress(image, tune=tune, graphics=False)) as file:
        return np.exp(net.log_probabilities([net.seen(part) for part in file.latents()], file.size))


@pytest.mark.parametrize("tune", TUNES)
def test_photographs_are_told_from_turned_ones_and_negatives(tune):
    """Of photographs that scikit-image ships, and so nobody trained on; most of them, as some could lie any way."""
    from skimage import data

    right = np.zeros(len(STATES))
    for name in ("astronaut", "chelsea", "coffee", "rocket", "motorcycle"):
        pixels = data.stereo_motorcycle()[0] if name == "motorcycle" else getattr(data, name)()
        image = Image.fromarray(pixels)
        side = min(image.size)
        middle = image.resize((256, 256), box=((image.width - side) / 2, 0, (image.width + side) / 2, side))
        right += [told(state, tune).argmax() == number for number, state in enumerate(in_all_states(middle))]
    assert right[0] >= 3 and right[1:4].sum() >= 8 and right[4] >= 3


def test_states_are_what_they_are_called():
    pixels = np.zeros((8, 8, 3), np.uint8)
    pixels[0] = 200  # bright above
    as_taken, left, down, right, negative = (np.asarray(image) for image in in_all_states(Image.fromarray(pixels)))
    assert (as_taken[0] == 200).all() and (left[:, 0] == 200).all() and (down[-1] == 200).all()
    assert (right[:, -1] == 200).all() and (negative[0] == 55).all() and (negative[1:] == 255).all()


def views_of(networks, tmp_path, count=10):
    """Views of skies above ground, of random colours."""
    rng = np.random.default_rng(0)
    paths = []
    for number in range(count):
        rows = np.linspace(0, 1, 160)[:, None, None]
        sky, ground = rng.uniform(150, 255, 3) * [0.7, 0.9, 1], rng.uniform(20, 90, 3)
        pixels = (1 - rows) * sky + rows * ground + rng.normal(0, 4, (160, 170, 3))
        paths.append(tmp_path / f"{number}.png")
        Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(paths[-1])
    return build_views(networks, paths, OrientationConfig(views=2)), paths


def test_what_can_be_learned_is_learned(networks, tmp_path):
    views, paths = views_of(networks, tmp_path)
    assert views.y.shape == (20, 5, 320, 16, 16) and views.y.dtype == torch.int8 and len(set(views.image)) == 10
    net = train_orientation(views, OrientationConfig(epochs=60, width=16, hidden=32))
    deployed = net.deployed(networks.latent_scale, quarter_turn(views), b"abcd")
    right = 0
    for number, state in enumerate(in_all_states(Image.open(paths[0]).crop((5, 5, 155, 155)))):
        with codec.open(codec.compress(state, graphics=False)) as file:
            found = deployed.log_probabilities([deployed.seen(part) for part in file.latents()], file.size)
        right += found.argmax() == number
    assert right >= 4
    with pytest.raises(CodecError, match="expected at least 5"):
        build_views(networks, paths[:3], OrientationConfig(views=2))


def test_views_are_kept_finely_enough(networks, tmp_path):
    views, _ = views_of(networks, tmp_path, 5)
    assert (views.y.abs() == 127).float().mean() < 1e-3
    assert views.y.float().abs().max() / STEPS_A_UNIT > 2


def test_turning_an_image_is_a_linear_map_of_its_coordinates(networks, tmp_path, face):
    for number in range(6):
        Image.fromarray(face[5 * number : 5 * number + 160, : 160 + number]).save(tmp_path / f"{number}.png")
    views = build_views(networks, sorted(tmp_path.glob("*.png")), OrientationConfig(views=3))
    turn = quarter_turn(views)
    plain, turned = (torch.sinh(views.y[:, state].float() / STEPS_A_UNIT) for state in (0, 1))
    guess = torch.einsum("nchw,cd->ndhw", torch.rot90(plain, 1, (2, 3)), turn)
    off = [(other - turned).square().mean().item() for other in (guess, torch.rot90(plain, 1, (2, 3)))]
    assert off[0] < 0.4 * off[1] and off[0] < 0.4 * turned.square().mean()


def test_a_teacher_says_which_way_is_up_and_nothing_of_negatives():
    generator = torch.Generator().manual_seed(0)
    count = 40
    features = torch.randn(count, 5, 12, generator=generator)
    features[:, torch.arange(5), torch.arange(5)] += 4  # each state is easily told, but for views that show nothing
    features[:10] = torch.randn(10, 1, 12, generator=generator)
    views = Views(torch.zeros(count, 5, 1, 4, 4, dtype=torch.int8), features, np.arange(count))
    torch.manual_seed(0)
    target = targets(views)
    torch.testing.assert_close(target.sum(dim=-1), torch.ones(count, 5))
    known = known_targets()
    torch.testing.assert_close(target[:, -1], known[-1].expand(count, -1))
    torch.testing.assert_close(target[:, :-1, -1], known[:-1, -1].expand(count, -1))
    sure = target[:, torch.arange(4), torch.arange(4)].mean(dim=1)
    assert sure[10:].mean() > sure[:10].mean() + 0.1
    plain = targets(Views(views.y, None, views.image))
    torch.testing.assert_close(plain, known.expand(count, -1, -1))


def test_the_command_trains(networks, tmp_path):
    views_of(networks, tmp_path, 9)
    out = tmp_path / "net"
    arguments = ["train-orientation", "--data", tmp_path, "--out", out, "--views", 1, "--epochs", 1]
    result = CliRunner().invoke(main, [str(a) for a in arguments])
    assert result.exit_code == 0, result.output
    assert orientation.load(out).model_id == shipped_runtime().model_id
    assert CliRunner().invoke(main, [str(a) for a in arguments]).exit_code == 1
