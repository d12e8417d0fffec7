"""The state of a training run, on disk whole or not at all: in one file, or in pieces that are easily carried.

In pieces, ``stable.pt.json`` names the pieces of a checkpoint with their SHA-256; ``stable.pt.3f2a91c0.000`` and so on
are its bytes, cut. The index is replaced last, so that it never names a piece that is not there.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from bitstream.errors import CodecError, ModelError
from codec.models.architecture import Architecture
from codec.models.registry import build, current, stored_config
from codec.util.files import replacing

VERSION = 1
_HASH_DIGITS = 8


class _Patient(io.RawIOBase):
    """Writes to a file, and keeps the error of a write for later: torch's writer does not survive one."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.error: OSError | None = None

    def write(self, data: Any) -> int:
        if self.error is None:
            try:
                return self.file.write(data)
            except OSError as error:
                self.error = error
        return len(data)


def _dump(state: dict[str, Any], file: BinaryIO) -> None:
    target = _Patient(file)
    torch.save({"version": VERSION, **state}, target)
    if target.error is not None:
        raise target.error


def _index(path: Path) -> Path:
    return path.with_name(path.name + ".json")


def _pieces(path: Path) -> Iterator[Path]:
    """Pieces of any checkpoint that was at ``path``."""
    for other in path.parent.glob(f"{path.name}.*.*"):
        digest, _, number = other.name[len(path.name) + 1 :].partition(".")
        if len(digest) == _HASH_DIGITS and number.isdecimal():
            yield other


def exists(path: Path) -> bool:
    """Whether there is a checkpoint, in one file or in pieces."""
    return path.exists() or _index(path).exists()


def halved(value: Any) -> Any:
    """The state of an optimiser with its float32 tensors in bfloat16, whose range is the same."""
    if isinstance(value, Tensor):
        return value.bfloat16() if value.dtype == torch.float32 and value.ndim else value
    if isinstance(value, dict):
        return {key: halved(entry) for key, entry in value.items()}
    return [halved(entry) for entry in value] if isinstance(value, list) else value


def save(path: Path, state: dict[str, Any], piece_bytes: int | None = None) -> None:
    """Write a checkpoint beside its place, flush it to disk, then move it there.

    Args:
        path: where it goes.
        state: tensors and plain values; those of ``optimizers`` are optimisers' states.
        piece_bytes: cut it into pieces of at most so many bytes, with the optimisers' states in 16 bits; None writes
            one file, which loses nothing.

    Raises:
        OSError: it cannot be written; what was there stays.
    """
    try:
        kept = _write_whole(path, state) if piece_bytes is None else _write_pieces(path, state, piece_bytes)
    except OSError as error:  # of a temporary file, or without any name
        raise OSError(error.errno, error.strerror, str(path)) from error
    for other in [path, _index(path), *_pieces(path)]:
        if other not in kept:
            other.unlink(missing_ok=True)


def _write_whole(path: Path, state: dict[str, Any]) -> set[Path]:
    with replacing(path, overwrite=True) as temporary, temporary.open("wb") as file:
        _dump(state, file)
    return {path}


def _write_pieces(path: Path, state: dict[str, Any], piece_bytes: int) -> set[Path]:
    whole = io.BytesIO()
    _dump({**state, "optimizers": halved(state["optimizers"])}, whole)
    data = whole.getvalue()  # a buffer of it may crash Python 3.12.1 at exit, when a write has failed
    prefix = f"{path.name}.{hashlib.sha256(data).hexdigest()[:_HASH_DIGITS]}"
    before = set(_pieces(path))
    pieces: dict[Path, str] = {}
    try:
        for number, start in enumerate(range(0, len(data), piece_bytes)):
            piece = path.with_name(f"{prefix}.{number:03d}")
            with replacing(piece, overwrite=True) as temporary:
                temporary.write_bytes(data[start : start + piece_bytes])
            pieces[piece] = hashlib.sha256(data[start : start + piece_bytes]).hexdigest()
        with replacing(_index(path), overwrite=True) as temporary:
            digests = {piece.name: digest for piece, digest in pieces.items()}
            temporary.write_text(json.dumps({"pieces": digests}, indent=1) + "\n")
    except OSError:
        for piece in set(pieces) - before:  # or each try would take more of the room that is missing
            piece.unlink(missing_ok=True)
        raise
    return {_index(path), *pieces}


def _joined(path: Path) -> bytes:
    """The bytes of a checkpoint in pieces.

    Raises:
        CodecError: a piece is missing or damaged.
    """
    try:
        pieces = json.loads(_index(path).read_text())["pieces"].items()
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise CodecError(f"{_index(path)}: does not name the pieces of a checkpoint") from error
    parts = []
    for name, digest in pieces:
        piece = path.with_name(Path(name).name)
        if not piece.exists():
            raise CodecError(f"{piece}: this piece of the checkpoint is missing")
        parts.append(piece.read_bytes())
        if hashlib.sha256(parts[-1]).hexdigest() != digest:
            raise CodecError(f"{piece}: this piece of the checkpoint is damaged")
    return b"".join(parts)


def load(path: Path) -> dict[str, Any]:
    """Read a checkpoint, in one file or in pieces: tensors and plain values only, no code.

    Raises:
        CodecError: it is none, is damaged, or was written by another version of the trainer.
        OSError: it cannot be read.
    """
    in_pieces = _index(path).exists() and not (path.exists() and _is_newer(path, _index(path)))
    open_file: Callable[[], BinaryIO] = (lambda: io.BytesIO(_joined(path))) if in_pieces else (lambda: path.open("rb"))
    try:
        with open_file() as file:
            with zipfile.ZipFile(file) as archive:  # torch does not look at the checksums that it writes
                damaged = archive.testzip()
            if damaged is not None:
                raise CodecError(f"{path}: this checkpoint is damaged: wrong checksum of {damaged}")
            file.seek(0)
            state: Any = torch.load(file, map_location="cpu", weights_only=True)
    except (OSError, MemoryError, CodecError):
        raise
    except Exception as error:  # what another file makes it raise is not documented, and its advice is unsafe
        raise CodecError(f"{path}: damaged, or not a checkpoint of codec train") from error
    version = state.get("version") if isinstance(state, dict) else None
    if version != VERSION:
        raise CodecError(f"{path}: checkpoint version {version}, expected {VERSION}")
    found: dict[str, Any] = state
    if "optimizer" in found:  # before there could be several
        found["optimizers"] = [found.pop("optimizer")]
    return found


def _is_newer(path: Path, other: Path) -> bool:
    return path.stat().st_mtime_ns > other.stat().st_mtime_ns


def build_stored(path: Path, state: dict[str, Any]) -> Architecture:
    """A model of the architecture and sizes of a checkpoint, with new weights.

    Args:
        path: of the checkpoint, for messages.
        state: what it holds.

    Raises:
        CodecError: it is of an architecture that is not known.
    """
    try:
        return build(stored_config(state["config"]))
    except ModelError as error:
        raise CodecError(f"{path}: {error}") from error


def load_model(path: Path, averaged: bool = True) -> Architecture:
    """The model of a checkpoint, ready for evaluation.

    Args:
        path: a checkpoint.
        averaged: the running average of the weights rather than the last ones.

    Returns:
        Architecture: in evaluation mode.

    Raises:
        CodecError: it is not a checkpoint, or was written by another version of the trainer.
        OSError: the file cannot be read.
    """
    state = load(path)
    model = build_stored(path, state)
    model.load_state_dict(current(state["average"] if averaged else state["model"]))
    return model.eval()
