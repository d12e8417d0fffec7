"""What a forked child must make anew: locks, as the threads that held them exist only in the parent."""

from __future__ import annotations

import os
from collections.abc import Callable


def around_fork(renew: Callable[[], None], before: Callable[[], None] | None = None) -> None:
    """Have functions called around every fork, on systems that fork.

    Args:
        renew: called in the child.
        before: called in the parent, before it forks; None for nothing.
    """
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=renew, **({} if before is None else {"before": before}))
