"""The README's figures are the committed ones, and those are of the shipped weights."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks.__main__ import main
from benchmarks.commands import COMMITTED, COMMITTED_EFFORT
from benchmarks.metrics import METRICS
from benchmarks.readme import BEGIN, END, with_results

TEXT = (Path(__file__).parents[2] / "README.md").read_text()
RESULTS = json.loads(COMMITTED.read_text())
EFFORT = list(csv.DictReader(COMMITTED_EFFORT.read_text().splitlines()))


def test_the_readme_shows_the_committed_results():
    assert with_results(TEXT, RESULTS, EFFORT) == TEXT, "run: python -m benchmarks readme"
    assert TEXT.count(BEGIN) == 1
    with pytest.raises(ValueError, match="marks"):
        with_results(TEXT.replace(END, ""), RESULTS, EFFORT)


def test_other_results_change_the_readme(tmp_path):
    results, effort = tmp_path / "results.json", tmp_path / "effort.csv"
    changed = json.loads(COMMITTED.read_text())
    changed["codecs"][0]["results"]["bpp"][0] += 1
    results.write_text(json.dumps(changed))
    effort.write_text(COMMITTED_EFFORT.read_text().replace(EFFORT[-1]["bd_rate"], "-12.34"))
    for option, path in (("--results", results), ("--effort", effort)):
        assert path.read_text() != {"--results": COMMITTED, "--effort": COMMITTED_EFFORT}[option].read_text()
        result = CliRunner().invoke(main, ["readme", "--check", option, str(path)])
        assert result.exit_code == 1 and "are not those" in result.output
    assert CliRunner().invoke(main, ["readme", "--check"]).exit_code == 0
    assert "| -12.3% |" in with_results(TEXT, RESULTS, list(csv.DictReader(effort.read_text().splitlines())))


def test_what_could_not_be_measured_is_a_gap():
    results = json.loads(COMMITTED.read_text())
    gone = results["codecs"][1]
    gone["peak_megabytes"] = None
    gone["results"] = {name: [] for name in gone["results"] if name not in METRICS and name != "ms-ssim-rgb"}
    del results["published"]["vtm"]["psnr-rgb"]
    lines = with_results(TEXT, results, [{**EFFORT[0], "bd_rate": "", "least": "", "most": ""}]).splitlines()
    assert any(line.startswith(f"| {gone['name']} |") and line.endswith("| – | – | – |") for line in lines)
    assert any("| 0 | – | – | – |" in line for line in lines)


def test_the_committed_results_are_those_of_the_shipped_weights():
    from codec.engine.registry import shipped

    assert shipped().model_id.hex() in RESULTS["description"] and len(RESULTS["images"]) == 24
