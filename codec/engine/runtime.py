"""A deployed model: ONNX graphs and one file of integer tables, checked by hash."""

from __future__ import annotations

import hashlib
import operator
import os
import threading
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from bitstream.errors import CodecError, ModelError
from bitstream.geometry import Geometry
from bitstream.tables_file import read_tables
from codec.engine import silent_onnxruntime
from codec.engine.manifest import FILES, MANIFEST, TABLES, WEIGHTS, model_id, read_manifest
from codec.engine.quality_scale import QualityScale
from codec.util.fork import after_fork_in_child

_Floats = NDArray[np.float32]


MAX_THREADS = 1024
"""Most that a model may be asked to run with."""


def _default_threads() -> int:
    text = os.environ.get("CODEC_THREADS") or "0"  # an empty variable is none
    if not text.isdecimal() or int(text) > MAX_THREADS:
        raise CodecError(f"CODEC_THREADS: found {text!r}, expected a number of threads, 0 for all cores")
    return int(text)


def checked_threads(threads: int | None) -> int | None:
    """A number of threads that somebody asks for.

    Raises:
        TypeError: it is not a whole number.
        ValueError: it is not 0, for all cores, to 1,024.
    """
    if threads is None:
        return None
    try:
        number = operator.index(threads)
    except TypeError as error:
        raise TypeError(f"threads: found {threads!r}, expected a whole number") from error
    if not 0 <= number <= MAX_THREADS:
        raise ValueError(f"threads: found {number}, expected 0, for all cores, to {MAX_THREADS}")
    return number


def _sha256(file: BinaryIO) -> str:
    if hasattr(hashlib, "file_digest"):
        return str(hashlib.file_digest(file, "sha256").hexdigest())
    return hashlib.sha256(file.read()).hexdigest()  # Python 3.10


_runtimes: weakref.WeakSet[Runtime] = weakref.WeakSet()


