"""The coder in Python alone against the library: the same bytes, and the same symbols even from bytes of nobody."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bitstream import CorruptError, ans, decode_chunk, encode_chunk
from bitstream.tables import quantize_pmf
from codec.api import read_symbols
from codec.engine.runtime import Runtime
from tests.common import VECTORS, small_tables

constriction = pytest.importorskip("constriction", reason="the library has no wheel for this machine")


@pytest.fixture
def without_library(monkeypatch):
    monkeypatch.setattr(ans, "constriction", None)


def test_the_library_is_used_where_it_is_installed():
    assert isinstance(ans.stack(), constriction.stream.stack.AnsCoder)


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**16),
    n=st.integers(0, 300),
    peak=st.sampled_from([1, 4, 40]),
    uniform=st.sampled_from([2, 32, 65536]),
)
def test_both_write_the_same_bytes_and_read_them_back(seed, n, peak, uniform):
    rng = np.random.default_rng(seed)
    counts = quantize_pmf(rng.random(17) ** peak + 1e-12)
    symbols = rng.choice(17, n, p=counts / counts.sum()).astype(np.int32)
    flat = rng.integers(0, uniform, n).astype(np.int32)
    written = []
    for library in (constriction, None):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(ans, "constriction", library)
            coder = ans.stack()
            coder.encode_reverse(flat, ans.uniform(uniform))
            coder.encode_reverse(symbols, ans.categorical(counts))
            words = coder.get_compressed().astype("<u4")
            written.append(words.tobytes().rstrip(b"\0"))
            coder = ans.stack(words)
            np.testing.assert_array_equal(coder.decode(ans.categorical(counts), n), symbols)
            np.testing.assert_array_equal(coder.decode(ans.uniform(uniform), n), flat)
            assert coder.is_empty()
    assert written[0] == written[1]


@pytest.mark.parametrize("state", [2**48 - 1, 2**48, 2**48 + 2**40 - 1, 2**48 + 2**40])
def test_both_make_room_at_the_same_state(state):
    """A symbol of count 256 just fits a state below 2 ** 48, and at it no more."""
    written = []
    for library in (constriction, None):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(ans, "constriction", library)
            coder = ans.stack(np.array([state % 2**32, state // 2**32], np.uint32))
            coder.encode_reverse(np.array([7], np.int32), ans.uniform(65536))
            written.append(coder.get_compressed().astype("<u4").tobytes().rstrip(b"\0"))
    assert written[0] == written[1]


@settings(deadline=None, max_examples=150)
@given(payload=st.binary(max_size=300), seed=st.integers(0, 3), context=st.booleans())
def test_both_read_the_same_from_any_bytes(payload, seed, context):
    found = []
    for library in (constriction, None):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(ans, "constriction", library)
            try:
                found.append([s.tolist() for s in decode_chunk(small_tables(seed, context=context), 2, 2, 2, payload)])
            except CorruptError as error:
                found.append(str(error))
    assert found[0] == found[1]


@pytest.mark.parametrize(("name", "context"), [("chunks", False), ("chunks-context", True)])
def test_pinned_chunks_without_the_library(without_library, name, context):
    for vector in json.loads((VECTORS / f"{name}.json").read_text()):
        tables, q = small_tables(vector["tables_seed"], context=context), vector["quality_index"]
        z, y = (np.array(vector[name], np.int32) for name in "zy")
        assert encode_chunk(tables, q, z, y).hex() == vector["payload"]
        for found, expected in zip(
            decode_chunk(tables, q, *z.shape[1:], bytes.fromhex(vector["payload"])), (z, y), strict=True
        ):
            np.testing.assert_array_equal(found, expected)


def test_a_pinned_file_without_the_library(without_library):
    from tests.bitstream.test_vectors import digest

    data = (VECTORS / "pictures" / "noise.lmc").read_bytes()
    expected = json.loads((VECTORS / "pictures" / "expected.json").read_text())["noise"]["symbols"]
    assert digest(*read_symbols(Runtime(VECTORS / "model"), data)[1:]) == expected
