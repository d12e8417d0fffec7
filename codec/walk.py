"""The files of a folder and of those below it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path


def _fail(error: OSError) -> None:
    raise error


def files_below(folder: Path, failed: Callable[[OSError], None] = _fail) -> Iterator[Path]:
    """All files that are not hidden, nor lie in a folder that is; links to folders are not followed.

    Args:
        folder: where to look.
        failed: told of each folder or file that cannot be looked at; what it raises ends the search, as
            every error does by default.
    """
    for top, folders, names in os.walk(folder, onerror=failed):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for path in (Path(top) / name for name in sorted(names) if not name.startswith(".")):
            try:
                if path.is_file():
                    yield path
            except OSError as error:  # of a folder whose names may be read, and nothing else of it
                failed(error)
