"""Writing files so that a failure leaves the old file or the new one, never half of one; finding files in folders;
what file objects of others can do."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def replacing(path: Path, overwrite: bool, mark: str = "") -> Iterator[Path]:
    """Give a temporary path beside ``path`` to write to, and move it into place if all went well.

    An existing device, pipe or other special file is written to instead of being replaced; a symbolic link is followed.

    Args:
        path: where the file is to be.
        overwrite: whether an existing file may be replaced.
        mark: what the temporary file's name begins with after its dot; empty takes the beginning of ``path``'s.

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
    temporary = _new_file(path, beside=not special, mark=mark or path.stem[:32])
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
        if overwrite:
            temporary.replace(path)
        else:
            _place(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _new_file(path: Path, beside: bool, mark: str) -> Path:
    """An empty file with the suffix of ``path``, beside it or where temporary files are kept.

    Raises:
        OSError: it cannot be made; the error names ``path``.
    """
    folder = path.parent if beside else Path(tempfile.gettempdir())
    while True:
        temporary = folder / f".{mark}-{secrets.token_hex(4)}{path.suffix[:32]}"
        try:  # with the permissions of any new file, which tempfile's have not
            os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666 if beside else 0o600))
        except FileExistsError:
            continue
        except OSError as error:  # of a name that nobody has heard of
            raise OSError(error.errno, error.strerror, str(path)) from error
        return temporary


def _place(temporary: Path, path: Path) -> None:
    """Move into place without replacing what somebody made there meanwhile."""
    try:
        os.link(temporary, path)
    except OSError as error:  # or a file system without hard links
        if path.exists():
            raise FileExistsError(f"{path} exists; use -f to overwrite it") from error
        temporary.replace(path)


def _fail(error: OSError) -> None:
    raise error


def find_files(folder: Path, failed: Callable[[OSError], None] = _fail) -> Iterator[Path]:
    """All files that are not hidden, nor lie in a folder that is; links to folders are not followed.

    Args:
        folder: where to look.
        failed: called with the error of each folder or file that cannot be looked at; what it raises ends the
            search. The default raises every error.
    """
    for top, folders, names in os.walk(folder, onerror=failed):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for path in (Path(top) / name for name in sorted(names) if not name.startswith(".")):
            try:
                if path.is_file():
                    yield path
            except OSError as error:  # of a folder whose names may be read, and nothing else of it
                failed(error)


def is_seekable(file: BinaryIO) -> bool:
    """Whether a file object can seek. Objects may lack the method ``seekable``, or have one that fails."""
    if hasattr(file, "seekable"):
        try:
            return bool(file.seekable())
        except AttributeError:  # of a member of a tar archive that is read as a stream
            return False
    try:
        file.seek(file.tell())
    except Exception:  # of any class there is
        return False
    return True


def read_all(file: BinaryIO) -> bytes:
    """All bytes of a file object from where it is, which may give fewer than it has each time it is asked.

    Raises:
        TypeError: it is not a binary file.
    """
    parts = []
    while part := file.read():
        if not isinstance(part, bytes | bytearray | memoryview):
            raise TypeError(f"file: gives {type(part).__name__}, expected a binary file, which gives bytes")
        parts.append(part)
    return b"".join(parts)
