"""Multiplications a pixel and parameters, by part: ``python -m benchmarks cost`` (extra ``[train]``)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

SIDE = 256


def count_macs(config: Any = None) -> dict[str, float]:
    """Thousands of multiply-accumulates a pixel of encoder, decoder, and the decoder's parts.

    Counted by running the networks under torch's own counter, so nothing is forgotten but additions
    and point-wise functions.

    Args:
        config: sizes of the model, a ``V1Config``; None is the default.

    Returns:
        dict[str, float]: kMAC/pixel by name.
    """
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from codec.models.v1.network import V1, V1Config

    model = V1(config or V1Config()).eval()
    x, t = torch.zeros(1, 3, SIDE, SIDE), torch.tensor([0.5])

    def kmac_per_pixel(run: Callable[[], Any]) -> float:
        with FlopCounterMode(display=False) as counter:
            run()
        return float(counter.get_total_flops()) / 2 / SIDE**2 / 1e3

    with torch.no_grad():
        gains = model.gains(t)
        z_hat, symbols = model.encode(x, gains)
        costs = {
            "encoder": kmac_per_pixel(lambda: model.encode(x, gains)),
            "decoder": kmac_per_pixel(lambda: model.decode(z_hat, symbols, gains)),
            "decoder.hyper_synthesis": kmac_per_pixel(lambda: model.hyper_features(z_hat)),
            "decoder.synthesis": kmac_per_pixel(lambda: model.synthesise(symbols, gains)),
        }
    rest = costs["decoder"] - costs["decoder.hyper_synthesis"] - costs["decoder.synthesis"]
    return {**costs, "decoder.context": rest}


def count_parameters() -> dict[str, int]:
    """Parameters of the model by part, and in all."""
    from codec.models.v1.network import V1

    model = V1()
    parts = {name: sum(p.numel() for p in part.parameters()) for name, part in model.named_children()}
    return {**{name: count for name, count in parts.items() if count}, "all": sum(parts.values())}


@click.command()
def main() -> None:
    """Print multiplications a pixel and parameters of the model, by part (extra [train])."""
    for name, kmac in count_macs().items():
        click.echo(f"{name:26s} {kmac:6.2f} kMAC/pixel")
    for name, count in count_parameters().items():
        click.echo(f"{name:26s} {count / 1e6:6.2f} M parameters")
