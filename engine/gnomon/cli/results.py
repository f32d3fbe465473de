"""``gnomon results``."""

from __future__ import annotations

from pathlib import Path

import click

from gnomon.cli import terminal
from gnomon.cli.common import database_option, no_runs, of_measure, plugin_option
from gnomon.cli.estimates import estimate_heads, estimate_rows, estimate_tables, rows_of
from gnomon.cli.tables import Form, form_options, write
from gnomon.cli.values import Run


@click.command("results")
@click.argument("runs", nargs=-1, type=Run(), metavar="[RUN]...")
@database_option
@click.option("--measure", help="Only this measure.")
@click.option(
    "--effects",
    is_flag=True,
    help="What the design did: effects of its factors, shares of variance, stability of the sign.",
)
@click.option("--score", "scores", multiple=True, help="Only of this score. May be given again.")
@plugin_option
@form_options
def command(
    runs: tuple[int, ...],
    database: Path,
    measure: str | None,
    effects: bool,
    scores: tuple[str, ...],
    plugin_files: tuple[Path, ...],
    form: Form | None,
) -> None:
    """Show the estimates with interval, p, corrected p, n, and what is missing and why.

    \b
    gnomon results
    gnomon results 3 --db results.db
    gnomon results --score association-d
    gnomon results 3 --effects
    """
    from gnomon.run.naming import of_scores, scores_there
    from gnomon.run.states import states_of
    from gnomon.store import Store

    with Store.open(database) as store:
        chosen = of_measure(states_of(store, runs), measure, database)
        if scores and chosen:
            there = scores_there(store, [state.run for state in chosen], scores)
            chosen = [state for state in chosen if there[state.run]]
        numbers = [state.run for state in chosen]
        if effects and numbers:
            from gnomon.catalogue import Catalogue
            from gnomon.run.effects import effects_of

            rows = rows_of(effects_of(store, numbers, Catalogue(files=plugin_files), scores))
            if form not in ("json", "csv"):
                # What stands in brackets are the columns, which a table has beside.
                rows = [{**row, "quantity": row["quantity"].partition("[")[0]} for row in rows]
        else:
            rows = estimate_rows(store, numbers)
    have = {row["run"] for row in rows}
    lacking = [state.sentence for state in chosen if state.run not in have]
    empty = "\n".join(lacking) or no_runs(database)
    remarks = {state.run: remark for state in chosen if (remark := state.remark)}
    if not effects:
        rows = of_scores(rows, scores)
    # Programs are told too when numbers are those of a part of a run.
    far = {
        one.run: {"state": one.state, "finished": one.finished, "planned": one.planned}
        for one in chosen
    }
    rows = [{**row, **far[row["run"]]} for row in rows]
    heads = [*estimate_heads(), "state", "finished", "planned"] if form == "csv" else ()
    write(form, estimate_tables(rows, remarks=remarks), lambda: rows, empty=empty, heads=heads)
    if have and lacking:
        terminal.tell("\n".join(lacking), err=True)
