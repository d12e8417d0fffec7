"""Files of any file system that fsspec knows, by their addresses: ``s3://bucket/a.png``, ``zip://a.png::b.zip``.

Local files keep to the standard library, so that fsspec is needed only for what is elsewhere. A file that is written
appears whole or not at all: on a local disk it is renamed into place, an object store gets one upload.
"""

from __future__ import annotations

import io
import posixpath
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from bitstream.errors import CodecError
from codec.util.files import find_files, replacing

_CHAIN = "::"
"""Separates a place within an archive from the archive's own address."""
_OBJECT_STORES = {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "oci", "oss", "r2"}
"""Have no folders, and show an upload once it is complete. Other file systems get a temporary file that is renamed."""


def is_remote(address: str) -> bool:
    """Whether an address is not the path of a local file."""
    return _CHAIN in address or ("://" in address and not address.startswith("file://"))


def local_path(address: str) -> Path:
    """The path of a local file by its address, a path or ``file://`` and a path."""
    return Path(address.removeprefix("file://"))


def joined(root: str, name: str) -> str:
    """The address of a file below a folder.

    Args:
        root: the folder's address.
        name: from there, with slashes.
    """
    if not is_remote(root):
        return str(local_path(root) / name)
    first, chain, rest = root.partition(_CHAIN)
    slash = "" if first.endswith("/") else "/"
    return f"{first}{slash}{name}{chain}{rest}"


def _is_object_store(file_system: Any) -> bool:
    protocol = file_system.protocol
    return bool(_OBJECT_STORES & ({protocol} if isinstance(protocol, str) else set(protocol)))


def _file_system(address: str) -> tuple[Any, str]:
    """A file system of fsspec, and the file's path in it.

    Raises:
        CodecError: fsspec, or the package for this kind of address, is not installed; or there is no such kind.
    """
    try:
        from fsspec.core import url_to_fs
    except ImportError as error:
        raise CodecError(f"{address}: files elsewhere need the extra [cluster] (no fsspec)") from error
    try:
        file_system, path = url_to_fs(address)
    except (ImportError, ValueError) as error:  # of a package that is missing, which the text names
        raise CodecError(f"{address}: {error}") from error
    return file_system, path


def is_folder(address: str) -> bool:
    """Whether there is a folder at an address.

    Raises:
        CodecError: see :func:`_file_system`.
    """
    if not is_remote(address):
        return local_path(address).is_dir()
    file_system, path = _file_system(address)
    return bool(file_system.isdir(path))


def find(root: str, failed: Callable[[OSError], None] | None = None) -> Iterator[tuple[str, int]]:
    """Names, from the folder on, and sizes of all files below a folder, but hidden ones.

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
            yield path.relative_to(folder).as_posix(), path.stat().st_size
        return
    file_system, top = _file_system(root)
    top = top.rstrip("/")
    for path, about in file_system.find(top, detail=True).items():
        name = path[len(top) :].lstrip("/")
        if name and about["type"] == "file" and not any(part.startswith(".") for part in name.split("/")):
            yield name, int(about.get("size") or 0)


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
    if not is_remote(address):
        return local_path(address)
    file_system, path = _file_system(address)
    return io.BytesIO(file_system.cat_file(path))


@contextmanager
def writing(address: str, overwrite: bool, mark: str = "") -> Iterator[BinaryIO]:
    """A file that appears at its address, whole, if all went well.

    Args:
        address: where; folders are made.
        overwrite: whether a file that is there may be replaced. An object store does not know: the last one stays.
        mark: what the name of a temporary file begins with, so that :func:`sweep` can find what a killed process left.

    Raises:
        FileExistsError: it is there, and may not be replaced.
        OSError: it cannot be written.
        CodecError: see :func:`_file_system`.
    """
    if not is_remote(address):
        path = local_path(address)
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path, overwrite, mark) as temporary, temporary.open("w+b") as file:
            yield file
        return
    file_system, path_there = _file_system(address)
    if not overwrite and file_system.exists(path_there):
        raise FileExistsError(f"{address} exists; use -f to overwrite it")
    buffer = io.BytesIO()
    yield buffer
    if _is_object_store(file_system):
        file_system.pipe_file(path_there, buffer.getvalue())
        return
    folder = posixpath.dirname(path_there)
    file_system.makedirs(folder, exist_ok=True)
    beside = f"{folder}/.{mark or 'codec'}-{secrets.token_hex(4)}"
    try:
        file_system.pipe_file(beside, buffer.getvalue())
        file_system.mv(beside, path_there)
    except BaseException:
        with suppress(Exception):  # the first error is the one to report
            file_system.rm_file(beside)
        raise


def remove(address: str) -> None:
    """Remove a file; nothing if it is not there."""
    if not is_remote(address):
        local_path(address).unlink(missing_ok=True)
        return
    file_system, path = _file_system(address)
    try:
        file_system.rm_file(path)
    except FileNotFoundError:
        return


def sweep(folder: str, mark: str) -> int:
    """Remove temporary files with a mark in a folder, which killed processes left; how many there were."""
    if not is_remote(folder):
        found = list(local_path(folder).glob(f".{mark}-*"))
        for left in found:
            left.unlink(missing_ok=True)
        return len(found)
    file_system, path_there = _file_system(folder)
    if _is_object_store(file_system):
        return 0
    found_there = file_system.glob(f"{path_there.rstrip('/')}/.{mark}-*")
    for name in found_there:
        file_system.rm_file(name)
    return len(found_there)
