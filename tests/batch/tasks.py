"""Tasks whose processes die, for workers that are to be replaced."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from codec.batch.tasks import Compress, OpenOutput, Outcome, Source
from codec.util.progress import Progress


@dataclass(frozen=True)
class Slow(Compress):
    """Compresses, and takes a while."""

    seconds: float = 0.2

    def __call__(self, source: Source, name: str, output: OpenOutput, progress: Progress | None = None) -> Outcome:
        """As :class:`Compress`."""
        time.sleep(self.seconds)
        return super().__call__(source, name, output, progress)


@dataclass(frozen=True)
class Deadly(Compress):
    """Compresses; a file with "deadly" in its name kills the process, as one that takes all memory does."""

    def __call__(self, source: Source, name: str, output: OpenOutput, progress: Progress | None = None) -> Outcome:
        """As :class:`Compress`."""
        if "deadly" in name:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(source, name, output, progress)


@dataclass(frozen=True)
class DiesWhileWriting(Compress):
    """Compresses; each image's first try dies with its output half written.

    Attributes:
        tried: folder that says which images have been tried.
    """

    tried: Path = Path()

    def __call__(self, source: Source, name: str, output: OpenOutput, progress: Progress | None = None) -> Outcome:
        """As :class:`Compress`."""
        mark = self.tried / Path(name).name
        if mark.exists():
            return super().__call__(source, name, output, progress)
        mark.touch()

        @contextmanager
        def dying() -> Iterator[BinaryIO]:
            with output() as file:
                file.write(b"half")
                file.flush()
                os.kill(os.getpid(), signal.SIGKILL)
                yield file

        return super().__call__(source, name, dying, progress)


@dataclass(frozen=True)
class DiesAtFirst(Compress):
    """Compresses; the first tries kill the process, as an image may that is blamed for what runs beside it.

    Attributes:
        tried: file that counts the tries.
        deaths: how many.
    """

    tried: Path = Path()
    deaths: int = 4

    def __call__(self, source: Source, name: str, output: OpenOutput, progress: Progress | None = None) -> Outcome:
        """As :class:`Compress`."""
        with self.tried.open("a") as file:
            file.write("x")
        if self.tried.stat().st_size <= self.deaths:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(source, name, output, progress)
