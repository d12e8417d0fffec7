"""The file of a model's integer tables and gains, loaded with size limits: model files are untrusted input."""

from __future__ import annotations

import io
import math
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from bitstream.errors import ModelError
from bitstream.tables import Tables
from bitstream.z_context import ZContext

MAX_EXPANDED_BYTES = 256 << 20
"""Of all arrays together; those of the models that ship take 1.7 MB."""
DTYPES = {
    "z_counts": np.uint32,
    "y_limits": np.int32,
    "y_counts": np.uint32,
    "weight": np.int8,
    "bias": np.int32,
    "gain_knots": np.float32,
    "shift": np.int64,
    "gain_exponentials": np.int64,
}
CONTEXT_DTYPES = {
    "z_context_weight": np.int8,
    "z_context_shift": np.int64,
    "z_context_scales": np.uint8,
    "z_context_counts": np.uint32,
}
"""Of a context for z: a model has all of them or none."""
POSITION_DTYPES = {"position_bias": np.int32}
"""Of a scale map that depends on the position in a cell; a model may be without."""


@dataclass(frozen=True)
class ModelTables:
    """What the file holds.

    Attributes:
        tables: the integers that coding depends on.
        knots: float32 (knots, G), the flat vector of gains at each knot, in the domain of their interpolation.
        exponentials: how many of them, from the first on, are logarithms.
    """

    tables: Tables
    knots: NDArray[np.float32]
    exponentials: int


def read_tables(path: Path) -> ModelTables:
    """Read and check ``tables.npz``.

    Raises:
        ModelError: it is damaged, too large once expanded, or its arrays do not fit each other.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = {member.filename.removesuffix(".npy"): member for member in archive.infolist()}
            expanded = sum(member.file_size for member in archive.infolist())
            if expanded > MAX_EXPANDED_BYTES:
                raise ModelError(f"{path}: {expanded} bytes of tables, expected at most {MAX_EXPANDED_BYTES}")
            unknown = members.keys() - DTYPES.keys() - CONTEXT_DTYPES.keys() - POSITION_DTYPES.keys()
            if unknown:
                raise ModelError(f"{path}: holds {', '.join(sorted(unknown))}, which this version does not know")
            dtypes = dict(DTYPES)
            for optional in (CONTEXT_DTYPES, POSITION_DTYPES):
                dtypes |= optional if members.keys() & optional.keys() else {}
            arrays: dict[str, Any] = {name: _array(archive, members[name]) for name in dtypes}
    except ModelError:
        raise
    except Exception as error:  # what a damaged archive raises is not documented
        raise ModelError(f"{path}: cannot read tables: {error}") from error
    for name, dtype in dtypes.items():
        if arrays[name].dtype != dtype:
            raise ModelError(f"{path}: {name} is {arrays[name].dtype}, expected {np.dtype(dtype)}")
    shift, exponentials, knots = arrays.pop("shift"), arrays.pop("gain_exponentials"), arrays.pop("gain_knots")
    context = {name.removeprefix("z_context_"): arrays.pop(name) for name in CONTEXT_DTYPES if name in arrays}
    if shift.ndim or exponentials.ndim or (context and context["shift"].ndim):
        raise ModelError(f"{path}: shifts and gain_exponentials must be numbers")
    if knots.ndim != 2 or len(knots) < 2 or not np.isfinite(knots).all():
        raise ModelError(f"{path}: gain_knots must be rows of finite numbers")
    if not 0 <= exponentials <= knots.shape[1]:
        raise ModelError(f"{path}: gain_exponentials is {exponentials}, expected 0 to {knots.shape[1]}")
    z_context = ZContext(**{**context, "shift": int(context["shift"])}) if context else None
    return ModelTables(Tables(**arrays, shift=int(shift), z_context=z_context), knots, int(exponentials))


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> NDArray[Any]:
    """An array; its header is checked against its bytes before memory is claimed, which ``numpy.load`` omits."""
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # others expand without a bound
        raise ValueError(f"{member.filename}: compressed by method {member.compress_type}")
    with archive.open(member) as stored:  # read as a whole, it would expand first and be cut then
        data = stored.read(member.file_size)
    stream = io.BytesIO(data)
    if npy.read_magic(stream) != (1, 0):  # type: ignore[no-untyped-call]
        raise ValueError(f"{member.filename}: not of version 1.0")
    shape, by_column, dtype = npy.read_array_header_1_0(stream)  # type: ignore[no-untyped-call]
    if dtype.hasobject or math.prod(shape) * dtype.itemsize != len(data) - stream.tell():
        raise ValueError(f"{member.filename}: {len(data) - stream.tell()} bytes for {dtype} of shape {shape}")
    return np.frombuffer(data, dtype, offset=stream.tell()).reshape(shape, order="F" if by_column else "C")


def write_tables(path: Path, stored: ModelTables) -> None:
    """Write what :func:`read_tables` reads."""
    arrays = {name: getattr(stored.tables, name) for name in DTYPES if not name.startswith("gain_")}
    context = stored.tables.z_context
    if context:
        arrays |= {name: getattr(context, name.removeprefix("z_context_")) for name in CONTEXT_DTYPES}
    if stored.tables.position_bias is not None:
        arrays["position_bias"] = stored.tables.position_bias
    dtypes = DTYPES | CONTEXT_DTYPES | POSITION_DTYPES
    arrays |= {"gain_knots": stored.knots, "gain_exponentials": stored.exponentials}
    np.savez_compressed(path, **{name: np.asarray(value, dtypes[name]) for name, value in arrays.items()})
