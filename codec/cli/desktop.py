"""``codec desktop``."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from codec.cli.common import reporting
from codec.desktop import integration
from codec.desktop.integration import Place

system_option = click.option("--system", is_flag=True, help="For all users, rather than for you.")


@click.group()
def desktop() -> None:
    """Tell your desktop of .lmc files: type, icon, thumbnails, and a double click."""


def _place(system: bool) -> Place:
    return Place.of_system() if system else Place.of_user()


def _tell(notes: list[str]) -> None:
    for note in notes:
        click.echo(f"Note: {note}", err=True)


@desktop.command()
@system_option
@reporting
def install(system: bool) -> None:
    """Tell the desktop; codec desktop uninstall takes all of it back."""
    place = _place(system)
    _tell(integration.install(place))
    click.echo(f"installed in {place.data}, and for file(1) in {place.magic}")
    if not system:
        click.echo(
            "GNOME makes thumbnails in a sandbox that sees only /usr: there they need Python and this package in /usr, "
            "and codec desktop install --system"
        )


@desktop.command()
@system_option
@reporting
def uninstall(system: bool) -> None:
    """Take back what install did."""
    place = _place(system)
    _tell(integration.uninstall(place))
    click.echo(f"removed from {place.data}")


@desktop.command()
@system_option
@reporting
def status(system: bool) -> None:
    """Say what is installed, and what the desktop takes a file for."""
    for path, state in integration.status(_place(system)).items():
        click.echo(f"{state:18s} {path}")
    with tempfile.TemporaryDirectory() as folder:
        nameless = Path(folder) / "nameless"
        nameless.write_bytes(b"\x89LMC\r\n\x1a\n\x01")
        for program, answer in integration.types_seen(nameless):
            click.echo(f"{program} says that a file without a suffix is {answer}")
