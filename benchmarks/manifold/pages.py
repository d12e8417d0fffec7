"""The tables of the pages in ``docs/``, written from results so that no figure in them is typed by hand.

``python -m benchmarks docs`` writes them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

RESULTS = Path(__file__).parent.parent / "results"
DOCS = Path(__file__).parent.parent.parent / "docs"
END = "<!-- end -->"


def search(results: Any) -> str:
    """Recall and precision, ours and the baselines'."""
    table = results["table"]
    recalls = [c for c in table["embedding"] if c not in ("materials", "faces", "recall@1, mean")]
    lines = [
        f"{results['pictures']} images that the head was not trained on, found again from distorted versions of "
        f"themselves (crop 70%: of each side); model {results['model']}.",
        "",
        "| recall@1 | " + " | ".join([*recalls, "mean"]) + " |",
        "|---|" + "---|" * (len(recalls) + 1),
    ]
    for name, row in table.items():
        lines.append(f"| {name} | " + " | ".join(f"{100 * row[c]:.1f}%" for c in [*recalls, "recall@1, mean"]) + " |")
    lines += ["", "| precision@5 | faces | materials |", "|---|---|---|"]
    for name, row in table.items():
        lines.append(f"| {name} | {100 * row['faces']:.1f}% | {100 * row['materials']:.1f}% |")
    ratio = results["indexing_speed_ratio"]
    return "\n".join(lines) + f"\n\nA file is embedded {ratio:.1f} times as fast as decoded, coded anew and embedded."


def anomaly(results: Any) -> str:
    """Areas under ROC."""
    table = results["auroc"]
    columns = list(next(iter(table.values())))
    lines = [
        f"Fitted to {results['fitted']} images; area under ROC of telling {results['held_out']} held-out images "
        f"from as many that were changed, all of them middle squares; in brackets what 95% of draws of as many images "
        f"give; model {results['model']}. Of the held-out images themselves "
        f"{100 * results['held_out_at_2_or_more']:.1f}% score 2 or more, where 1% is meant to.",
        "",
        "| shift | " + " | ".join(columns) + " |",
        "|---|" + "---|" * len(columns),
    ]
    for name, row in table.items():
        low, high = results["interval_95"][name]
        cells = [f"{row['all']:.3f} ({low:.3f} to {high:.3f})", *(f"{row[c]:.3f}" for c in columns if c != "all")]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def defects(results: Any) -> str:
    """What the heat map finds of defects."""
    table, by_defect = results["auroc"], results["by_defect"]
    judges = list(next(iter(table.values())))
    mean = {judge: sum(row[judge] for row in table.values()) / len(table) for judge in judges}
    lines = [
        f"A collection of {results['fitted']} sound pieces of each kind; area under ROC of telling the pixels of "
        f"defects from all others, {results['pieces']} pieces of each defect and as many sound ones; model "
        f"{results['model']}.",
        "",
        "| kind | " + " | ".join(judges) + " |",
        "|---|" + "---|" * len(judges),
    ]
    for name, row in [*table.items(), ("**mean of kinds**", mean), *by_defect.items()]:
        lines.append(f"| {name} | " + " | ".join(f"{row[judge]:.3f}" for judge in judges) + " |")
    return "\n".join(lines)


def morph(results: Any) -> str:
    """How near the image halfway is to the true one, and what detail it keeps."""
    known, detail = results["known_motion"], results["gradient_energy"]
    motions = list(next(iter(known.values())))
    lines = [
        f"{results['photographs']} held-out photographs, two views of each at {results['size'][0]} x "
        f"{results['size'][1]} pixels with a known motion between them; model {results['model']}. The image halfway "
        "against the true one, PSNR in dB / SSIMULACRA 2; `ends themselves` are the coded views against the views, "
        "as near as a path can come.",
        "",
        "| path | " + " | ".join(motions) + " |",
        "|---|" + "---|" * len(motions),
    ]
    for way, row in known.items():
        cells = [f"{row[motion]['psnr_db']:.2f} / {row[motion]['ssimulacra2']:.1f}" for motion in motions]
        lines.append(f"| {way} | " + " | ".join(cells) + " |")
    lines += [
        "",
        f"{results['pairs']} pairs of unrelated held-out photographs: energy of the gradients of the image halfway "
        "over the mean of the ends'.",
        "",
        "| path | mean | least of all pairs | pairs at 0.8 or more |",
        "|---|---|---|---|",
    ]
    for way, row in detail.items():
        lines.append(f"| {way} | {row['mean']:.2f} | {row['least']:.2f} | {100 * row['share_of_pairs_at_0.8']:.0f}% |")
    return "\n".join(lines)


def geodesic(results: Any) -> str:
    """What geodesics save."""
    lines = [
        f"{len(results['pairs'])} pairs of held-out photographs at 384 x 256 pixels, model {results['model']}: the "
        "geodesic's figures over those of the straight line.",
        "",
        "| pair | energy | length | bits a pixel between the ends |",
        "|---|---|---|---|",
    ]
    for row in results["pairs"]:
        ratios = [row["geodesic"][key] / row["linear"][key] for key in ("energy", "length", "rate_bpp")]
        lines.append(f"| {' – '.join(row['pair'])} | " + " | ".join(f"{ratio:.3f}" for ratio in ratios) + " |")
    return "\n".join(lines)


def continuity(results: Any) -> str:
    """Movement, and movement per level of input."""
    names = ["latent", "embedding", "PCA of pixels"]
    lines = [
        f"{results['pictures']} images, medians; in brackets thousandths for each level (of 255, root mean square) "
        f"by which the pixels changed; model {results['model']}. The PCA is of 32 x 32 pixels, fitted to "
        f"{results['pca']['pictures']} other images, {results['pca']['dimensions']} dimensions.",
        "",
        "| change | pixels changed by | " + " | ".join(names) + " |",
        "|---|---|" + "---|" * len(names),
    ]
    for change, row in results["movement"].items():
        for i, size in enumerate(row["sizes"]):
            level = row["rms_levels"][i]
            cells = [f"{row[name][i]:.3f} ({1000 * row[name][i] / level:.1f})" for name in names]
            lines.append(f"| {change}, {size:g} {row['unit']} | {level:.1f} levels | " + " | ".join(cells) + " |")
    return "\n".join(lines)


TABLES: tuple[tuple[str, str, Callable[[Any], str]], ...] = (
    ("search.md", "search.json", search),
    ("anomaly.md", "anomaly.json", anomaly),
    ("anomaly.md", "defects.json", defects),
    ("interpolate.md", "morph.json", morph),
    ("interpolate.md", "geodesic.json", geodesic),
    ("continuity.md", "continuity.json", continuity),
)


def with_table(text: str, command: str, table: str) -> str:
    """A page with the table between its marks replaced."""
    out = "" if command == "continuity" else f"/{command}.json"
    photos = "" if command == "defects" else " PHOTOS"
    begin = (
        f"<!-- table: python -m benchmarks {command}{photos} --out benchmarks/results{out}, "
        "then python -m benchmarks docs -->"
    )
    before, rest = text.split(begin)
    return f"{before}{begin}\n{table}\n{END}{rest.split(END, 1)[1]}"


@click.command()
def main() -> None:
    """Write the tables of the pages in docs/ from the committed results."""
    for page, source, table in TABLES:
        path = DOCS / page
        results = json.loads((RESULTS / source).read_text(encoding="utf-8"))
        text = with_table(path.read_text(encoding="utf-8"), source.split(".")[0], table(results))
        path.write_text(text, encoding="utf-8")
