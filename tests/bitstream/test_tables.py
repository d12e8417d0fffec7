"""Integer tables: exact sums, exact scale map, bad tables refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitstream import ModelError, ans
from bitstream.frequency_tables import TOTAL
from bitstream.tables import quantize_pmf
from bitstream.z_context import Z_BOUND
from tests.common import small_tables


@given(st.lists(st.floats(0, 1, allow_subnormal=False), min_size=2, max_size=300).filter(lambda p: sum(p) > 1e-3))
def test_counts_sum_to_the_total(pmf):
    counts = quantize_pmf(np.array(pmf))
    assert counts.sum() == TOTAL and counts.min() >= 1
    np.testing.assert_allclose(counts / TOTAL, np.array(pmf) / sum(pmf), atol=(len(pmf) + 2) / TOTAL)


@pytest.mark.parametrize("seed", range(5))
def test_the_library_uses_the_counts_as_they_are(seed):
    """One symbol at a time, its cost is exactly that of its count: state = quotient * 2^24 + left + remainder."""
    import constriction

    counts = quantize_pmf(np.random.default_rng(seed).random(50) ** 6 + 1e-12)
    model = ans.categorical(counts)
    left = np.concatenate([[0], np.cumsum(counts)])
    for s in (0, 1, 17, 49):
        for r in (0, int(counts[s]) - 1):
            coder = constriction.stream.stack.AnsCoder(np.array([int(left[s]) + r, 0x1], np.uint32))
            assert coder.decode(model) == s


def test_scale_map_is_exact_at_its_bounds():
    tables = small_tables(2)
    for sign in (-1, 1):
        z = np.full((3, 2, 2), sign * Z_BOUND, np.int32)
        got = tables.scale_index(z, 1)
        for c, u, v in np.ndindex(5, 4, 4):
            exact = sum(int(w) * sign * Z_BOUND for w in tables.weight[16 * c + 4 * u + v]) + int(tables.bias[1][c])
            assert got[c, u, v] == min(max(exact >> 4, 0), 4)


def test_the_scale_map_may_depend_on_the_position_in_a_cell():
    tables, rng = small_tables(2), np.random.default_rng(0)
    z = rng.integers(-2, 3, (3, 2, 3)).astype(np.int32)
    position = rng.integers(-80, 80, len(tables.weight)).astype(np.int32)
    got = replace(tables, position_bias=position).scale_index(z, 1)
    for c, row, column in np.ndindex(got.shape):
        k = 16 * c + 4 * (row % 4) + column % 4
        exact = int(tables.weight[k].astype(int) @ z[:, row // 4, column // 4]) + int(tables.bias[1][c] + position[k])
        assert got[c, row, column] == min(max(exact >> 4, 0), 4)
    far = replace(tables, position_bias=np.full(len(tables.weight), 2**31 - 1, np.int32))
    assert (far.scale_index(z, 1) == 4).all()


def test_bad_tables_are_refused():
    tables = small_tables()
    with pytest.raises(ModelError, match="position_bias"):
        replace(tables, position_bias=np.zeros(3, np.int32))
    counts = tables.y_counts.copy()
    counts[0] += 1
    with pytest.raises(ModelError, match="sum"):
        replace(tables, y_counts=counts)
    with pytest.raises(ModelError, match="y_limits"):
        replace(tables, y_limits=tables.y_limits + 1)
    with pytest.raises(ModelError, match="weight"):
        replace(tables, weight=tables.weight[1:])
