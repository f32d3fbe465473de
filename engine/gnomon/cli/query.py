"""``gnomon query``."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import click

from gnomon.cli import terminal
from gnomon.cli.common import database_option
from gnomon.cli.tables import Column, Form, Table, form_options, write

PREVIEW = 500


@click.command("query")
@click.argument("sql")
@click.argument("parameters", nargs=-1)
@database_option
@form_options
def command(sql: str, parameters: tuple[str, ...], database: Path, form: Form | None) -> None:
    """Ask SQL of a results database. It is opened read-only; nothing can be changed.

    Views made for people: runs, trials, conversations, scores, results, failures. Every table and column is
    explained in the table dictionary. Levels and groups stand in columns of JSON: levels ->> 'NAME'. Where a
    table is too wide for the terminal, texts are cut; where that is not enough, each row is shown by itself.
    In a pipe, in JSON and in CSV nothing is cut.

    \b
    gnomon query "select * from dictionary"
    gnomon query "select item, avg(value) from scores where score = ? group by 1" association-d
    gnomon query "select groups ->> 'category', status, count(*) from scores group by 1, 2"
    """
    from gnomon.cli.common import print_json
    from gnomon.cli.markup import print_csv
    from gnomon.store import Store

    with Store.open(database) as store:
        columns, rows = store.query(sql, parameters)
        if form == "csv":
            print_csv(columns, rows)
        elif form == "json":
            print_json([dict(zip(columns, map(_plain, row), strict=True)) for row in rows])
        else:
            shown = list(islice(rows, PREVIEW + 1))
            table = _table(columns, shown[:PREVIEW])
            write(form, [table], list, empty="")
            if len(shown) > PREVIEW:
                terminal.tell(
                    f"only the first {PREVIEW} rows are shown; --csv or --json gives all", err=True
                )


def _plain(value: object) -> object:
    return value.hex() if isinstance(value, bytes) else value


def _table(names: Sequence[str], rows: Sequence[tuple[object, ...]]) -> Table:
    from gnomon.telling import number

    numeric = [
        any(isinstance(row[place], (int, float)) for row in rows)
        and not any(isinstance(row[place], (str, bytes)) for row in rows)
        for place in range(len(names))
    ]
    return Table(
        columns=tuple(
            Column(name, right=is_number, gives="no" if is_number else "cut")
            for name, is_number in zip(names, numeric, strict=True)
        ),
        rows=tuple(
            tuple(
                ""
                if value is None
                else number(value, 4)
                if isinstance(value, float)
                else str(_plain(value))
                for value in row
            )
            for row in rows
        ),
    )
