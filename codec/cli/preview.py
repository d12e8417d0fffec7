"""``codec preview``."""

from __future__ import annotations

import time
from pathlib import Path

import click

from bitstream.errors import CodecError
from codec import api
from codec.cli.common import FILE, FiniteRange, force_option, model_option, prepare, reporting, threads_option
from codec.util.files import replacing

NEARLY = 0.7
"""Share of the pixels asked for that suffices: a preview that is a little soft takes half of the time."""
FULL_PIXELS = 1_200_000
"""Images of at most so many pixels are decoded whole where their preview is smaller than what is asked for: larger ones
take more than a second."""


@click.command()
@click.argument("source", metavar="FILE", type=FILE)
@click.argument("out", type=FILE)
@click.option("--size", type=click.IntRange(1, 4096), default=256, show_default=True, help="Most pixels of a side.")
@click.option(
    "--time-limit", type=FiniteRange(0, min_open=True), help="Give up after so many seconds of processor time."
)
@model_option
@force_option
@threads_option
@reporting
def preview(
    source: Path, out: Path, size: int, time_limit: float | None, model: Path | None, force: bool, threads: int | None
) -> None:
    """Write a small picture of an .lmc FILE to OUT, a PNG file, as fast as may be.

    It is never larger than the image, and may be smaller than asked for if the image is large.
    """

    def check(done: int, total: int) -> None:
        # Not by the clock: file managers ask for thumbnails at low priority, and remember failures.
        if time_limit is not None and time.process_time() > time_limit:
            raise CodecError(f"{source}: gave up after {time_limit:g} s")

    prepare(out, force)
    try:
        with api.open(source, model=model, threads=threads) as file:
            picture = file.preview(scale_for(file.size, size), progress=check)
    except CodecError as error:
        text = str(error)
        raise click.ClickException(text if text.startswith(str(source)) else f"{source}: {text}") from error
    picture.thumbnail((size, size))
    if out.is_file() and out.stat().st_size == 0:
        picture.save(out, "PNG")  # a file manager made the file, and has it open
        return
    with replacing(out, force) as temporary:
        picture.save(temporary, "PNG")


def scale_for(image: tuple[int, int], size: int) -> int:
    """The coarsest scale at which the longer side has nearly so many pixels, or one that is fast."""
    from codec.decoding.lmc_file import SCALES  # by now it is loaded

    fast = 8
    fits = [scale for scale in SCALES if max(image) >= NEARLY * scale * size]
    scale = max(fits, default=1)
    return scale if image[0] * image[1] <= FULL_PIXELS else max(scale, fast)
