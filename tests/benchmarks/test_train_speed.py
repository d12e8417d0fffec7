"""The benchmark of training: what it reads from a run, and that it runs one."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks.__main__ import main
from benchmarks.train_speed import Setting, Speed, read_speed

ROOT = Path(__file__).parents[2]


def test_the_first_steps_do_not_count_and_means_are_of_time(tmp_path):
    path = tmp_path / "train-stable.csv"
    path.write_text("step,mpx_per_s,data_share\n50,0.1,0.9\n100,1,0.1\n150,3,0.3\n")
    assert read_speed(path, 1) == Speed(pytest.approx(1.5), pytest.approx(0.2))
    path.write_text("step,mpx_per_s\n50,0.1\n100,1\n")
    assert read_speed(path, 1) == Speed(1.0, None)
    with pytest.raises(ValueError, match="beyond the first 2"):
        read_speed(path, 2)


def test_only_what_differs_becomes_an_option():
    assert Setting(4, "auto", "auto", False).options() == ["--batch", "4"]
    options = Setting(8, "float32", "cpu", True).options()
    assert options == ["--batch", "8", "--compile", "--precision", "float32", "--device", "cpu"]


@pytest.mark.heavy
def test_a_checkout_is_as_fast_as_itself(photo_folder):
    arguments = [
        "train-speed",
        str(photo_folder),
        "--batches",
        "1",
        "--steps",
        "100",
        "--repeats",
        "1",
        "--threads",
        "2",
    ]
    result = CliRunner().invoke(main, [*arguments, "--beside", str(ROOT)])
    assert result.exit_code == 0, result.output
    speed, *_, ratio = (float(word) for word in result.output.split()[-6:] if word.replace(".", "").isdecimal())
    assert speed > 0 and 0.3 < ratio < 3


def test_wrong_settings_and_failing_runs_are_told(photo_folder, tmp_path):
    result = CliRunner().invoke(main, ["train-speed", str(photo_folder), "--batches", "x"])
    assert result.exit_code == 2
    result = CliRunner().invoke(main, ["train-speed", str(tmp_path), "--batches", "1", "--repeats", "1"])
    assert result.exit_code == 1 and "no images below" in result.output
