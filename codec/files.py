"""Writing files so that a failure leaves either the old file or the new one, never half of one."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path, overwrite: bool) -> Iterator[Path]:
    """Give a temporary path beside ``path`` to write to, and move it into place if all went well.

    Args:
        path: where the file is to be.
        overwrite: whether an existing file may be replaced.

    Raises:
        FileExistsError: it exists, and may not be.
    """
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} exists; use -f to overwrite it")
    handle, name = tempfile.mkstemp(prefix=f".{path.stem[:32]}-", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)
        if overwrite:
            temporary.replace(path)
        else:
            os.link(temporary, path)  # fails if somebody made the file meanwhile, where replace would not
    finally:
        temporary.unlink(missing_ok=True)
