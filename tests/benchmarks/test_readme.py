"""The README's figures are the committed ones, and those are of the shipped weights."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks.__main__ import main
from benchmarks.commands import COMMITTED, COMMITTED_EFFORT
from benchmarks.metrics import METRICS
from benchmarks.readme import BEGIN, END, overview, section, with_section

ROOT = Path(__file__).parents[2]
SHORT, LONG = ((ROOT / name).read_text() for name in ("README.md", "benchmarks/README.md"))
RESULTS = json.loads(COMMITTED.read_text())
EFFORT = list(csv.DictReader(COMMITTED_EFFORT.read_text().splitlines()))


def test_the_documents_show_the_committed_results():
    assert with_section(LONG, section(RESULTS, EFFORT)) == LONG, "run: python -m benchmarks readme"
    assert CliRunner().invoke(main, ["readme", "--check"]).exit_code == 0
    for text in (SHORT, LONG):
        assert text.count(BEGIN) == 1
        with pytest.raises(ValueError, match="marks"):
            with_section(text.replace(END, ""), "")


def test_other_results_change_the_documents(tmp_path):
    for name, old, new in (
        (
            "results.json",
            f'"percent": {RESULTS["bd_rate"]["avif"][0]["bd_rate"]["psnr-rgb"]["percent"]}',
            '"percent": 77.7',
        ),
        ("effort.csv", EFFORT[-1]["bd_rate"], "-12.34"),
    ):
        folder = tmp_path / name
        shutil.copytree(COMMITTED.parent, folder)
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new))
        result = CliRunner().invoke(main, ["readme", "--check", "--results", str(folder)])
        assert result.exit_code == 1 and "are not those" in result.output
    shutil.copyfile(COMMITTED, tmp_path / "test.json")
    both = overview({"results.json": RESULTS, "test.json": RESULTS})
    assert "Kodak, 24 photographs | " in both and both.count("**lmc**") == 2 and "lossless photographs" in both
    assert "| -12.3% |" in section(RESULTS, [*EFFORT[:-1], {**EFFORT[-1], "bd_rate": "-12.34"}])


def test_what_could_not_be_measured_is_a_gap():
    results = json.loads(COMMITTED.read_text())
    gone = results["codecs"][1]
    gone["peak_megabytes"] = None
    gone["results"] = {name: [] for name in gone["results"] if name not in METRICS and name != "ms-ssim-rgb"}
    del results["published"]["vtm"]["psnr-rgb"]
    lines = section(results, [{**EFFORT[0], "bd_rate": "", "least": "", "most": ""}]).splitlines()
    assert any(line.startswith(f"| {gone['name']} |") and line.endswith("| – | – | – |") for line in lines)
    assert any("| 0 | – | – | – |" in line for line in lines)


def test_the_committed_results_are_those_of_the_shipped_weights():
    from codec.engine.registry import shipped

    assert shipped().model_id.hex() in RESULTS["description"] and len(RESULTS["images"]) == 24
