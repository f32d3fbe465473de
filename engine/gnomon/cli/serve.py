"""``gnomon serve``."""

from __future__ import annotations

from pathlib import Path

import click

from gnomon.cli import terminal
from gnomon.cli.common import database_of, second_database_option
from gnomon.cli.values import Whole


@click.command("serve")
@click.argument("word", required=False, metavar="[DB]")
@click.option(
    "--port",
    type=Whole(),
    default=8001,
    show_default=True,
    help="A port of this machine; 0 for any that is free.",
)
@second_database_option
def command(word: str | None, port: int, database: Path | None) -> None:
    """Browse a results database on this machine: tables, questions and charts, read-only.

    The server is Datasette. It listens on the loopback address, opens the file for reading only, and shows a
    run that still goes on as it stands. Ctrl-C ends it.

    \b
    gnomon serve results.db
    gnomon serve results.db --port 0
    """
    from gnomon.serving import serve

    path = database_of(word, database)

    def ready(address: str) -> None:
        terminal.tell(f"{path} is at {address} (Ctrl-C ends it)")

    serve(path, port, ready=ready)
