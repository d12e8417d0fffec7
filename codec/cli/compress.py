"""``codec compress``."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import click

from codec import api
from codec.api import FORMER_TUNES, SUFFIX, TUNES, EncodeOptions, Target
from codec.batch.tasks import Compress, Outcome
from codec.cli.common import FILE, FiniteRange, ParamType, batch_options, model_option, reporting, require, stdin
from codec.cli.files import Passed, run, work_on
from codec.cli.plan import Job, plan
from codec.util.progress import Watch

_UNITS = {"": 1, "B": 1, "K": 1000, "KB": 1000, "KIB": 1024, "M": 10**6, "MB": 10**6, "MIB": 1 << 20}


class _Size(ParamType):
    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Bytes of a text such as 100K."""
        match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)", str(value))
        if match is None or match[2].upper() not in _UNITS or not 0 < float(match[1]) < 1e18:
            self.fail(f"invalid size {value!r}; try 80000, 80K or 0.5M", param, ctx)
        return float(match[1]) * _UNITS[match[2].upper()]


_positive = FiniteRange(0, 1e9, min_open=True)


def _hint(suffix: str) -> str:
    package = api.package_to_read(suffix)
    return f" (read if {package} is installed)" if package else ""


def _is_output(path: Path) -> bool:
    return path.suffix.lower() == SUFFIX or str(path) == "-" or (path.exists() and not path.is_file())


@click.command()
@click.argument("paths", metavar="IN... [OUT]", type=FILE, nargs=-1, required=True)
@click.option("-q", "--quality", type=FiniteRange(0, 100), help=f"0 to 100.  [default: {api.DEFAULT_QUALITY:g}]")
@click.option(
    "--tune",
    type=click.Choice((*TUNES, *FORMER_TUNES)),
    help="visual: looks best to people; psnr: smallest squared error. ms-ssim is an older name of visual.  [default: "
    "visual; psnr with --target-psnr]",
)
@model_option
@click.option("--target-size", type=_Size(), help="Best quality in at most so many bytes; 100K, 0.5M.")
@click.option("--target-bpp", type=_positive, help="Best quality in at most so many bits a pixel.")
@click.option("--target-psnr", type=_positive, help="Smallest file of at least this PSNR, dB.")
@click.option("--target-ms-ssim", type=_positive, help="Smallest file of at least this MS-SSIM, dB.")
@click.option(
    "--target-ssimulacra2",
    type=FiniteRange(0, 100, min_open=True, max_open=True),
    help="Smallest file of at least this SSIMULACRA 2, as people see it: 90 looks lossless, 70 good; extra [metrics].",
)
@click.option(
    "-e",
    "--effort",
    type=click.IntRange(0, 9),
    help="0 (fast) to 9 (smallest); above 0 needs the extra [train].  [default: 0, or 9 with --budget]",
)
@click.option("--budget", type=_positive, help="Seconds to spend on effort, on each file.")
@click.option("--lossless", is_flag=True, help="Keep every pixel as it is.")
@click.option("--no-graphics", is_flag=True, help="Do not code flat graphics exactly, even where that is better.")
@click.option("--strip", is_flag=True, help="Drop ICC profile, EXIF and XMP.")
@batch_options
@reporting
def compress(
    paths: tuple[Path, ...],
    quality: float | None,
    tune: str | None,
    model: Path | None,
    target_size: float | None,
    target_bpp: float | None,
    target_psnr: float | None,
    target_ms_ssim: float | None,
    target_ssimulacra2: float | None,
    effort: int | None,
    budget: float | None,
    lossless: bool,
    no_graphics: bool,
    strip: bool,
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
    """Compress images IN to .lmc files.

    One image may be followed by its output, OUT.lmc or - for stdout, and any number by a folder that exists;
    otherwise each file goes beside its image or to --out-dir, with the same name but for the suffix. IN may be -
    for stdin.
    """
    targets = {
        "bytes": target_size,
        "bpp": target_bpp,
        "psnr": target_psnr,
        "ms-ssim": target_ms_ssim,
        "ssimulacra2": target_ssimulacra2,
    }
    asked = [Target(kind, value) for kind, value in targets.items() if value is not None]
    if len(asked) + (quality is not None) > 1:
        raise click.UsageError("only one of --quality and the --target options can be given")
    if target_ssimulacra2 is not None:
        require("metrics")
    if model is not None and tune is not None:
        raise click.UsageError("--tune says which of the models that ship is to be used; leave it out, or --model")
    try:
        options = EncodeOptions(
            quality, tune, model, asked[0] if asked else None, effort, budget, strip, threads, max_pixels,
            lossless, not no_graphics,
        )  # fmt: skip
    except ValueError as error:
        raise click.UsageError(str(error)) from error

    task = Compress(options)

    def work(job: Job, watch: Watch) -> Outcome:
        return work_on(task, job, lambda: io.BytesIO(stdin().read()), watch, force, preserve_time)

    passed = Passed()
    planned = plan(paths, out_dir, recursive, SUFFIX, _is_output, lambda path: task.takes(path.suffix.lower()), passed)
    if not quiet:
        passed.tell(_hint)
    run(planned, work, parallel=jobs, force=force, skip_existing=skip_existing, verbose=verbose, quiet=quiet)
