"""The commands that list codecs, run rate-distortion measurements and put their results into the README."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import click
from tqdm import tqdm

from benchmarks.codecs import CODECS
from codec.util.files import replacing

_FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)
ROOT = Path(__file__).parent.parent
COMMITTED = Path(__file__).parent / "results" / "results.json"
USUAL = (
    "lmc",
    "lmc-psnr",
    "jpeg",
    "webp",
    "avif",
    "avif-psnr",
    "avif-slow-psnr",
    "jxl",
    "jpeg2000",
    "heic",
    "heic-psnr",
)
"""What users would pick instead, for looks and for PSNR where encoders have a choice."""
COMMITTED_EFFORT = COMMITTED.with_name("effort.csv")


@click.command()
def list_codecs() -> None:
    """Name codecs with their versions, settings and qualities."""
    for codec in CODECS.values():
        try:
            version = codec.version
        except (ImportError, OSError, RuntimeError) as error:
            version = f"not installed: {error}"
        qualities = ", ".join(f"{q:g}" for q in codec.qualities)
        click.echo(f"{codec.name:14s} {version}\n{'':14s} {codec.settings}; qualities {qualities}")


@click.command()
@click.option("--images", type=_FOLDER, required=True, help="Folder of pictures.")
@click.option("--codecs", "names", default=",".join(USUAL), show_default=True,
              help="Names from 'list', or 'all'; ours first.")  # fmt: skip
@click.option("--metrics", default="all", show_default=True, help="Names of metrics; all take some 3 s an image and "
              "quality, PSNR and MS-SSIM a tenth of that.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder for everything; "
              "points it already holds are not measured again.")  # fmt: skip
@click.option("--reuse", multiple=True, type=click.Path(path_type=Path, exists=True, dir_okay=False), help="Rows of an "
              "earlier run, its rows.jsonl.xz: points in it are not measured again. Several may be given.")  # fmt: skip
@click.option("--anchors", type=_FOLDER, help="Folder of published curves, for plots and table.")
@click.option("--anchor", "against", multiple=True, help="What BD-rates are against, a codec or a published curve; may "
              "be given again.  [default: vtm and avif, those at hand, else the last codec]")  # fmt: skip
@click.option("--most", type=click.IntRange(1), help="No more than this many pictures.")
@click.option("--repeats", type=click.IntRange(1), default=1, show_default=True, help="Timed runs of each step.")
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="Of each codec.")
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True, help="Processes side by side.")
@click.option("--visual", type=click.IntRange(0), default=6, show_default=True, help="Images to compare by eye.")
@click.option("--rates", default="0.15,0.3,0.6", show_default=True, help="Bits per pixel to compare them at.")
def rd(
    images: Path,
    names: str,
    metrics: str,
    out: Path,
    reuse: tuple[Path, ...],
    anchors: Path | None,
    against: tuple[str, ...],
    most: int | None,
    repeats: int,
    threads: int,
    jobs: int,
    visual: int,
    rates: str,
) -> None:
    """Measure codecs on images: OUT gets results.json, curves, points.csv, rows.jsonl.xz, plots and report.html."""
    from benchmarks.anchors import read_anchors
    from benchmarks.images import find_images
    from benchmarks.measure import Timing, codec_megabytes
    from benchmarks.metrics import METRICS, known_metrics
    from benchmarks.plots import draw_all
    from benchmarks.rd import run
    from benchmarks.report import render
    from benchmarks.results import collect, known_codecs, write
    from benchmarks.rows import RowStore
    from benchmarks.visual import scenes

    try:
        codecs, judged = known_codecs(names), known_metrics(metrics)
        targets = [float(rate) for rate in rates.split(",")]
        if min(targets) <= 0:
            raise ValueError(f"--rates {rates}: must be positive")
        published = read_anchors(anchors) if anchors else {}
        pictures = find_images(images, most)
        if empty := [path for path in reuse if not any(RowStore(path))]:
            raise ValueError(f"--reuse {empty[0]}: has no rows of a run")
    except (OSError, ValueError) as error:
        raise click.UsageError(str(error)) from error
    at_hand = {*codecs, *published}
    against = against or tuple(n for n in ("vtm", "avif") if n in at_hand) or (codecs[-1],)
    if not at_hand.issuperset(against):
        raise click.UsageError(
            f"--anchor: of {', '.join(against)}, each must be a codec of this run or a published curve"
        )
    timing = Timing(repeats, threads, jobs)
    rows = run(pictures, codecs, RowStore(out / "rows.jsonl", reuse), timing, judged)
    paths = list(pictures)
    megabytes = {name: codec_megabytes(name, paths[0], threads) for name in tqdm(codecs, desc="memory")}
    results = collect(rows, published, list(against), megabytes)
    write(results, rows, out)
    plots = list(draw_all(results, out / "plots"))
    spread = paths[:: max(1, len(paths) // visual)][:visual] if visual else []
    looked_at = scenes(spread, codecs, targets, threads, rows) if spread else []
    with replacing(out / "report.html", overwrite=True) as temporary:
        temporary.write_text(render(results, plots, looked_at), encoding="utf-8")
    for anchor, table in results["bd_rate"].items():
        for metric in judged:
            click.echo(f"BD-rate against {anchor}, {METRICS[metric].label}. {METRICS[metric].weakness}")
            for row in table:
                if figures := row["bd_rate"].get(metric):
                    span = f"{figures['low']:.1f} to {figures['high']:.1f}"
                    click.echo(f"  {row['name']:52s} {figures['percent']:+7.1f}%  {span}")
    click.echo(f"everything else in {out / 'report.html'}")


@click.command()
@click.option(
    "--results",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    default=COMMITTED.parent,
    help="Folder of results and effort.csv.  [default: the committed ones]",
)
@click.option("--check", is_flag=True, help="Change nothing; fail if a document differs.")
def readme(results: Path, check: bool) -> None:
    """Write the tables of README.md and benchmarks/README.md from results and effort.csv."""
    from benchmarks.readme import SETS, overview, section, with_section

    found = [name for name in SETS if (results / name).exists()]
    sets = {name: json.loads((results / name).read_text(encoding="utf-8")) for name in found}
    with (results / COMMITTED_EFFORT.name).open(newline="", encoding="utf-8") as file:
        long = section(sets[COMMITTED.name], list(csv.DictReader(file)))
    for path, tables in ((ROOT / "README.md", overview(sets)), (ROOT / "benchmarks" / "README.md", long)):
        text = path.read_text(encoding="utf-8")
        new = with_section(text, tables)
        if check and new != text:
            raise click.ClickException(f"{path.relative_to(ROOT)}: its tables are not those of the results")
        if new != text:
            path.write_text(new, encoding="utf-8")
