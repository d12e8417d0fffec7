"""Multiplications a pixel and parameters, by part: ``python -m benchmarks cost`` (extra ``[train]``)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

SIDE = 256


def count_macs(config: Any = None) -> dict[str, float]:
    """Thousands of multiply-accumulates a pixel of sender, receiver, and the receiver's parts.

    Counted by running the networks under torch's own counter, so nothing is forgotten but additions
    and point-wise functions.

    Args:
        config: sizes of the model, a ``ModelConfig``; None is the default.

    Returns:
        dict[str, float]: kMAC/pixel by name.
    """
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from codec.models.v1.network import ManifoldCodec, ModelConfig

    model = ManifoldCodec(config or ModelConfig()).eval()
    x, t = torch.zeros(1, 3, SIDE, SIDE), torch.tensor([0.5])

    def kmac_per_pixel(run: Callable[[], Any]) -> float:
        with FlopCounterMode(display=False) as counter:
            run()
        return float(counter.get_total_flops()) / 2 / SIDE**2 / 1e3

    with torch.no_grad():
        gains = model.gains(t)
        film = model.gains.split(gains)["synthesis"]
        z_hat, symbols = model.send(x, gains)
        costs = {
            "sender": kmac_per_pixel(lambda: model.send(x, gains)),
            "receiver": kmac_per_pixel(lambda: model.receive(z_hat, symbols, gains)),
            "receiver.hyper_synthesis": kmac_per_pixel(lambda: model.hyper_synthesis(z_hat)),
            "receiver.synthesis": kmac_per_pixel(lambda: model.synthesis(symbols, film)),
        }
    rest = costs["receiver"] - costs["receiver.hyper_synthesis"] - costs["receiver.synthesis"]
    return {**costs, "receiver.context": rest}


def count_parameters() -> dict[str, int]:
    """Parameters of the model by part, and in all."""
    from codec.models.v1.network import ManifoldCodec

    model = ManifoldCodec()
    parts = {name: sum(p.numel() for p in part.parameters()) for name, part in model.named_children()}
    return {**{name: count for name, count in parts.items() if count}, "all": sum(parts.values())}


@click.command()
def main() -> None:
    """Print multiplications a pixel and parameters of the model, by part (extra [train])."""
    for name, kmac in count_macs().items():
        click.echo(f"{name:26s} {kmac:6.2f} kMAC/pixel")
    for name, count in count_parameters().items():
        click.echo(f"{name:26s} {count / 1e6:6.2f} M parameters")