class Runtime:
    """A model ready to run. Safe to share between threads. All that runs a graph may raise a ModelError.

    Args:
        folder: an exported model.
        threads: of the networks, 0 for all cores; None takes ``CODEC_THREADS`` or else all cores.

    Raises:
        ModelError: manifest or tables are missing, damaged, or do not belong together. Weights and graphs are checked
            when they are first used, or by :meth:`check_all`.
        ValueError: there cannot be so many threads.
        TypeError: that is not a whole number.
    """

    def __init__(self, folder: Path, threads: int | None = None) -> None:
        self.folder = folder
        threads = checked_threads(threads)
        self.threads = threads if threads is not None else _default_threads()
        self._sessions: dict[str, Any] = {}
        self._lock = threading.Lock()
        _runtimes.add(self)
        self.manifest = read_manifest(folder)
        self.model_id, self._digests = self.manifest.model_id, self.manifest.digests
        self._stamps: dict[str, tuple[int, int]] = {}
        identity = model_id(self._digests)
        if identity != self.model_id:
            raise ModelError(f"{folder}: model id {self.model_id.hex()}, expected {identity.hex()}")
        self._check(TABLES)
        stored = read_tables(folder / TABLES)
        self.tables, self._knots, self._exponentials = stored.tables, stored.knots, stored.exponentials
        try:
            self.geometry = Geometry.stored(self.manifest.geometry, self.tables.levels)
            self.scale = QualityScale.stored(self.tables.levels, self.manifest.quality_scale)
        except (ValueError, TypeError, OverflowError) as error:
            raise ModelError(f"{folder / MANIFEST}: {error}") from error

    def _check(self, name: str) -> None:
        """Find out whether a file is what the manifest says.

        Raises:
            ModelError: it is not, or cannot be read.
        """
        try:
            stamp = self._stamp(name)
            with (self.folder / name).open("rb") as file:
                found = _sha256(file)
        except OSError as error:
            raise ModelError(f"{self.folder / name}: {error}") from error
        if found != self._digests[name]:
            raise ModelError(f"{self.folder / name}: sha256 {found}, expected {self._digests[name]}")
        self._stamps[name] = stamp  # only of a file that is sound

    def _stamp(self, name: str) -> tuple[int, int]:
        status = (self.folder / name).stat()
        return status.st_size, status.st_mtime_ns

    def _require_unchanged(self, name: str) -> None:
        try:
            changed = self._stamp(name) != self._stamps[name]
        except OSError as error:
            raise ModelError(f"{self.folder / name}: {error}") from error
        if changed:
            raise ModelError(f"{self.folder / name}: has changed since the model was loaded")

    def check_all(self) -> None:
        """Check all files against the manifest, including those that have not been used yet.

        Raises:
            ModelError: one is not, or cannot be read.
        """
        for name in FILES:
            self._check(name)

    def _session(self, graph: str) -> Any:
        """The graph, ready to run; checked and built when it is first needed."""
        with self._lock:
            if graph not in self._sessions:
                self._sessions[graph] = self._build_session(graph)
            return self._sessions[graph]

    def _build_session(self, graph: str) -> Any:
        if WEIGHTS not in self._stamps:
            self._check(WEIGHTS)
        self._check(graph)
        self._require_unchanged(WEIGHTS)  # only now the graph reads it
        onnxruntime = silent_onnxruntime.imported()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.log_severity_level = 3
        # Memory planned for one shape is of no use to the next; tiles have many shapes.
        options.enable_mem_pattern = False
        # Threads that spin on after the networks are done would slow the entropy coder beside them.
        options.add_session_config_entry("session.force_spinning_stop", "1")
        # Weights rearranged for one network take time to load, and gain nothing measurable.
        options.add_session_config_entry("session.disable_prepacking", "1")
        with self._failing(graph):
            return onnxruntime.InferenceSession(
                str(self.folder / graph),
                options,
                providers=["CPUExecutionProvider"],
                # It would take activations out of the convolutions' blocked layout.
                disabled_optimizers=["QuickGeluFusion"],
            )

    def gains(self, quality_index: int | Sequence[int]) -> _Floats:
        """The flat vectors of gains of a level, or of each of several, float32 (N, G)."""
        if not isinstance(quality_index, int):
            return np.concatenate([self.gains(level) for level in quality_index])
        at = quality_index / max(1, self.tables.levels - 1) * (len(self._knots) - 1)
        low = min(int(at), len(self._knots) - 2)
        flat = self._knots[low] * np.float32(low + 1 - at) + self._knots[low + 1] * np.float32(at - low)
        flat[: self._exponentials] = np.exp(flat[: self._exponentials])
        return np.asarray(flat[None], np.float32)

    def analyse(self, x: _Floats, quality_index: int) -> _Floats:
        """The latent of pixels.

        Args:
            x: float32 (1, 3, 16 h, 16 w), in [0, 1].
            quality_index: level of quality.

        Returns:
            NDArray: y, float32 (1, channels, h, w).
        """
        return self._run("analysis.onnx", x=x, gains=self.gains(quality_index))

    def hyper_analyse(self, y: _Floats, quality_index: int) -> _Floats:
        """The integers of a latent's hyper-latent.

        Args:
            y: float32 (1, channels, 4 h, 4 w).
            quality_index: level of quality.

        Returns:
            NDArray: z_hat, float32 (1, channels of z, h, w), integers.
        """
        return self._run("hyper_analysis.onnx", y=y, gains=self.gains(quality_index))

    def quantise(self, y: _Floats, z_hat: _Floats, quality_index: int) -> _Floats:
        """The integers of a latent.

        Args:
            y: float32 (1, channels, 4 h, 4 w).
            z_hat: float32 (1, channels of z, h, w), integers.
            quality_index: level of quality.

        Returns:
            NDArray: symbols, float32 (1, channels, 4 h, 4 w), integers.
        """
        return self._run("quantisation.onnx", y=y, z_hat=z_hat, gains=self.gains(quality_index))

    def reconstruct(self, z_hat: _Floats, symbols: _Floats, quality_index: int | Sequence[int]) -> _Floats:
        """The latents that the decoder sees, of one image or several.

        Args:
            z_hat: float32 (N, channels of z, h, w), integers.
            symbols: float32 (N, channels, 4 h, 4 w), integers.
            quality_index: level of quality, of all or of each.

        Returns:
            NDArray: y_hat, float32 (N, channels, 4 h, 4 w).
        """
        return self._run("reconstruction.onnx", z_hat=z_hat, symbols=symbols, gains=self.gains(quality_index))

    def synthesise(self, y_hat: _Floats, quality_index: int | Sequence[int]) -> _Floats:
        """The pixels of latents, of one image or several.

        Args:
            y_hat: float32 (N, channels, h, w).
            quality_index: level of quality, of all or of each.

        Returns:
            NDArray: x_hat, float32 (N, 3, 16 h, 16 w), not clipped.
        """
        return self._run("synthesis.onnx", y_hat=y_hat, gains=self.gains(quality_index))

    def preview(self, y_hat: _Floats) -> _Floats:
        """The pixels of a latent at an eighth of the size.

        Args:
            y_hat: float32 (1, channels, h, w).

        Returns:
            NDArray: float32 (1, 3, 2 h, 2 w), about the means of 8x8 pixels, by the linear path alone; not clipped.
        """
        return self._run("preview.onnx", y_hat=y_hat)

    def _run(self, graph: str, **feed: _Floats) -> _Floats:
        session = self._session(graph)
        with self._failing(graph):
            used = {entry.name for entry in session.get_inputs()}  # a network need not depend on quality
            outputs: list[_Floats] = session.run(None, {name: values for name, values in feed.items() if name in used})
        return outputs[0]

    @contextmanager
    def _failing(self, graph: str) -> Iterator[None]:
        """Raise :class:`ModelError` in place of ONNX Runtime's own exceptions."""
        try:
            yield
        except MemoryError:
            raise
        except Exception as error:
            raise ModelError(f"{self.folder / graph}: cannot be run: {error}") from error


def _after_fork() -> None:
    """Renew locks in a forked child, where the threads that held them do not exist."""
    for runtime in list(_runtimes):
        runtime._lock = threading.Lock()


after_fork_in_child(_after_fork)
