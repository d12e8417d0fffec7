"""Write ``vectors/chunks.json`` and ``chunks-context.json``, once. Existing vectors are never replaced."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from bitstream import encode_chunk
from tests.bitstream.test_entropy import CONTEXT_VECTORS, VECTORS, _symbols
from tests.common import small_tables

SHAPES = {
    VECTORS: [(1, 1, 0.0, 0), (1, 2, 1.0, 3), (2, 1, 40.0, 6), (1, 1, 9e4, 2)],
    CONTEXT_VECTORS: [(1, 1, 0.0, 0), (1, 2, 1.0, 3), (3, 2, 2.0, 6), (2, 2, 9e4, 2)],
}
"""Rows, columns, spread and level."""


def make(path: Path) -> None:
    """Write one of them."""
    vectors = []
    for seed, (rows, columns, spread, q) in enumerate(SHAPES[path]):
        tables = small_tables(seed, context=path == CONTEXT_VECTORS)
        z, y = _symbols(tables, seed, rows, columns, spread)
        check = int(tables.y_counts.astype(np.int64) @ np.arange(len(tables.y_counts)))
        payload = encode_chunk(tables, q, z, y).hex()
        vector = {"tables_seed": seed, "tables_check": check, "quality_index": q, "payload": payload}
        vectors.append({**vector, "z": z.tolist(), "y": y.tolist()})
    path.write_text(json.dumps(vectors) + "\n")


def main() -> None:
    """Make what is not there."""
    for path in SHAPES:
        if not path.exists():
            make(path)


if __name__ == "__main__":
    main()
