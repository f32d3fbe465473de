"""``gnomon upgrade``."""

from __future__ import annotations

from pathlib import Path

import click

from gnomon.cli import terminal
from gnomon.cli.common import database_option


@click.command("upgrade")
@database_option
def command(database: Path) -> None:
    """Bring a results database that an older gnomon made up to date.

    Tables, columns and views that came since are added; no model is asked and no number changes. Any command
    that writes to a database does the same. An older gnomon cannot read it afterwards.

    \b
    gnomon upgrade --db results.db
    """
    from gnomon.store.opening import upgrade

    changes = upgrade(database)
    terminal.tell(
        f"{database}: brought up to date ({', '.join(changes)})"
        if changes
        else f"{database}: it was up to date"
    )
