"""Symbols fitted to the image at hand: stochastic Gumbel annealing of y under the true objective.

An analysis network gives every image a good latent, and no image its best one. Here the latent of
one image, or of one tile of it, goes on from there by gradient descent on ``lmbda D + R`` through the
decoder, while rounding is drawn at random between the two nearest integers, ever more firmly. The
decoder stays as it is. z is left alone: relaxed it costs more than it finds. Needs torch.

Reference:
    Yang, Bamler and Mandt, "Improving Inference for Neural Image Compression", NeurIPS 2020;
    Perugachi-Diaz, Gansekoele and Bhulai, "Robustly overfitting latents for flexible neural image
    compression", NeurIPS 2024, for how likely each of the two integers is.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from bitstream.geometry import BLOCK
from codec.models.architecture import CodedLatent, Select, round_straight_through
from codec.models.device import autocast, usual_torch
from codec.models.distortion import SMALLEST_SIDES, distortion
from codec.models.registry import load_exported

RATE = 0.02
"""Learning rate, in units of a symbol."""
FLAT = 10.0
"""Gradients well below this, in bits a symbol, move a symbol less than the rate: most say nothing but noise."""
SHARPNESS = 2.0
"""Factor on the logit, at temperature 1: above 1, the nearer integer is drawn more often than in proportion."""
HOT = 0.7
"""Temperature at which rounding begins."""
HOLD = 0.7
"""Share of the work after which the temperature falls and the learning rate is lowered."""
COOLING = 10.0
"""From then on the temperature falls as exp(-COOLING * (share of the work since))."""
SETTLED = 0.3
"""From then on the learning rate is this share of RATE."""


@dataclass(frozen=True)
class View:
    """A tile and its surroundings; sizes in cells ``(h, w)``.

    Attributes:
        x: float (1, 3, 64 h, 64 w), in [0, 1], pixels.
        counted: rows and columns of the pixels whose error counts.
        y: float (1, latents, 4 h, 4 w), of the analysis.
        z_hat: float (1, hyper_latents, h, w), integers of the hyper-latent.
        coded: bool (1, 1, 4 h, 4 w), positions of y that are coded; all other symbols are 0.
        free: bool (1, 1, 4 h, 4 w), those to be fitted.
        gray: whether the image is, of which the mean of the three components is decoded.
    """

    x: Tensor
    counted: tuple[slice, slice]
    y: Tensor
    z_hat: Tensor
    coded: Tensor
    free: Tensor
    gray: bool = False

    def copy(self) -> View:
        """With tensors of its own: those made in torch's inference mode cannot be learned from."""
        x, y, z_hat, coded, free = (part.clone() for part in (self.x, self.y, self.z_hat, self.coded, self.free))
        return replace(self, x=x, y=y, z_hat=z_hat, coded=coded, free=free)


def temperature(share: float) -> float:
    """Temperature of rounding once a share of the work is done."""
    return HOT * min(1.0, math.exp(-COOLING * (share - HOLD)))


def anneal_round(x: Tensor, temperature: float, noise: Tensor) -> Tensor:
    """Draw a value between the integers around ``x``, near one of them if the temperature is low.

    The nearer an integer, the likelier; the gradient passes as through a relaxed choice of two.

    Args:
        x: float, any shape.
        temperature: above 0.
        noise: like ``x``, of the logistic distribution.

    Returns:
        Tensor: like ``x``.
    """
    low = torch.floor(x.detach())
    part = (x - low).clamp(1e-5, 1 - 1e-5)
    return low + torch.sigmoid((SHARPNESS * torch.logit(part) / temperature + noise) / temperature)


def mirrored(x: Tensor, side: int) -> Tensor:
    """Images of at least so many pixels a side, continued by their mirror images where they have fewer.

    Args:
        x: float (N, C, H, W), H and W above 0.
        side: pixels, which a metric needs.
    """
    for dim in (2, 3):
        while x.shape[dim] < side:
            x = torch.cat([x, x.flip(dim)], dim)
    return x


def shares(iterations: int, seconds: float | None, progress: Callable[[float], None]) -> Iterator[float]:
    """The share of the work that is done before each iteration, for as many as there is time for.

    Args:
        iterations: most there are.
        seconds: to be done by then; None is no limit.
        progress: called with each share.
    """
    started = time.monotonic()
    for k in range(iterations):
        share = k / iterations
        if seconds is not None:
            spent = time.monotonic() - started
            share = max(share, spent / seconds) if spent < seconds else 1.0
        if share >= 1:
            break
        progress(share)
        yield share


