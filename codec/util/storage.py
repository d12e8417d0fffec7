"""Files of any file system that fsspec knows, by their addresses: ``s3://bucket/a.png``, ``zip://a.png::b.zip``.

Local files keep to the standard library, so that fsspec is needed only for what is elsewhere. A file that is written
appears whole or not at all: on a local disk it is renamed into place, and so it is by remote file systems that rename;
the others, such as object stores, get one upload.
"""

from __future__ import annotations

import hashlib
import io
import os
import platform
import posixpath
import secrets
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

from bitstream.errors import CodecError
from codec.util.files import find_files, replacing

_CHAIN = "::"
"""Separates a place within an archive from the archive's own address."""
_LEFT_SECONDS = 3600
"""After which a temporary file of another machine is taken as left behind."""
_HOST = hashlib.sha256(platform.node().encode()).hexdigest()[:6]


def is_remote(address: str) -> bool:
    """Whether an address is not a local file's: it has ``://``, and is not ``file://``."""
    return "://" in address and not address.startswith("file://")


def is_archive(address: str) -> bool:
    """Whether an address is of a place within an archive, which can only be read."""
    return is_remote(address) and address.split("://")[0] in ("zip", "tar", "libarchive")


def local_path(address: str) -> Path:
    """The path of a local file by its address, a path or ``file://`` and a path."""
    return Path(address.removeprefix("file://"))


def absolute(address: str) -> str:
    """An address that means the same in every folder."""
    return address if is_remote(address) else str(local_path(address).absolute())


def joined(root: str, name: str) -> str:
    """The address of a file below a folder.

    Args:
        root: the folder's address.
        name: from there, with slashes.

    Returns:
        str: in a chain of addresses, such as ``zip://::all.zip``, the name goes to the first that has a place.
    """
    if not is_remote(root):
        return str(local_path(root) / name)
    parts = root.split(_CHAIN)
    place = next(i for i, part in enumerate(parts) if "://" in part)
    parts[place] += name if parts[place].endswith("/") else f"/{name}"
    return _CHAIN.join(parts)


def canonical(address: str) -> str:
    """An address by which the same folder is known however it is written, as far as that can be told.

    Raises:
        CodecError: see :func:`_file_system`.
    """
    if not is_remote(address):
        return os.path.realpath(local_path(address))
    file_system, path = _file_system(address)
    return f"{type(file_system).__name__}:{posixpath.normpath('/' + path.lstrip('/'))}"


@contextmanager
def _errors(address: str) -> Iterator[None]:
    """Raise what file systems of many makers fail with as one line of :class:`CodecError`."""
    try:
        yield
    except (OSError, CodecError, MemoryError):
        raise
    except Exception as error:
        text = str(error).strip().split("\n")[0] or type(error).__name__
        raise CodecError(f"{address}: {text}") from error


def _file_system(address: str) -> tuple[Any, str]:
    """A file system of fsspec, and the file's path in it.

    Raises:
        CodecError: fsspec, or the package for this kind of address, is not installed; there is no such kind; or the
            archive is damaged.
    """
    try:
        from fsspec.core import url_to_fs
    except ImportError as error:
        raise CodecError(f"{address}: files elsewhere need the extra [cluster] (no fsspec)") from error
    with _errors(address):
        if is_archive(address):
            first, _, rest = address.partition(_CHAIN)
            protocol, _, path = first.partition("://")
            stamp: object = None
            if not is_remote(rest):
                with suppress(OSError):
                    stamp = (os.stat(rest).st_mtime_ns, os.stat(rest).st_size)  # noqa: PTH116 - of an address
            return _archive(f"{protocol}://{_CHAIN}{rest}", stamp), path
        file_system, path = url_to_fs(address)
        return file_system, path


@lru_cache(maxsize=4)
def _archive(address: str, stamp: object) -> Any:
    """The file system of an archive, kept, as its list of files would be read again for each file."""
    from fsspec.core import url_to_fs

    return url_to_fs(address)[0]


def forget(address: str) -> None:
    """Have a folder looked at anew, which some file systems remember.

    Raises:
        CodecError: see :func:`_file_system`.
    """
    if is_remote(address):
        _archive.cache_clear()
        _file_system(address)[0].invalidate_cache()


def is_folder(address: str) -> bool:
    """Whether there is a folder at an address.

    Raises:
        CodecError: see :func:`_file_system`.
        OSError: it is out of reach.
    """
    if not is_remote(address):
        return local_path(address).is_dir()
    with _errors(address):
        file_system, path = _file_system(address)
        return bool(file_system.isdir(path))


def find(root: str, failed: Callable[[OSError], None] | None = None) -> Iterator[str]:
    """Names of all files below a folder, from there on, but hidden ones.

    Args:
        root: the folder's address.
        failed: called with the error of each local folder that cannot be read; None raises the first.

    Raises:
        OSError: the folder is not there, or cannot be read.
        CodecError: see :func:`_file_system`.
    """
    if not is_remote(root):
        folder = local_path(root)
        for path in find_files(folder) if failed is None else find_files(folder, failed):
            yield path.relative_to(folder).as_posix()
        return
    with _errors(root):
        file_system, top = _file_system(root)
        top = top.rstrip("/")
        entries = file_system.find(top, detail=True).items()
    for path, about in entries:
        name = path[len(top) :].lstrip("/")
        if about["type"] == "file" and not any(not part or part.startswith(".") for part in name.split("/")):
            yield name


