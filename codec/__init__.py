"""A learned image codec: small files, no GPU, the same symbols on every machine."""

from importlib.metadata import PackageNotFoundError, version

from bitstream.errors import BitstreamError, CodecError, ImageError, ModelError
from codec.api import Info, compress, decompress, inspect, open
from codec.decoding.damage import Damage
from codec.decoding.lmc_file import LmcFile
from codec.encoding.rate import Target

try:
    __version__ = version("manifold-codec")
except PackageNotFoundError:  # a source tree that is not installed
    __version__ = "0+unknown"


def register_pillow() -> None:
    """Let Pillow open and save ``.lmc`` files."""
    from codec import pillow_plugin

    pillow_plugin.register()


__all__ = [
    "BitstreamError",
    "CodecError",
    "Damage",
    "ImageError",
    "Info",
    "LmcFile",
    "ModelError",
    "Target",
    "compress",
    "decompress",
    "inspect",
    "open",
    "register_pillow",
]
