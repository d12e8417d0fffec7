"""Which file becomes which: what the arguments of a command on many files mean."""

from __future__ import annotations

import os
import sys
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click

from codec.batch.naming import keeps_suffix, output
from codec.util.files import find_files

STREAM = "-"
_COARSE_NS = 2_000_000_000
"""How exactly a file system may keep times."""


@dataclass(frozen=True)
class Job:
    """An input and its output; None stands for stdin and stdout."""

    source: Path | None
    target: Path | None
    error: OSError | None = None
    """Why there is no telling what is in a folder, which then stands as the source."""
    former: Path | None = None
    """An output of this very source by a shorter name, made when no other source had a claim to it."""

    @property
    def name(self) -> str:
        """For messages."""
        return "stdin" if self.source is None else str(self.source)


def plan(
    arguments: tuple[Path, ...],
    out_dir: Path | None,
    recursive: bool,
    suffix: str,
    is_output: Callable[[Path], bool],
    is_input: Callable[[Path], bool],
    passed: Callable[[Path], None] | None = None,
) -> list[Job]:
    """Turn arguments into jobs.

    Args:
        arguments: inputs; the last is the output if there are two and its name says so, or a folder for them.
            Which it is must be plain: whoever names an output wants nothing beside the inputs.
        out_dir: folder for the outputs; None puts each beside its input.
        recursive: whether directories are searched.
        suffix: of outputs.
        is_output: whether a second argument is an output.
        is_input: whether a file found in a directory is to be taken.
        passed: called with each that is not.

    Raises:
        click.UsageError: they make no sense together.
    """
    if out_dir is not None and out_dir.exists() and not out_dir.is_dir():
        raise click.UsageError(f"--out-dir: {out_dir} is not a folder")
    last = arguments[-1]
    if len(arguments) > 1 and out_dir is None and last.is_dir():
        if recursive:
            raise click.UsageError(
                f"-r: is {last} for the outputs? Then say --out-dir {last}; if not, give one folder at a time"
            )
        arguments, out_dir = arguments[:-1], last
        last = arguments[-1]
    is_named = is_output(last) or str(last) == "/dev/stdout"
    if len(arguments) == 2 and out_dir is None and not arguments[0].is_dir() and is_named:
        source, target = (None if str(a) == STREAM else a for a in arguments)
        if str(target) == "/dev/stdout":  # also if it is a file, which is not to be replaced
            target = None
        if source is not None and target is not None and same(source, target):
            raise click.UsageError(f"output and input are the same file: {source}")
        return [Job(source, target)]
    if len(arguments) > 1 and str(last) != STREAM and (is_output(last) or not os.path.lexists(last)):
        raise click.UsageError(_no_output(arguments, out_dir, recursive, suffix))
    if arguments == (Path(STREAM),) and out_dir is None:
        return [Job(None, None)]
    pairs: list[tuple[Path, Path]] = []  # a file, and the folder its output goes to
    unreadable: list[OSError] = []
    for argument in arguments:
        if str(argument) == STREAM:
            raise click.UsageError(
                "stdin has no name to give an output: name the output, or give - alone" if len(arguments) == 1
                else "stdin can only be the one input"
            )  # fmt: skip
        if argument.is_dir():
            if not recursive:
                raise click.UsageError(f"{argument} is a directory; use -r to take the files in it")
            for file in find_files(argument, unreadable.append):
                if is_input(file):
                    inside = file.parent.relative_to(argument)
                    pairs.append((file, file.parent if out_dir is None else out_dir / inside))
                elif passed is not None:
                    passed(file)
        else:
            pairs.append((argument, argument.parent if out_dir is None else out_dir))
    jobs = _named(pairs, suffix)
    seen: set[str] = set()
    for job in jobs:
        name = str(job.target)
        name = name.casefold() if sys.platform in ("darwin", "win32") else name
        if name in seen:
            raise click.UsageError(f"two inputs would both become {job.target}")
        seen.add(name)
    return jobs + [Job(Path(str(error.filename)), None, error) for error in unreadable]


def _named(pairs: list[tuple[Path, Path]], suffix: str) -> list[Job]:
    """Jobs of files and the folders of their outputs, which have the names of their inputs but for the suffix. Where
    that would be the name of several, each keeps its own suffix as well: ``a.png.lmc`` and ``a.jpg.lmc``."""

    whole = keeps_suffix(pairs, suffix)
    rivals: dict[Path, list[Path]] = defaultdict(list)
    for i in whole:
        file, folder = pairs[i]
        rivals[folder / (file.stem + suffix)].append(file)
    made_of = {output: _maker(output, files) for output, files in rivals.items() if output.is_file()}

    def job(i: int) -> Job:
        file, folder = pairs[i]
        short = folder / (file.stem + suffix)
        target = Path(output(file, folder, suffix, i in whole))
        return Job(file, target, former=short if i in whole and made_of.get(short) == file else None)

    return [job(i) for i in range(len(pairs))]


def _maker(output: Path, files: list[Path]) -> Path | None:
    """Of which of several files an output of the short name was made before the others came; None if that is not plain.

    That file alone is no younger than the output, and was in the folder before it: files keep their time of
    modification when they are copied, but not that of their entry.
    """
    try:
        made = output.stat()
        older = [file for file in files if file.stat().st_mtime_ns <= made.st_mtime_ns + _COARSE_NS]
        is_plain = len(older) == 1 and older[0].stat().st_ctime_ns <= made.st_ctime_ns
    except OSError:
        return None
    return older[0] if is_plain else None


def _no_output(arguments: tuple[Path, ...], out_dir: Path | None, recursive: bool, suffix: str) -> str:
    """Why the last of several arguments is not the output, and as an input of no use."""
    last = arguments[-1]
    if out_dir is not None:
        return f"{last}: as an output, it cannot be given beside --out-dir; as an input, it is of no use"
    if recursive or arguments[0].is_dir():
        return f"{last}: as an output of a folder, it has to be another, given as --out-dir"
    if len(arguments) > 2:
        return f"{last}: as an output of several, it has to be a folder that exists; --out-dir makes one"
    return (
        f"{last}: as an output, it has to end in {suffix} or the like, or be a folder that exists; --out-dir makes one"
    )


def same(one: Path, other: Path) -> bool:
    """Whether two names are of one file, or would be if it were there."""
    try:
        return os.path.realpath(one) == os.path.realpath(other) or one.samefile(other)
    except OSError:  # one is not there
        return False
