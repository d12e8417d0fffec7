"""``.lmc`` files in Pillow: ``import codec.pillow_plugin``, then ``Image.open`` and ``Image.save`` know them.

Opening reads header and boxes; pixels are decoded when they are first used.
"""

from __future__ import annotations

import warnings
from typing import IO, Any

from PIL import Image, ImageFile

from bitstream.container import MAGIC
from bitstream.errors import CodecError, ConversionWarning
from codec.api import EncodeOptions, encode
from codec.decoding.lmc_file import LmcFile
from codec.images import exif, metadata
from codec.images.exif import ORIENTATIONS, find_orientation

FORMAT = "LMC"


class LmcImageFile(ImageFile.ImageFile):
    """An ``.lmc`` file as Pillow sees it."""

    format = FORMAT
    format_description = "Manifold codec"

    # ImageFile.Parser takes it as the sign of an image that it cannot decode bit by bit, and opens it once it is whole.
    def load_seek(self, pos: int) -> None:
        """Nothing: pixels are read by :class:`LmcFile`."""

    def _open(self) -> None:
        try:
            self._lmc = LmcFile(self.fp)  # type: ignore[arg-type]
            self.info.update(metadata.to_info(self._lmc.metadata))
        except CodecError as error:
            raise SyntaxError(str(error)) from error  # Pillow's way of saying "not this format"
        self._size = self._lmc.size
        gray = self._lmc.form.components == 1
        if gray and self._lmc.form.depth == 16 and not self._lmc.has_alpha:
            self._mode = "I;16"
        else:
            self._mode = ("L" if gray else "RGB") + "A" * self._lmc.has_alpha
        self.tile = [ImageFile._Tile("raw", (0, 0, *self.size), 0, self.mode)]

    def verify(self) -> None:
        """Check every checksum.

        Raises:
            OSError: the file is damaged.
        """
        try:
            self._lmc.verify()
        except CodecError as error:
            raise OSError(str(error)) from error
        super().verify()

    def load(self) -> Any:
        """Decode the pixels, once."""
        if self.tile:
            try:
                self._lmc.verify()
                self.im = self._lmc.load().im
            except CodecError as error:
                raise OSError(str(error)) from error
            self.tile = []
            if self._exclusive_fp and self._close_exclusive_fp_after_loading:
                self.fp.close()  # type: ignore[union-attr]
            self.fp = None
        return super().load()


_METADATA = ("icc_profile", "exif", "xmp", "dpi")
_OPTIONS = ("quality", "tune", "target", "effort", "budget", "threads", "lossless", "graphics")
_NO_MATTER = ("optimize", "progressive")
"""Options of other formats that ask for nothing a file of this format lacks."""


def _save(image: Image.Image, file: IO[bytes], filename: str | bytes) -> None:
    options = image.encoderinfo
    unknown = sorted(options.keys() - {*_METADATA, *_OPTIONS, *_NO_MATTER})
    if unknown:
        raise TypeError(
            f"Image.save to LMC: unknown option {', '.join(unknown)}; known are {', '.join(_OPTIONS + _METADATA)}"
        )
    given = {name: options[name] for name in _METADATA if name in options}
    if given:
        if "exif" in given:  # says how the pixels are to be turned
            if isinstance(given["exif"], Image.Exif):
                given["exif"] = given["exif"].tobytes()
            image = _turned(image, exif.orientation(given["exif"] or b""))
        else:
            image = _turned(image, find_orientation(image))
        image.info = {**image.info, **{k: v for k, v in given.items() if v}}
        for name in [k for k, v in given.items() if not v]:
            image.info.pop(name, None)
    encoded = encode(image, EncodeOptions(**{name: options[name] for name in _OPTIONS if name in options}))
    for note in encoded.notes:
        warnings.warn(note, ConversionWarning, stacklevel=3)  # of whoever called Image.save
    file.write(encoded.data)


def _turned(image: Image.Image, orientation: int) -> Image.Image:
    """A copy of the pixels, upright, which is no longer an image file with an orientation of its own."""
    plain = image.copy()
    method = ORIENTATIONS[orientation][0] if orientation in ORIENTATIONS else None
    return plain if method is None else plain.transpose(method)


def register() -> None:
    """Make Pillow know the format. Done already where this module was imported."""
    Image.register_open(FORMAT, LmcImageFile, lambda start: start.startswith(MAGIC))
    Image.register_save(FORMAT, _save)
    Image.register_extension(FORMAT, ".lmc")
    Image.register_mime(FORMAT, "image/x-lmc")


register()
