"""``gnomon list``."""

from __future__ import annotations

from pathlib import Path

import click

from gnomon.cli.common import json_option, plugin_option, print_json

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
@json_option
def command(kind: str, database: Path, plugin_files: tuple[Path, ...], as_json: bool) -> None:
    """List measures, or plugins of a kind.

    \b
    gnomon list
    gnomon list scorers
    gnomon list runs --db results.db
    """
    if kind == "runs":
        rows = _runs(database)
    elif kind == "measures":
        rows = _measures(plugin_files)
    else:
        rows = _plugins(kind, plugin_files)
    if as_json:
        print_json(rows)
        return
    print_rows(rows)


def print_rows(rows: list[dict[str, str]]) -> None:
    """Rows in aligned columns, the last one as wide as it is; no library needed."""
    if not rows:
        click.echo("nothing to list")
        return
    names = list(rows[0])
    widths = {name: max(len(name), *(len(row[name]) for row in rows)) for name in names}
    for row in [{name: name for name in names}, *rows]:
        click.echo("  ".join(row[name].ljust(widths[name]) for name in names).rstrip())


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


def _runs(database: Path) -> list[dict[str, str]]:
    from gnomon.store import Store

    with Store.open(database) as store:
        return [
            {name: "" if value is None else str(value) for name, value in row.items()}
            for row in store.runs()
        ]
