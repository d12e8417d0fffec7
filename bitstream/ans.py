"""The asymmetric numeral system that symbols are coded with: a library's, or our own where it cannot be installed.

Both give the same bytes. The library has wheels for the usual machines only; anywhere else it would want a Rust
compiler, so there it is not required, see ``setup.py``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitstream import ans_python

try:
    import constriction
except ImportError:
    constriction = None


def stack(words: NDArray[np.uint32] | None = None) -> Any:
    """A coder that holds these words; None or none at all is an empty one."""
    if constriction is None:
        return ans_python.AnsCoder(words)
    coder = constriction.stream.stack.AnsCoder
    return coder(words) if words is not None and len(words) else coder()


def categorical(counts: NDArray[np.integer[Any]]) -> Any:
    """The coder's model of a table of counts, each at least 1, that sum to 2 ** 24.

    The library takes floats and turns them into integers by giving every symbol one unit and sharing
    the rest in proportion. Counts less one therefore come out as the counts themselves, exactly.
    """
    if constriction is None:
        return ans_python.Categorical(counts)
    return constriction.stream.model.Categorical((counts - 1).astype(np.float64), perfect=False)


def uniform(size: int) -> Any:
    """The coder's model of ``size`` equally likely values, a power of two."""
    return ans_python.Uniform(size) if constriction is None else constriction.stream.model.Uniform(size)
