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


def test_bad_tables_are_refused():
    tables = small_tables()
    counts = tables.y_counts.copy()
    counts[0] += 1
    with pytest.raises(ModelError, match="sum"):
        replace(tables, y_counts=counts)
    with pytest.raises(ModelError, match="y_limits"):
        replace(tables, y_limits=tables.y_limits + 1)
    with pytest.raises(ModelError, match="weight"):
        replace(tables, weight=tables.weight[1:])
