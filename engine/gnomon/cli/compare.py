"""``gnomon compare``."""

from __future__ import annotations

from pathlib import Path

import click

from gnomon.cli.common import database_option, json_option, plugin_option, print_json


@click.command("compare")
@click.argument("first", type=int, metavar="RUN")
@click.argument("second", type=int, metavar="RUN")
@database_option
@click.option("--score", "scores", multiple=True, help="Compare this score. May be given again.")
@plugin_option
@json_option
def command(
    first: int,
    second: int,
    database: Path,
    scores: tuple[str, ...],
    plugin_files: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Compare two runs of one measure: first minus second, paired by item, condition and repeat.

    Pairs of one item are not independent, so the error is clustered by item. The test that an unpaired
    comparison would have made stands below, with the ratio of the standard errors. Scores are those of the
    measure's statistics unless named; p-values are not corrected over scores.

    \b
    gnomon compare 1 2
    gnomon compare 1 2 --score association-d --json
    """
    from gnomon.catalogue import Catalogue
    from gnomon.cli.results import print_estimates, rows_of
    from gnomon.run.comparing import compare
    from gnomon.store import EstimateRow, Store

    with Store.open(database) as store:
        found = compare(store, first, second, Catalogue(files=plugin_files), scores)
    rows = rows_of(
        EstimateRow(
            run=first,
            measure=found.measure,
            model=" minus ".join(found.models),
            format=f"run {first} minus run {second},",
            estimate=estimate,
        )
        for estimate in found.estimates
    )
    if as_json:
        print_json(
            {
                "measure": found.measure,
                "runs": found.runs,
                "models": found.models,
                "paired_by": found.paired_by,
                "notes": found.notes,
                "estimates": [
                    {
                        name: value
                        for name, value in row.items()
                        if name not in ("run", "model", "format")
                    }
                    for row in rows
                ],
            }
        )
        return
    click.echo(
        f"run {first} ({found.models[0]}) minus run {second} ({found.models[1]}), paired by "
        f"{', '.join(found.paired_by)}"
    )
    print_estimates(rows, titles=False)
    for note in found.notes:
        click.echo(f"note: {note}")
