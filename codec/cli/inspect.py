"""``codec inspect``."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from bitstream.errors import CodecError
from codec import api
from codec.cli.common import FILE, max_pixels_option, reporting, stdin


@click.command()
@click.argument("source", metavar="FILE", type=FILE)
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
@max_pixels_option
@reporting
def inspect(source: Path, as_json: bool, max_pixels: int) -> None:
    """Tell what an .lmc FILE holds and where its bytes go; - for stdin."""
    try:
        file = stdin() if str(source) == "-" else source
        info = api.inspect(file, max_pixels=max_pixels)
    except CodecError as error:
        raise click.ClickException(f"{source}: {error}") from error
    if as_json:
        click.echo(json.dumps(asdict(info), indent=1))
        return
    model = f"ships with this version, --tune {info.tune}" if info.model_available else "not available here"
    click.echo(f"size      {info.width} x {info.height} pixels, {info.mode}, {info.depth} bits")
    click.echo(f"quality   {'unknown' if info.quality is None else f'{info.quality:g}'}")
    if info.exact_share == 1:
        click.echo("exact     all pixels")
    elif info.exact_share:
        click.echo(f"exact     {info.exact_share:.1%} of the pixels")
    click.echo(f"model     {info.model_id} ({model})")
    click.echo(f"bytes     {info.file_bytes} ({info.rate_bpp:.4f} bpp)")
    click.echo(f"chunks    {len(info.chunk_bytes)}, {sum(info.chunk_bytes)} bytes")
    for name, size in info.box_bytes.items():
        click.echo(f"{name:9s} {size} bytes")
    click.echo(f"overhead  {info.overhead_bytes} bytes")
