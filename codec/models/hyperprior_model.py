"""What architectures with a hyperprior share: which networks there are, the entropy model, and copies of a model.

Reference:
    Ballé et al., "Variational Image Compression with a Scale Hyperprior", ICLR 2018.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from bitstream.geometry import BLOCK
from bitstream.tables import Tables
from bitstream.z_context import second_half
from codec.models.architecture import Architecture, ModelConfig
from codec.models.entropy.hyper_context import HyperContext
from codec.models.entropy.prior import FactorizedPrior
from codec.models.entropy.scales import INDEX_SHIFT, LOG_SCALE_STEP, SCALE_MIN, ScaleIndex
from codec.models.entropy.shapes import SymbolShapes
from codec.models.entropy.tables import build_tables
from codec.models.gains import KNOTS, Gains, LmbdaRange, QualityKnots
from codec.models.pca import principal_components

if TYPE_CHECKING:
    from typing_extensions import Self


class HyperpriorConfig(ModelConfig):
    """Sizes that all of them have; a subclass gives their defaults.

    Attributes:
        latents: channels of y.
        hyper_latents: channels of z.
        hyper_context: whether half of z is coded given the other half.
        analysis_width: channels of the stream of the analysis, which quality modulates, as it does the three others.
        hyper_width: of the hyper-analysis.
        context_width: of the context.
        synthesis_width: of the synthesis.
    """

    latents: int
    hyper_latents: int
    hyper_context: bool
    analysis_width: int
    hyper_width: int
    context_width: int
    synthesis_width: int

    def check(self) -> None:
        """Find out whether such networks can be built.

        Raises:
            ValueError: they cannot: a size is too small, or the analysis too narrow, or wider than a block.
        """
        sizes = {name: value for name, value in self.as_dict().items() if type(value) is int}
        small = [name for name, value in sizes.items() if value < (2 if name == "hyper_width" else 1)]
        if small:
            raise ValueError(f"too small: {', '.join(small)}")
        if not self.latents <= self.analysis_width <= 3 * BLOCK**2:
            raise ValueError(f"analysis_width {self.analysis_width}: expected {self.latents} to {3 * BLOCK**2}")
        super().check()


class HyperpriorModel(Architecture):
    """A model whose scales and tables follow from z.

    A subclass adds the networks ``analysis``, ``hyper_analysis``, ``hyper_synthesis``, ``context`` and ``synthesis``,
    then the entropy model, and says how y is coded.

    Args:
        config: sizes.
    """

    scale_tolerance = 0.5 + 2**-INDEX_SHIFT
    gains: Gains

    def _add_entropy_model(self, position_bias: bool = False) -> None:
        """Add what gives gains, scales and tables. After the networks: a checkpoint's optimiser knows parameters by
        their order.

        Args:
            position_bias: see :class:`~codec.models.entropy.scales.ScaleIndex`.
        """
        c = self.config
        films = {
            "analysis": c.analysis_width,
            "hyper": c.hyper_width,
            "context": c.context_width,
            "synthesis": c.synthesis_width,
        }
        self.gains = Gains(c.latents, films, c.lmbdas)
        self.scale_index = ScaleIndex(c.hyper_latents, c.latents, position_bias)
        self.prior_z = FactorizedPrior(c.hyper_latents)
        self.hyper_context = HyperContext(c.hyper_latents) if c.hyper_context else None
        self.shapes = SymbolShapes()

    # What the networks compute.

    def analyse(self, x: Tensor, gains: Tensor) -> Tensor:
        """See :meth:`Architecture.analyse`."""
        y: Tensor = self.analysis(x, self.gains.split(gains)["analysis"])
        return y

    def hyper_analyse(self, y: Tensor, gains: Tensor) -> Tensor:
        """See :meth:`Architecture.hyper_analyse`."""
        z: Tensor = self.hyper_analysis(y, self.gains.split(gains)["hyper"])
        return z

    def hyper_features(self, z_hat: Tensor) -> Tensor:
        """See :meth:`Architecture.hyper_features`."""
        features: Tensor = self.hyper_synthesis(z_hat)
        return features

    def symbol_gain(self, gains: Tensor) -> Tensor:
        """See :meth:`Architecture.symbol_gain`."""
        return self.gains.split(gains)["gain"][:, :, None, None]

    def synthesise(self, y_hat: Tensor, gains: Tensor) -> Tensor:
        """See :meth:`Architecture.synthesise`."""
        x_hat: Tensor = self.synthesis(y_hat, self.gains.split(gains)["synthesis"])
        return x_hat

    def preview(self, y_hat: Tensor) -> Tensor:
        """By the linear path alone, see :meth:`Architecture.preview`."""
        preview: Tensor = self.synthesis.preview(y_hat)
        return preview

    # What the entropy model says.

    def scales(self, z_hat: Tensor, t: Tensor, gains: Tensor) -> Tensor:
        """See :meth:`Architecture.scales`."""
        sigma: Tensor = self.scale_index(z_hat, t, self.gains.split(gains)["gain"].log())
        return sigma

    def scale_numbers(self, sigma: Tensor) -> Tensor:
        """See :meth:`Architecture.scale_numbers`."""
        return torch.log(sigma / SCALE_MIN) / LOG_SCALE_STEP

    def z_bits(self, z: Tensor, z_hat: Tensor, t: Tensor) -> Tensor:
        """See :meth:`Architecture.z_bits`."""
        likelihood = self.prior_z.likelihood(z, t)
        if self.hyper_context is not None:
            later = torch.from_numpy(second_half(*z.shape[2:])).to(z.device)
            known = self.hyper_context.neighbours(z_hat)
            likelihood = torch.where(later, self.hyper_context.likelihood(z, known, t), likelihood)
        return -likelihood.log2().sum(dim=(1, 2, 3))

    def tables(self) -> Tables:
        """See :meth:`Architecture.tables`."""
        return build_tables(self.gains, self.scale_index, self.shapes, self.prior_z, self.hyper_context)

    def gain_knots(self) -> tuple[Tensor, int]:
        """See :meth:`Architecture.gain_knots`."""
        return self.gains.knots(), 2 * self.config.latents

    # What training asks.

    @property
    def latent_scale(self) -> Tensor:
        """See :attr:`Architecture.latent_scale`."""
        return self.synthesis.scale

    @torch.no_grad()
    def initialise(self, images: Iterable[Tensor]) -> None:
        """The linear path from the principal components of blocks, and the scales that networks and entropy model
        measure y by; see :meth:`Architecture.initialise`."""
        components = principal_components(images, self.config.analysis_width)
        latents = self.config.latents
        self.analysis.start_from(components)
        self.synthesis.start_from(components)
        for network in (self.analysis, self.synthesis, self.hyper_analysis, self.context):
            network.scale.copy_(components.scale[: len(network.scale)])
        self.scale_index.log_scale.start.copy_(components.scale[:latents].log())

    def linear_parameters(self) -> list[nn.Parameter]:
        """See :meth:`Architecture.linear_parameters`."""
        return [*self.analysis.stem.parameters(), *self.synthesis.linear.parameters()]

    def continued(self, config: Any) -> Self:
        """See :meth:`Architecture.continued`."""
        model = self.with_range(config.lmbdas)
        if config.hyper_context:
            model = model.with_hyper_context()
        model.shapes.log_ratio.zero_()
        return model

    def entropy_parameters(self) -> list[nn.Parameter]:
        """See :meth:`Architecture.entropy_parameters`."""
        parameters = self.distribution_parameters()
        return parameters if self.hyper_context is None else [*parameters, self.hyper_context.weight]

    def distribution_parameters(self) -> list[nn.Parameter]:
        """See :meth:`Architecture.distribution_parameters`."""
        parameters = [*self.scale_index.parameters(), *self.prior_z.parameters()]
        if self.hyper_context is not None:
            parameters += self.hyper_context.log_scale.parameters()
        return parameters

    def count_symbols(self, symbols: Tensor, sigma: Tensor) -> Tensor:
        """See :meth:`Architecture.count_symbols`."""
        return self.shapes.count(symbols, sigma)

    def fit_symbols(self, counts: Tensor) -> None:
        """See :meth:`Architecture.fit_symbols`."""
        self.shapes.fit(counts)

    def with_range(self, lmbdas: LmbdaRange) -> Self:
        """A copy whose qualities stand for another range of multipliers, what depends on them moved along.

        Beyond the old range it is an extrapolation that wants training.
        """
        model = type(self)(replace(self.config, lmbda_min=lmbdas.low, lmbda_max=lmbdas.high))
        starts = {k: m.start.clone() for k, m in model.named_modules() if isinstance(m, QualityKnots)}
        model.load_state_dict(self.state_dict())
        if lmbdas != self.config.lmbdas:
            t = self.config.lmbdas.quality(lmbdas.lmbda(torch.linspace(0, 1, KNOTS)))
            for name, start in starts.items():
                knots = model.get_submodule(name)
                assert isinstance(knots, QualityKnots)
                knots.move(t, start)
        return model

    def with_hyper_context(self) -> Self:
        """A copy that has a context for z, one that predicts nothing yet if there was none."""
        model = type(self)(replace(self.config, hyper_context=True))
        model.load_state_dict(self.state_dict(), strict=self.hyper_context is not None)
        if self.hyper_context is None and model.hyper_context is not None:
            model.hyper_context.match(model.prior_z)
        return model.train(self.training)
