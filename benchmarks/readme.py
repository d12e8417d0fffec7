"""Tables of results in the documents, written from committed results and ``effort.csv``: no figure is typed by hand.

The README has one short table of all sets of images, ``benchmarks/README.md`` the long ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import mean

from benchmarks.bdrate import Curve, bd_rate_within, curve
from benchmarks.metrics import METRICS
from benchmarks.plots import percent
from benchmarks.results import Results, best_first

BEGIN = "<!-- results: written by python -m benchmarks readme -->"
END = "<!-- end of results -->"
SHOWN_PUBLISHED = frozenset(
    [
        "av1",
        "compressai-bmshj2018-hyperprior_mse_cpu",
        "compressai-bmshj2018-hyperprior_ms-ssim_cpu",
        "compressai-mbt2018-mean_mse_cpu",
        "compressai-mbt2018-mean_ms-ssim_cpu",
        "compressai-mbt2018_mse_cpu",
        "compressai-cheng2020-anchor_mse_cpu",
        "cool-chic-5.0",
        "hm",
        "paper-elic2022_mse",
        "vtm",
    ]
)
"""The published curves that readers know, the best among them; the report has all."""

COMMON_DB = (29.2, 36.6)
"""Nearly all curves cover this. Over ranges of their own, which are in the tables as well, rows are not to be
subtracted."""

SETS = {
    "results.json": "Kodak, {count} photographs",
    "test.json": "{count} lossless photographs of 768 x 512",
    "photographs.json": "{count} photographs that scikit-image ships",
}
"""Committed results by file name, and what they were measured on."""
SHORT_METRICS = ("ssimulacra2", "cvvdp", "butteraugli", "ms-ssim-db", "psnr-rgb")
SHORT_ANCHOR = "avif"

EffortTable = Sequence[Mapping[str, str]]
"""The lines of ``effort.csv``."""


def overview(sets: Mapping[str, Results]) -> str:
    """BD-rates against AVIF of what was measured on each set of images, in Markdown.

    Args:
        sets: results by their file names, see :data:`SETS`.
    """
    lines = [
        "| images | codec | " + " | ".join(METRICS[m].label for m in SHORT_METRICS) + " |",
        "|---|---|" + "---|" * len(SHORT_METRICS),
    ]
    for name, results in sets.items():
        images = SETS[name].format(count=len(results["images"]))
        for row in best_first(results["bd_rate"].get(SHORT_ANCHOR, [])):
            if row["measured"]:
                cells = [percent(bd["percent"] if (bd := row["bd_rate"].get(m)) else None) for m in SHORT_METRICS]
                codec = f"**{row['name']}**" if row["name"] == results["name"] else row["name"]
                lines.append(f"| {images} | {codec} | " + " | ".join(cells) + " |")
                images = ""
    return "\n".join(lines)


def section(results: Results, effort: EffortTable) -> str:
    """Tables of our curve, of BD-rates and of effort, in Markdown."""
    ours = results["codecs"][0]
    lines = [
        f"{len(results['images'])} images ({results['images'][0]} to {results['images'][-1]}), whole files; "
        f"{ours['description'].split(' | ')[0]}.",
        "",
        "| quality | bpp | PSNR (dB) | MS-SSIM (dB) | SSIMULACRA 2 |",
        "|---|---|---|---|---|",
    ]
    columns = ours["results"]
    for i, quality in enumerate(columns["quality"]):
        lines.append(
            f"| {quality:g} | {columns['bpp'][i]:.4f} | {columns['psnr-rgb'][i]:.2f} | {columns['ms-ssim-db'][i]:.2f} "
            f"| {columns['ssimulacra2'][i]:.1f} |"
        )
    for anchor, table in results["bd_rate"].items():
        metrics = [m for m in METRICS if any(row["bd_rate"].get(m) for row in table)]
        lines += [
            "",
            f"BD-rate against {anchor}{' (published)' if anchor in results['published'] else ''}; negative is smaller "
            "files at equal quality:",
            "",
            "| codec | " + " | ".join(METRICS[m].label for m in metrics)
            + f" | overlap, PSNR-RGB (dB) | PSNR-RGB, {COMMON_DB[0]:g} to {COMMON_DB[1]:g} dB |",
            "|---|" + "---|" * (len(metrics) + 2),
        ]  # fmt: skip
        reference = _psnr_curve(results, anchor)
        for row in best_first(table):
            if not row["measured"] and row["name"].split(" ")[0] not in SHOWN_PUBLISHED:
                continue
            cells = [percent(bd["percent"] if (bd := row["bd_rate"].get(m)) else None) for m in metrics]
            name = f"**{row['name']}**" if row["name"] == results["name"] else row["name"]
            bd = row["bd_rate"].get("psnr-rgb")
            cells.append(f"{bd['low']:.1f} to {bd['high']:.1f}" if bd else "–")
            cells.append(percent(bd_rate_within(reference, _psnr_curve(results, row["name"]), *COMMON_DB)))
            lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", *_of_cost(results), "", *_of_effort(effort)])


def _psnr_curve(results: Results, name: str) -> Curve:
    """PSNR-RGB of a codec of the run, or else of a published one, whose name in tables says that it is."""
    for codec in results["codecs"]:
        if codec["name"] == name:
            values = codec["results"].get("psnr-rgb", [])  # none if no quality went well on all images
            return curve(codec["results"]["bpp"][: len(values)], values)
    points = results["published"][name.removesuffix(" (published)")].get("psnr-rgb", {"bpp": [], "quality": []})
    return curve(points["bpp"], points["quality"])


def _of_cost(results: Results) -> list[str]:
    """Settings, time and memory of each codec that was measured."""
    first = results["codecs"][0]
    lines = [
        f"What was measured, and what it takes on average over qualities, {first['threads']} thread a codec and "
        f"{first['jobs']} processes side by side (orders of magnitude; memory is what coding one image adds):",
        "",
        "| codec | version | settings | encoding (s) | decoding (s) | memory (MB) |",
        "|---|---|---|---|---|---|",
    ]
    for codec in results["codecs"]:
        version, settings = codec["description"].split(" | ", 1)
        times = (codec["results"][f"{step}_time"] for step in ("encoding", "decoding"))
        encoding, decoding = (f"{mean(seconds):.3f}" if seconds else "–" for seconds in times)
        megabytes = codec["peak_megabytes"]
        memory = "–" if megabytes is None else f"{megabytes:.0f}"
        lines.append(f"| {codec['name']} | {version} | {settings} | {encoding} | {decoding} | {memory} |")
    return lines


def _of_effort(effort: EffortTable) -> list[str]:
    heading = (
        "What effort buys with `--tune {tune}`: BD-rate in {label} against effort {effort}, {images} images at "
        "qualities {qualities}, model {model}, {threads} threads:"
    )
    return [
        heading.format_map(
            {
                **effort[0],
                "label": METRICS[effort[0]["metric"]].label,
                "qualities": effort[0]["qualities"].replace(",", ", "),
            }
        ),
        "",
        "| effort | BD-rate | images, from | to | encoding (s a megapixel) |",
        "|---|---|---|---|---|",
        *(
            f"| {line['effort']} | {' | '.join(_gain(line[name]) for name in ('bd_rate', 'most', 'least'))} "
            f"| {float(line['seconds_per_megapixel']):.2f} |"
            for line in effort
        ),
    ]


def _gain(text: str) -> str:
    return f"{float(text):+.1f}%" if text else "–"


def with_section(text: str, tables: str) -> str:
    """A document with its results replaced.

    Args:
        text: the document, with the two marks.
        tables: what is to stand between them.

    Returns:
        str: the new document.

    Raises:
        ValueError: the marks are missing.
    """
    try:
        before, rest = text.split(BEGIN)
        _, after = rest.split(END)
    except ValueError as error:
        raise ValueError("the marks around the results are missing or repeated") from error
    return f"{before}{BEGIN}\n{tables}\n{END}{after}"
