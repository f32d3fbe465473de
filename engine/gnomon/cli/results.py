"""``gnomon results``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import click

from gnomon.cli.common import database_option, json_option, print_json

if TYPE_CHECKING:
    from gnomon.store import Store

MISSING = ("refused", "filtered", "truncated", "unparsed", "error")


@click.command("results")
@click.argument("runs", nargs=-1, type=int, metavar="[RUN]...")
@database_option
@click.option("--measure", help="Only this measure.")
@json_option
def command(runs: tuple[int, ...], database: Path, measure: str | None, as_json: bool) -> None:
    """Show the estimates with interval, p, corrected p, n, and what is missing and why.

    \b
    gnomon results
    gnomon results 3 --db results.db
    """
    from gnomon.store import Store

    with Store.open(database) as store:
        rows = estimate_rows(store, list(runs) or None)
    if measure is not None:
        rows = [row for row in rows if row["measure"] == measure]
    if as_json:
        print_json(rows)
    else:
        print_estimates(rows)


def estimate_rows(store: Store, run_ids: Sequence[int] | None) -> list[dict[str, Any]]:
    """Estimates as flat rows, in the order they were computed."""
    return [
        {
            "run": row.run,
            "measure": row.measure,
            "model": row.model,
            "format": row.format,
            **attrs.asdict(row.estimate, recurse=False),
            "group": ", ".join(f"{name} {level}" for name, level in row.estimate.group.items()),
            "columns": dict(row.estimate.group),
            **{status: row.estimate.counts.get(status, 0) for status in MISSING},
        }
        for row in store.estimates(run_ids)
    ]


def number(value: float | None, digits: int = 3) -> str:
    """A number for a table; an empty string for none."""
    if value is None:
        return ""
    if value != 0 and abs(value) < 10**-digits:
        return f"{value:.1e}"
    return f"{value:.{digits}f}"


def p_value(p: float | None, log10_p: float | None) -> str:
    """A p-value: exact to three digits, by its exponent where it underflows."""
    if p is None:
        return ""
    if p == 0 and log10_p is not None:
        return f"1e{log10_p:.0f}"
    return f"{p:.3f}" if p >= 0.001 else f"{p:.1e}"


def print_estimates(rows: Sequence[dict[str, Any]]) -> None:
    """Estimates as one table per run and statistic, to fit a terminal."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(soft_wrap=False, highlight=False)
    if not rows:
        console.print("there are no estimates yet")
        return
    blocks: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in rows:
        key = (
            row["run"],
            row["measure"],
            row["model"],
            row["format"],
            row["statistic"],
            row["of"],
        )
        blocks.setdefault(key, []).append(row)
    last_run = None
    for (run_id, measure, model, format_, statistic, of), block in blocks.items():
        if run_id != last_run:
            console.print(
                Text(f"\n{measure} · {model} · {format_} format · run {run_id}", style="bold")
            )
            last_run = run_id
        _print_block(console, Table, Text, statistic, of, block)


def _print_block(
    console: Any, table_class: Any, text: Any, statistic: str, of: str, block: list[dict[str, Any]]
) -> None:
    effect = next((row["effect"] for row in block if row["effect"]), None)
    table = table_class(
        title=text(f"{statistic} of {of}"), title_justify="left", box=None, pad_edge=False
    )
    table.add_column("group", overflow="fold")
    level = next((row["level"] for row in block if row["level"]), None)
    columns = ["estimate", f"{level:.0%} interval" if level else "interval", "p"]
    if any(row["p_corrected"] is not None for row in block):
        columns.append("p corr.")
    if effect:
        columns.append(effect)
    columns += ["n", "missing"]
    for name in columns:
        table.add_column(text(name), justify="right", no_wrap=True)
    for row in block:
        table.add_row(*[text(cell) for cell in _cells(row, columns, effect)])
    console.print(table)
    for note in dict.fromkeys(
        row["note"] for row in block if row["note"] and row["value"] is not None
    ):
        console.print(text(f"  {note}"))
    family = next((row for row in block if row["family"]), None)
    if family is not None:
        console.print(
            text(
                f"  p corr.: {family['correction']} over the family "
                f"{family['family']!r} of {family['family_size']}"
            ),
            style="dim",
        )


def _cells(row: dict[str, Any], columns: list[str], effect: str | None) -> list[str]:
    group = row["group"] or "all"
    label = group if row["quantity"] in ("mean", "none") else f"{group}: {row['quantity']}"
    interval = "" if row["low"] is None else f"[{number(row['low'])}, {number(row['high'])}]"
    missing = ", ".join(f"{row[name]} {name}" for name in MISSING if row[name])
    if row["value"] is None:
        return [f"{label}: {row['note']}", *[""] * (len(columns) - 2), str(row["n"] or 0), missing]
    cells = [label, number(row["value"]), interval, p_value(row["p"], row["log10_p"])]
    if "p corr." in columns:
        cells.append(p_value(row["p_corrected"], None))
    if effect:
        cells.append(number(row["effect_value"], 2))
    return [*cells, str(row["n"]), missing]
