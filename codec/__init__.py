"""A learned image codec: small files, no GPU, the same symbols on every machine."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from bitstream.errors import BitstreamError, CodecError, ConversionWarning, ImageError, ModelError
from codec.api import Encoded, Info, compress, decompress, decompress_batch, encode, inspect, open
from codec.encoding.options import EncodeOptions, Target

if TYPE_CHECKING:
    from codec import batch
    from codec.datasets.latents import latents
    from codec.decoding.file_parts import Damage
    from codec.decoding.lmc_file import LmcFile

    __version__: str

_LAZY = {
    "Damage": "codec.decoding.file_parts",
    "LmcFile": "codec.decoding.lmc_file",
    "latents": "codec.datasets.latents",
}
"""What is imported when it is first asked for, as it takes a decoder with it."""


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import PackageNotFoundError, version

        try:
            return version("manifold-codec")
        except PackageNotFoundError:  # a source tree that is not installed
            return "0+unknown"
    if name == "batch":
        return import_module("codec.batch")
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])


def torch_dataset(sources: Any, **options: Any) -> Any:
    """A PyTorch dataset over shards and folders of images; needs the extra ``[train]``.

    Args:
        sources: addresses of shards (``.tar``, ``.parquet``), images, and folders of both.
        options: see :class:`~codec.datasets.torch_dataset.ImageDataset`.

    Returns:
        ImageDataset: whose samples are dictionaries.

    Raises:
        CodecError: a source is not there, or PyTorch is not installed.
        ValueError: an option has a value that it cannot have.
    """
    try:
        from codec.datasets.torch_dataset import ImageDataset
    except ImportError as error:
        raise CodecError(f"torch_dataset: needs PyTorch, the extra [train] ({error})") from error
    return ImageDataset(sources, **options)


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
    "batch",
    "compress",
    "decompress",
    "decompress_batch",
    "encode",
    "inspect",
    "latents",
    "open",
    "register_pillow",
    "torch_dataset",
]
