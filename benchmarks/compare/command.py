"""``python -m benchmarks compare``: makes the page, or scores the votes that pages have saved."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import click

from benchmarks.images import images_or_usage_error
from benchmarks.results import known_codecs


@click.command()
@click.argument(
    "paths", metavar="FOLDER | VOTES...", type=click.Path(path_type=Path, exists=True), nargs=-1, required=True
)
@click.option("--score", "scoring", is_flag=True, help="Score votes instead of making a page.")
@click.option("--codecs", default="lmc,avif,jxl", show_default=True, help="Names from 'list'.")
@click.option("--bpp", "rates", default="0.15,0.3,0.6", show_default=True, help="Bits per pixel to compare at.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), default=Path("compare.html"), show_default=True,
              help="The page.")  # fmt: skip
@click.option("--side", type=click.IntRange(64, 1024), default=384, show_default=True, help="Pixels a side of a crop.")
@click.option("--most", type=click.IntRange(1), help="No more than this many images.")
@click.option("--threads", type=click.IntRange(1), default=2, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the order of the pairs.")
def main(
    paths: tuple[Path, ...],
    scoring: bool,
    codecs: str,
    rates: str,
    out: Path,
    side: int,
    most: int | None,
    threads: int,
    seed: int,
) -> None:
    """Compare codecs by eye, blind, on the images of FOLDER: one page that works without a network, and takes votes.

    With --score, print Bradley-Terry scores from vote files that the page has saved.
    """
    if scoring:
        _print_scores(paths)
        return
    if len(paths) != 1 or not paths[0].is_dir():
        raise click.UsageError("expected one folder of images, or --score and files of votes")
    try:
        names, targets = known_codecs(codecs), [float(rate) for rate in rates.split(",")]
        if len(names) < 2 or min(targets) <= 0:
            raise ValueError("expected two codecs or more, and rates above 0")
    except ValueError as error:
        raise click.UsageError(f"--codecs {codecs}, --bpp {rates}: {error}") from error
    images = images_or_usage_error(paths[0], most)
    from jinja2 import Environment, PackageLoader

    from benchmarks.compare.trials import prepare
    from codec.util.files import replacing

    comparison = prepare(images, names, targets, side, threads, seed)
    if not comparison.pairs:
        raise click.ClickException("no two codecs gave files of equal size")
    content = {
        "originals": comparison.originals,
        "reconstructions": comparison.reconstructions,
        "pairs": [[pair.scene, pair.one, pair.other] for pair in comparison.pairs],
        "key": comparison.sealed_key,
    }
    digest = hashlib.sha256(json.dumps(content).encode()).hexdigest()[:12]
    template = Environment(loader=PackageLoader("benchmarks"), autoescape=True).get_template("compare.html.j2")
    out.parent.mkdir(parents=True, exist_ok=True)
    with replacing(out, overwrite=True) as temporary:
        temporary.write_text(template.render(content={**content, "page": digest}), encoding="utf-8")
    click.echo(f"{len(comparison.pairs)} pairs of {len(images)} images in {out}; open it in a browser")


def _print_scores(paths: tuple[Path, ...]) -> None:
    from benchmarks.compare.scores import read_votes, score

    try:
        votes = read_votes(paths)
        every = [("all rates", votes)]
        rates = sorted({vote.bpp for vote in votes})
        every += [(f"{rate:g} bpp", [v for v in votes if v.bpp == rate]) for rate in rates if len(rates) > 1]
        for title, some in every:
            persons = len({vote.person for vote in some})
            click.echo(f"{title}: {len(some)} votes of {persons} person{'s' if persons != 1 else ''}")
            for row in score(some):
                known = row.low is not None and row.high is not None
                interval = (
                    f"{row.low:+.0f} to {row.high:+.0f}" if known else "too few or too equal votes for an interval"
                )
                click.echo(
                    f"  {row.codec:18s} {row.points:+7.0f} points ({interval})  "
                    f"preferred {row.preferred:.0%} of {row.votes}"
                )
    except (ValueError, OSError) as error:
        raise click.ClickException(str(error)) from error
