"""An open ``.lmc`` file: what it holds, its symbols and its pixels."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

import numpy as np
from numpy.typing import NDArray

from bitstream import BoxType, CorruptError, Header, Metadata, ModelError, PixelFormat
from bitstream.container import MAX_PIXELS
from bitstream.errors import ImageError
from codec.decoding.exact_reader import ExactReader
from codec.decoding.file_parts import Damage, FileParts
from codec.decoding.pixel_decoder import Box, PixelDecoder
from codec.decoding.streams import File
from codec.decoding.symbol_reader import SymbolReader
from codec.decoding.transparency import Transparency
from codec.engine.registry import loaded, shipped_by_id, tune_by_id
from codec.engine.runtime import Runtime, checked_threads
from codec.engine.tiling import TILE_CELLS, Area
from codec.images import sinks
from codec.images.arrays import Strips, flattened, to_array
from codec.util.progress import Progress

if TYPE_CHECKING:
    from PIL import Image

SCALES = (1, 2, 4, 8, 16)
_Self = TypeVar("_Self", bound="LmcFile")


class LmcFile:
    """An ``.lmc`` file, opened: header and boxes are read, chunks are when they are needed. Threads may share it, and
    so may forked processes if it was opened by a path; what was opened by a path can be pickled.

    Args:
        file: a path, the bytes of a file, or a binary file, which is read from its beginning; one that cannot seek is
            read whole, from where it is.
        threads: for the networks; None takes ``CODEC_THREADS`` or else all cores.
        max_pixels: larger images are refused.
        runtime: the model; None takes the one that ships and is the file's.
        on_damage: ``"raise"`` an error, or ``"fill"``: chunks that are damaged are taken as empty, boxes are left out.

    Attributes:
        header: of the file.
        size: width and height.
        form: of the pixels.

    Raises:
        BitstreamError: the file is damaged, or not an ``.lmc`` file.
        ModelError: it needs a model that is not here; only raised once pixels are wanted.
        OSError: it cannot be opened or read.
        TypeError: it is neither a path nor bytes nor a binary file.
        ValueError: there is no such ``on_damage``, or there cannot be so many threads.
    """

    def __init__(
        self,
        file: File,
        *,
        threads: int | None = None,
        max_pixels: int = MAX_PIXELS,
        runtime: Runtime | None = None,
        on_damage: str = "raise",
    ) -> None:
        if on_damage not in ("raise", "fill"):
            raise ValueError(f"on_damage: found {on_damage!r}, expected 'raise' or 'fill'")
        self._threads, self._runtime = checked_threads(threads), runtime
        self._options = {"threads": threads, "max_pixels": max_pixels, "on_damage": on_damage}
        self._model = None if runtime is None else runtime.folder
        self._parts = FileParts(file, max_pixels, on_damage == "fill")
        self._reader, self._exact = SymbolReader(self._parts), ExactReader(self._parts)
        self._transparency = Transparency(self._parts)
        self.header: Header = self._parts.header
        self.size = (self.header.width, self.header.height)
        self.form: PixelFormat = self._parts.form

    def __reduce__(self) -> tuple[Any, ...]:
        """For pickles: where it is unpickled, the file is opened anew, by its path.

        Raises:
            TypeError: it was not opened by a path.
        """
        path = self._parts.path
        if path is None:
            raise TypeError("LmcFile: only what was opened by a path can be pickled; pickle the file's bytes instead")
        return _reopen, (path, self._model, self._options)

    def close(self) -> None:
        """Close the file if it was opened here."""
        self._parts.close()

    def __enter__(self: _Self) -> _Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def runtime(self) -> Runtime:
        """The model the file needs.

        Raises:
            ModelError: it is not here.
            CorruptError: it has no such level of quality.
        """
        runtime = self._runtime or shipped_by_id(self.header.model_id, self._threads)
        if self.header.model_id != runtime.model_id:
            raise ModelError(f"model: file needs {self.header.model_id.hex()}, here is {runtime.model_id.hex()}")
        if self.header.quality_index >= runtime.tables.levels:
            raise CorruptError(f"quality_index: found {self.header.quality_index}, model has {runtime.tables.levels}")
        self._runtime = runtime
        return runtime

    @property
    def quality(self) -> float | None:
        """0 to 100; None if the model that the file's levels are of is not here."""
        if self._runtime is None and tune_by_id(self.header.model_id) is None:
            return None
        return self.runtime.scale.quality(self.header.quality_index)

    @property
    def damage(self) -> tuple[Damage, ...]:
        """What was found to be damaged so far; all there is after :meth:`verify`."""
        return self._parts.damage

    @property
    def file_bytes(self) -> int:
        """Length of the file as its header has it."""
        return self._parts.file_bytes

    @property
    def chunk_bytes(self) -> list[int]:
        """Payload of each chunk."""
        return self._parts.chunk_bytes

    @property
    def box_bytes(self) -> dict[str, int]:
        """Payload of each box, by its type's name, or its number if that is not known."""
        return self._parts.box_bytes

    @property
    def has_exact_blocks(self) -> bool:
        """Whether some pixels may be exact; the symbols do not tell what those show."""
        return self._parts.has_exact_blocks

    @property
    def is_exact(self) -> bool:
        """Whether all pixels are exact; no network runs then."""
        return self._exact.covers(0, self.size[1], 0, self.size[0])

    @property
    def exact_share(self) -> float:
        """How many of the pixels are exact, from 0 to 1: all of a lossless file."""
        return self._exact.share()

    @property
    def metadata(self) -> Metadata:
        """ICC profile, EXIF and XMP."""
        return self._parts.metadata

    @property
    def has_alpha(self) -> bool:
        """Whether the image has transparency."""
        return BoxType.ALPHA in self._parts.boxes

    def verify(self) -> None:
        """Check every checksum and that the file ends where it should.

        Raises:
            BitstreamError: it is damaged, and damage is not to be filled.
        """
        self._parts.verify()

    def symbols(self, area: Area | None = None, keep: int = 8) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """The integers of an area, without running a network.

        Args:
            area: in cells; None for the whole image.
            keep: chunks that are kept for the next call.

        Returns:
            tuple: z, int32 (channels, rows, columns), and y, int32 (channels, 4 rows, 4 columns).

        Raises:
            BitstreamError: a chunk is damaged, and damage is not to be filled.
            ModelError: the file needs a model that is not here.
        """
        rows, columns = self.header.cells
        return self._reader.read(self.runtime.tables, area or Area(0, rows, 0, columns), keep)

    def _decoder(self, max_tile: int) -> PixelDecoder:
        return PixelDecoder(self.runtime, self.header, self.form, self.symbols, self._exact, max_tile)

    def strips(
        self,
        box: Box | None = None,
        scale: int = 1,
        progress: Progress | None = None,
        max_tile: int = TILE_CELLS,
    ) -> Iterator[tuple[int, NDArray[Any]]]:
        """Pixels from top to bottom, in bounded memory.

        Args:
            box: left, top, right and bottom in pixels; None for the whole image.
            scale: 1, or 2, 4, 8 or 16 for the mean of so many pixels a side, 8 and 16 by the faster preview.
            progress: called after each tile.
            max_tile: cells of a tile with its halo.

        Yields:
            tuple[int, NDArray]: the row, counted from the box's top, and pixels, uint8 or uint16
            (h, width, components), both at the scale.

        Raises:
            ValueError: there is no such scale, or the box does not begin at a multiple of it.
            BitstreamError: a chunk is damaged, and damage is not to be filled.
            ModelError: the file needs a model that is not here.
        """
        self.scaled_size(scale)
        box = box or (0, 0, *self.size)
        if box[0] % scale or box[1] % scale:
            raise ValueError(f"box: {box[0]}, {box[1]} is not a multiple of the scale {scale}")
        left, top, right, bottom = box
        if self._exact.covers(top, bottom, left, right):  # which needs no model
            yield from self._exact.strips(box, scale, progress)
        else:
            yield from self._decoder(max_tile).strips(box, scale, progress)

    def latents(self, max_tile: int = TILE_CELLS, progress: Progress | None = None) -> Iterator[NDArray[np.float32]]:
        """The image's coordinates from top to bottom, in bounded memory; no synthesis runs.

        Args:
            max_tile: cells of a tile with its halo.
            progress: called before each part.

        Yields:
            NDArray: y_hat, float32 (channels, rows, columns) in positions of 16 pixels, both multiples of 4 and as many
            columns as the whole image has; in units of an orthonormal basis of pixels in [0, 1].
        """
        yield from self._decoder(max_tile).latents(progress)

    def alpha(self, box: Box | None = None) -> NDArray[Any] | None:
        """Transparency, which if it differs from pixel to pixel is decoded whole, once.

        Args:
            box: left, top, right and bottom in pixels; None for the whole image.

        Returns:
            NDArray | None: uint8 or uint16 (height, width), read-only; None if there is none.
        """
        return self._transparency.crop(box or (0, 0, *self.size))

    def scaled_alpha(self, scale: int) -> NDArray[Any] | None:
        """Transparency at a scale, each the mean of its pixels; None if there is none.

        Raises:
            ValueError: there is no such scale.
        """
        self.scaled_size(scale)
        return self._transparency.scaled(scale)

    def array(self, progress: Progress | None = None) -> NDArray[Any]:
        """All pixels with full depth: uint8 or uint16, (H, W) or (H, W, 2 to 4), transparency last."""
        return to_array(self.strips(progress=progress), *self.size, self.form, self.alpha())

    def load(self, progress: Progress | None = None) -> Image.Image:
        """The whole image: L, LA, RGB, RGBA, or I;16."""
        return _as_image(self.strips(progress=progress), self.size, self.form, self.alpha(), self.metadata)

    def load_with(self, runtime: Any) -> Image.Image:
        """The whole image by another runtime than the file's own, as :meth:`load`."""
        decoder = PixelDecoder(runtime, self.header, self.form, self.symbols, self._exact)
        strips = decoder.strips((0, 0, *self.size))
        return _as_image(strips, self.size, self.form, self.alpha(), self.metadata)

    def write(
        self,
        output: BinaryIO,
        suffix: str,
        *,
        region: tuple[int, int, int, int] | None = None,
        scale: int = 1,
        background: tuple[int, int, int] | None = None,
        progress: Progress | None = None,
    ) -> tuple[str, ...]:
        """Write the image, or a part or a fraction of it, in another format, row by row where that can be.

        Args:
            output: to write to.
            suffix: one of :func:`~codec.images.sinks.writable_suffixes`, which says the format.
            region: left side, upper side, width and height in pixels; None for the whole image.
            scale: one of :data:`SCALES`, for the whole image only.
            background: red, green and blue, 0 to 255, that a transparent image is laid over; None keeps it transparent.
            progress: called after each tile.

        Returns:
            tuple[str, ...]: what the format could not hold, for people to read.

        Raises:
            ImageError: the format cannot hold the image, no format has such a suffix, or the region does not lie
                within the image.
            ValueError: there is no such scale or colour, or there are both a scale and a region.
            BitstreamError: a chunk is damaged, and damage is not to be filled.
            ModelError: the file needs a model that is not here.
        """
        if region is not None and scale != 1:
            raise ValueError(f"scale: found {scale}, expected 1 for a region")
        width, height = self.scaled_size(scale)
        box, alpha = None, None
        if region is None:
            alpha = self.scaled_alpha(scale)
        else:
            try:
                box = self.box(*region)
            except ValueError as error:
                raise ImageError(str(error)) from error
            width, height = region[2:]
            alpha = self.alpha(box)
        strips: Strips = self.strips(box, scale, progress)
        form, metadata = self.form, self.metadata
        if background is not None and alpha is not None:
            strips, form = flattened(strips, alpha, background, form)
            metadata = metadata if form == self.form else metadata.without_icc()  # it was of gray
            alpha = None
        format_name = sinks.format_for(suffix, form)
        return tuple(sinks.write(output, format_name, strips, width, height, form, alpha, metadata))

    def region(self, x: int, y: int, width: int, height: int) -> Image.Image:
        """A part of the image, for which only the chunks it needs are read.

        Args:
            x: left side.
            y: upper side.
            width: pixels.
            height: pixels.

        Raises:
            ValueError: it does not lie within the image.
            TypeError: one is not a whole number.
        """
        box = self.box(x, y, width, height)
        return _as_image(self.strips(box), (width, height), self.form, self.alpha(box), self.metadata)

    def box(self, x: int, y: int, width: int, height: int) -> Box:
        """Left, top, right and bottom of a region.

        Raises:
            ValueError: it does not lie within the image.
            TypeError: one is not a whole number.
        """
        x, y, width, height = map(operator.index, (x, y, width, height))
        if min(x, y) < 0 or min(width, height) < 1 or x + width > self.size[0] or y + height > self.size[1]:
            raise ValueError(f"region {x},{y},{width},{height}: not within {self.size[0]} x {self.size[1]} pixels")
        return x, y, x + width, y + height

    def scaled_size(self, scale: int) -> tuple[int, int]:
        """Width and height at a scale of :data:`SCALES`.

        Raises:
            ValueError: there is no such scale.
        """
        if scale not in SCALES:
            raise ValueError(f"scale: found {scale}, expected one of {SCALES}")
        return -(-self.size[0] // scale), -(-self.size[1] // scale)

    def preview(self, scale: int = 8, progress: Progress | None = None) -> Image.Image:
        """The image at a fraction of its size.

        Args:
            scale: one of :data:`SCALES`; at 8 and 16 a smaller network gives it in a fraction of the time.
            progress: called after each tile.

        Raises:
            ValueError: there is no such scale.
        """
        size = self.scaled_size(scale)
        strips = self.strips(scale=scale, progress=progress)
        return _as_image(strips, size, self.form, self.scaled_alpha(scale), self.metadata)


def _reopen(path: Path, model: Path | None, options: dict[str, Any]) -> LmcFile:
    return LmcFile(path, runtime=None if model is None else loaded(model, options["threads"]), **options)


def _as_image(
    strips: Strips, size: tuple[int, int], form: PixelFormat, alpha: NDArray[Any] | None, metadata: Metadata
) -> Image.Image:
    from codec.images.pillow_sink import to_image  # Pillow takes a while to import, and files of our own need none

    return to_image(strips, *size, form, alpha, metadata)