class Annealer:
    """Fits symbols to images, for one model at one quality.

    Args:
        folder: the exported model.
        t: quality in [0, 1].
        seed: of the random rounding.
        threads: of torch while it works; None or 0 leaves them as they are.
    """

    def __init__(self, folder: Path, t: float, seed: int = 0, threads: int | None = None) -> None:
        self.threads = threads
        with usual_torch():
            self.model = load_exported(folder).to("cpu", torch.float32).requires_grad_(False)
            self.t = torch.tensor([t], dtype=torch.float32, device="cpu")
            self.gains = self.model.gains(self.t)
            self.lmbda = float(self.model.config.lmbdas.lmbda(self.t))
        self.generator = torch.Generator().manual_seed(seed)

    def fit(self, view: View, shares: Iterator[float]) -> Tensor:
        """The symbols of a tile and its surroundings.

        Args:
            view: the tile.
            shares: share of the work done before each iteration, rising from 0 to 1.

        Returns:
            Tensor: float (1, latents, 4 h, 4 w), integers.
        """
        with usual_torch(self.threads):
            return self._fit(view.copy(), shares)

    def _fit(self, view: View, shares: Iterator[float]) -> Tensor:
        with torch.no_grad():
            features = self.model.hyper_features(view.z_hat)
            sigma = self.model.scales(view.z_hat, self.t, self.gains)
        with torch.enable_grad():
            gain = self.model.symbol_gain(self.gains)
            u = (view.y * gain).clone().requires_grad_()
            optimizer = torch.optim.Adam([u], lr=RATE, betas=(0.9, 0.99), eps=FLAT)
            judged = all(part.start < part.stop for part in view.counted)  # else there is nothing to fit to
            for share in shares if judged else ():
                optimizer.param_groups[0]["lr"] = RATE * (SETTLED if share > HOLD else 1.0)
                optimizer.zero_grad()
                self._objective(view, u, features, sigma, temperature(share)).backward()
                optimizer.step()
        with torch.no_grad():
            return self._coded(u, features, lambda r, at: torch.round(r) * at(view.coded)).symbols

    def _objective(self, view: View, u: Tensor, features: Tensor, sigma: Tensor, temperature: float) -> Tensor:
        """Bits of a relaxed coding of ``u``, the latent in units of a symbol, plus lmbda times its error."""
        noise = torch.logit(
            torch.rand(u.shape, generator=self.generator, dtype=u.dtype, device="cpu").clamp_(1e-6, 1 - 1e-6)
        )
        with autocast(torch.device("cpu")):
            coded = self._coded(
                torch.where(view.free, u, u.detach()),
                features,
                lambda r, at: torch.where(
                    at(view.free),
                    anneal_round(r, temperature, at(noise)),
                    round_straight_through(r) * at(view.coded),
                ),
            )
            x_hat = self.model.synthesise(coded.y_hat, self.gains)
        x_hat = x_hat.float()
        if view.gray:
            x_hat = x_hat.mean(dim=1, keepdim=True).expand_as(x_hat)
        seen = view.coded.repeat_interleave(BLOCK, 2).repeat_interleave(BLOCK, 3)
        x_hat = torch.where(seen, x_hat, view.x)  # elsewhere decoders have exact pixels
        x, x_hat = (part[:, :, view.counted[0], view.counted[1]] for part in (view.x, x_hat.clamp(0, 1)))
        pixels, metric = x.shape[2] * x.shape[3], self.model.config.metric
        x, x_hat = (mirrored(part, SMALLEST_SIDES[metric]) for part in (x, x_hat))
        error = pixels * distortion(x, x_hat, metric).sum()
        return self.model.symbol_bits(coded.symbols, sigma).sum() + self.lmbda * error

    def _coded(self, u: Tensor, features: Tensor, round_: Callable[[Tensor, Select], Tensor]) -> CodedLatent:
        """What a decoder makes of the latent ``u``, which is in units of a symbol, rounded in some way."""
        y = u / self.model.symbol_gain(self.gains)
        coded: CodedLatent = self.model.code_latent(
            features, self.gains, lambda mean, gain, at: round_(gain * (at(y) - mean), at)
        )
        return coded
