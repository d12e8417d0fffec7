"""Many images, wherever they are: on one machine or a cluster, so that what is interrupted can go on."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from codec.batch.findings import Embed, Score
    from codec.batch.job import Summary, run
    from codec.batch.plan import Shard
    from codec.batch.rows import Row
    from codec.batch.tasks import Compress, Decompress, Outcome, Task, Transcode

_LAZY = {
    **dict.fromkeys(("Compress", "Decompress", "Outcome", "Task", "Transcode"), "codec.batch.tasks"),
    **dict.fromkeys(("Embed", "Score"), "codec.batch.findings"),
    **dict.fromkeys(("Summary", "run"), "codec.batch.job"),
    "Row": "codec.batch.rows",
    "Shard": "codec.batch.plan",
}
"""Where names are, which are imported when they are first asked for: commands on files need but a part."""


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "Compress",
    "Decompress",
    "Embed",
    "Outcome",
    "Row",
    "Score",
    "Shard",
    "Summary",
    "Task",
    "Transcode",
    "run",
]
