"""``codec decompress``."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import click

from bitstream.errors import BadMagicError, ChecksumError, CodecError, CorruptError, TruncatedError
from codec import api
from codec.api import SUFFIX, read_bounded
from codec.batch.tasks import Decompress, Outcome
from codec.cli.common import FILE, ParamType, batch_options, model_option, reporting, stdin
from codec.cli.files import Passed, run, work_on
from codec.cli.plan import Job, plan
from codec.util.progress import Watch


class _Region(ParamType):
    name = "X,Y,W,H"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        """Four whole numbers."""
        try:
            numbers = tuple(int(part) for part in str(value).split(","))
        except ValueError:
            numbers = ()
        if len(numbers) != 4 or min(numbers) < 0 or not numbers[2] * numbers[3]:
            self.fail(f"invalid region {value!r}; try 0,0,512,512", param, ctx)
        return numbers


class _Colour(ParamType):
    name = "colour"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        """Red, green and blue of a name or a number such as #00ff00."""
        from PIL import ImageColor

        try:
            colour = ImageColor.getrgb(str(value))
        except ValueError:
            self.fail(f"invalid colour {value!r}; try white or #00ff00", param, ctx)
        if len(colour) != 3:
            self.fail(f"{value!r} is transparent itself; try white or #00ff00", param, ctx)
        return colour


@click.command()
@click.argument("paths", metavar="IN... [OUT]", type=FILE, nargs=-1, required=True)
@click.option("--format", "suffix", help="Of outputs that are not named: png, jpg, ...  [default: png]")
@click.option("--region", type=_Region(), help="Only this part, X,Y from the upper left corner.")
@click.option("--scale", type=click.Choice(["1/2", "1/4", "1/8", "1/16"]), help="Smaller; from 1/8 on much faster.")
@click.option("--background", type=_Colour(), help="Lay what is transparent over this colour: white, #00ff00.")
@model_option
@click.option("--tolerate-damage", is_flag=True, help="Fill what is damaged and say so, rather than fail.")
@batch_options
@reporting
def decompress(
    paths: tuple[Path, ...],
    suffix: str | None,
    region: tuple[int, int, int, int] | None,
    scale: str | None,
    background: tuple[int, int, int] | None,
    model: Path | None,
    tolerate_damage: bool,
    force: bool,
    skip_existing: bool,
    recursive: bool,
    out_dir: Path | None,
    preserve_time: bool,
    jobs: int,
    verbose: bool,
    quiet: bool,
    max_pixels: int,
    threads: int | None,
) -> None:
    """Decompress .lmc files IN to images.

    One file may be followed by its output, whose suffix says the format, or - for stdout, and any number by a folder
    that exists; otherwise each image goes beside its file or to --out-dir, in the format of --format. IN may be
    - for stdin.
    """
    if region and scale:
        raise click.UsageError("--region and --scale cannot be given together")
    asked = None if suffix is None else "." + suffix.lower().lstrip(".")
    default = asked or ".png"

    def is_output(path: Path) -> bool:
        return path.suffix.lower() != SUFFIX and (not path.is_dir())

    passed = Passed()
    planned = plan(paths, out_dir, recursive, default, is_output, lambda p: p.suffix.lower() == SUFFIX, passed)
    if not quiet:
        passed.tell()
    for job in planned:
        wanted = _suffix(job, default)
        if asked not in (None, wanted):
            raise click.UsageError(f"--format is of outputs that are not named, and {job.target} is")
        if (
            asked is None
            and job.target is not None
            and not job.target.suffix
            and (not job.target.exists() or job.target.is_file())
        ):
            raise click.UsageError(f"{job.target}: no suffix to say the format; --out-dir makes a folder")
        if not api.is_writable(wanted):
            known = " ".join(sorted(api.writable_suffixes()))
            raise click.UsageError(f"cannot write images of type {wanted!r}; known are {known}")

    factor = int(scale.split("/")[1]) if scale else 1
    task = Decompress(default, region, factor, background, model, tolerate_damage, threads, max_pixels)

    def work(job: Job, watch: Watch) -> Outcome:
        if job.source is not None and job.source == job.target:
            raise BadMagicError(f"{job.source}: not an {SUFFIX} file by its name")
        given: list[BytesIO] = []

        def read_stdin() -> BytesIO:
            given.append(read_bounded(stdin(), max_pixels))
            return given[0]

        try:
            return work_on(replace(task, suffix=_suffix(job, default)), job, read_stdin, watch, force, preserve_time)
        except (ChecksumError, CorruptError, TruncatedError) as error:
            source = given[0] if job.source is None else job.source
            if not tolerate_damage and _may_be_filled(source):
                raise type(error)(f"{error}; --tolerate-damage decodes what is left") from error
            raise

    run(planned, work, parallel=jobs, force=force, skip_existing=skip_existing, verbose=verbose, quiet=quiet)


def _may_be_filled(source: Path | BytesIO) -> bool:
    """Whether a damaged file's header is sound; of a pipe, which can be read only once, that is not known."""
    if isinstance(source, Path) and not source.is_file():
        return False
    try:
        with api.open(source, on_damage="fill"):
            return True
    except (OSError, CodecError):
        return False


def _suffix(job: Job, default: str) -> str:
    return job.target.suffix.lower() if job.target is not None and job.target.suffix else default
