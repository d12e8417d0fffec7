"""Rate control: the level of quality that meets a target, found by coding as few times as possible, and its file."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from bitstream.boxes import BoxType
from bitstream.container import Box, parse_header
from bitstream.errors import ImageError
from codec.decoding.lmc_file import LmcFile
from codec.encoding.graphics import encode_image
from codec.encoding.options import ONE_PASS, Effort, Target
from codec.engine.runtime import Runtime
from codec.images.source import Source
from codec.images.sources import ArraySource
from codec.metrics import SMALLEST_SIDE, SSIMULACRA2_SMALLEST_SIDE, ms_ssim_db, psnr_db, ssimulacra2
from codec.util.progress import Progress

TOLERANCE = 0.01
"""A search ends once the file is within this share of a target size, or within a quarter of it of one in dB."""
SAMPLE_PIXELS = 1 << 22
"""Images with twice as many are searched on a sample of about this many first."""
REFINED_SHARE = 0.93
"""Bytes of a refined file, against one pass at the same level; only a place to begin."""


def encode_to_target(
    runtime: Runtime,
    source: Source,
    boxes: list[Box],
    target: Target,
    progress: Progress | None = None,
    effort: Effort = ONE_PASS,
    graphics: bool = True,
) -> bytes:
    """The file that meets a target best.

    The level is searched in one pass. With more effort its neighbourhood is searched again, each
    try given half of the seconds that are left.

    Args:
        runtime: the model.
        source: the image.
        boxes: to stand beside it.
        target: to be met.
        progress: called throughout each try.
        effort: of each try.
        graphics: whether blocks may be coded exactly. If no file with exact blocks is small enough, one without is
            looked for.

    Raises:
        ImageError: no level meets the target.
    """
    levels = runtime.tables.levels
    if target.kind == "bpp":
        target = Target("bytes", target.value * source.width * source.height / 8)
    beside = sum(len(box.data) for box in boxes)
    files: dict[int, bytes] = {}
    # Guesses from typical photographs; the search corrects them for the image at hand.
    if target.kind == "bytes":
        slope, at_most = math.log(20) / (levels - 1), True
        wanted, tolerance = math.log(max(target.value - beside, 1)), TOLERANCE
        guess = (wanted - math.log(0.09 * source.width * source.height / 8 + 60)) / slope
        if source.width * source.height > 2 * SAMPLE_PIXELS:
            guess = _sampled_guess(runtime, source, wanted, guess, slope, graphics)
        shift = -math.log(REFINED_SHARE) / slope
    else:
        lowest, span = {"psnr": (27.0, 14.0), "ms-ssim": (9.5, 14.0), "ssimulacra2": (-20.0, 110.0)}[target.kind]
        slope, at_most = span / (levels - 1), False
        wanted, tolerance = target.value, TOLERANCE * target.value / 4
        guess = (wanted - lowest) / slope
        distortion = _distortion(source, target.kind, runtime)
        shift = 0.0

    def try_level(level: int, effort: Effort) -> float:
        files[level] = encode_image(runtime, source, level, boxes, progress, effort, graphics)
        return distortion(files[level]) if not at_most else math.log(max(len(files[level]) - beside, 1))

    def find(guess: float, effort: Callable[[], Effort]) -> int | None:
        return search(
            lambda level: try_level(level, effort()), wanted, levels,
            at_most=at_most, guess=guess, slope=slope, tolerance=tolerance,
        )  # fmt: skip

    found = find(guess, lambda: ONE_PASS)
    best = None if found is None else files[found]
    if effort.iterations:
        ends = None if effort.seconds is None else time.monotonic() + effort.seconds

        def of_what_is_left() -> Effort:
            return effort if ends is None else replace(effort, seconds=(ends - time.monotonic()) / 2)

        begin = guess if found is None else found + shift
        found = find(begin, of_what_is_left)
        best = best if found is None else files[found]
    if best is not None:
        return best
    if at_most and any(map(_has_exact_blocks, files.values())):
        return encode_to_target(runtime, source, boxes, target, progress, effort, graphics=False)
    if at_most:
        raise ImageError(f"target: no quality gives {target.value:.0f} bytes; the smallest is {len(files[0])}")
    unit = "" if target.kind == "ssimulacra2" else " dB"
    raise ImageError(f"target: no quality gives {target.kind} {target.value:g}{unit}")


def _has_exact_blocks(data: bytes) -> bool:
    return any(kind == BoxType.EXACT for *_, kind in parse_header(data).boxes)


def _sampled_guess(
    runtime: Runtime, source: Source, wanted: float, guess: float, slope: float, graphics: bool
) -> float:
    """Level at which a sample of a large image has its share of the bytes; only a place to begin."""
    side = 1024
    across, down = source.width // side or 1, source.height // side or 1
    places = [
        (i // across, i % across) for i in range(0, across * down, max(1, across * down * side**2 // SAMPLE_PIXELS))
    ]
    parts = [
        ArraySource(
            source.crop(r * side, min((r + 1) * side, source.height), c * side, min((c + 1) * side, source.width))
        )
        for r, c in places
    ]
    share = sum(p.width * p.height for p in parts) / (source.width * source.height)
    levels = runtime.tables.levels

    def measure(level: int) -> float:
        return math.log(sum(len(encode_image(runtime, part, level, [], graphics=graphics)) for part in parts) / share)

    level = search(measure, wanted, levels, at_most=True, guess=guess, slope=slope, tolerance=TOLERANCE)
    return guess if level is None else float(level)


def _distortion(source: Source, kind: str, runtime: Runtime) -> Callable[[bytes], float]:
    """Function from a file to how near its image is, in dB or as SSIMULACRA 2 counts."""
    depth = source.form.depth
    if kind == "psnr":

        def psnr(data: bytes) -> float:
            strips = LmcFile(data, runtime=runtime, max_pixels=source.width * source.height).strips()
            return psnr_db(
                ((source.crop(top, top + len(strip), 0, source.width), strip) for top, strip in strips), depth
            )

        return psnr
    original = source.crop(0, source.height, 0, source.width)
    smallest = SMALLEST_SIDE if kind == "ms-ssim" else SSIMULACRA2_SMALLEST_SIDE
    if min(original.shape[:2]) < smallest:
        raise ImageError(f"target: {kind} needs sides of at least {smallest} pixels")
    judge = ms_ssim_db if kind == "ms-ssim" else ssimulacra2

    def similarity(data: bytes) -> float:
        decoded = np.empty_like(original)
        for top, strip in LmcFile(data, runtime=runtime, max_pixels=source.width * source.height).strips():
            decoded[top : top + len(strip)] = strip
        return judge(original, decoded, depth)

    return similarity


def search(
    measure: Callable[[int], float],
    target: float,
    levels: int,
    *,
    at_most: bool,
    guess: float,
    slope: float,
    tolerance: float,
) -> int | None:
    """Find the level whose value is nearest to a target without being on its wrong side.

    Values rise with the level. Each measurement narrows a bracket; the next level is where a line through the ends
    of the bracket meets the target, or one of the given slope while only one end is known.

    Args:
        measure: value of a level.
        target: to be met.
        levels: how many there are.
        at_most: whether values above the target are the wrong side, rather than values below.
        guess: level to begin with.
        slope: expected change of the value from one level to the next.
        tolerance: a value this near the target, on the right side, ends the search.

    Returns:
        int | None: the level; None if no level is on the right side.
    """
    low, high = -1, levels  # exclusive ends of what is still open
    known: dict[int, float] = {}
    best: int | None = None
    at, width, slow = guess, levels, 0
    while high - low > 1:
        # Towards the right side of a guess, and never to an end of the bracket that is known already.
        within = min(max(at, low + 1), high - 1)  # a target beyond all levels may be anywhere
        level = math.floor(within) if at_most else math.ceil(within)
        value = known[level] = min(measure(level), 1e6)  # a lossless copy has no end of decibels
        right_side = value <= target if at_most else value >= target
        if right_side:
            best = level
            if abs(value - target) <= tolerance:
                break
        if value <= target if at_most else value < target:
            low = level
        else:
            high = level
        aim = target - tolerance / 2 if at_most else target + tolerance / 2
        if low in known and high in known:
            # A line through a curve can creep along it: after two steps that did not halve the bracket, the next does.
            slow, width = slow + 1 if high - low > width / 2 else 0, high - low
            share = 0.5 if slow > 1 else (aim - known[low]) / max(known[high] - known[low], 1e-12)
            at = low + width * min(max(share, 0.1), 0.9)
        else:
            at = level + (aim - value) / slope
            # So can a slope that is far too steep: from the third step towards the unknown end on, each is four times
            # the last at least.
            reach = 4 ** max(0, len(known) - 2)
            at = min(at, level - reach) if low not in known else max(at, level + reach)
    return best
