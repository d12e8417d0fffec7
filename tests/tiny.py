"""A model small enough to train and export within a test."""

from codec.models.v1.network import V1Config

TINY = V1Config(
    latents=24,
    hyper_latents=6,
    analysis_width=32,
    analysis_depth=1,
    hyper_width=16,
    hyper_coarse_width=16,
    feature_width=8,
    context_width=16,
    synthesis_width=16,
    synthesis_depth=1,
    fine_width=8,
    fine_depth=1,
)
