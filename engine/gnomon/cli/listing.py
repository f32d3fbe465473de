"""``gnomon list``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gnomon.cli.common import no_runs, plugin_option
from gnomon.cli.tables import Form, form_options, plain_table, write

HIDDEN = ("reason", "finished", "planned", "started_at")
"""What programs are given and a table has no room for."""
GIVES = ("measure", "model", "from")
WRAPS = ("title", "what")
RIGHT = ("run", "trials")
KINDS = ("sources", "procedures", "backends", "scorers", "statistics", "corrections", "executors")


@click.command("list")
@click.argument("kind", type=click.Choice(["measures", "runs", *KINDS]), default="measures")
@click.option(
    "--db",
    "database",
    type=click.Path(dir_okay=False, path_type=Path),
    default="results.db",
    envvar="GNOMON_DB",
    help="For runs: the results database.",
)
@plugin_option
@form_options
def command(kind: str, database: Path, plugin_files: tuple[Path, ...], form: Form | None) -> None:
    """List measures, runs, or plugins of a kind.

    \b
    gnomon list
    gnomon list scorers
    gnomon list runs --db results.db
    """
    empty = "nothing to list"
    if kind == "runs":
        rows: list[dict[str, Any]] = _runs(database)
        empty = no_runs(database)
    elif kind == "measures":
        rows = _measures(plugin_files)
    else:
        rows = _plugins(kind, plugin_files)
    shown = [{name: row[name] for name in row if name not in HIDDEN} for row in rows]
    tables = [plain_table(shown, gives=GIVES, wraps=WRAPS, right=RIGHT)] if rows else []
    write(form, tables, lambda: rows, empty=empty)


def print_rows(rows: list[dict[str, str]]) -> None:
    """Rows in aligned columns; the last is broken where there is no room."""
    tables = [plain_table(rows, wraps=list(rows[0])[-1:])] if rows else []
    write(None, tables, list, empty="nothing to list")


def _measures(plugin_files: tuple[Path, ...]) -> list[dict[str, str]]:
    import tomllib

    from gnomon.catalogue import Catalogue

    rows = []
    for name, (path, provider) in Catalogue(files=plugin_files).measures().items():
        try:
            keys = tomllib.loads(path.read_text("utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
            keys = {"title": f"cannot be read; see: gnomon check {path}"}
        needs = keys.get("needs")
        rows.append(
            {
                "measure": name,
                "needs": " ".join(map(str, needs)) if isinstance(needs, list) else "",
                "from": provider.origin.split(" ")[0],
                "title": str(keys.get("title", "")),
            }
        )
    return sorted(rows, key=lambda row: row["measure"])


def _plugins(kind: str, plugin_files: tuple[Path, ...]) -> list[dict[str, str]]:
    from gnomon.catalogue import Catalogue

    return [
        {
            "name": name,
            "from": plugin.provider.origin,
            "what": (plugin.cls.__doc__ or "").strip().split("\n")[0],
        }
        for name, plugin in sorted(Catalogue(files=plugin_files).of_kind(kind).items())
    ]


def _runs(database: Path) -> list[dict[str, Any]]:
    import attrs

    from gnomon.run.states import states_of
    from gnomon.store import Store

    with Store.open(database) as store:
        return [
            {
                "run": state.run,
                "measure": state.measure,
                "model": state.model,
                "format": state.format,
                "trials": state.trials,
                "state": state.state,
                "started": state.started_at[:16].replace("T", " "),
                **{name: value for name, value in attrs.asdict(state).items() if name in HIDDEN},
            }
            for state in states_of(store)
        ]
