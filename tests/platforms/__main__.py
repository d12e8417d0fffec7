"""Run the matrix and print it as a table; exit code 1 if any symbol or pixel disagrees."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import click
import numpy as np

ROOT = Path(__file__).parent.parent.parent
WORKER = Path(__file__).with_name("worker.py")
REFERENCE = "reference"
QUALITIES = ("10", "45", "80")


@dataclass(frozen=True)
class Platform:
    """A way to run the codec.

    Attributes:
        name: in the table.
        command: what runs a Python script.
        engine: of the networks.
        threads: of the engine.
        environment: beside that of this process.
        tolerance: most levels a pixel may differ by.
        images: qualities whose files it encodes and decodes to pixels; the symbols of all files are read in any case.
    """

    name: str
    command: list[str]
    engine: str = "onnx"
    threads: int = 2
    environment: dict[str, str] = field(default_factory=dict)
    tolerance: int = 1
    pictures: tuple[str, ...] = QUALITIES

    def run(self, task: str, source: Path, out: Path) -> None:
        """Encode or decode a folder; what is there already is taken as done.

        Raises:
            subprocess.CalledProcessError: it failed.
        """
        if (out / "done").exists():
            return
        options = ["--threads", str(self.threads), "--qualities", ",".join(self.pictures)]
        if task == "decode":
            options += ["--engine", self.engine]
        subprocess.run(
            [*self.command, str(WORKER), task, str(source), str(out), *options],
            check=True, env={**os.environ, **self.environment}, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        (out / "done").touch()


def environment(work: Path, name: str, python: str, packages: list[str]) -> list[str]:
    """A virtual environment with the package and others, made once; the command that runs its Python."""
    folder = work / name
    if not (folder / "done").exists():
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([python, "-m", "venv", str(folder)], check=True)
        pip = [str(folder / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, str(ROOT), *packages], check=True, cwd=work)
        (folder / "done").touch()
    return [str(folder / "bin" / "python")]


def platforms(work: Path, pythons: tuple[str, ...], emulated: str | None) -> Iterator[Platform]:
    """All of the matrix, the reference first."""
    here = [sys.executable]
    yield Platform(REFERENCE, here)
    yield Platform("1 thread", here, threads=1)
    yield Platform("4 threads", here, threads=4)
    yield Platform("torch", here, "torch")
    for name, isa, capability in (
        ("torch, SSE4.1", "SSE41", "default"),
        ("torch, AVX2", "AVX2", "avx2"),
        ("torch, AVX-512", "AVX512_CORE", "avx512"),
    ):
        limits = {"ONEDNN_MAX_CPU_ISA": isa, "ATEN_CPU_CAPABILITY": capability, "MKL_ENABLE_INSTRUCTIONS": isa[:6]}
        yield Platform(name, here, "torch", environment=limits)
    yield Platform("numpy 1.26", environment(work, "numpy1", sys.executable, ["numpy==1.26.4"]))
    yield Platform("numpy 2", environment(work, "numpy2", sys.executable, ["numpy>=2"]))
    for python in pythons:
        yield Platform(Path(python).name, environment(work, Path(python).name, python, []))
    openvino = environment(work, "openvino", sys.executable, ["openvino"])
    yield Platform("OpenVINO, float32", openvino, "openvino-f32")
    # Eight bits of mantissa: what an accelerator would give, and no promise of ours.
    yield Platform("OpenVINO, bfloat16", openvino, "openvino-bf16", tolerance=32)
    if emulated:
        # The networks take a minute a megapixel there.
        yield Platform("ARM64, emulated", [emulated], pictures=QUALITIES[1:2])


COLUMNS = (("files", 5), ("symbols", 11), ("other", 5), ("pictures", 8), ("pixels", 6), ("largest", 7))


@dataclass
class Comparison:
    """What two decodings of the same files have in common."""

    files: int = 0
    pictures: int = 0
    symbols: int = 0
    other_symbols: int = 0
    other_pixels: int = 0
    largest: int = 0

    @classmethod
    def of(cls, one: Path, other: Path, tolerance: int) -> Comparison:
        """Compare two folders.

        Raises:
            FileNotFoundError: they do not hold the same files.
        """
        result = cls()
        names = sorted(path.name for path in one.glob("*.npz"))
        if not names or names != sorted(path.name for path in other.glob("*.npz")):
            raise FileNotFoundError(f"{one} and {other} do not hold the same files")
        for name in names:
            with np.load(one / name) as a, np.load(other / name) as b:
                result.files += 1
                result.symbols += int(a["symbols"])
                result.other_symbols += str(a["digest"]) != str(b["digest"])
                if "pixels" not in a or "pixels" not in b:
                    continue
                result.pictures += 1
                difference = np.abs(a["pixels"].astype(int) - b["pixels"])
                result.other_pixels += int((difference > tolerance).sum())
                result.largest = max(result.largest, int(difference.max()))
        return result

    def __str__(self) -> str:
        values = (self.files, self.symbols, self.other_symbols, self.pictures, self.other_pixels, self.largest)
        return " ".join(f"{value:{width}d}" for value, (_, width) in zip(values, COLUMNS, strict=True))


@click.command()
@click.option("--images", type=click.Path(path_type=Path, exists=True, file_okay=False), required=True)
@click.option("--work", type=click.Path(path_type=Path, file_okay=False), required=True, help="Kept; resumes.")
@click.option("--python", "pythons", multiple=True, help="Another interpreter; may be given again.")
@click.option("--arm64", help="What runs a script in an emulated ARM64 Python, see arm64.sh.")
def main(images: Path, work: Path, pythons: tuple[str, ...], arm64: str | None) -> None:
    """Encode and decode IMAGES on every platform and compare with the reference, both ways."""
    work = work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    failed, symbols = 0, 0
    header = " ".join(f"{name:>{width}s}" for name, width in COLUMNS)
    click.echo(f"{'platform':20s} {header}  back: {header}")
    for platform in platforms(work, pythons, arm64):
        base = work / "results"
        slug = "".join(c if c.isalnum() else "_" for c in platform.name)
        there, reference = base / slug, Platform(REFERENCE, [sys.executable])
        sent = base / REFERENCE / "files"
        reference.run("encode", images, sent)
        reference.run("decode", sent, base / REFERENCE / "decoded")
        platform.run("decode", sent, there / "decoded")
        compared = [Comparison.of(base / REFERENCE / "decoded", there / "decoded", platform.tolerance)]
        if platform.engine == "onnx":  # the encoder has no other
            platform.run("encode", images, there / "files")
            platform.run("decode", there / "files", there / "own")
            reference.run("decode", there / "files", there / "back")
            compared.append(Comparison.of(there / "own", there / "back", platform.tolerance))
        click.echo(f"{platform.name:20s} " + "        ".join(map(str, compared)))
        failed += sum(c.other_symbols + c.other_pixels for c in compared)
        symbols += sum(c.symbols for c in compared)
    click.echo(f"{symbols} symbols compared, {failed} mismatches")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main(prog_name="python -m tests.platforms")
