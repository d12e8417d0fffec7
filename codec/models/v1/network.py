"""Model v1: residual networks on blocks of 16x16 pixels, a hyper-latent at 1/64, means in two passes, a checkerboard.

Reference:
    Ballé et al., "Variational Image Compression with a Scale Hyperprior", ICLR 2018; He et al., "Checkerboard Context
    Model for Efficient Learned Image Compression", CVPR 2021.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor

from codec.models.analysis import Analysis
from codec.models.architecture import CodedLatent, ModelConfig, SymbolsAt, everywhere
from codec.models.hyperprior import HyperAnalysis, HyperSynthesis
from codec.models.hyperprior_model import HyperpriorConfig, HyperpriorModel
from codec.models.registry import register
from codec.models.v1.context import Context
from codec.models.v1.synthesis import Synthesis

_FORMER = ("bounded_synthesis",)
"""Values that stored configs may still have, and that nothing depends on."""


@dataclass(frozen=True)
class V1Config(HyperpriorConfig):
    """Sizes of model v1, widths in channels and depths in residual blocks; whether half of z is coded given the other
    half."""

    architecture: ClassVar[str] = "v1"
    latents: int = 320
    hyper_latents: int = 96
    analysis_width: int = 384
    analysis_depth: int = 3
    hyper_width: int = 192
    hyper_coarse_width: int = 384
    feature_width: int = 96
    context_width: int = 256
    synthesis_width: int = 320
    synthesis_depth: int = 2
    fine_width: int = 128
    fine_depth: int = 2
    hyper_context: bool = True

    @classmethod
    def stored(cls, values: dict[str, Any]) -> ModelConfig:
        """Of what :meth:`as_dict` gave, now or before there was a context for z."""
        return super().stored({"hyper_context": False, **{k: v for k, v in values.items() if k not in _FORMER}})


@register
class V1(HyperpriorModel):
    """Model v1.

    Args:
        config: sizes.
    """

    Config = V1Config

    def __init__(self, config: V1Config = V1Config()) -> None:
        super().__init__(config)
        c = config
        self.analysis = Analysis(c.latents, c.analysis_width, c.analysis_depth)
        self.hyper_analysis = HyperAnalysis(c.latents, c.hyper_width, c.hyper_coarse_width, c.hyper_latents)
        self.hyper_synthesis = HyperSynthesis(c.hyper_latents, c.feature_width)
        self.context = Context(c.latents, c.feature_width, c.context_width)
        self.synthesis = Synthesis(c.latents, c.synthesis_width, c.synthesis_depth, c.fine_width, c.fine_depth)
        self._add_entropy_model()

    def code_latent(self, features: Tensor, gains: Tensor, symbols_at: SymbolsAt) -> CodedLatent:
        """See :meth:`Architecture.code_latent`."""
        parts = self.gains.split(gains)
        gain, step = parts["gain"][:, :, None, None], parts["step"][:, :, None, None]

        def decode(mean: Tensor) -> tuple[Tensor, Tensor]:
            symbols = symbols_at(mean, gain, everywhere)
            return symbols, mean + step * symbols

        mean, symbols, y_hat = self.context(features, parts["context"], decode)
        return CodedLatent(mean, gain, symbols, y_hat)
