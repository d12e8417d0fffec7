"""How work that takes long reports its progress, and how it is stopped."""

from __future__ import annotations

import threading
from collections.abc import Callable

Progress = Callable[[int, int], None]
"""Called with pixels done and pixels in total."""


class Watch:
    """Passes progress on to a bar, and stops a job that is no longer wanted."""

    def __init__(self, bar: Progress | None = None) -> None:
        self._bar = bar
        self._stopped = threading.Event()

    def stop(self) -> None:
        """Make every further call raise."""
        self._stopped.set()

    def __call__(self, done: int, total: int) -> None:
        """Tell of pixels done and in all.

        Raises:
            InterruptedError: the job was stopped.
        """
        if self._stopped.is_set():
            raise InterruptedError("stopped")
        if self._bar:
            self._bar(done, total)
