"""Training of the embedding by contrast: views of one image come close, views of different images are pushed apart.

Views are parts of an image, scaled, recoloured, with grain, blur or the marks of JPEG, coded at random qualities. They
pass the frozen codec once; what its decoder would see of them, y_hat, is kept in memory, and only the head learns.

Reference:
    Oord, Li and Vinyals, "Representation Learning with Contrastive Predictive Coding", 2018 (InfoNCE);
    Chen et al., "A Simple Framework for Contrastive Learning of Visual Representations", ICML 2020.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageFilter
from torch import Tensor, nn
from tqdm import tqdm

from bitstream.errors import CodecError
from bitstream.geometry import CELL, HYPER_STRIDE
from codec.manifold.embedding import SPREAD_FLOOR, EmbeddingHead
from codec.models.architecture import Architecture
from codec.models.device import autocast, has_fast_bfloat16
from codec.training.data import read_rgb, to_tensor

CPU = torch.device("cpu")
SIDES = 128, 768
"""Least and most pixels of a view's longer side, unless the image has fewer."""
TEMPERATURE = 0.07
MIN_SEEN = 0.4
"""Share of a view's cells that a step sees, at least."""


@dataclass(frozen=True)
class EmbeddingConfig:
    """How to train.

    Attributes:
        views: of each image.
        steps: of the optimiser.
        batch: images in a step, with two views each.
        learning_rate: highest, reached after a tenth of the steps and then lowered along a cosine.
        width: of what is seen at a position or in a cell.
        hidden: width of the hidden layer.
        dimensions: of the embedding.
        seed: of views, weights and batches.
    """

    views: int = 8
    steps: int = 800
    batch: int = 192
    learning_rate: float = 2e-3
    width: int = 192
    hidden: int = 512
    dimensions: int = 256
    seed: int = 0


class Head(nn.Module):
    """The torch side of :class:`~codec.manifold.embedding.EmbeddingHead`, for many views at once."""

    def __init__(self, scale: Tensor, width: int, hidden: int, dimensions: int) -> None:
        super().__init__()
        self.register_buffer("scale", scale.clone())
        self.position = nn.Linear(len(scale), width)
        self.cell = nn.Linear(width, width)
        self.hidden = nn.Linear(4 * width, hidden)
        self.output = nn.Linear(hidden, dimensions, bias=False)

    def forward(self, blocks: Tensor, view: Tensor, views: int) -> Tensor:
        """Embed views.

        Args:
            blocks: float (cells, 16, channels of y), arcsinh of y_hat in units of ``scale``, the cells of all views.
            view: int64 (cells,), which view each belongs to.
            views: how many there are.

        Returns:
            Tensor: float (views, D), each of length 1.
        """
        at_position = F.silu(self.position(blocks))
        at_cell = F.silu(self.cell(at_position.mean(dim=1)))
        count = torch.zeros(views).index_add_(0, view, torch.ones(len(view)))[:, None]

        def mean(values: Tensor) -> Tensor:
            sums = torch.zeros(views, values.shape[1]).index_add_(0, view, values.float())
            return sums / count

        parts = []
        for first, second in ((at_position.mean(1), at_position.square().mean(1)), (at_cell, at_cell.square())):
            average = mean(first)
            parts += [average, (F.relu(mean(second) - average.square()) + SPREAD_FLOOR).sqrt()]
        return F.normalize(self.output(F.silu(self.hidden(torch.cat(parts, dim=1)))), dim=1)

    def deployed(self, model_id: bytes) -> EmbeddingHead:
        """The weights as the runtime has them, for the model whose coordinates they were trained on."""

        def array(tensor: Tensor) -> NDArray[np.float32]:
            return np.ascontiguousarray(tensor.detach().half().float().numpy())

        return EmbeddingHead(
            scale=array(self.scale),
            position=array(self.position.weight.T),
            position_bias=array(self.position.bias),
            cell=array(self.cell.weight.T),
            cell_bias=array(self.cell.bias),
            hidden=array(self.hidden.weight.T),
            hidden_bias=array(self.hidden.bias),
            output=array(self.output.weight.T),
            model_id=model_id,
        )


