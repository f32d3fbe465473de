"""``gnomon correlate``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import attrs
import click

from gnomon.cli.common import database_option, plugin_option
from gnomon.cli.tables import Column, Form, Table, form_options, write
from gnomon.cli.values import OneOf

if TYPE_CHECKING:
    from gnomon.run.relating import Related


@click.command("correlate")
@click.argument("scores", nargs=-1, required=True, metavar="RUN:OUTCOME RUN:PREDICTOR...")
@click.option(
    "--by",
    type=OneOf(["trial", "item"]),
    help="The unit of a row; trials when all scores are of one run, else items.",
)
@click.option(
    "--use",
    multiple=True,
    metavar="STATISTIC",
    help="Only this statistic; all that can relate these scores unless given. May be given again.",
)
@click.option(
    "--cluster",
    metavar="COLUMN",
    help="A column whose rows are not independent; the design's, as a rule the item, unless given, and "
    "none to take rows as independent. Statistics that cannot allow for a column are left out.",
)
@plugin_option
@database_option
@form_options
def command(
    scores: tuple[str, ...],
    by: Literal["trial", "item"] | None,
    use: tuple[str, ...],
    cluster: str | None,
    plugin_files: tuple[Path, ...],
    database: Path,
    form: Form | None,
) -> None:
    """Relate one score to others, of the same run or of other measures.

    The first score is the outcome. By trial, scores of one run are joined trial by trial, and scores of
    other runs by the item's mean; by item, all are means of items. All numbers rest on the rows in which
    every score is present. Nothing is stored.

    \b
    gnomon correlate 1:decision 1:association-d
    gnomon correlate 1:decision 1:association-d 3:weat --by trial --cluster category
    """
    from gnomon.catalogue import Catalogue
    from gnomon.run.relating import ScoreName, relate
    from gnomon.store import Store

    names = [ScoreName.parse(text) for text in scores]
    catalogue = Catalogue(files=plugin_files)
    with Store.open(database) as store:
        made = relate(store, names, catalogue, by=by, use=use, cluster=cluster)
    rows = estimate_rows(made)
    data: Any = rows
    if form == "json":
        data = {
            "by": made.by,
            "rows": made.rows,
            "units": made.units,
            "notes": list(made.notes),
            "estimates": rows,
        }
    write(form, _tables(made, scores[0], rows), lambda: data, empty="nothing could be related")


def estimate_rows(made: Related) -> list[dict[str, Any]]:
    """Estimates as flat rows, in the form in which results are printed."""
    from gnomon.cli.estimates import missing

    return [
        {
            **attrs.asdict(estimate, recurse=False),
            "columns": dict(estimate.group),
            **missing(estimate.counts),
        }
        for estimate in made.estimates
    ]


def _tables(made: Related, outcome: str, rows: list[dict[str, Any]]) -> list[Table]:
    from gnomon.cli.estimates import block_table

    blocks: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for whole in rows:
        # A prediction has a row for each coefficient and so a table for each set of predictors.
        row, column = whole, "predictor"
        title = f"{whole['statistic']}: {outcome}"
        if whole["statistic"] in made.predictions and whole["value"] is not None:
            row, column = {**whole, "columns": {"": whole["quantity"]}, "quantity": ""}, ""
            title += f" from {whole['columns']['predictor']}"
        blocks.setdefault((title, column), []).append(row)
    tables = [block_table(title, column, block) for (title, column), block in blocks.items()]
    for name in sorted(made.predictions):
        fits = [
            row
            for row in rows
            if row["statistic"] == name and row["detail"] and row["value"] is not None
        ]
        if len({row["columns"]["predictor"] for row in fits}) == len(fits) > 0:
            tables.append(_fits(f"{name}: {outcome}, fit", fits))
    if tables:
        said = f"{made.rows} of {made.units} {made.by}s have every score"
        above = (said, *(f"  {note}" for note in made.notes))
        tables[0] = attrs.evolve(tables[0], above=above)
    return tables


def _fits(title: str, fits: list[dict[str, Any]]) -> Table:
    """What a statistic says of the fit of each set of predictors, beside each other."""
    from gnomon.telling import number

    names = list(dict.fromkeys(name for row in fits for name in row["detail"]))
    headings = (fits[0]["quantity"], *names, "n")
    return Table(
        title=title,
        columns=(
            Column("predictor", gives="wrap"),
            *(Column(name.replace("-", " "), right=True, gives="wrap") for name in headings),
        ),
        rows=tuple(
            (
                row["columns"]["predictor"],
                number(row["value"]),
                *(number(row["detail"].get(name)) for name in names),
                str(row["n"]),
            )
            for row in fits
        ),
    )