def size(address: str) -> int | None:
    """Bytes of a file; None if it is not there.

    Raises:
        OSError: it is out of reach.
        CodecError: see :func:`_file_system`.
    """
    try:
        if not is_remote(address):
            path = local_path(address)
            return path.stat().st_size if path.is_file() else None
        with _errors(address):
            file_system, path_there = _file_system(address)
            found = file_system.info(path_there)
            return int(found["size"] or 0) if found["type"] == "file" else None
    except (FileNotFoundError, NotADirectoryError):
        return None


def source(address: str) -> Path | io.BytesIO:
    """What the codec reads an image from: a local file's path, or all bytes of one that is elsewhere.

    Raises:
        OSError: it is not there, or out of reach.
        CodecError: see :func:`_file_system`.
    """
    return local_path(address) if not is_remote(address) else io.BytesIO(read(address))


def read(address: str, count: int | None = None) -> bytes:
    """Bytes of a file.

    Args:
        address: of the file.
        count: so many from its beginning, or all if it is shorter; None reads all.

    Raises:
        OSError: it is not there, or out of reach.
        CodecError: see :func:`_file_system`.
    """
    if not is_remote(address):
        with local_path(address).open("rb") as file:
            return file.read() if count is None else file.read(count)
    with _errors(address):
        file_system, path = _file_system(address)
        return bytes(file_system.cat_file(path, end=count))


@contextmanager
def writing(address: str, overwrite: bool, mark: str = "") -> Iterator[BinaryIO]:
    """A file that appears at its address, whole, if all went well.

    Args:
        address: where; folders are made.
        overwrite: whether a file that is there may be replaced.
        mark: what the name of a temporary file begins with, so that :func:`sweep` can find what a killed process left.

    Raises:
        FileExistsError: it is there, and may not be replaced. Of two that write to an object store at once, the last
            one's file stays.
        OSError: it cannot be written.
        CodecError: see :func:`_file_system`.
    """
    mark = f"{mark or 'codec'}-{_HOST}-{os.getpid()}"
    if not is_remote(address):
        path = local_path(address)
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path, overwrite, mark) as temporary, temporary.open("w+b") as file:
            yield file
        return
    with _errors(address):
        file_system, path_there = _file_system(address)
        if not overwrite and file_system.exists(path_there):
            raise FileExistsError(f"{address} exists; use -f to overwrite it")
    buffer = io.BytesIO()
    yield buffer
    with _errors(address):
        if not _renames(file_system):
            file_system.pipe_file(path_there, buffer.getvalue())
            return
        folder = posixpath.dirname(path_there)
        file_system.makedirs(folder, exist_ok=True)
        beside = f"{folder}/.{mark}-{secrets.token_hex(4)}"
        try:
            file_system.pipe_file(beside, buffer.getvalue())
            file_system.mv(beside, path_there)
        except BaseException:
            with suppress(Exception):  # the first error is the one to report
                file_system.rm_file(beside)
            raise


def _renames(file_system: Any) -> bool:
    """Whether a file system can rename; those that cannot would copy and remove, and show half a copy."""
    from fsspec.asyn import AsyncFileSystem
    from fsspec.spec import AbstractFileSystem

    kind = type(file_system)
    return not issubclass(kind, AsyncFileSystem) and kind.mv is not AbstractFileSystem.mv


def remove(address: str) -> None:
    """Remove a file; nothing if it is not there.

    Raises:
        OSError: it cannot be removed.
        CodecError: see :func:`_file_system`.
    """
    if not is_remote(address):
        local_path(address).unlink(missing_ok=True)
        return
    with _errors(address), suppress(FileNotFoundError):
        file_system, path = _file_system(address)
        file_system.rm_file(path)


def remove_folder(address: str) -> None:
    """Remove a folder if it is empty; object stores have none."""
    with suppress(Exception):
        if not is_remote(address):
            local_path(address).rmdir()
        else:
            file_system, path = _file_system(address)
            file_system.rmdir(path)


def sweep(folder: str, mark: str, of_this_run: bool) -> int:
    """Remove temporary files that killed processes left in a folder.

    Args:
        folder: its address.
        mark: that their names begin with.
        of_this_run: whether no process that writes with this mark is left; else those are kept whose process runs,
            or which are of another machine and young.

    Returns:
        int: how many there were.
    """
    removed = 0
    for name, modified in _hidden(folder, f".{mark}-"):
        if of_this_run or _is_left(name, modified):
            with suppress(OSError, CodecError):
                remove(joined(folder, name))
                removed += 1
    return removed


def _hidden(folder: str, start: str) -> list[tuple[str, float]]:
    """Names in a folder that begin so, and when each was modified, in seconds since 1970, as far as that is known."""
    if not is_remote(folder):
        with suppress(OSError), os.scandir(local_path(folder)) as entries:
            return [(entry.name, entry.stat().st_mtime) for entry in entries if entry.name.startswith(start)]
        return []
    with suppress(Exception):
        file_system, path = _file_system(folder)
        if _renames(file_system):
            names = [posixpath.basename(found) for found in file_system.ls(path, detail=False)]
            return [(name, time.time()) for name in names if name.startswith(start)]
    return []


def _is_left(name: str, modified: float) -> bool:
    """Whether nobody writes to a temporary file any more, by its name and time."""
    parts = name.partition(".")[2].split(".")[0].split("-")
    host, process = (parts[-3], parts[-2]) if len(parts) >= 3 else ("", "")
    if host != _HOST or not process.isdecimal() or sys.platform == "win32":  # where asking would end the process
        return time.time() - modified > _LEFT_SECONDS
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False
