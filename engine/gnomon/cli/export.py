"""``gnomon export``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gnomon.cli import terminal
from gnomon.cli.common import database_and_runs, second_database_option
from gnomon.cli.values import OneOf
from gnomon.errors import UsageError

if TYPE_CHECKING:
    from gnomon.export.views import Chosen

TABLES = ("csv", "jsonl", "parquet")
CITATIONS = ("bibtex", "citation")
VIEWS = ("runs", "trials", "conversations", "scores", "results", "failures")


@click.command("export")
@click.argument("words", nargs=-1, metavar="[DB] [RUN]...")
@click.option(
    "--to",
    "form",
    type=OneOf([*TABLES, "inspect", *CITATIONS]),
    required=True,
    help="The form.",
)
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="The folder, or with --view and for citations the file; standard output where it is left out "
    "and the form is text.",
)
@click.option("--view", type=OneOf(VIEWS), help="Only this view, as one file.")
@click.option("--measure", "measures", multiple=True, help="Only this measure. May be given again.")
@click.option("--model", "models", multiple=True, help="Only this model. May be given again.")
@second_database_option
def command(
    words: tuple[str, ...],
    form: str,
    out: Path | None,
    view: str | None,
    measures: tuple[str, ...],
    models: tuple[str, ...],
    database: Path | None,
) -> None:
    """Write results for other programs: everything, one view, logs of Inspect, or what to cite.

    csv, jsonl and parquet write every table into a new folder, which 'gnomon import' makes into the same
    database again; with --view they write what people look at. What is exported is one moment, also while a
    run goes on. In a CSV a text that a spreadsheet could take for a formula has an apostrophe before it, an
    empty text is an apostrophe, and an empty cell is a missing value. Logs of Inspect are for its own programs,
    which the extra gnomon[interop] brings.

    \b
    gnomon export --to parquet -o results-parquet
    gnomon export results.db 3 --to csv --view scores -o scores.csv
    gnomon export --to inspect -o logs
    gnomon export --to bibtex -o references.bib
    """
    from gnomon.export.views import Chosen

    path, runs = database_and_runs(words, database)
    chosen = Chosen(runs=runs, measures=measures, models=models)
    if view is not None and form not in TABLES:
        raise UsageError(f"--view goes with --to {', '.join(TABLES)}; it got --to {form}")
    if form in CITATIONS:
        _cite(path, form, out, chosen)
    elif form == "inspect":
        _inspect(path, out, chosen)
    elif view is not None:
        _view(path, view, form, out, chosen)
    else:
        _everything(path, form, out, chosen)


def _everything(path: Path, form: str, out: Path | None, chosen: Chosen) -> None:
    from gnomon.export.archive import export_all

    if chosen.anything:
        raise UsageError(
            "a whole database is exported so that it can be imported again; to choose runs, measures "
            "or models give a --view"
        )
    made = export_all(path, form, _folder(out))
    tables = len(made.rows)
    terminal.tell(f"{made.path}: {sum(made.rows.values())} rows of {tables} tables")


def _folder(out: Path | None) -> Path:
    if out is None:
        raise UsageError("say with -o which folder to write")
    return out


def _view(path: Path, view: str, form: str, out: Path | None, chosen: Chosen) -> None:
    from gnomon.export.files import new_file
    from gnomon.export.views import export_view

    if out is None:
        if form == "parquet":
            raise UsageError("Parquet is not for a terminal; say with -o which file to write")
        export_view(path, view, form, terminal.output(), chosen)
        return
    with new_file(out) as file:
        rows = export_view(path, view, form, file, chosen)
    terminal.tell(f"{out}: {rows} rows of {view}")


def _inspect(path: Path, out: Path | None, chosen: Chosen) -> None:
    from gnomon.export.inspecting import export_logs

    for log, samples in export_logs(path, _folder(out), chosen).items():
        terminal.tell(f"{log}: {samples} samples")


def _cite(path: Path, form: str, out: Path | None, chosen: Chosen) -> None:
    from gnomon.export.citing import citation
    from gnomon.export.files import new_file

    text = citation(path, form, chosen)
    if out is None:
        terminal.say(text, end="")
        return
    with new_file(out) as file:
        file.write(text.encode())
    terminal.tell(f"{out}: written")
