"""The ``codec`` command: parse, call one function of the library, turn errors into exit codes.

Exit codes: 0 done, 1 failed, 2 wrong usage.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from functools import wraps
from pathlib import Path
from typing import ParamSpec

import click

from bitstream.errors import CodecError
from codec import __version__, api

_P = ParamSpec("_P")
_FILE = click.Path(path_type=Path)
SUFFIX = ".lmc"


def _reporting(command: Callable[_P, None]) -> Callable[_P, None]:
    """Turn what input and the system can cause into one line on stderr and exit code 1."""

    @wraps(command)
    def run(*args: _P.args, **kwargs: _P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except (CodecError, OSError, MemoryError) as error:
            raise click.ClickException(str(error) or type(error).__name__) from error

    return run


def _target(source: Path, target: Path | None, suffix: str) -> Path:
    if source.is_dir():
        raise IsADirectoryError(f"{source} is a directory")
    target = source.with_suffix(suffix) if target is None else target
    if target.resolve() == source.resolve():
        raise click.UsageError(f"output and input are the same file: {source}")
    return target


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="codec")
def main() -> None:
    """A learned image codec: photographs to small .lmc files and back."""


_force = click.option("-f", "--force", is_flag=True, help="Overwrite the output if it exists.")
_threads = click.option("--threads", type=click.IntRange(1, 256), help="For the networks.  [default: all cores]")


@main.command()
@click.argument("source", metavar="IN", type=_FILE)
@click.argument("target", metavar="[OUT]", type=_FILE, required=False)
@click.option("-q", "--quality", type=click.FloatRange(0, 100), default=api.QUALITY, show_default=True)
@_force
@_threads
@_reporting
def compress(source: Path, target: Path | None, quality: float, force: bool, threads: int | None) -> None:
    """Compress picture IN to OUT (same name with .lmc if left out)."""
    from codec.files import replacing

    target = _target(source, target, SUFFIX)
    with replacing(target, force) as temporary:
        temporary.write_bytes(api.compress(source, quality, threads=threads))


@main.command()
@click.argument("source", metavar="IN", type=_FILE)
@click.argument("target", metavar="[OUT]", type=_FILE, required=False)
@_force
@_threads
@_reporting
def decompress(source: Path, target: Path | None, force: bool, threads: int | None) -> None:
    """Decompress .lmc file IN to picture OUT (same name with .png if left out); its suffix says the format."""
    from codec.files import replacing
    from codec.imaging import writable_suffixes

    target = _target(source, target, ".png")
    if target.suffix.lower() not in writable_suffixes():
        raise click.UsageError(f"cannot write pictures of type {target.suffix!r}")
    with replacing(target, force) as temporary:
        api.decompress(source.read_bytes(), threads=threads).save(temporary)


@main.command()
@click.argument("source", metavar="FILE", type=_FILE)
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
@_reporting
def inspect(source: Path, as_json: bool) -> None:
    """Tell what an .lmc FILE holds and where its bytes go."""
    info = api.inspect(source.read_bytes())
    if as_json:
        click.echo(json.dumps(asdict(info), indent=1))
        return
    model = "shipped with this version" if info.model_available else "not available here"
    click.echo(f"size      {info.width} x {info.height} pixels")
    click.echo(f"quality   {info.quality:g}")
    click.echo(f"model     {info.model_id} ({model})")
    click.echo(f"bytes     {info.file_bytes} ({info.rate_bpp:.4f} bpp)")
    click.echo(f"chunks    {len(info.chunk_bytes)}, {sum(info.chunk_bytes)} bytes")
    click.echo(f"overhead  {info.overhead_bytes} bytes")


@main.command()
@click.option("--data", type=_FILE, required=True, help="Folder of photographs.")
@click.option("--out", type=_FILE, required=True, help="Folder for checkpoints and figures; resumed if it has any.")
@click.option("--validation", type=_FILE, help="Folder to evaluate on.  [default: some of the data, held out]")
@click.option(
    "--from", "start_from", type=_FILE, help="Start from a checkpoint or an exported model; 'shipped' is ours."
)
@click.option("--steps", type=click.IntRange(1), help="Stop the stable run at this step.  [default: go on]")
@click.option("--decay", "decay_steps", type=click.IntRange(0), default=0, help="Train a decaying branch this long.")
@click.option("--minutes", type=click.FloatRange(0, min_open=True), help="Stop after this long.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--batch", type=click.IntRange(1), default=4, show_default=True, help="Crops a step and process.")
@click.option("--size", type=click.IntRange(64), default=256, show_default=True, help="Side of a crop.")
@click.option("--learning-rate", type=click.FloatRange(0, min_open=True), default=1.6e-3, show_default=True)
@_threads
@_reporting
def train(**options: object) -> None:
    """Train the model (needs the extra [train]); under torchrun, in several processes."""
    try:
        from codec.training.loop import Trainer, TrainingConfig
    except ImportError as error:
        raise CodecError(f"training needs more packages: pip install 'manifold-codec[train]' ({error})") from error
    if str(options["start_from"]) == "shipped":
        from codec.runtime import SHIPPED

        options["start_from"] = SHIPPED
    Trainer(TrainingConfig(**options)).run()  # type: ignore[arg-type]


@main.command()
@click.argument("checkpoint", type=_FILE)
@click.argument("out", type=_FILE)
@click.option("--last", is_flag=True, help="The last weights rather than their running average.")
@_reporting
def export(checkpoint: Path, out: Path, last: bool) -> None:
    """Export CHECKPOINT to the folder OUT, checked against the trained model (needs the extra [train])."""
    try:
        from codec.training.checkpoint import load_model
        from codec.training.export import export as export_model
    except ImportError as error:
        raise CodecError(f"export needs more packages: pip install 'manifold-codec[train]' ({error})") from error
    export_model(load_model(checkpoint, averaged=not last), out)
    click.echo(f"exported to {out}")


if __name__ == "__main__":
    main()
