"""``python -m benchmarks graphics``: screenshots, plots and pages with photographs, and what exact blocks bring."""

from __future__ import annotations

import io
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import click
from PIL import Image
from tqdm import tqdm

import codec
from benchmarks.codecs import CODECS
from benchmarks.graphics.pictures import Picture, Pixels, pictures
from codec.cli.common import force_option, jobs_option, require
from codec.engine.registry import DEFAULT_TUNE, id_by_tune
from codec.metrics import ssimulacra2
from codec.util.files import replacing


@dataclass(frozen=True)
class Finding:
    """What became of a picture.

    Attributes:
        name: of the picture.
        kind: "flat" or "mixed".
        file_bytes: of our file.
        without: of our file without exact blocks.
        exact_share: of the pixels.
        text_exact: of the pixels of letters, how many came back as they were; None of flat pictures.
        webp: bytes of a lossless WebP file.
        score: SSIMULACRA 2 of our file.
        avif: bytes of the smallest AVIF file with that score at least; None of flat pictures, and if there is none.
    """

    name: str
    kind: str
    file_bytes: int
    without: int
    exact_share: float
    text_exact: float | None
    webp: int
    score: float
    avif: int | None


def _webp(pixels: Pixels) -> int:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "WEBP", lossless=True)
    return len(buffer.getvalue())


def _avif_of_score(pixels: Pixels, score: float) -> int | None:
    """Bytes of the smallest AVIF file that people see as much of, by bisection."""
    avif = CODECS["avif"]
    low, high = map(int, avif.quality_range)
    best = None
    while low <= high:
        middle = (low + high) // 2
        data = avif.encode(pixels, middle, 1)
        if ssimulacra2(pixels, avif.decode(data, 1), 8) >= score:
            best, high = len(data), middle - 1
        else:
            low = middle + 1
    return best


def examine(picture: Picture, quality: float) -> Finding:
    """Code a picture with and without exact blocks, and compare with others."""
    data = codec.compress(picture.pixels, quality, threads=1)
    with codec.open(data, threads=1) as file:
        decoded, share = file.array(), file.exact_share
    score = ssimulacra2(picture.pixels, decoded, 8)
    same = (decoded == picture.pixels).all(axis=2)
    return Finding(
        picture.name,
        picture.kind,
        len(data),
        len(codec.compress(picture.pixels, quality, threads=1, graphics=False)),
        share,
        None if picture.text is None else float(same[picture.text].mean()),
        _webp(picture.pixels),
        score,
        None if picture.kind == "flat" else _avif_of_score(picture.pixels, score),
    )


@click.command()
@click.argument("out", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--quality", type=click.FloatRange(0, 100), default=50, show_default=True)
@click.option("--kinds", default="flat,mixed", show_default=True, help="Which kinds of pictures.")
@jobs_option
@force_option
def main(out: Path, quality: float, kinds: str, jobs: int, force: bool) -> None:
    """Code screenshots, plots, logos and pages with photographs, and write figures to OUT, a JSON file.

    Pages are drawn by Chromium, which must be installed.
    """
    require("metrics")
    if out.exists() and not force:
        raise click.UsageError(f"{out}: exists; -f replaces it")
    chosen = [picture for picture in pictures() if picture.kind in kinds.split(",")]
    with ThreadPoolExecutor(jobs) as pool:
        findings = list(tqdm(pool.map(lambda p: examine(p, quality), chosen), total=len(chosen), disable=None))
    click.echo(
        f"{'picture':24s}{'bytes':>9s}{'without':>9s}{'exact':>7s}{'text':>7s}{'webp':>9s}{'avif':>9s}{'score':>7s}"
    )
    for f in findings:
        text = "" if f.text_exact is None else f"{f.text_exact:.1%}"
        click.echo(
            f"{f.file_bytes:9d}{f.without:9d}{f.exact_share:9.0%}{text:>9s}{f.webp:9d}{f.avif or '':>9}{f.score:9.1f}  "
            f"{f.name}"
        )
    flat = [f.file_bytes / f.webp for f in findings if f.kind == "flat"]
    mixed = [f.file_bytes / f.avif for f in findings if f.avif]
    if flat:
        click.echo(f"flat: {median(flat):.2f} of the bytes of lossless WebP in the median, at most {max(flat):.2f}")
    if mixed:
        click.echo(
            f"mixed: {median(mixed):.2f} of the bytes of AVIF at the same SSIMULACRA 2, at most {max(mixed):.2f}"
        )
    summary = {
        "model": id_by_tune(DEFAULT_TUNE).hex(),
        "quality": quality,
        "findings": [asdict(finding) for finding in findings],
    }
    with replacing(out, force) as temporary:
        temporary.write_text(json.dumps(summary, indent=1), encoding="utf-8")
