"""Shortest ways on the manifold, by gradient descent on the energy of a discretised path (needs torch).

The energy of points y_0 .. y_n is ``n sum |f(y_{i+1}) - f(y_i)|^2``, f being what the embedding's head sees in each
cell: means and spreads of its features, so that half-transparent images on top of each other are far from both.
Beside it counts what the entropy model charges for each point, so that the way keeps to where images are. It is made
for what the analysis gives; for decoded coordinates, which the analysis never gives, it may ask a hundred times too
much. So a point is synthesised and analysed first, and what this changed at the beginning is added as it moves. The
ends stay. Pixels would say next to nothing about the manifold: the coordinates are nearly linear in them, and the
straight line all but the shortest.

Reference:
    Shao, Kumar and Fletcher, "The Riemannian Geometry of Deep Generative Models", CVPR Workshops 2018;
    Arvanitidis, Hansen and Hauberg, "Latent Space Oddity: on the Curvature of Deep Generative Models", ICLR 2018.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from bitstream.geometry import HYPER_STRIDE
from codec.manifold.embedding import SPREAD_FLOOR, EmbeddingHead
from codec.models.architecture import Architecture, CodedLatent, round_straight_through
from codec.models.device import autocast
from codec.models.registry import load_exported

RATE = 0.01
"""Learning rate, in units of a symbol. At 0.03 the first 60 steps make a path longer with some heads, at 0.01 not."""


@dataclass(frozen=True)
class PathReport:
    """What a path costs.

    Attributes:
        energy: see above, mean over cells and features.
        length: root of the mean over cells and features, summed over the steps.
        rate_bpp: what the entropy model charges for coding the images of the points between the ends, bits a pixel,
            mean.
    """

    energy: float
    length: float
    rate_bpp: float


class Geodesics:
    """Finds and measures paths, for one model at one quality.

    Args:
        folder: the exported model.
        head: that belongs to it.
        t: quality in [0, 1].
        weight: how much the entropy model's charge counts beside the energy, each in units of what the path has that
            is begun with.
    """

    def __init__(self, folder: Path, head: EmbeddingHead, t: float, weight: float = 0.05) -> None:
        self.model: Architecture = load_exported(folder).requires_grad_(False)
        self.scale = torch.from_numpy(head.scale)
        self.position, self.bias = torch.from_numpy(head.position), torch.from_numpy(head.position_bias)
        self.t, self.weight = torch.tensor([t]), weight
        self.gains = self.model.gains(self.t)

    def report(self, path: NDArray[np.float32]) -> PathReport:
        """Measure a path, float32 (points, channels, rows, columns), both ends included."""
        with torch.no_grad():
            y = torch.from_numpy(path)
            squares = self._squares(y)
            rate = float(self._rate(self._analysed(y[1:-1]), torch.round)) if len(y) > 2 else 0.0
        return PathReport(float(len(squares) * squares.sum()), float(squares.sqrt().sum()), rate)

    def shorten(
        self, path: NDArray[np.float32], iterations: int = 200, progress: Callable[[int], None] | None = None
    ) -> NDArray[np.float32]:
        """A path between the same ends that costs less, or the same one if none was found.

        Args:
            path: float32 (points, channels, rows, columns), where to begin.
            iterations: of gradient descent.
            progress: called with iterations done.

        Returns:
            NDArray: like ``path``.
        """
        y = torch.from_numpy(path)
        if len(y) < 3:
            return path
        with torch.no_grad():
            energy_before = float((len(y) - 1) * self._squares(y).sum())
            if self.weight:
                offset = self._analysed(y[1:-1]) - y[1:-1]
                rate_before = float(self._rate(y[1:-1] + offset))
        # In units of a symbol, so that one learning rate fits every coordinate.
        gain = self.model.symbol_gain(self.gains)
        u = (y[1:-1] * gain).clone().requires_grad_()
        optimizer = torch.optim.Adam([u], lr=RATE)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, iterations)
        least, best = math.inf, u.detach().clone()
        with torch.enable_grad():
            for iteration in range(iterations + 1):
                optimizer.zero_grad()
                inner = u / gain
                energy = (len(y) - 1) * self._squares(torch.cat([y[:1], inner, y[-1:]])).sum()
                objective = energy / max(energy_before, 1e-12)
                if self.weight:
                    objective = objective + self.weight * self._rate(inner + offset) / max(rate_before, 1e-3)
                if objective.item() < least:
                    least, best = objective.item(), u.detach().clone()
                if iteration == iterations:  # only looked at
                    break
                objective.backward()
                optimizer.step()
                schedule.step()
                if progress:
                    progress(iteration + 1)
        shortened: NDArray[np.float32] = torch.cat([y[:1], best / gain, y[-1:]]).numpy()
        return shortened

    def _squares(self, y: Tensor) -> Tensor:
        """Squared distance of each point's features to the next's, mean over cells and features."""
        n, channels = y.shape[:2]
        blocks = y.unflatten(3, (-1, HYPER_STRIDE)).unflatten(2, (-1, HYPER_STRIDE)).permute(0, 2, 4, 3, 5, 1)
        seen = torch.asinh(blocks.reshape(n, -1, HYPER_STRIDE**2, channels) / self.scale) @ self.position + self.bias
        seen = F.silu(seen)
        spreads = (seen.var(dim=2, unbiased=False) + SPREAD_FLOOR).sqrt()
        features = torch.cat([seen.mean(dim=2), spreads], dim=-1)
        return (features[1:] - features[:-1]).square().mean(dim=(1, 2))

    def _analysed(self, y: Tensor) -> Tensor:
        """What the analysis gives for the images of points, of 8 bits, one by one as they may be large."""
        images = (self.model.synthesise(point, self.gains) for point in y.split(1))
        levels = (x.clamp(0, 1).mul(255).round().div(255) for x in images)
        return torch.cat([self.model.analyse(x, self.gains) for x in levels])

    def _coded(self, y: Tensor) -> tuple[CodedLatent, Tensor]:
        """What coding makes of points, with a gradient, and their hyper-latent's integers."""
        z_hat = round_straight_through(self.model.hyper_analyse(y, self.gains).float())
        features = self.model.hyper_features(z_hat)
        coded = self.model.code_latent(
            features, self.gains, lambda mean, gain, at: round_straight_through(gain * (at(y) - mean))
        )
        return coded, z_hat

    def _rate(self, y: Tensor, quantise: Callable[[Tensor], Tensor] = lambda residual: residual) -> Tensor:
        """What the entropy model charges for points as the analysis gives them, bits a pixel, mean over them."""
        with autocast(torch.device("cpu"), enabled=torch.is_grad_enabled()):
            coded, z_hat = self._coded(y)
        sigma = self.model.scales(z_hat, self.t, self.gains)
        y_bits = self.model.symbol_bits(quantise((coded.gain * (y - coded.mean)).float()), sigma).sum()
        z_bits = self.model.z_bits(z_hat, z_hat, self.t).sum()
        return (y_bits + z_bits) / (len(y) * 256 * y.shape[2] * y.shape[3])
