"""``codec view``."""

from __future__ import annotations

import threading
import webbrowser
from pathlib import Path

import click

from codec.cli.common import FILE, reporting


@click.command()
@click.argument(
    "files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, dir_okay=False)
)
@click.option("--model", "models", type=FILE, multiple=True, help="Folder of an exported model; may be given again.")
@click.option("--port", type=click.IntRange(0, 65_535), default=0, help="To listen at.  [default: any that is free]")
@click.option("--browser/--no-browser", default=True, help="Open a browser, or only say where the page is.")
@click.option("--until-closed", is_flag=True, help="End when the page is closed, rather than with Ctrl-C alone.")
@reporting
def view(files: tuple[Path, ...], models: tuple[Path, ...], port: int, browser: bool, until_closed: bool) -> None:
    """Show .lmc FILEs in the browser until Ctrl-C, served to this machine alone."""
    from codec.web.server import Viewer

    with Viewer(files, models, port) as server:
        serving = threading.Thread(target=server.serve_forever, daemon=True)
        serving.start()  # first, as some browsers are waited for
        click.echo(server.url)
        if browser and not webbrowser.open(server.url_for_once()):
            if until_closed:
                raise click.ClickException("no browser could be opened")
            click.echo("no browser could be opened: open this address in one", err=True)
        if until_closed:
            server.wait_until_closed()
        else:
            click.echo("Ctrl-C ends it", err=True)
            while serving.is_alive():
                serving.join(1)
        server.shutdown()
