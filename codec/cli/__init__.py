"""The ``codec`` command: parse, call the library, turn errors into exit codes.

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 done, but parts of a damaged file are made up or left out, 128 and a
signal's number when that ended it: 130 after Ctrl-C.
"""

from __future__ import annotations

import io
import os
import signal
import sys
import warnings
from importlib import import_module
from pathlib import Path

import click

_COMMANDS = {
    "compress": "compress.compress",
    "decompress": "decompress.decompress",
    "batch": "batch.batch",
    "preview": "preview.preview",
    "view": "view.view",
    "desktop": "desktop.desktop",
    "inspect": "inspect.inspect",
    "search": "search.search",
    "map": "map.draw_map",
    "anomaly": "anomaly.anomaly",
    "sample": "sample.sample",
    "interpolate": "interpolate.interpolate",
    "train": "training.train",
    "export": "training.export",
    "train-embedding": "embedding.train_embedding",
    "train-orientation": "orientation.train_orientation",
}
"""Modules in this folder and their commands, by name. Only the one that runs is imported."""


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*_COMMANDS, *super().list_commands(ctx)})

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return super().get_command(ctx, name)
        module, function = _COMMANDS[name].split(".")
        command: click.Command = getattr(import_module(f"codec.cli.{module}"), function)
        return command


def _print_version(ctx: click.Context, _: click.Parameter, asked: bool) -> None:
    if asked and not ctx.resilient_parsing:
        from codec import __version__

        click.echo(f"codec, version {__version__}")
        ctx.exit()


def _leave(number: int, _: object) -> None:
    sys.exit(128 + number)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Show the version."
)
def main() -> None:
    """A learned image codec: photographs to small .lmc files and back."""
    # As an exception, so that temporary files are removed. What a launcher set to be ignored stays so.
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
            signal.signal(number, _leave)
    if sys.stderr is None:  # closed, as some daemons leave it
        sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115 - until the process ends
    if isinstance(sys.stdout, io.TextIOWrapper):  # a name may hold what the terminal's encoding does not
        sys.stdout.reconfigure(errors="backslashreplace")
    if not sys.warnoptions:  # of packages to each other, nothing that a user could act on
        warnings.filterwarnings("ignore", category=FutureWarning, module="torch")
        warnings.filterwarnings("ignore", module="PIL")


def program() -> None:
    """Run the command as a process of its own, and leave without taking it apart piece by piece: to free each network
    takes as long as to decode a small image with it."""
    try:
        main()
    except SystemExit as leaving:
        if leaving.code not in (None, 0) or "torch" in sys.modules:  # torch may have processes of its own to end
            raise
    try:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
    except (OSError, ValueError):  # of a reader that is gone, or a closed stream: Python knows what to do
        return
    os._exit(0)
