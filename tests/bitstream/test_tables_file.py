"""Tables of a model that somebody else made: what does not fit is refused before it does harm."""

from __future__ import annotations

import re
import tracemalloc
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bitstream import ModelError, encode_chunk
from bitstream.tables_file import MAX_EXPANDED_BYTES, ModelTables, read_tables, write_tables
from tests.common import small_tables

ROOT = Path(__file__).parents[2]


@pytest.fixture
def arrays():
    tables = dict(vars(small_tables(context=True)))
    context = tables.pop("z_context")
    tables["position_bias"] = np.zeros(80, np.int32)
    return {
        **tables,
        **{f"z_context_{name}": value for name, value in vars(context).items()},
        "shift": np.int64(4),
        "gain_knots": np.zeros((3, 12), np.float32),
        "gain_exponentials": np.int64(10),
    }


def test_sound_tables_are_read(tmp_path, arrays):
    np.savez_compressed(tmp_path / "t.npz", **arrays)
    stored = read_tables(tmp_path / "t.npz")
    np.testing.assert_array_equal(stored.tables.weight, arrays["weight"])
    assert stored.tables.shift == 4 and stored.exponentials == 10 and stored.knots.shape == (3, 12)
    np.testing.assert_array_equal(stored.tables.z_context.weight, arrays["z_context_weight"])


@pytest.mark.parametrize("position", [None, np.arange(80, dtype=np.int32)])
@pytest.mark.parametrize("context", [False, True])
def test_what_is_written_is_read(tmp_path, context, position):
    tables = replace(small_tables(context=context), position_bias=position)
    write_tables(tmp_path / "t.npz", ModelTables(tables, np.ones((3, 12), np.float32), 4))
    stored = read_tables(tmp_path / "t.npz")
    assert stored.exponentials == 4 and stored.knots.tolist() == np.ones((3, 12)).tolist()
    assert (stored.tables.z_context is not None) == context
    np.testing.assert_array_equal(stored.tables.position_bias, position)
    z, y = np.ones((3, 2, 2), np.int32), np.ones((5, 8, 8), np.int32)
    assert encode_chunk(stored.tables, 2, z, y) == encode_chunk(tables, 2, z, y)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("weight", np.zeros((80, 3))),
        ("weight", np.array([{}], dtype=object)),
        ("bias", np.zeros((0, 5), np.int32)),
        ("bias", np.zeros(5, np.int32)),
        ("position_bias", np.zeros(79, np.int32)),
        ("position_bias", np.zeros(80)),
        ("y_limits", np.zeros(0, np.int32)),
        ("y_limits", np.full((5, 1), 2, np.int32)),
        ("z_counts", np.zeros((0, 3, 8), np.uint32)),
        ("shift", np.int64(16)),
        ("shift", np.int64([4, 4])),
        ("gain_knots", np.full((3, 12), np.nan, np.float32)),
        ("gain_knots", np.zeros((1, 12), np.float32)),
        ("gain_exponentials", np.int64(13)),
        ("gain_exponentials", np.int64(-1)),
        ("shift", None),
        ("z_context_shift", np.int64(16)),
        ("z_context_shift", np.int64([5])),
        ("z_context_weight", np.zeros((3, 12))),
        ("z_context_scales", np.zeros((1, 3), np.uint8)),
        ("z_context_counts", None),
        ("z_context_counts", np.full((257, 8, 8), 1 << 21, np.uint32)),
        ("z_counts", np.zeros((2, 0, 8), np.uint32)),
        ("something", np.zeros(3)),
    ],
)
def test_arrays_that_do_not_fit_are_refused(tmp_path, arrays, name, value):
    arrays[name] = value
    np.savez_compressed(tmp_path / "t.npz", **{k: v for k, v in arrays.items() if v is not None})
    with pytest.raises(ModelError):
        read_tables(tmp_path / "t.npz")


def test_a_bomb_is_refused_before_it_expands(tmp_path, arrays):
    path = tmp_path / "t.npz"
    np.savez_compressed(path, **arrays)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive, archive.open("more.npy", "w") as member:
        for _ in range(MAX_EXPANDED_BYTES >> 20):
            member.write(bytes(1 << 20))
    assert path.stat().st_size < 1 << 20
    with pytest.raises(ModelError, match="expected at most"):
        read_tables(path)


def test_a_bomb_that_lies_about_its_size_is_not_expanded_either(tmp_path, arrays):
    path = tmp_path / "t.npz"
    del arrays["position_bias"]  # whose name ends alike
    arrays["bias"] = np.zeros((1 << 18, 5), np.int32)
    np.savez_compressed(path, **arrays)
    content = bytearray(path.read_bytes())
    at = content.rindex(b"bias.npy") - 46  # its entry in the list at the end
    assert content[at : at + 4] == b"PK\1\2"
    content[at + 24 : at + 28] = (200).to_bytes(4, "little")
    path.write_bytes(content)
    tracemalloc.start()
    with pytest.raises(ModelError):
        read_tables(path)
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()


@pytest.mark.parametrize("damage", [0, 40, -30, None])
def test_damaged_archives_are_refused(tmp_path, arrays, damage):
    path = tmp_path / "t.npz"
    np.savez_compressed(path, **arrays)
    content = bytearray(path.read_bytes())
    if damage is None:
        content = content[: len(content) // 2]
    else:
        content[damage] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(ModelError):
        read_tables(path)


def test_nothing_here_unpickles():
    """Reading a pickle runs what it says; so nothing asks for one, and nothing that could takes one."""
    forbidden = re.compile(
        r"\b(import|from) pickle\b|allow_pickle=True|weights_only=False|\bnp\.load\((?!.*allow_pickle=False)"
    )
    sources = [path for folder in ("bitstream", "codec", "benchmarks") for path in (ROOT / folder).rglob("*.py")]
    assert len(sources) > 80
    found = [f"{path}: {line}" for path in sources for line in path.read_text().splitlines() if forbidden.search(line)]
    loads = [p for p in sources if "torch.load(" in p.read_text() and "weights_only=True" not in p.read_text()]
    assert (found, loads) == ([], [])
