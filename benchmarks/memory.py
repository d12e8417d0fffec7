"""Peak memory of a process, and ``python -m benchmarks.memory ARGS``: the ``codec`` command that reports its own."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path


def peak_megabytes() -> float:
    """Largest resident memory of this process so far."""
    status = Path("/proc/self/status")
    if status.exists():  # getrusage would also count what the parent held when it forked
        line = next(x for x in status.read_text().splitlines() if x.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    import resource  # not on Windows, where nothing but this needs it

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1024)


def forget_peak() -> None:
    """Let the peak start again from what is held now, where the system can do that (Linux)."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


if __name__ == "__main__":
    from codec.cli import main

    main(sys.argv[1:], standalone_mode=False)
    print(peak_megabytes())