def distort(view: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Shift colours, blur, add grain, or leave the marks of JPEG, each now and then and to a random extent."""
    for enhancer, reach in ((ImageEnhance.Brightness, 0.4), (ImageEnhance.Contrast, 0.4), (ImageEnhance.Color, 0.6)):
        if rng.random() < 0.6:
            view = enhancer(view).enhance(rng.uniform(1 - reach, 1 + reach))
    if rng.random() < 0.3:
        # Hue, as a turn of the colour plane.
        h, s, v = view.convert("HSV").split()
        turn = int(rng.integers(-18, 19))
        view = Image.merge("HSV", (h.point(lambda x: (x + turn) % 256), s, v)).convert("RGB")
    if rng.random() < 0.2:
        view = view.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 1.5)))
    if rng.random() < 0.2:
        pixels = np.asarray(view, np.float32)
        grain = rng.normal(0, rng.uniform(1, 16), pixels.shape)
        view = Image.fromarray(np.clip(np.rint(pixels + grain), 0, 255).astype(np.uint8))
    if rng.random() < 0.4:
        buffer = io.BytesIO()
        view.save(buffer, "JPEG", quality=int(rng.integers(15, 80)))
        view = Image.open(buffer).convert("RGB")
    return view


def draw_view(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """A view of an image: two fifths of it or more, smaller by up to any factor that :data:`SIDES` allow."""
    share, stretch = rng.uniform(0.4, 1.0), np.exp(rng.uniform(-0.25, 0.25))
    width = image.width * min(1.0, np.sqrt(share * stretch))
    height = image.height * min(1.0, np.sqrt(share / stretch))
    left, top = rng.uniform(0, image.width - width), rng.uniform(0, image.height - height)
    longer = max(width, height)
    least, most = min(SIDES[0], longer), min(SIDES[1], longer)
    factor = np.exp(rng.uniform(np.log(least), np.log(most))) / longer
    size = max(1, round(width * factor)), max(1, round(height * factor))
    view = image.resize(size, Image.Resampling.BICUBIC, (left, top, left + width, top + height))
    if rng.random() < 0.5:
        view = view.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return distort(view, rng)


def aligned(view: Image.Image) -> NDArray[np.uint8]:
    """Pixels, the last rows and columns repeated up to multiples of 64, as the codec does it."""
    pad = [(0, -side % CELL) for side in (view.height, view.width)]
    return np.pad(np.asarray(view), [*pad, (0, 0)], mode="edge")


@dataclass(frozen=True)
class Bank:
    """What the decoder sees of all views.

    Attributes:
        blocks: bfloat16 (cells, 16, channels of y), arcsinh of y_hat in units of each channel's scale.
        starts: int64 (views of all images + 1,), where the cells of each view begin.
        views: of each image; they follow each other.
    """

    blocks: Tensor
    starts: Tensor
    views: int

    @property
    def images(self) -> int:
        """How many there are."""
        return (len(self.starts) - 1) // self.views


def decoded_latent(model: Architecture, x: Tensor, t: Tensor) -> Tensor:
    """What the decoder sees of pixels, float (N, channels of y, H/16, W/16); see :meth:`Architecture.encode`."""
    with torch.no_grad(), autocast(CPU):
        gains = model.gains(t)
        z_hat, symbols = model.encode(x, gains)
        return model.reconstruct(z_hat.float(), symbols.float(), gains).float()


def split_cells(y_hat: Tensor, scale: Tensor) -> Tensor:
    """Cells of latents, float (N * h * w, 16, C), of y_hat, float (N, C, 4 h, 4 w)."""
    blocks = y_hat.unflatten(3, (-1, HYPER_STRIDE)).unflatten(2, (-1, HYPER_STRIDE)).permute(0, 2, 4, 3, 5, 1)
    return torch.asinh(blocks.reshape(-1, HYPER_STRIDE**2, y_hat.shape[1]) / scale)


def build_bank(model: Architecture, paths: list[Path], config: EmbeddingConfig) -> Bank:
    """Draw views of all images and pass them through the frozen codec.

    Raises:
        CodecError: fewer than two of them can be read.
    """
    rng = np.random.default_rng(config.seed)
    blocks, counts = [], []
    for path in tqdm(paths, unit="image", desc="views"):
        pixels = read_rgb(path)
        if pixels is None:
            continue
        image = Image.fromarray(pixels)
        for _ in range(config.views):
            view = aligned(draw_view(image, rng))
            t = torch.tensor([rng.uniform(0.1, 0.95)], dtype=torch.float32)
            cells = split_cells(decoded_latent(model, to_tensor([view]), t), model.latent_scale)
            blocks.append(cells.bfloat16())
            counts.append(len(cells))
    if len(counts) < 2 * config.views:
        raise CodecError(f"{len(counts) // config.views} readable images to train on, expected at least 2")
    starts = torch.tensor([0, *np.cumsum(counts)])
    return Bank(torch.cat(blocks), starts, config.views)


def contrastive_loss(one: Tensor, other: Tensor) -> Tensor:
    """InfoNCE, both ways: each embedding of a pair has to find the other among all pairs of the batch.

    Args:
        one: float (N, D), unit vectors.
        other: float (N, D), unit vectors; row i belongs to row i of ``one``.

    Returns:
        Tensor: float (), in nats.
    """
    similarity = one @ other.T / TEMPERATURE
    target = torch.arange(len(one))
    return 0.5 * (F.cross_entropy(similarity, target) + F.cross_entropy(similarity.T, target))


def _batches(bank: Bank, config: EmbeddingConfig) -> Iterator[tuple[Tensor, Tensor]]:
    """Cells of pairs of views and the view each belongs to; every pair of a batch is of another image."""
    generator = torch.Generator().manual_seed(config.seed)
    size = min(config.batch, bank.images)
    for _ in range(config.steps):
        chosen = torch.randperm(bank.images, generator=generator)[:size] * bank.views
        one = torch.randint(bank.views, (size,), generator=generator)
        other = (one + torch.randint(1, bank.views, (size,), generator=generator)) % bank.views
        views = torch.cat([chosen + one, chosen + other])
        spans = []
        for view in views.tolist():
            cells = torch.arange(int(bank.starts[view]), int(bank.starts[view + 1]))
            # Never quite the same view again, or a thousand images would soon be known by heart.
            share = MIN_SEEN + (1 - MIN_SEEN) * float(torch.rand((), generator=generator))
            seen = torch.rand(len(cells), generator=generator) < share
            spans.append(cells[seen] if seen.any() else cells)
        owner = torch.repeat_interleave(torch.arange(len(views)), torch.tensor([len(s) for s in spans]))
        yield bank.blocks[torch.cat(spans)], owner


def train_head(bank: Bank, scale: Tensor, config: EmbeddingConfig = EmbeddingConfig()) -> Head:
    """Train a head.

    Args:
        bank: of :func:`build_bank`.
        scale: float (channels of y,), the model's ``latent_scale``.
        config: how.

    Returns:
        Head: in evaluation mode.
    """
    torch.manual_seed(config.seed)
    head = Head(scale, config.width, config.hidden, config.dimensions)
    optimizer = torch.optim.AdamW(head.parameters(), lr=config.learning_rate, weight_decay=1e-2)
    rise = 0.1 if config.steps > 10 else 0.3  # a tenth of ten steps has no length, and would be divided by
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, config.learning_rate, config.steps, pct_start=rise)
    progress = tqdm(_batches(bank, config), total=config.steps, unit="step", desc="head")
    mean: float | None = None
    for blocks, owner in progress:
        views = int(owner[-1]) + 1
        with autocast(CPU):
            vectors = head(blocks if has_fast_bfloat16(CPU) else blocks.float(), owner, views)
        one, other = vectors.float().chunk(2)
        loss = contrastive_loss(one, other)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        mean = loss.item() if mean is None else 0.98 * mean + 0.02 * loss.item()
        progress.set_postfix(loss=f"{mean:.3f}")
    return head.eval()
