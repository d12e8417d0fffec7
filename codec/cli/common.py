"""What the commands share: options, and errors as one line and an exit code."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable
from functools import wraps
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, ParamSpec

import click

from bitstream.errors import CodecError
from codec.api import MAX_PIXELS

if TYPE_CHECKING:
    from codec.batch.plan import Shard

    ParamType = click.ParamType[Any]
else:
    ParamType = click.ParamType  # was not generic before click 8.4

_P = ParamSpec("_P")
FILE = click.Path(path_type=Path)
PAGE_SUFFIXES = (".html", ".htm")
SEED = click.IntRange(0, 2**32 - 1)
"""What random numbers are drawn from."""


class FiniteRange(click.FloatRange):
    """A range of numbers, of which "nan" and "inf" are none."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number of a text."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a finite number", param, ctx)
        return number


class Size(ParamType):
    """Width and height, such as 768x512."""

    name = "WxH"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        """Two whole numbers."""
        parts = str(value).lower().split("x")
        if len(parts) != 2 or not all(re.fullmatch(r"[0-9]{1,5}", p) and 1 <= int(p) <= 65_535 for p in parts):
            self.fail(f"invalid size {value!r}; try 768x512", param, ctx)
        return int(parts[0]), int(parts[1])


class _Shard(ParamType):
    name = "I/N"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Shard:
        """A shard of a text such as 0/8."""
        from codec.batch.plan import Shard

        if isinstance(value, Shard):
            return value
        try:
            return Shard.parse(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


SHARD = _Shard()


def reporting(command: Callable[_P, None]) -> Callable[_P, None]:
    """Turn what input and the system can cause into one line on stderr and exit code 1."""

    @wraps(command)
    def run(*args: _P.args, **kwargs: _P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except BrokenPipeError:  # whoever read our output has seen enough; click knows what to do
            raise
        except (CodecError, OSError, MemoryError) as error:
            raise click.ClickException(describe(error)) from error

    return run


_EXTRAS = {
    "cluster": ("distributed", "fsspec", "pyarrow", "tqdm"),
    "metrics": ("ssimulacra2",),
    "manifold": ("jinja2", "scipy", "skimage", "sklearn", "umap", "usearch"),
    "train": ("filelock", "pytorch_msssim", "safetensors", "torch"),
}


def require(extra: str, *more: str) -> None:
    """Find out before the work begins whether the packages of an extra are there.

    Args:
        extra: its name.
        more: packages of it that not every command needs.

    Raises:
        CodecError: one is missing.
    """
    missing = [name for name in (*_EXTRAS[extra], *more) if find_spec(name) is None]
    if missing:
        raise CodecError(
            f"this needs the extra [{extra}], see the README on how to install it (no {', '.join(missing)})"
        )


def needing(extra: str, *more: str) -> Callable[[Callable[_P, None]], Callable[_P, None]]:
    """Have a command look for the packages of an extra before anything else, see :func:`require`."""

    def decorate(command: Callable[_P, None]) -> Callable[_P, None]:
        @wraps(command)
        def run(*args: _P.args, **kwargs: _P.kwargs) -> None:
            require(extra, *more)
            try:
                command(*args, **kwargs)
            except ImportError as error:  # it is there, and broken
                raise CodecError(f"a package of the extra [{extra}] does not work: {error}") from error

        return run

    return decorate


def prepare(output: Path, force: bool) -> None:
    """Find out before the work begins whether an output may be written, and make its folder.

    Raises:
        FileExistsError: it is there, and may not be replaced.
        IsADirectoryError: it is a directory.
    """
    if output.is_dir():
        raise IsADirectoryError(f"{output} is a directory")
    if output.is_file() and not force:
        raise FileExistsError(f"{output} exists; use -f to overwrite it")
    output.parent.mkdir(parents=True, exist_ok=True)


def stdin() -> BinaryIO:
    """Stdin, for bytes.

    Raises:
        CodecError: it is closed.
    """
    if sys.stdin is None:
        raise CodecError("stdin is closed")
    return sys.stdin.buffer


def describe(error: BaseException) -> str:
    """One line on an error."""
    if isinstance(error, MemoryError):
        return f"not enough memory: {error}".rstrip(": ")
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error) or type(error).__name__


def report_error(path: Path, error: BaseException) -> None:
    """One line on stderr on what happened to one of many files."""
    text, name = describe(error), click.format_filename(path)
    click.echo(f"Error: {text}" if text.startswith(name) else f"Error: {name}: {text}", err=True)


force_option = click.option("-f", "--force", is_flag=True, help="Overwrite outputs that exist.")
jobs_option = click.option(
    "-j", "--jobs", type=click.IntRange(1, 256), default=1, show_default=True, help="Images at a time."
)
threads_option = click.option("--threads", type=click.IntRange(1, 256), help="For the networks.  [default: all cores]")
model_option = click.option(
    "--model", type=FILE, help="Folder of an exported model.  [default: the one that ships, of --tune or of the file]"
)
max_pixels_option = click.option(
    "--max-pixels", type=click.IntRange(1), default=MAX_PIXELS, show_default=True, help="Refuse larger images."
)


def batch_options(command: Callable[..., None]) -> Callable[..., None]:
    """Options of a command that works on many files."""
    for option in reversed(
        [
            force_option,
            click.option(
                "--skip-existing", is_flag=True, help="Leave out inputs whose output is there, by its name alone."
            ),
            click.option(
                "-r",
                "--recursive",
                is_flag=True,
                help="Take the files in directories, and those below, but hidden ones.",
            ),
            click.option("--out-dir", type=FILE, help="Folder for the outputs; made if it is not there."),
            click.option("--preserve-time", is_flag=True, help="Give outputs their inputs' time of modification."),
            click.option("-j", "--jobs", type=click.IntRange(1, 256), default=1, help="Files at a time."),
            click.option("-v", "--verbose", is_flag=True, help="A line for each file."),
            click.option("--quiet", is_flag=True, help="Nothing but errors and damage."),
            max_pixels_option,
            threads_option,
        ]
    ):
        command = option(command)
    return command
