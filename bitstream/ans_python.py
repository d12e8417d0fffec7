"""The asymmetric numeral system of ``FORMAT.md`` section 6 in Python alone, for machines without the library.

Bit for bit what :mod:`bitstream.ans` gets from the library, seven times slower to read. The state is one Python
integer.

Reference:
    Duda, "Asymmetric numeral systems: entropy coding combining speed of Huffman coding with
    compression rate of arithmetic coding", 2013.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

PRECISION = 24
"""Probabilities are multiples of 2 ** -24."""
_MASK = (1 << PRECISION) - 1
_WORD = 1 << 32


class Categorical:
    """A table of counts.

    Args:
        counts: integers (n,), at least 1, that sum to 2 ** 24.
    """

    def __init__(self, counts: NDArray[np.integer[Any]]) -> None:
        self.counts: list[int] = counts.tolist()
        self.left = [0, *accumulate(self.counts)][:-1]
        self.likeliest = self.counts.index(max(self.counts))


class Uniform:
    """Equal counts.

    Args:
        size: number of values, a power of two of at most 2 ** 16.
    """

    def __init__(self, size: int) -> None:
        self.share = 1 << (PRECISION + 1 - size.bit_length())


class AnsCoder:
    """A stack of symbols: what is encoded last is decoded first.

    Args:
        words: uint32 (n,), as :meth:`get_compressed` gave them; None is an empty stack.
    """

    def __init__(self, words: NDArray[np.uint32] | None = None) -> None:
        self._words: list[int] = [] if words is None else words.tolist()
        self._state = 0
        for _ in range(min(2, len(self._words))):
            self._state = self._state * _WORD + self._words.pop()

    def is_empty(self) -> bool:
        """Whether nothing is left."""
        return not self._state and not self._words

    def get_compressed(self) -> NDArray[np.uint32]:
        """The stack as words, uint32 (n,), the bottom first."""
        return np.array([*self._words, self._state % _WORD, self._state // _WORD], np.uint32)

    def encode_reverse(self, symbols: NDArray[np.int32], model: Categorical | Uniform) -> None:
        """Push symbols, (n,), the last one first."""
        state, words = self._state, self._words
        for symbol in symbols[::-1].tolist():
            if isinstance(model, Uniform):
                count, left = model.share, model.share * symbol
            else:
                count, left = model.counts[symbol], model.left[symbol]
            if state >> (64 - PRECISION) >= count:
                words.append(state % _WORD)
                state >>= 32
            high, low = divmod(state, count)
            state = (high << PRECISION) + left + low
        self._state = state

    def decode(self, model: Categorical | Uniform, amount: int) -> NDArray[np.int32]:
        """Pop symbols, int32 (amount,)."""
        uniform = model.share if isinstance(model, Uniform) else 0
        if isinstance(model, Categorical):
            counts, left, likeliest = model.counts, model.left, model.likeliest
            low, size = left[likeliest], counts[likeliest]
        state, words = self._state, self._words
        symbols = []
        for _ in range(amount):
            at = state & _MASK
            if uniform:
                symbol = at // uniform
                state = (state >> PRECISION) * uniform + at % uniform
            elif 0 <= at - low < size:
                symbol = likeliest
                state = (state >> PRECISION) * size + at - low
            else:
                symbol = bisect_right(left, at) - 1
                state = (state >> PRECISION) * counts[symbol] + at - left[symbol]
            if state < _WORD and words:
                state = (state << 32) + words.pop()
            symbols.append(symbol)
        self._state = state
        return np.array(symbols, np.int32)
