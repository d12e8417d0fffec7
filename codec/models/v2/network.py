"""Model v2: a wider, normalised encoder, means and steps in four passes, and a last stage at a quarter of the size.

Reference:
    Ballé et al., "Variational Image Compression with a Scale Hyperprior", ICLR 2018.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from codec.models.analysis import Analysis
from codec.models.architecture import CodedLatent, SymbolsAt
from codec.models.hyperprior import HyperAnalysis, HyperSynthesis
from codec.models.hyperprior_model import HyperpriorConfig, HyperpriorModel
from codec.models.layers import NormBlock
from codec.models.registry import register
from codec.models.v2.context import Context
from codec.models.v2.synthesis import Synthesis


@dataclass(frozen=True)
class V2Config(HyperpriorConfig):
    """Sizes of model v2, widths in channels and depths in residual blocks; whether half of z is coded given the other
    half."""

    architecture: ClassVar[str] = "v2"
    lmbda_min: float = 0.00018
    lmbda_max: float = 0.7
    latents: int = 384
    hyper_latents: int = 96
    analysis_width: int = 512
    analysis_depth: int = 3
    hyper_width: int = 192
    hyper_coarse_width: int = 384
    feature_width: int = 128
    context_width: int = 256
    synthesis_width: int = 272
    synthesis_depth: int = 2
    fine_width: int = 128
    fine_depth: int = 1
    render_width: int = 48
    hyper_context: bool = True


@register
class V2(HyperpriorModel):
    """Model v2.

    Args:
        config: sizes.
    """

    Config = V2Config

    def __init__(self, config: V2Config = V2Config()) -> None:
        super().__init__(config)
        c = config
        self.analysis = Analysis(c.latents, c.analysis_width, c.analysis_depth, NormBlock)
        self.hyper_analysis = HyperAnalysis(c.latents, c.hyper_width, c.hyper_coarse_width, c.hyper_latents, NormBlock)
        self.hyper_synthesis = HyperSynthesis(c.hyper_latents, c.feature_width)
        self.context = Context(c.latents, c.feature_width, c.context_width)
        self.synthesis = Synthesis(
            c.latents, c.synthesis_width, c.synthesis_depth, c.fine_width, c.fine_depth, c.render_width
        )
        self._add_entropy_model(position_bias=True)

    def code_latent(self, features: Tensor, gains: Tensor, symbols_at: SymbolsAt) -> CodedLatent:
        """See :meth:`Architecture.code_latent`."""
        parts = self.gains.split(gains)
        gain, step = parts["gain"][:, :, None, None], parts["step"][:, :, None, None]
        coded: CodedLatent = self.context(features, parts["context"], gain, step, symbols_at)
        return coded
