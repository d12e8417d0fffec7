"""How fast training is: ``python -m benchmarks train-speed IMAGES``.

Each figure is of a whole ``codec train`` process on its first steps, from the figures that it writes itself. Another
checkout can be timed in turn with this one, so that the ratio holds where the machine's speed drifts.
"""

from __future__ import annotations

import csv
import itertools
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import click
from PIL import Image
from tqdm import tqdm

ROOT = Path(__file__).parent.parent
ROW_STEPS = 50
"""Steps that a row of the trainer's figures is the mean of."""
_FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)


@dataclass(frozen=True)
class Setting:
    """How to train: batch, precision, device and whether to compile, as options of ``codec train``; crops of 256
    pixels."""

    batch: int
    precision: str
    device: str
    compile: bool

    def options(self) -> list[str]:
        """As options, without those that are as they are unless given: older versions do not know them."""
        options = ["--batch", str(self.batch), *(["--compile"] if self.compile else [])]
        for name, value in (("--precision", self.precision), ("--device", self.device)):
            options += [] if value == "auto" else [name, value]
        return options

    def __str__(self) -> str:
        return f"{self.device:6s} {self.precision:9s} {self.batch:5d} {'yes' if self.compile else 'no':8s}"


@dataclass(frozen=True)
class Speed:
    """Of one run.

    Attributes:
        mpx_per_s: millions of pixels trained on in a second.
        data_share: of the time, that spent on drawing crops; None where a version does not tell.
    """

    mpx_per_s: float
    data_share: float | None


def read_speed(path: Path, skip: int) -> Speed:
    """Mean speed in a run's ``train-stable.csv``.

    Args:
        path: the file.
        skip: rows at the start to leave out: memory and caches are filled, and graphs compiled then.

    Raises:
        ValueError: there are no other rows.
    """
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))[skip:]
    if not rows:
        raise ValueError(f"{path}: no rows beyond the first {skip}")
    # Rows are of equal steps, so the mean is of seconds a pixel.
    speed = 1 / statistics.fmean(1 / float(row["mpx_per_s"]) for row in rows)
    shares = [float(row["data_share"]) for row in rows if row.get("data_share")]
    return Speed(speed, statistics.fmean(shares) if shares else None)


def measure(checkout: Path, images: Path, setting: Setting, steps: int, threads: int | None) -> Speed:
    """Train a new model for some steps in a process of its own.

    Args:
        checkout: folder of the version to run.
        images: folder to train on.
        setting: how.
        steps: how many, in rows of 50, of which the first does not count.
        threads: of the process; None leaves it to torch.

    Raises:
        click.ClickException: the process has failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        (work / "validation").mkdir()
        Image.new("RGB", (64, 64)).save(work / "validation" / "gray.png")
        command = [sys.executable, "-W", "ignore", "-m", "codec", "train", "--data", str(images.resolve())]
        command += ["--out", str(work / "run"), "--validation", str(work / "validation"), "--steps", str(steps)]
        command += [*setting.options(), *(["--threads", str(threads)] if threads else [])]
        environment = {**os.environ, "PYTHONPATH": str(checkout.resolve())}
        done = subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise click.ClickException(f"{' '.join(command)}\n{done.stderr.strip()}")
        return read_speed(work / "run" / "train-stable.csv", 1)


@click.command()
@click.argument("images", type=_FOLDER)
@click.option("--batches", default="4,8", show_default=True, help="Crops a step.")
@click.option("--precisions", default="auto", show_default=True, help="Of auto, float32 and bfloat16.")
@click.option("--devices", default="auto", show_default=True, help="Of auto, cpu, cuda and mps.")
@click.option("--compile", "compiled", default="no", show_default=True, help="Of no and yes.")
@click.option("--threads", type=click.IntRange(1), help="Of each process.  [default: torch's choice]")
@click.option("--steps", type=click.IntRange(100), default=150, show_default=True, help="Of each run; the first 50 do "
              "not count.")  # fmt: skip
@click.option("--repeats", type=click.IntRange(1), default=3, show_default=True, help="Runs of each setting.")
@click.option("--beside", type=_FOLDER, help="Another checkout, which is timed in turn with this one.")
def main(
    images: Path,
    batches: str,
    precisions: str,
    devices: str,
    compiled: str,
    threads: int | None,
    steps: int,
    repeats: int,
    beside: Path | None,
) -> None:
    """Time training on IMAGES, a folder, by device, precision, batch and compilation."""
    try:
        sizes = [int(batch) for batch in batches.split(",")]
        choices = [{"no": False, "yes": True}[choice] for choice in compiled.split(",")]
    except (ValueError, KeyError) as error:
        raise click.UsageError(
            f"--batches {batches}, --compile {compiled}: expected whole numbers, and yes or no"
        ) from error
    if steps % ROW_STEPS:
        raise click.UsageError(f"--steps {steps}: expected a multiple of {ROW_STEPS}")
    click.echo("device precision batch compiled  Mpx/s (min to max)      data share" + ("   ratio" if beside else ""))
    for device, precision, batch, choice in itertools.product(
        devices.split(","), precisions.split(","), sizes, choices
    ):
        setting = Setting(batch, precision, device, choice)
        ours, ratios = [], []
        for _ in tqdm(range(repeats), desc=str(setting), unit="run", leave=False, disable=None):
            ours.append(measure(ROOT, images, setting, steps, threads))
            if beside:
                ratios.append(ours[-1].mpx_per_s / measure(beside, images, setting, steps, threads).mpx_per_s)
        speeds = sorted(speed.mpx_per_s for speed in ours)
        share = statistics.fmean(speed.data_share or 0.0 for speed in ours)
        line = f"{setting} {statistics.median(speeds):6.2f} ({speeds[0]:.2f} to {speeds[-1]:.2f})"
        line = f"{line:54s} {share:9.1%}"
        click.echo(f"{line} {statistics.median(ratios):8.2f}" if ratios else line)


if __name__ == "__main__":
    main()
