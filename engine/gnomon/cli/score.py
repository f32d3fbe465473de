"""``gnomon score``."""

from __future__ import annotations

from pathlib import Path

import click

from gnomon.cli.common import database_option, plugin_option


@click.command("score")
@click.argument("run_id", type=int, metavar="RUN")
@database_option
@click.option(
    "--measure",
    help="The measure whose scorers and statistics are used, by name or path; the run's own, as it is now, unless given.",
)
@plugin_option
def command(
    run_id: int, database: Path, measure: str | None, plugin_files: tuple[Path, ...]
) -> None:
    """Score the stored replies of a run again, without calling a model.

    The new scores and estimates are added as a further pass; the earlier pass stays in the database.
    """
    from gnomon.catalogue import Catalogue
    from gnomon.cli.estimates import estimate_rows, print_estimates
    from gnomon.run.rescore import rescore
    from gnomon.store import Store

    catalogue = Catalogue(files=plugin_files)
    with Store.open(database, write=True) as store:
        count, seconds = rescore(store, run_id, catalogue, measure)
        store.flush()
        rows = estimate_rows(store, [run_id])
    print_estimates(rows)
    click.echo(f"{count} trials scored again in {seconds:.1f} s")
