"""The files of a folder and of those below it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path


def files_below(folder: Path, failed: Callable[[OSError], None]) -> Iterator[Path]:
    """All files that are not hidden, nor lie in a folder that is; links to folders are not followed.

    Args:
        folder: where to look.
        failed: told of each folder that cannot be read; what it raises ends the search.
    """
    for top, folders, names in os.walk(folder, onerror=failed):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        files = (Path(top) / name for name in sorted(names) if not name.startswith("."))
        yield from (path for path in files if path.is_file())
