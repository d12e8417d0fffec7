"""Every error that bad input can cause.

::

    CodecError (ValueError)
    ├── BitstreamError            the file cannot be read
    │   ├── BadMagicError           not an .lmc file
    │   ├── UnsupportedVersionError made by a newer version
    │   ├── TruncatedError          ends too early
    │   ├── ChecksumError           bytes were changed
    │   ├── CorruptError            a field or stream contradicts itself
    │   └── LimitError              larger than this program allows
    ├── ModelError                the file needs a model that is not here, or model files are bad
    └── ImageError                the image cannot be read or coded

    ConversionWarning (UserWarning) something of an image was lost or converted
"""


class CodecError(ValueError):
    """Root of all errors that are caused by input."""


class BitstreamError(CodecError):
    """An ``.lmc`` file cannot be read."""


class BadMagicError(BitstreamError):
    """The first bytes are not those of an ``.lmc`` file."""


class UnsupportedVersionError(BitstreamError):
    """The file uses a version or a feature that this program does not know."""


class TruncatedError(BitstreamError):
    """The file ends before its header says."""


class ChecksumError(BitstreamError):
    """A checksum does not match: bytes were changed."""


class CorruptError(BitstreamError):
    """A field is out of range, or a stream contradicts itself."""


class LimitError(BitstreamError):
    """The file asks for more than the limits in force allow."""


class ModelError(CodecError):
    """The model a file names is not available, or model files are damaged."""


class ImageError(CodecError):
    """An image cannot be read, or is of a kind that cannot be coded."""


class ConversionWarning(UserWarning):
    """Something of an image was lost or converted, because the format or the program cannot hold it."""
