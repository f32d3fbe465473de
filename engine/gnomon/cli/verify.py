"""``gnomon verify``."""

from __future__ import annotations

from pathlib import Path

import click

from gnomon.cli import terminal
from gnomon.cli.common import database_option, json_option, print_json
from gnomon.errors import EXIT_DONE, EXIT_VIOLATED


@click.command("verify")
@database_option
@json_option
@click.pass_context
def command(ctx: click.Context, /, database: Path, as_json: bool) -> None:
    """Derive every hash of a results database again and say what does not fit.

    Texts, items, runs and replies are found by hashes of their content; each is derived again. Tables and
    views that are not the ones that gnomon makes are named too. Exit code 0 when all is well, 1 when anything
    is wrong. Nothing is mended.

    \b
    gnomon verify --db results.db
    """
    from gnomon.store import Store

    with Store.open(database) as store:
        problems = store.verify()
    if as_json:
        print_json({"database": str(database), "problems": problems})
    else:
        for problem in problems:
            terminal.tell(problem)
        count = len(problems)
        terminal.tell(
            f"{database}: {count} {'thing is' if count == 1 else 'things are'} wrong"
            if problems
            else f"{database}: every hash is that of its content"
        )
    ctx.exit(EXIT_VIOLATED if problems else EXIT_DONE)
