"""How outputs are named: as their inputs but for the suffix, and so that no two have one name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import PurePath


def keeps_suffix(inputs: Sequence[tuple[PurePath, PurePath]], suffix: str) -> set[int]:
    """Which inputs keep their own suffix in their output's name, because others have the same name without.

    ``a.png`` alone becomes ``a.lmc``; beside ``a.jpg`` they become ``a.png.lmc`` and ``a.jpg.lmc``.

    Args:
        inputs: of each its path, and the folder that its output goes to.
        suffix: of outputs.

    Returns:
        set[int]: places of those in ``inputs``.
    """
    whole: set[int] = set()
    while True:
        claims: dict[str, list[int]] = defaultdict(list)
        for i, (path, folder) in enumerate(inputs):
            # Windows and macOS do not tell upper and lower case apart.
            claims[str(output(path, folder, suffix, i in whole)).casefold()].append(i)
        clashing = {i for claim in claims.values() if len({inputs[i][0].name for i in claim}) > 1 for i in claim}
        if clashing <= whole:
            return whole
        whole |= clashing


def output(path: PurePath, folder: PurePath, suffix: str, whole: bool) -> PurePath:
    """Where the output of an input goes.

    Args:
        path: of the input.
        folder: for the output.
        suffix: of the output.
        whole: whether the input's own suffix is kept as well.

    Returns:
        PurePath: in that folder.
    """
    return folder / ((path.name if whole else path.stem) + suffix)
