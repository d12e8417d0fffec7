"""The models there are: those that ship, by what they are good at, and exported ones in folders; each loaded once."""

from __future__ import annotations

import os
import threading
from functools import cache
from pathlib import Path

from bitstream.errors import ModelError
from codec.engine.manifest import read_manifest
from codec.engine.runtime import Runtime
from codec.util.fork import after_fork_in_child

TUNES = ("visual", "psnr")
"""What the models that ship are good at, each in a folder of that name; the first is the default."""
FORMER_TUNES = {"ms-ssim": "visual"}
"""Names of tunes that are gone, each with the one that took its place."""
DEFAULT_TUNE = TUNES[0]
MODELS = Path(__file__).parents[1] / "weights"
SHIPPED = MODELS / DEFAULT_TUNE

_loaded: dict[tuple[Path, int | None], Runtime] = {}
_loading = threading.Lock()


def known_tune(tune: str) -> str:
    """A tune by its present name.

    Raises:
        ValueError: there is no such tune.
    """
    tune = FORMER_TUNES.get(tune, tune)
    if tune not in TUNES:
        raise ValueError(f"tune: found {tune!r}, expected {' or '.join(TUNES)}")
    return tune


def loaded(folder: str | os.PathLike[str], threads: int | None = None) -> Runtime:
    """An exported model, loaded once for each number of threads, and again if it was exported anew.

    Args:
        folder: of the model.
        threads: of the networks; None takes ``CODEC_THREADS`` or else all cores.

    Raises:
        ModelError: manifest or tables are missing, damaged, or do not belong together.
    """
    folder = Path(folder).resolve()
    with _loading:
        found = _loaded.get((folder, threads))
        if found is None or found.manifest != read_manifest(folder):
            found = _loaded[folder, threads] = Runtime(folder, threads)
        return found


def shipped(threads: int | None = None, tune: str = DEFAULT_TUNE) -> Runtime:
    """A model that ships inside the package, loaded once for each number of threads.

    Args:
        threads: of the networks; None takes ``CODEC_THREADS`` or else all cores.
        tune: which, see :data:`TUNES` and :data:`FORMER_TUNES`.

    Raises:
        ValueError: there is no such model.
        ModelError: manifest or tables are missing, damaged, or do not belong together.
    """
    folder = MODELS / known_tune(tune)
    with _loading:
        if (folder, threads) not in _loaded:
            _loaded[folder, threads] = Runtime(folder, threads)
        return _loaded[folder, threads]


def id_by_tune(tune: str) -> bytes:
    """Name of the model that ships for a tune, without loading it."""
    return next(model_id for model_id, name in _shipped_ids().items() if name == known_tune(tune))


@cache
def _shipped_ids() -> dict[bytes, str]:
    return {read_manifest(MODELS / tune).model_id: tune for tune in TUNES}


def tune_by_id(model_id: bytes) -> str | None:
    """What the shipped model of this id is good at; None if no such model ships."""
    return _shipped_ids().get(model_id)


def shipped_by_id(model_id: bytes, threads: int | None = None) -> Runtime:
    """The shipped model of this id.

    Raises:
        ModelError: it is none of them.
    """
    tune = tune_by_id(model_id)
    if tune is None:
        here = ", ".join(f"{known.hex()} ({name})" for known, name in _shipped_ids().items())
        raise ModelError(f"model: file needs {model_id.hex()}, here are {here}; others are taken by model= or --model")
    return shipped(threads, tune)


def _after_fork() -> None:
    """Renew the lock in a forked child, where the thread that held it does not exist."""
    global _loading
    _loading = threading.Lock()


after_fork_in_child(_after_fork)
