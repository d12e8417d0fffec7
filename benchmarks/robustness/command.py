"""``python -m benchmarks robustness``: images that photographs do not prepare a codec for, and what comes back."""

from __future__ import annotations

import base64
import io
import itertools
import json
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import click
import numpy as np
from jinja2 import Environment, PackageLoader
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

import codec
from benchmarks.codecs import CODECS
from benchmarks.robustness.judge import at_size, compare_blocks, is_fault
from benchmarks.robustness.pictures import KINDS, Picture, pictures
from codec.api import TUNES
from codec.cli.common import force_option, jobs_option
from codec.engine.registry import id_by_tune
from codec.util.files import replacing

QUALITIES = (10, 30, 50, 70, 90)
PEERS = ("jpeg-444", "webp", "avif")
JPEG = PEERS[0]
SHOWN = 10
"""Images on the page."""
CROP = 96
"""Pixels a side that the page shows around a worst block."""


@dataclass(frozen=True)
class Finding:
    """One image at one quality.

    Attributes:
        kind: of the image.
        image: its name.
        tune: of the model.
        quality: 0 to 100.
        file_bytes: of our file.
        worst: error of its worst block, see :class:`~benchmarks.robustness.judge.Blocks`.
        noisy: blocks of noise.
        at: row and column of the worst block.
        peers: bytes and worst block of others at the same size, by name.
    """

    kind: str
    image: str
    tune: str
    quality: float
    file_bytes: int
    worst: float
    noisy: int
    at: tuple[int, int]
    peers: dict[str, tuple[int, float]] = field(default_factory=dict)

    @property
    def is_fault(self) -> bool:
        """Whether JPEG of the same size does far better."""
        return JPEG in self.peers and is_fault(self.worst, self.peers[JPEG][1])

    @property
    def excess(self) -> float:
        """How much worse than JPEG the worst block is, or than nothing if JPEG was not asked."""
        return self.worst - (self.peers[JPEG][1] if JPEG in self.peers else 0.0)


def _decoded(picture: Picture, quality: float, tune: str) -> tuple[int, NDArray[Any]]:
    data = codec.encode(picture.pixels, codec.EncodeOptions(quality, tune, threads=1)).data
    with codec.open(data, threads=1) as file:
        return len(data), file.array()


def examine(picture: Picture, quality: float, tune: str, peers: tuple[str, ...]) -> Finding:
    """Code an image and compare what comes back, with others of the same size if it has 8 bits and three components."""
    size, decoded = _decoded(picture, quality, tune)
    blocks = compare_blocks(picture.pixels, decoded)
    others = {}
    if picture.pixels.dtype == np.uint8:
        for name in peers:
            taken, found = at_size(name, picture.pixels, size)
            others[name] = taken, found.worst
    return Finding(picture.kind, picture.name, tune, quality, size, blocks.worst, blocks.noisy, blocks.at, others)


def summarise(findings: list[Finding]) -> list[dict[str, Any]]:
    """Figures of each kind and tune."""
    rows = []
    for tune, kind in itertools.product(TUNES, KINDS):
        found = [f for f in findings if (f.tune, f.kind) == (tune, kind)]
        if found:
            rows.append(
                {
                    "kind": kind,
                    "tune": tune,
                    "files": len(found),
                    "images": len({f.image for f in found}),
                    "noisy": sum(f.noisy > 0 for f in found),
                    "faults": sum(f.is_fault for f in found),
                    "worst": max(f.worst for f in found),
                    "median_bytes": float(np.median([f.file_bytes for f in found])),
                    **{peer: float(np.median([f.peers[peer][0] for f in found])) for peer in found[0].peers},
                }
            )
    return rows


