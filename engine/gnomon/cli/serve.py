"""``gnomon serve``."""

from __future__ import annotations

from pathlib import Path

import click

from gnomon.cli import terminal
from gnomon.cli.common import DEFAULT_DATABASE
from gnomon.cli.values import Whole


@click.command("serve")
@click.argument(
    "database",
    type=click.Path(path_type=Path),
    default=DEFAULT_DATABASE,
    envvar="GNOMON_DB",
    metavar="[DB]",
)
@click.option(
    "--port",
    type=Whole(),
    default=8001,
    show_default=True,
    help="A port of this machine; 0 for any that is free.",
)
def command(database: Path, port: int) -> None:
    """Browse a results database on this machine: tables, questions and charts, read-only.

    The server is Datasette. It listens on the loopback address, opens the file for reading only, and shows a
    run that still goes on as it stands. Ctrl-C ends it.

    \b
    gnomon serve results.db
    gnomon serve results.db --port 0
    """
    from gnomon.serving import serve

    def ready(address: str) -> None:
        terminal.tell(f"{database} is at {address} (Ctrl-C ends it)")

    serve(database, port, ready=ready)
