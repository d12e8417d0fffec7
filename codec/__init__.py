"""A learned image codec: small files, no GPU, the same symbols on every machine."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from bitstream.errors import BitstreamError, CodecError, ConversionWarning, ImageError, ModelError
from codec.api import Encoded, Info, compress, decompress, encode, inspect, open
from codec.encoding.options import EncodeOptions, Target

if TYPE_CHECKING:
    from codec.decoding.file_parts import Damage
    from codec.decoding.lmc_file import LmcFile

    __version__: str

_LAZY = {"Damage": "codec.decoding.file_parts", "LmcFile": "codec.decoding.lmc_file"}
"""What is imported when it is first asked for, as it takes a decoder with it."""


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import PackageNotFoundError, version

        try:
            return version("manifold-codec")
        except PackageNotFoundError:  # a source tree that is not installed
            return "0+unknown"
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])


def register_pillow() -> None:
    """Let Pillow open and save ``.lmc`` files."""
    from codec import pillow_plugin

    pillow_plugin.register()


__all__ = [
    "BitstreamError",
    "CodecError",
    "ConversionWarning",
    "Damage",
    "EncodeOptions",
    "Encoded",
    "ImageError",
    "Info",
    "LmcFile",
    "ModelError",
    "Target",
    "compress",
    "decompress",
    "encode",
    "inspect",
    "open",
    "register_pillow",
]
