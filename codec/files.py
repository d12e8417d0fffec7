"""Writing files so that a failure leaves either the old file or the new one, never half of one."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Can only be read by setting it, which threads must not do.
_UMASK = os.umask(0o077)
os.umask(_UMASK)


@contextmanager
def replacing(path: Path, overwrite: bool) -> Iterator[Path]:
    """Give a temporary path beside ``path`` to write to, and move it into place if all went well.

    What is there but no regular file, such as a device or a pipe, is written to instead of being replaced; a symbolic
    link is followed.

    Args:
        path: where the file is to be.
        overwrite: whether an existing file may be replaced.

    Raises:
        FileExistsError: it exists, and may not be.
        IsADirectoryError: it is a directory.
    """
    special = path.exists() and not path.is_file()  # before links are followed: those of /dev may lead nowhere
    path = path if special else Path(os.path.realpath(path))
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a directory")
    if path.exists() and not special and not overwrite:
        raise FileExistsError(f"{path} exists; use -f to overwrite it")
    folder = None if special else path.parent
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.stem[:32]}-", suffix=path.suffix[:32], dir=folder)
    except OSError as error:  # of a name that nobody has heard of
        raise OSError(error.errno, error.strerror, str(path)) from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        if special:
            with temporary.open("rb") as made, path.open("wb") as target:
                shutil.copyfileobj(made, target)
            return
        with temporary.open("r+b") as made:  # Windows flushes only what may be written to
            os.fsync(made.fileno())  # so that a power cut leaves the old file or the new one, too
        if path.exists():
            shutil.copymode(path, temporary)
        else:
            temporary.chmod(0o666 & ~_UMASK)
        if overwrite:
            temporary.replace(path)
        else:
            _place(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _place(temporary: Path, path: Path) -> None:
    """Move into place without replacing what somebody made there meanwhile."""
    try:
        os.link(temporary, path)
    except OSError as error:  # or a file system without hard links
        if path.exists():
            raise FileExistsError(f"{path} exists; use -f to overwrite it") from error
        temporary.replace(path)
