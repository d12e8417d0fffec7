"""What is done with one image of many: it is coded, decoded, or coded anew. See also :mod:`codec.batch.findings`."""

from __future__ import annotations

import io
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

from bitstream.container import MAX_PIXELS
from bitstream.errors import ImageError
from codec import api
from codec.api import SUFFIX, EncodeOptions
from codec.datasets.shards import SUFFIXES as SHARDS
from codec.datasets.shards import rewrite
from codec.engine.registry import loaded
from codec.util.progress import Progress

Source = Path | io.BytesIO
"""A local file, or the bytes of one that is elsewhere."""
_DEFAULT = EncodeOptions()
_NO_MATTER = ("threads", "max_pixels")
"""Options that an output does not depend on."""
MOST_NOTES = 20
"""Of a file of many images that are told one by one."""
OpenOutput = Callable[[], AbstractContextManager[BinaryIO]]
"""Gives a file to write to, which becomes the output if all goes well."""


@dataclass(frozen=True)
class Outcome:
    """What came of an image.

    Attributes:
        bytes_in: of the input.
        bytes_out: of the output; 0 if there is none.
        coded: bytes of the ``.lmc`` file, which is the input or the output.
        width: pixels of the image that was read or written, whichever is smaller.
        height: likewise.
        quality: of the ``.lmc`` file, 0 to 100; None if that is not known.
        images: how many there are, in a file of many.
        images_failed: of those that could not be worked on, and stay as they were.
        notes: what people should know.
        damage: what had to be made up, as the file is damaged.
        values: what was found out about the image, by name.
    """

    bytes_in: int
    bytes_out: int
    coded: int
    width: int | None
    height: int | None
    quality: float | None = None
    images: int = 1
    images_failed: int = 0
    notes: tuple[str, ...] = ()
    damage: tuple[str, ...] = ()
    values: dict[str, Any] = field(default_factory=dict)

    @property
    def pixels(self) -> int:
        """Width times height; 0 of a file of many images."""
        return (self.width or 0) * (self.height or 0)


class Task(ABC):
    """A job's work on one image. It can be pickled, and threads may share it.

    Attributes:
        suffix: of outputs; empty if there are none.
        columns: names and Arrow types of what it finds out, beside what every row of a table has.
    """

    suffix: str = ""
    columns: ClassVar[dict[str, str]] = {}

    @property
    @abstractmethod
    def name(self) -> str:
        """What is done, in a few words: two tasks of one name do the same."""

    @abstractmethod
    def takes(self, suffix: str) -> bool:
        """Whether files of a lower-case suffix, found in a folder, are to be worked on."""

    def check(self, source: Source, name: str) -> None:
        """Refuse what is plainly no input, before anything is read or written.

        Args:
            source: the image.
            name: its path or address.

        Raises:
            CodecError: it is none.
        """
        return

    @abstractmethod
    def prepare(self) -> None:
        """Load the model, once in each process.

        Raises:
            CodecError: there is none, or a package is missing.
        """

    @abstractmethod
    def __call__(self, source: Source, name: str, output: OpenOutput, progress: Progress | None = None) -> Outcome:
        """Work on an image.

        Args:
            source: the image.
            name: for messages.
            output: opens its output.
            progress: called with pixels done and pixels in all.

        Raises:
            CodecError: the image is damaged, or of no kind that can be worked on.
            OSError: a file cannot be read or written.
        """


def byte_count(source: Source) -> int:
    """Bytes of an input; 0 for a pipe."""
    return source.stat().st_size if isinstance(source, Path) else len(source.getbuffer())


def _settings(options: EncodeOptions | Decompress) -> str:
    """Options that are not as they are without being asked for, and that an output depends on."""
    given = ((f.name, getattr(options, f.name), f.default) for f in fields(options))
    chosen = [f"{name}={value}" for name, value, default in given if value != default and name not in _NO_MATTER]
    return "".join(f" {text}" for text in chosen)


@cache
def readable() -> frozenset[str]:
    """Suffixes that images have; finding out which packages are installed takes a while."""
    return frozenset(api.readable_suffixes())


def _write(data: bytes, output: OpenOutput) -> int:
    with output() as file:
        file.write(data)
    return len(data)


def _quality(data: bytes) -> float | None:
    with api.open(data) as file:
        return file.quality


@dataclass(frozen=True)
class Compress(Task):
    """From images to ``.lmc`` files.

    Attributes:
        options: how.
    """

    options: EncodeOptions = _DEFAULT
    suffix = SUFFIX

    @property
    def name(self) -> str:
        """See :attr:`Task.name`."""
        return f"compress{_settings(self.options)}"

    def takes(self, suffix: str) -> bool:
        """See :meth:`Task.takes`."""
        return suffix in readable()

    def check(self, source: Source, name: str) -> None:
        """See :meth:`Task.check`."""
        if Path(name).suffix.lower() == SUFFIX and (not isinstance(source, Path) or source.is_file()):
            raise ImageError(f"{name}: an {SUFFIX} file already")

    def prepare(self) -> None:
        """See :meth:`Task.prepare`."""
        api.model_for(self.options)

    def __call__(self, source: Source, name: str, output: OpenOutput, progress: Progress | None = None) -> Outcome:
        """See :meth:`Task.__call__`."""
        size = byte_count(source)
        encoded = api.encode(source, self.options, progress=progress)
        written = _write(encoded.data, output)
        notes = encoded.notes
        if 0 < size < written:  # a pipe does not tell its size
            less = "" if self.options.lossless else "; less quality takes less"
            notes += (f"larger than the image's own {size} bytes{less}",)
        return Outcome(size, written, written, encoded.width, encoded.height, _quality(encoded.data), notes=notes)


