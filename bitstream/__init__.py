"""The ``.lmc`` file format: container, integer tables and entropy coding. See ``FORMAT.md``.

Imports neither torch nor :mod:`codec`: what is needed to read a file's symbols is all here, the reader of a model's
tables as well.
"""

from bitstream.boxes import BoxType, Metadata, PixelFormat
from bitstream.container import Box, Container, Header, parse, parse_header, serialize
from bitstream.entropy import decode_chunk, encode_chunk
from bitstream.errors import (
    BadMagicError,
    BitstreamError,
    ChecksumError,
    CodecError,
    CorruptError,
    LimitError,
    ModelError,
    TruncatedError,
    UnsupportedVersionError,
)
from bitstream.tables import Tables

__all__ = [
    "BadMagicError",
    "BitstreamError",
    "Box",
    "BoxType",
    "ChecksumError",
    "CodecError",
    "Container",
    "CorruptError",
    "Header",
    "LimitError",
    "Metadata",
    "ModelError",
    "PixelFormat",
    "Tables",
    "TruncatedError",
    "UnsupportedVersionError",
    "decode_chunk",
    "encode_chunk",
    "parse",
    "parse_header",
    "serialize",
]
