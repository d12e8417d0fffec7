"""Multiplications a pixel and parameters, by part: ``python -m benchmarks.cost`` (extra ``[train]``)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from codec.model.network import ManifoldCodec, ModelConfig

SIDE = 256


def count_macs(config: ModelConfig) -> dict[str, float]:
    """Thousands of multiply-accumulates a pixel of sender, receiver, and the receiver's parts.

    Counted by running the networks under torch's own counter, so nothing is forgotten but additions
    and point-wise functions.

    Args:
        config: sizes of the model.

    Returns:
        dict[str, float]: kMAC/pixel by name.
    """
    model = ManifoldCodec(config).eval()
    x, t = torch.zeros(1, 3, SIDE, SIDE), torch.tensor([0.5])

    def kmac_per_pixel(run: Callable[[], Any]) -> float:
        with FlopCounterMode(display=False) as counter:
            run()
        return counter.get_total_flops() / 2 / SIDE**2 / 1e3

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


def main() -> None:
    """Print the cost of model v1."""
    for name, kmac in count_macs(ModelConfig()).items():
        print(f"{name:26s} {kmac:6.2f} kMAC/pixel")
    model = ManifoldCodec()
    print(f"{'parameters':26s} {sum(p.numel() for p in model.parameters()) / 1e6:6.2f} M")


if __name__ == "__main__":
    main()
