"""``gnomon correlate``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import attrs
import click

from gnomon.cli.common import database_option, json_option, plugin_option, print_json

if TYPE_CHECKING:
    from gnomon.run.relating import Related


@click.command("correlate")
@click.argument("scores", nargs=-1, required=True, metavar="RUN:OUTCOME RUN:PREDICTOR...")
@click.option(
    "--by",
    type=click.Choice(["trial", "item"]),
    help="The unit of a row; trials when all scores are of one run, else items.",
)
@click.option(
    "--use",
    multiple=True,
    metavar="STATISTIC",
    help="Only this statistic; all that relate scores unless given. May be given again.",
)
@click.option(
    "--cluster",
    metavar="COLUMN",
    help="A column whose rows are not independent; the design's, as a rule the item, unless given, and "
    "none to take rows as independent. Statistics that cannot allow for a column are left out.",
)
@plugin_option
@database_option
@json_option
def command(
    scores: tuple[str, ...],
    by: Literal["trial", "item"] | None,
    use: tuple[str, ...],
    cluster: str | None,
    plugin_files: tuple[Path, ...],
    database: Path,
    as_json: bool,
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
    if as_json:
        print_json(
            {
                "by": made.by,
                "rows": made.rows,
                "units": made.units,
                "notes": list(made.notes),
                "estimates": rows,
            }
        )
    else:
        _print(made, scores[0], rows)


def estimate_rows(made: Related) -> list[dict[str, Any]]:
    """Estimates as flat rows, in the form in which results are printed."""
    from gnomon.cli.results import missing

    return [
        {
            **attrs.asdict(estimate, recurse=False),
            "columns": dict(estimate.group),
            **missing(estimate.counts),
        }
        for estimate in made.estimates
    ]


def _print(made: Related, outcome: str, rows: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.text import Text

    from gnomon.cli.results import print_block

    console = Console(soft_wrap=False, highlight=False)
    console.print(Text(f"{made.rows} of {made.units} {made.by}s have every score"))
    for note in made.notes:
        console.print(Text(f"  {note}"), style="dim")
    blocks: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for whole in rows:
        # A prediction has a row for each coefficient and so a table for each set of predictors.
        row, column = whole, "predictor"
        title = f"{whole['statistic']}: {outcome}"
        if whole["statistic"] in made.predictions and whole["value"] is not None:
            row, column = {**whole, "columns": {"": whole["quantity"]}, "quantity": ""}, ""
            title += f" from {whole['columns']['predictor']}"
        blocks.setdefault((title, column), []).append(row)
    for (title, column), block in blocks.items():
        print_block(console, title, column, block)
    for name in sorted(made.predictions):
        fits = [
            row
            for row in rows
            if row["statistic"] == name and row["detail"] and row["value"] is not None
        ]
        if len({row["columns"]["predictor"] for row in fits}) == len(fits) > 0:
            _print_fits(console, f"{name}: {outcome}, fit", fits)


def _print_fits(console: Any, title: str, fits: list[dict[str, Any]]) -> None:
    """What a statistic says of the fit of each set of predictors, beside each other."""
    from rich.table import Table
    from rich.text import Text

    from gnomon.cli.results import number

    console.print(Text(title, style="bold"))
    names = list(dict.fromkeys(name for row in fits for name in row["detail"]))
    headings = (fits[0]["quantity"], *names, "n")
    lines = [
        [number(row["value"]), *(number(row["detail"].get(name)) for name in names), str(row["n"])]
        for row in fits
    ]
    table = Table(box=None, pad_edge=False)
    table.add_column("predictor", overflow="fold")
    for name, *cells in zip(headings, *lines, strict=True):
        # Headings are broken between words, numbers never.
        wide = max(len(word) for word in (*cells, *name.split("-")))
        table.add_column(Text(name.replace("-", " ")), justify="right", min_width=wide)
    for row, cells in zip(fits, lines, strict=True):
        table.add_row(Text(row["columns"]["predictor"]), *map(Text, cells))
    console.print(table)
