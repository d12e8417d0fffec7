"""A learned image codec: small files, no GPU, the same symbols on every machine."""

from importlib.metadata import PackageNotFoundError, version

from bitstream.errors import BitstreamError, CodecError, ImageError, ModelError
from codec.api import Info, compress, decompress, inspect

try:
    __version__ = version("manifold-codec")
except PackageNotFoundError:  # a source tree that is not installed
    __version__ = "0+unknown"

__all__ = ["BitstreamError", "CodecError", "ImageError", "Info", "ModelError", "compress", "decompress", "inspect"]