def _uri(pixels: NDArray[Any], at: tuple[int, int]) -> str:
    """A crop around a block, as PNG within a page."""
    shallow = (pixels // 257).astype(np.uint8) if pixels.dtype == np.uint16 else pixels
    top, left = (max(0, min(place + 8 - CROP // 2, side - CROP)) for place, side in zip(at, pixels.shape, strict=False))
    buffer = io.BytesIO()
    Image.fromarray(shallow[top : top + CROP, left : left + CROP]).save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def render(findings: list[Finding], by_name: dict[str, Picture], models: dict[str, str]) -> str:
    """A page with the figures of each kind and the worst images, each but once."""
    worst: dict[str, Finding] = {}
    for finding in sorted(findings, key=lambda f: (f.noisy == 0, -f.excess)):
        worst.setdefault(finding.image, finding)
    shown = []
    for finding in list(worst.values())[:SHOWN]:
        picture = by_name[finding.image]
        decoded = _decoded(picture, finding.quality, finding.tune)[1]
        shown.append((finding, _uri(picture.pixels, finding.at), _uri(decoded, finding.at)))
    environment = Environment(loader=PackageLoader("benchmarks"), autoescape=True)
    return environment.get_template("robustness.html.j2").render(
        rows=summarise(findings), shown=shown, models=models, peers=list(findings[0].peers) if findings else []
    )


@click.command()
@click.argument("out", type=click.Path(path_type=Path, file_okay=False))
@click.option("--kinds", default=",".join(KINDS), show_default=True, help="Which kinds of images.")
@click.option("--most", type=click.IntRange(1), help="No more than so many images of each kind.")
@click.option("--qualities", default=",".join(map(str, QUALITIES)), show_default=True)
@click.option("--tunes", default=",".join(TUNES), show_default=True)
@click.option("--peers", default=",".join(PEERS), show_default=True, help="Others at the same size; none if empty.")
@jobs_option
@force_option
def main(
    out: Path, kinds: str, most: int | None, qualities: str, tunes: str, peers: str, jobs: int, force: bool
) -> None:
    """Code images unlike photographs, write what came back to OUT, and fail if a block came back as noise."""

    def chosen(text: str, known: Any, what: str) -> tuple[str, ...]:
        names = tuple(name for name in text.split(",") if name)
        for name in names:
            if name not in known:
                raise click.UsageError(f"--{what}: found {name!r}, expected some of {', '.join(known)}")
        return names

    asked = tuple(itertools.product(_numbers(qualities), chosen(tunes, TUNES, "tunes")))
    others = chosen(peers, CODECS, "peers")
    drawn = list(pictures(chosen(kinds, KINDS, "kinds"), most))
    if not asked or not drawn:
        raise click.UsageError("nothing to code: no kinds, tunes or qualities")
    targets = out / "robustness.json", out / "robustness.html"
    if not force and any(path.exists() for path in targets):
        raise click.UsageError(f"{out}: holds results already; -f replaces them")
    out.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(jobs) as pool:
        futures = [pool.submit(examine, picture, *how, others) for picture in drawn for how in asked]
        try:
            for _ in tqdm(as_completed(futures), total=len(futures), unit="file", disable=None):
                pass
            findings = [future.result() for future in futures]
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    models = {tune: id_by_tune(tune).hex() for _, tune in asked}
    page = render(findings, {picture.name: picture for picture in drawn}, models)
    summary = {"models": models, "rows": summarise(findings), "findings": [asdict(finding) for finding in findings]}
    for path, content in zip(targets, (json.dumps(summary, indent=1), page), strict=True):
        with replacing(path, True) as temporary:
            temporary.write_text(content, encoding="utf-8")
    noisy, faults = (sum(map(bool, flags)) for flags in ([f.noisy for f in findings], [f.is_fault for f in findings]))
    click.echo(
        f"{len(drawn)} images, {len(findings)} files: {noisy} with blocks of noise, {faults} "
        f"({faults / len(findings):.1%}) with a block far worse than JPEG's; {targets[1]} shows the worst"
    )
    if noisy:
        sys.exit(1)


def _numbers(text: str) -> list[float]:
    try:
        found = [float(part) for part in text.split(",") if part]
    except ValueError as error:
        raise click.UsageError(f"--qualities: {text!r} are not numbers") from error
    if not all(0 <= quality <= 100 for quality in found):
        raise click.UsageError("--qualities: expected 0 to 100")
    return found
