"""``gnomon import``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from gnomon.cli import terminal
from gnomon.cli.common import (
    database_option,
    file_option,
    files_of,
    json_option,
    load_measure,
    pairs,
    plugin_option,
    print_json,
    values_of,
)
from gnomon.errors import UsageError, counted


@click.command("import")
@click.argument(
    "tables",
    nargs=-1,
    required=True,
    type=click.Path(path_type=Path),
    metavar="TABLE...",
)
@click.option("--as", "measure", help="The measure, by name or path.")
@click.option(
    "--map",
    "columns",
    multiple=True,
    metavar="FIELD=COLUMN",
    help="Which column is what: item, a reply by its name, a factor, a draw, repeat, model, "
    "NAME.prompt, NAME.status. May be given again.",
)
@click.option(
    "--constant",
    "constants",
    multiple=True,
    metavar="FIELD=VALUE",
    help="A field that all rows share. May be given again.",
)
@click.option(
    "--rename",
    "renamed",
    multiple=True,
    metavar="FIELD:PUBLISHED=OURS",
    help="What the table calls an item or a level that the measure calls otherwise. May be given again.",
)
@click.option(
    "--where",
    multiple=True,
    metavar="COLUMN=VALUE[,VALUE]",
    help="Only rows with these cells, as --only of 'gnomon run' has them. May be given again.",
)
@click.option(
    "--score",
    "scores",
    multiple=True,
    metavar="NAME=COLUMN",
    help="Keep a column of published numbers as a score. One with the name of a score of the measure "
    "stands in its place. May be given again.",
)
@click.option("--model", help="Who answered; the name of the first table unless given.")
@click.option("--source", help="Where the replies are published.")
@click.option("--licence", help="The licence they are under.")
@click.option("--encoding", default="utf-8", show_default=True, help="Of the tables.")
@click.option("--skip-unknown", is_flag=True, help="Leave out rows that are for no trial.")
@click.option(
    "--role",
    "roles",
    multiple=True,
    metavar="ROLE=MODEL",
    help="The model for a role that scorers ask in, such as a judge.",
)
@file_option
@plugin_option
@database_option
@json_option
def command(tables: tuple[Path, ...], measure: str | None, **options: Any) -> None:
    """Store replies that others published as a run, and score them.

    A folder that 'gnomon export' wrote becomes the database that it was. Of a table each row becomes a trial. Several tables are read as one. What the table does not say stays unknown:
    prompts and draws that are not mapped are absent. The same import again stores nothing twice.

    \b
    gnomon import replies.csv --as implicit-bias --map item=dataset --map reply=response \\
        --constant variation=plain --source "the paper's repository" --licence MIT
    gnomon import results-jsonl --db again.db
    """
    if any(table.is_dir() for table in tables):
        _restore(tables, measure, options)
        return
    missing = [
        name for name, given in (("--as", measure), ("--map", options["columns"])) if not given
    ]
    if missing or measure is None:
        raise UsageError(
            f"a table of replies needs {' and '.join(missing)}; only a folder that 'gnomon export' wrote "
            "is imported without"
        )
    from gnomon.cli.estimates import estimate_rows, print_estimates
    from gnomon.run.importing import ImportRequest, Mapped, import_replies
    from gnomon.store import Store

    files = files_of(options["files"])
    catalogue, spec = load_measure(measure, options["plugin_files"], files)
    request = ImportRequest(
        spec=spec,
        tables=tables,
        mapped=Mapped(
            columns=pairs(options["columns"], "--map"),
            constants=pairs(options["constants"], "--constant"),
            renamed=_renamed(options["renamed"]),
        ),
        where=values_of(options["where"], "--where"),
        scores=pairs(options["scores"], "--score"),
        model=options["model"],
        source=options["source"],
        licence=options["licence"],
        encoding=options["encoding"],
        skip_unknown=options["skip_unknown"],
        roles=pairs(options["roles"], "--role"),
        files=files,
        command=("gnomon", *sys.argv[1:]),
    )
    made = import_replies(request, catalogue, options["database"])
    with Store.open(options["database"]) as store:
        rows = estimate_rows(store, [made.run_id])
    if options["as_json"]:
        print_json(
            {
                "run": made.run_id,
                "trials": made.trials,
                "stored": made.stored,
                "skipped": dict(made.skipped),
                "left_out": dict(made.left_out),
                "estimates": rows,
            }
        )
        return
    print_estimates(rows)
    _print_end(made, options["database"])


def _restore(tables: tuple[Path, ...], measure: str | None, options: dict[str, Any]) -> None:
    from gnomon.export.restore import restore

    given = [
        option for option, value in {"--as": measure, "--map": options["columns"]}.items() if value
    ]
    if len(tables) > 1 or given:
        raise UsageError(
            "a folder that 'gnomon export' wrote is imported by itself, into a new database; give "
            "nothing else than --db"
        )
    made = restore(tables[0], options["database"])
    counts = {name: made.rows.get(name, 0) for name in ("run", "trial", "reply", "score")}
    if options["as_json"]:
        print_json({"database": str(made.path), "rows": counts})
        return
    told = ", ".join(f"{count} of {name}" for name, count in counts.items())
    terminal.tell(f"{made.path}: rows {told}; 'gnomon verify' derives every hash again")


def _renamed(words: tuple[str, ...]) -> dict[str, dict[str, str]]:
    out: dict[str, dict[str, str]] = {}
    for word in words:
        field, colon, rest = word.partition(":")
        published, equals, ours = rest.rpartition("=")
        if not (field and colon and equals and ours):
            raise UsageError(f"--rename takes FIELD:PUBLISHED=OURS; it got {word!r}")
        out.setdefault(field, {})[published] = ours
    return out


def _print_end(made: Any, database: Path) -> None:
    if made.stored:
        terminal.tell(f"run {made.run_id}: {made.stored} imported trials are stored in {database}")
    else:
        terminal.tell(f"run {made.run_id}: these {made.trials} trials had been imported before")
    for reason, count in made.skipped.items():
        terminal.tell(f"left out: {counted(count, 'row')}: {reason}")
    for score, role in made.left_out.items():
        terminal.tell(
            f"the score {score!r} was left out: it asks a {role}; give --role {role}=BACKEND:MODEL, "
            f"or --score {score}=COLUMN with published numbers"
        )
