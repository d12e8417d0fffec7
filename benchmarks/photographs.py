"""Photographs that anybody can measure on: ``python -m benchmarks photographs FOLDER`` (extra ``[bench]``).

They are those in colour that scikit-image ships, so a figure measured on them can be measured again anywhere.
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
from PIL import Image

from bitstream.errors import CodecError
from codec.cli.common import force_option
from codec.util.files import replacing

NAMES = ("astronaut", "chelsea", "coffee", "hubble_deep_field", "immunohistochemistry", "retina", "rocket")
"""Functions of ``skimage.data`` whose images come with the package itself."""


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@force_option
def main(folder: Path, force: bool) -> None:
    """Write the colour photographs that scikit-image ships to FOLDER, as PNG."""
    try:
        from skimage import data
    except ImportError as error:
        raise CodecError('photographs: needs pip install "manifold-codec[bench]"') from error
    images = {name: getattr(data, name)() for name in NAMES}
    images["motorcycle"] = data.stereo_motorcycle()[0]
    folder.mkdir(parents=True, exist_ok=True)
    there = [name for name in images if (folder / f"{name}.png").exists()]
    if there and not force:
        raise click.UsageError(f"{folder}: holds {there[0]}.png already; -f replaces it")
    for name, pixels in images.items():
        with replacing(folder / f"{name}.png", force) as temporary:
            Image.fromarray(np.asarray(pixels)).save(temporary, "PNG")
    click.echo(f"{len(images)} photographs in {folder}")
