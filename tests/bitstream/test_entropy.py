"""Entropy coding: symbols survive, whatever they are, and the bytes are what FORMAT.md says."""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bitstream import CorruptError, decode_chunk, encode_chunk
from bitstream.stages import Y_BOUND
from bitstream.tables import quantize_pmf
from bitstream.z_context import Z_BOUND, ZContext, second_half
from tests.common import VECTORS, reference_decode, small_tables

CHUNKS = VECTORS / "chunks.json"
CONTEXT_VECTORS = VECTORS / "chunks-context.json"


def _symbols(tables, seed, rows, columns, spread):
    rng = np.random.default_rng(seed)
    z = np.rint(rng.laplace(0, spread, (tables.hyper_latents, rows, columns))).astype(np.int32)
    y = np.rint(rng.laplace(0, spread, (tables.latents, 4 * rows, 4 * columns))).astype(np.int32)
    return z, y


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**16),
    rows=st.integers(1, 4),
    columns=st.integers(1, 4),
    spread=st.sampled_from([0.0, 0.3, 3.0, 1e3, 1e5]),
    q=st.integers(0, 6),
    context=st.booleans(),
)
def test_symbols_survive(seed, rows, columns, spread, q, context):
    tables = small_tables(seed, context=context)
    z, y = _symbols(tables, seed, rows, columns, spread)
    z = np.clip(z, -Z_BOUND, Z_BOUND)
    payload = encode_chunk(tables, q, z, y)
    z_read, y_read = decode_chunk(tables, q, rows, columns, payload)
    np.testing.assert_array_equal(z_read, z)
    np.testing.assert_array_equal(y_read, y)


@pytest.mark.parametrize("context", [False, True])
@pytest.mark.parametrize("spread", [0.0, 1.0, 50.0, 1e5])
def test_bytes_are_what_the_specification_says(spread, context):
    tables = small_tables(3, context=context)
    z, y = _symbols(tables, 5, 2, 3, spread)
    payload = encode_chunk(tables, 4, z, y)
    z_read, y_read = reference_decode(tables, 4, 2, 3, payload)
    np.testing.assert_array_equal(z_read, z)
    np.testing.assert_array_equal(y_read, y)


@pytest.mark.parametrize("value", [0, 1, -1, 41, -41, 65_535, -65_536, Y_BOUND, -Y_BOUND])
def test_every_magnitude_can_be_coded(value):
    tables = small_tables()
    z = np.full((3, 1, 1), max(-Z_BOUND, min(Z_BOUND, value)), np.int32)
    y = np.full((5, 4, 4), value, np.int32)
    z_read, y_read = decode_chunk(tables, 0, 1, 1, encode_chunk(tables, 0, z, y))
    np.testing.assert_array_equal(z_read, z)
    np.testing.assert_array_equal(y_read, y)


def test_z_beyond_its_bound_is_refused_though_tables_reach_there():
    tables = small_tables()
    wide = np.ones((2, 3, 2 * Z_BOUND + 102), np.uint32)
    wide[..., -2] += 2**24 - wide.shape[2]  # Z_BOUND + 50, nearly always
    tables = replace(tables, z_counts=wide)
    assert tables.z_limit == Z_BOUND + 50
    with pytest.raises(CorruptError, match="z: magnitude above"):
        decode_chunk(tables, 0, 1, 1, bytes([0] * 2 + [255] * 6))


@pytest.mark.parametrize("sign", [-1, 1])
def test_z_at_its_bounds_survives_its_context(sign):
    """Means beyond the bounds are cut, so that no coded difference exceeds what an escape holds."""
    tables = small_tables(1, context=True)
    z = np.full((3, 3, 3), sign * Z_BOUND, np.int32)
    z[:, second_half(3, 3)] *= -1
    y = np.zeros((5, 12, 12), np.int32)
    payload = encode_chunk(tables, 0, z, y)
    np.testing.assert_array_equal(decode_chunk(tables, 0, 3, 3, payload)[0], z)
    np.testing.assert_array_equal(reference_decode(tables, 0, 3, 3, payload)[0], z)


