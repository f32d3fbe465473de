"""``gnomon doctor``."""

from __future__ import annotations

from pathlib import Path

import attrs
import click

from gnomon.cli.common import database_option, json_option, plugin_option, print_json
from gnomon.errors import EXIT_DONE, EXIT_VIOLATED


@click.command("doctor")
@database_option
@plugin_option
@json_option
@click.pass_context
def command(
    ctx: click.Context, /, database: Path, plugin_files: tuple[Path, ...], as_json: bool
) -> None:
    """Say whether what is installed here, and a results database, can be used, and what to do if not.

    Looks at gnomon's packages and extras, at plugins, model files, names of keys in the environment (never at
    their values), the database and the room on its disk. Nothing is asked, fetched or mended. Exit code 0 when
    nothing is wrong, also where something that may be missing is absent; 1 when something is wrong.

    \b
    gnomon doctor
    gnomon doctor --db results.db --json
    """
    from gnomon.catalogue import Catalogue
    from gnomon.checkup import examine
    from gnomon.cli.listing import print_rows

    rows = [attrs.asdict(found) for found in examine(Catalogue(files=plugin_files), database)]
    if as_json:
        print_json(rows)
    else:
        print_rows(rows)
    ctx.exit(EXIT_VIOLATED if any(row["state"] == "wrong" for row in rows) else EXIT_DONE)
