"""The ``codec`` command: parse, call the library, turn errors into exit codes.

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 done, but parts of a damaged file are made up or left out.
"""

from __future__ import annotations

import io
import os
import signal
import sys
import warnings
from pathlib import Path

import click

from codec import __version__
from codec.cli.anomaly import anomaly
from codec.cli.compress import compress
from codec.cli.decompress import decompress
from codec.cli.embedding import train_embedding
from codec.cli.inspect import inspect
from codec.cli.interpolate import interpolate
from codec.cli.map import draw_map
from codec.cli.sample import sample
from codec.cli.search import search
from codec.cli.training import export, train


def _leave(number: int, _: object) -> None:
    sys.exit(128 + number)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="codec")
def main() -> None:
    """A learned image codec: photographs to small .lmc files and back."""
    # As an exception, so that temporary files are removed. What a launcher set to be ignored stays so.
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _leave)
    if sys.stderr is None:  # closed, as some daemons leave it
        sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115 - until the process ends
    if isinstance(sys.stdout, io.TextIOWrapper):  # a name may hold what the terminal's encoding does not
        sys.stdout.reconfigure(errors="backslashreplace")
    if not sys.warnoptions:  # of packages to each other, nothing that a user could act on
        warnings.filterwarnings("ignore", category=FutureWarning, module="torch")
        warnings.filterwarnings("ignore", module="PIL")


for _command in (
    *(compress, decompress, inspect),
    *(search, draw_map, anomaly, sample, interpolate),
    *(train, export, train_embedding),
):
    main.add_command(_command)