@dataclass(frozen=True)
class Decompress(Task):
    """From ``.lmc`` files to images of another format.

    Attributes:
        suffix: says which format.
        region: left side, upper side, width and height of the part that is wanted; None for the whole image.
        scale: 1, 2, 4, 8 or 16, for the whole image only.
        background: red, green and blue that what is transparent is laid over; None keeps it transparent.
        model: folder of the exported model that the files need; None takes those that ship.
        tolerate_damage: fill what is damaged and say so, rather than fail.
        threads: for the networks; None takes ``CODEC_THREADS`` or else all cores.
        max_pixels: larger images are refused.
    """

    suffix: str = ".png"
    region: tuple[int, int, int, int] | None = None
    scale: int = 1
    background: tuple[int, int, int] | None = None
    model: Path | None = None
    tolerate_damage: bool = False
    threads: int | None = None
    max_pixels: int = MAX_PIXELS

    @property
    def name(self) -> str:
        """See :attr:`Task.name`."""
        return f"decompress{_settings(self)}"

    def takes(self, suffix: str) -> bool:
        """See :meth:`Task.takes`."""
        return suffix == SUFFIX

    def prepare(self) -> None:
        """See :meth:`Task.prepare`."""
        if self.model is not None:
            loaded(self.model, self.threads)

    def __call__(self, source: Source, name: str, output: OpenOutput, progress: Progress | None = None) -> Outcome:
        """See :meth:`Task.__call__`."""
        on_damage = "fill" if self.tolerate_damage else "raise"
        opened = api.open(
            source, model=self.model, threads=self.threads, max_pixels=self.max_pixels, on_damage=on_damage
        )
        with opened as file:
            if self.region is None:
                file.verify()
            width, height = file.scaled_size(self.scale) if self.region is None else self.region[2:]
            with output() as target:
                notes = file.write(
                    target, self.suffix, region=self.region, scale=self.scale, background=self.background,
                    progress=progress,
                )  # fmt: skip
                written = target.seek(0, 2)
            size = file.file_bytes
            return Outcome(
                size, written, size, width, height, file.quality, notes=notes, damage=tuple(map(str, file.damage))
            )


@dataclass(frozen=True)
class Transcode(Task):
    """From ``.lmc`` files to others: of another quality or tune, or of a newer model.

    Attributes:
        options: how they are to be coded.
    """

    options: EncodeOptions = _DEFAULT
    suffix = SUFFIX

    @property
    def name(self) -> str:
        """See :attr:`Task.name`."""
        return f"transcode{_settings(self.options)}"

    def takes(self, suffix: str) -> bool:
        """See :meth:`Task.takes`."""
        return suffix == SUFFIX

    def prepare(self) -> None:
        """See :meth:`Task.prepare`."""
        api.model_for(self.options)

    def __call__(self, source: Source, name: str, output: OpenOutput, progress: Progress | None = None) -> Outcome:
        """See :meth:`Task.__call__`."""
        size = byte_count(source)
        with api.open(source, threads=self.options.threads, max_pixels=self.options.max_pixels) as file:
            file.verify()
            encoded = api.encode(file, self.options, progress=progress)
        written = _write(encoded.data, output)
        quality = _quality(encoded.data)
        return Outcome(size, written, written, encoded.width, encoded.height, quality, notes=encoded.notes)


@dataclass(frozen=True)
class EachImage(Task):
    """Another task, done with each image of files that hold many, see :mod:`codec.datasets.shards`.

    What stands beside the images is carried along. An image that cannot be worked on stays as it was.

    Attributes:
        task: what is done with each image.
    """

    task: Task

    @property
    def name(self) -> str:
        """See :attr:`Task.name`."""
        return self.task.name

    def takes(self, suffix: str) -> bool:
        """See :meth:`Task.takes`."""
        return suffix in SHARDS

    def prepare(self) -> None:
        """See :meth:`Task.prepare`."""
        self.task.prepare()

    def __call__(self, source: Source, name: str, output: OpenOutput, progress: Progress | None = None) -> Outcome:
        """See :meth:`Task.__call__`."""
        notes: list[str] = []

        def change(data: bytes, image: str) -> bytes:
            made = io.BytesIO()
            outcome = self.task(io.BytesIO(data), image, lambda: nullcontext(made), progress)
            notes.extend(f"{image}: {note}" for note in outcome.notes + outcome.damage)
            return made.getvalue()

        size = byte_count(source)
        with output() as target:
            report = rewrite(source, name, target, change, self.task.takes, self.task.suffix)
            written = target.seek(0, 2)
        failed = [f"{image} stays as it was: {error}" for image, error in report.failed]
        told = (failed + notes)[:MOST_NOTES]
        if len(failed + notes) > len(told):
            told.append(f"and {len(failed + notes) - len(told)} more")
        return Outcome(size, written, 0, None, None, images=report.images, images_failed=len(failed), notes=tuple(told))
