"""Which number formats this machine multiplies fast."""

from __future__ import annotations

import torch


def has_native_bf16() -> bool:
    """Whether this CPU multiplies bfloat16 in hardware; emulated it is ten times slower than float32."""
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
