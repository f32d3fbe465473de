"""``gnomon query``."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import click

from gnomon.cli.common import database_option, print_json

PREVIEW = 500


@click.command("query")
@click.argument("sql")
@click.argument("parameters", nargs=-1)
@database_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV, all rows.")
def command(
    sql: str, parameters: tuple[str, ...], database: Path, as_json: bool, as_csv: bool
) -> None:
    """Ask SQL of a results database. It is opened read-only; nothing can be changed.

    Views made for people: trials, scores, results, failures. Every table and column is explained in
    the table dictionary.

    \b
    gnomon query "select * from dictionary"
    gnomon query "select item, avg(value) from scores where score = ? group by 1" association-d
    """
    from gnomon.store import Store

    with Store.open(database) as store:
        columns, rows = store.query(sql, parameters)
        if as_json:
            print_json([dict(zip(columns, map(_plain, row), strict=True)) for row in rows])
            return
        if as_csv:
            out = io.StringIO()
            writer = csv.writer(out)
            writer.writerow(columns)
            writer.writerows(tuple(_safe(_plain(value)) for value in row) for row in rows)
            click.echo(out.getvalue(), nl=False)
            return
        _print_table(columns, list(islice(rows, PREVIEW + 1)))


def _plain(value: object) -> object:
    return value.hex() if isinstance(value, bytes) else value


def _safe(value: object) -> object:
    """A cell that no spreadsheet takes for a formula: model output is hostile."""
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return "'" + value
    return value


def _print_table(columns: Sequence[str], rows: list[tuple[object, ...]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from gnomon.cli.results import number

    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(Text(column), overflow="fold")
    for row in rows[:PREVIEW]:
        cells = [
            ""
            if value is None
            else number(value, 4)
            if isinstance(value, float)
            else str(_plain(value))
            for value in row
        ]
        table.add_row(*[Text(cell) for cell in cells])
    Console(highlight=False).print(table)
    if len(rows) > PREVIEW:
        click.echo(f"only the first {PREVIEW} rows are shown; --csv or --json gives all", err=True)
