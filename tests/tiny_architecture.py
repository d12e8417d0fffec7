"""A second architecture, as small as one can be: it stands in this file alone, and everything else takes it as it is.

Linear transforms of blocks with a convolution of 7 around each, so that it reaches as far as no network of v1; a
hyper-latent of cell means; no context for z; means from the hyper-latent alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from bitstream.geometry import BLOCK, HYPER_STRIDE
from bitstream.tables import Tables, quantize_pmf
from codec.models.architecture import Architecture, CodedLatent, ModelConfig, everywhere
from codec.models.registry import register

LEVELS, SCALES, Z_LIMIT = 11, 24, 20
LARGEST = 300.0


@dataclass(frozen=True)
class LinearConfig(ModelConfig):
    architecture = "linear"
    latents: int = 12
    hyper_latents: int = 4
    kernel: int = 7


class LinearGains(nn.Module):
    """Logarithms of a gain, linear in quality."""

    def __init__(self):
        super().__init__()
        self.ends = nn.Parameter(torch.tensor([[math.log(10.0)], [math.log(120.0)]]))

    def forward(self, t):
        return torch.exp(self.ends[0] + t[:, None] * (self.ends[1] - self.ends[0]))


@register
class Linear(Architecture):
    Config = LinearConfig
    scale_tolerance = 1.0

    def __init__(self, config=LinearConfig()):
        super().__init__(config)
        c = config
        self.gains = LinearGains()
        self.forward_blocks = nn.Conv2d(3, c.latents, BLOCK, BLOCK)
        self.around = nn.Conv2d(c.latents, c.latents, c.kernel, padding=c.kernel // 2, groups=c.latents)
        self.back = nn.Conv2d(c.latents, c.latents, c.kernel, padding=c.kernel // 2, groups=c.latents)
        self.backward_blocks = nn.ConvTranspose2d(c.latents, 3, BLOCK, BLOCK)
        self.to_z = nn.Conv2d(c.latents, c.hyper_latents, HYPER_STRIDE, HYPER_STRIDE)
        self.to_mean = nn.ConvTranspose2d(c.hyper_latents, c.latents, HYPER_STRIDE, HYPER_STRIDE)
        self.log_sigma = nn.Parameter(torch.zeros(c.latents))
        self.log_z = nn.Parameter(torch.zeros(c.hyper_latents))

    def analyse(self, x, gains):
        y = self.forward_blocks(x - 0.5)
        return y + self.around(y)

    def hyper_analyse(self, y, gains):
        return self.to_z(y) * gains[:, :1, None, None] * 0.1

    def hyper_features(self, z_hat):
        return self.to_mean(z_hat)

    def code_latent(self, features, gains, symbols_at):
        mean, gain = 0.1 * features, gains[:, :1, None, None]
        symbols = symbols_at(mean, gain, everywhere)
        return CodedLatent(mean, gain, symbols, mean + symbols / gain)

    def symbol_gain(self, gains):
        return gains[:, :1, None, None].expand(-1, self.config.latents, 1, 1)

    def synthesise(self, y_hat, gains):
        return self.backward_blocks(y_hat + self.back(y_hat)) + 0.5

    def preview(self, y_hat):
        return F.avg_pool2d(self.synthesise(y_hat, None), 8)

    def scales(self, z_hat, t, gains):
        sigma = torch.exp(self.log_sigma)[None, :, None, None].clamp(0.2, LARGEST)
        rows, columns = (HYPER_STRIDE * side for side in z_hat.shape[2:])
        return sigma.expand(len(z_hat), -1, rows, columns)

    def scale_numbers(self, sigma):
        return torch.log(sigma / 0.2) / math.log(LARGEST / 0.2) * (SCALES - 1)

    def _z_mass(self, z):
        width = torch.exp(self.log_z)[:, None, None].clamp(0.3, 8)
        return torch.sigmoid((z + 0.5) / width) - torch.sigmoid((z - 0.5) / width)

    def z_bits(self, z, z_hat, t):
        return -self._z_mass(z).clamp(min=1e-9).log2().sum(dim=(1, 2, 3))

    @torch.no_grad()
    def tables(self):
        values = torch.arange(-Z_LIMIT, Z_LIMIT + 1.0)[None, :, None].expand(self.config.hyper_latents, -1, 1)
        z = [quantize_pmf(np.append(row, 1e-4)) for row in self._z_mass(values)[..., 0].double().numpy()]
        y, limits = [], []
        for number in range(SCALES):
            sigma = 0.2 * math.exp(number / (SCALES - 1) * math.log(LARGEST / 0.2))
            limit = int(3 * sigma) + 1
            edges = (torch.arange(-limit, limit + 2, dtype=torch.float64) - 0.5) / sigma
            y.append(quantize_pmf(np.append(torch.special.ndtr(edges).diff().numpy(), 1e-3)))
            limits.append(limit)
        sigma = self.scales(torch.zeros(1, self.config.hyper_latents, 1, 1), None, None)[0, :, 0, 0]
        bias = self.scale_numbers(sigma).round().int().numpy()
        return Tables(
            z_counts=np.array([z], np.uint32),
            y_limits=np.array(limits, np.int32),
            y_counts=np.concatenate(y).astype(np.uint32),
            weight=np.zeros((self.config.latents * HYPER_STRIDE**2, self.config.hyper_latents), np.int8),
            bias=np.tile(bias, (LEVELS, 1)).astype(np.int32),
            shift=0,
        )

    def gain_knots(self):
        return self.gains.ends, 1

    @property
    def latent_scale(self):
        return torch.ones(self.config.latents)

    @torch.no_grad()
    def initialise(self, images):
        """A block's mean in each component, and nothing of what is around it."""
        for parameter in (*self.forward_blocks.parameters(), *self.backward_blocks.parameters()):
            parameter.zero_()
        for component in range(3):
            self.forward_blocks.weight[component, component] = 1 / BLOCK
            self.backward_blocks.weight[component, component] = 1 / BLOCK

    def continued(self, config):
        return self

    def linear_parameters(self):
        return list(self.forward_blocks.parameters())

    def entropy_parameters(self):
        return self.distribution_parameters()

    def distribution_parameters(self):
        return [self.log_sigma, self.log_z]

    def count_symbols(self, symbols, sigma):
        return torch.zeros(1, dtype=torch.float64)

    def fit_symbols(self, counts):
        pass
