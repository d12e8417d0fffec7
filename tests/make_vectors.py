"""Write ``vectors/chunks.json``, once. Existing vectors are never replaced."""

from __future__ import annotations

import json

import numpy as np

from bitstream import encode_chunk
from tests.common import small_tables
from tests.test_entropy import VECTORS, _symbols


def main() -> None:
    if VECTORS.exists():
        raise SystemExit(f"{VECTORS} exists; vectors are pinned for good")
    vectors = []
    for seed, (rows, columns, spread, q) in enumerate(
        [(1, 1, 0.0, 0), (1, 2, 1.0, 3), (2, 1, 40.0, 6), (1, 1, 9e4, 2)]
    ):
        tables = small_tables(seed)
        z, y = _symbols(tables, seed, rows, columns, spread)
        check = int(tables.y_counts.astype(np.int64) @ np.arange(len(tables.y_counts)))
        payload = encode_chunk(tables, q, z, y).hex()
        vector = {"tables_seed": seed, "tables_check": check, "quality_index": q, "payload": payload}
        vectors.append({**vector, "z": z.tolist(), "y": y.tolist()})
    VECTORS.write_text(json.dumps(vectors) + "\n")


if __name__ == "__main__":
    main()
