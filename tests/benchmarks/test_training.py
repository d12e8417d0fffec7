"""The training curve, from its two tables to its plot."""

from __future__ import annotations

import pytest
from click.testing import CliRunner
from PIL import Image

from benchmarks.__main__ import main
from benchmarks.training import RESULTS, read_validation

RATES = (0.1, 0.2, 0.4, 0.8, 1.6)


def write_tables(folder, later=0.5):
    points = [(h, r * f, 25 + 3 * i) for h, f in ((1.0, 1.0), (2.5, later)) for i, r in enumerate(RATES)]
    rows = "".join(f"{h},0.5,{r},{q}\n" for h, r, q in reversed(points))
    (folder / "validation.csv").write_text("hours,t,rate_bpp,psnr_db\n" + rows)
    (folder / "releases.csv").write_text("hours,model,jpeg,avif,vtm\n1,aa,-30.5,,\n2,bb,-41.8,10.0,64.9\n")


def test_prints_and_draws(tmp_path):
    write_tables(tmp_path)
    result = CliRunner().invoke(main, ["training", "--results", str(tmp_path)])
    assert result.exit_code == 0, result.output
    lines = [line.split() for line in result.output.splitlines()]
    assert lines[0] == ["validation", "1.00", "h", "+0.00%"] and lines[1][1] == "2.50"
    assert float(lines[1][3].rstrip("%")) == pytest.approx(-50, abs=0.01)
    assert lines[2:] == [
        ["jpeg", "1.00", "h", "-30.50%"],
        ["jpeg", "2.00", "h", "-41.80%"],
        ["avif", "2.00", "h", "+10.00%"],
        ["vtm", "2.00", "h", "+64.90%"],
    ]
    with Image.open(tmp_path / "training.png") as image:
        assert image.size[0] > 1000 and len(image.convert("L").getcolors()) > 50


def test_an_evaluation_that_overlaps_nothing_is_an_error(tmp_path):
    (tmp_path / "validation.csv").write_text(
        "hours,t,rate_bpp,psnr_db\n" + "".join(f"{h},0,{r},{10 * h + r}\n" for h in (1, 2) for r in RATES)
    )
    with pytest.raises(ValueError, match=r"at 2\.0 hours"):
        read_validation(tmp_path / "validation.csv")


def test_the_committed_tables_end_better_than_they_began():
    values = list(read_validation(RESULTS / "validation.csv").values())
    assert values[0] == 0 and values[-1] < -5