def test_z_that_follows_its_neighbours_costs_less():
    """With a mean of the four neighbours, a slope is coded in fewer bits than by channel alone."""
    plain = small_tables(0)
    pmf = 0.5 ** np.abs(np.arange(-3, 4)[None] - np.arange(8)[:, None] / 8)
    counts = np.array([[quantize_pmf(np.append(p, 1e-6)) for p in pmf]], np.uint32)
    weight = np.kron(np.ones(4), np.eye(3)) * 16
    context = ZContext(weight.astype(np.int8), 3, np.zeros((2, 3), np.uint8), counts)
    z = np.add.outer(np.arange(-4, 4), np.arange(8))[None].repeat(3, axis=0).astype(np.int32) // 2
    y = np.zeros((5, 32, 32), np.int32)
    assert len(encode_chunk(replace(plain, z_context=context), 0, z, y)) < len(encode_chunk(plain, 0, z, y)) - 10


@pytest.mark.parametrize(("z_value", "y_value"), [(Z_BOUND + 1, 0), (-Z_BOUND - 1, 0), (0, Y_BOUND + 1)])
def test_symbols_out_of_bounds_are_refused(z_value, y_value):
    z, y = np.full((3, 1, 1), z_value, np.int32), np.full((5, 4, 4), y_value, np.int32)
    with pytest.raises(CorruptError, match="magnitude above"):
        encode_chunk(small_tables(), 0, z, y)


def test_size_matches_the_entropy():
    """The stream is as long as the information in it: within 0.1% and four bytes."""
    tables = small_tables(1, latents=8)
    rng = np.random.default_rng(2)
    z = rng.integers(-3, 4, (3, 8, 8)).astype(np.int32)
    index = tables.scale_index(z, 3)
    start = np.concatenate([[0], np.cumsum(2 * tables.y_limits + 2)])
    y = np.zeros(index.shape, np.int32)
    bits = 0.0
    for n in range(3):
        counts = tables.z_counts[tables.bank(3)][n].astype(float)
        bits -= np.log2(counts[z[n] + 3] / 2**24).sum()
    for t, limit in enumerate(tables.y_limits):
        counts = tables.y_counts[start[t] : start[t + 1] - 1].astype(float)
        at = index == t
        if limit:
            y[at] = rng.choice(np.arange(-limit, limit + 1), at.sum(), p=counts / counts.sum())
        bits -= np.log2(counts[y[at] + limit] / 2**24).sum()
    size = 8 * len(encode_chunk(tables, 3, z, y))
    assert bits <= size + 1 and size <= bits * 1.001 + 32


@settings(deadline=None, max_examples=100)
@given(payload=st.binary(max_size=400), context=st.booleans())
def test_any_payload_gives_symbols_or_a_typed_error(payload, context):
    with contextlib.suppress(CorruptError):
        decode_chunk(small_tables(context=context), 2, 2, 2, payload)


@pytest.mark.parametrize("context", [False, True])
def test_what_a_damaged_chunk_decodes_to_codes_to_its_bytes(context):
    """No two payloads stand for the same symbols, or a changed file could pass for another."""
    tables, rng, decoded = small_tables(context=context), np.random.default_rng(0), 0
    for _ in range(500):
        z, y = rng.integers(-3, 4, (3, 2, 2)).astype(np.int32), rng.integers(-2, 3, (5, 8, 8)).astype(np.int32)
        payload = bytearray(encode_chunk(tables, 2, z, y))
        for at in rng.integers(len(payload), size=rng.integers(1, 3)):
            payload[at] ^= 1 << rng.integers(8)
        with contextlib.suppress(CorruptError):
            z, y = decode_chunk(tables, 2, 2, 2, bytes(payload))
            decoded += 1
            assert encode_chunk(tables, 2, z, y) == bytes(payload)
    assert decoded > 40


@pytest.mark.parametrize(("path", "context"), [(CHUNKS, False), (CONTEXT_VECTORS, True)])
def test_pinned_vectors(path, context):
    """Bytes to symbols and back, pinned for good."""
    vectors = json.loads(path.read_text())
    assert len(vectors) >= 4
    for vector in vectors:
        tables = small_tables(vector["tables_seed"], context=context)
        assert int(tables.y_counts.astype(np.int64) @ np.arange(len(tables.y_counts))) == vector["tables_check"]
        payload = bytes.fromhex(vector["payload"])
        z = np.array(vector["z"], np.int32)
        y = np.array(vector["y"], np.int32)
        assert encode_chunk(tables, vector["quality_index"], z, y) == payload
        z_read, y_read = decode_chunk(tables, vector["quality_index"], *z.shape[1:], payload)
        np.testing.assert_array_equal(z_read, z)
        np.testing.assert_array_equal(y_read, y)
