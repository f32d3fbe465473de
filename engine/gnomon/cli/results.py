"""``gnomon results``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import click

from gnomon.cli.common import database_option, json_option, plugin_option, print_json

if TYPE_CHECKING:
    from gnomon.store import EstimateRow, Store

ROUNDING = 1e-12
"""What is left of a sum that is 0 in truth."""

MISSING = {
    "refused": "refused",
    "filtered": "filtered",
    "truncated": "truncated",
    "unparsed": "unparsed",
    "failed": "error",
}
"""What a count is called, as in the view ``results``, and the status that is counted. An estimate's
``error`` is its standard error."""


@click.command("results")
@click.argument("runs", nargs=-1, type=int, metavar="[RUN]...")
@database_option
@click.option("--measure", help="Only this measure.")
@click.option(
    "--effects",
    is_flag=True,
    help="What the design did: effects of its factors, shares of variance, stability of the sign.",
)
@click.option("--score", "scores", multiple=True, help="With --effects: of this score.")
@plugin_option
@json_option
def command(
    runs: tuple[int, ...],
    database: Path,
    measure: str | None,
    effects: bool,
    scores: tuple[str, ...],
    plugin_files: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Show the estimates with interval, p, corrected p, n, and what is missing and why.

    \b
    gnomon results
    gnomon results 3 --db results.db
    gnomon results 3 --effects
    """
    from gnomon.store import Store

    with Store.open(database) as store:
        if effects:
            from gnomon.catalogue import Catalogue
            from gnomon.run.effects import effects_of

            chosen = [
                int(run["run"])
                for run in store.runs()
                if (not runs or run["run"] in runs) and measure in (None, run["measure"])
            ]
            made = effects_of(store, list(runs) or chosen, Catalogue(files=plugin_files), scores)
            rows = rows_of(made)
            if not as_json:
                # What stands in brackets are the columns, which a table has beside.
                rows = [{**row, "quantity": row["quantity"].partition("[")[0]} for row in rows]
        else:
            rows = estimate_rows(store, list(runs) or None)
    if measure is not None:
        rows = [row for row in rows if row["measure"] == measure]
    if as_json:
        print_json(rows)
    else:
        print_estimates(rows)


def estimate_rows(store: Store, run_ids: Sequence[int] | None) -> list[dict[str, Any]]:
    """Estimates as flat rows, in the order they were computed."""
    locks = store.locks()
    rows = rows_of(store.estimates(run_ids))
    for row in rows:
        label, deviations = locks.get(row["run"], (None, ()))
        row.update(label=label, deviations=list(deviations))
    return rows


def rows_of(found: Iterable[EstimateRow]) -> list[dict[str, Any]]:
    """Estimates as flat rows for tables and JSON."""
    return [
        {
            "run": row.run,
            "measure": row.measure,
            "model": row.model,
            "format": row.format,
            **attrs.asdict(row.estimate, recurse=False),
            "group": ", ".join(f"{name} {level}" for name, level in row.estimate.group.items()),
            "columns": dict(row.estimate.group),
            **missing(row.estimate.counts),
        }
        for row in found
    ]


def missing(counts: Mapping[str, int]) -> dict[str, int]:
    """How many scores are missing, by reason."""
    return {name: counts.get(status, 0) for name, status in MISSING.items()}


def number(value: float | None, digits: int = 3) -> str:
    """A number for a table; an empty string for none."""
    if value is None:
        return ""
    if abs(value) < ROUNDING:
        value = 0.0
    if value != 0 and abs(value) < 0.5 * 10**-digits:
        return f"{value:.1e}"
    return f"{value:.{digits}f}"


def p_value(p: float | None, log10_p: float | None) -> str:
    """A p-value: three digits, by its exponent below .001 and where it underflows."""
    if p is None:
        return ""
    if p == 0 and log10_p is not None:
        return f"1e{log10_p:.0f}"
    return f"{p:.3f}" if p >= 0.001 else f"{p:.1e}"


def print_estimates(rows: Sequence[dict[str, Any]], *, titles: bool = True) -> None:
    """Estimates as one table per run and statistic, to fit a terminal."""
    from rich.console import Console
    from rich.text import Text

    console = Console(soft_wrap=False, highlight=False)
    if not rows:
        console.print("there are no estimates yet")
        return
    blocks: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in rows:
        key = tuple(row[name] for name in ("run", "measure", "model", "format", "statistic", "of"))
        blocks.setdefault((*key, tuple(row["columns"])), []).append(row)
    last_run = None
    for (run_id, measure, model, format_, statistic, of, by), block in blocks.items():
        if titles and run_id != last_run:
            title = f"\n{measure} · {model} · {format_} format · run {run_id}"
            console.print(Text(title, style="bold"))
            for line in _lock_lines(block[0]):
                console.print(Text(line))
            last_run = run_id
        print_block(console, f"{statistic}: {of}", ", ".join(by), block)


def _lock_lines(row: dict[str, Any]) -> list[str]:
    """What became of the lock that a run was held against."""
    if row.get("label") is None:
        return []
    if not row["deviations"]:
        return ["confirmatory: nothing differs from the lock"]
    return ["exploratory, for the run differs from its lock:"] + [
        f"  {sentence}" for sentence in row["deviations"]
    ]


def _columns(block: list[dict[str, Any]]) -> dict[str, Callable[[dict[str, Any]], str]]:
    """The columns this block has something for: heading → cell."""
    out: dict[str, Callable[[dict[str, Any]], str]] = {"estimate": lambda row: number(row["value"])}
    level = next((row["level"] for row in block if row["low"] is not None), None)
    if level is not None:
        out[f"{level:.0%} interval"] = lambda row: (
            "" if row["low"] is None else f"[{number(row['low'])}, {number(row['high'])}]"
        )
    if any(row["p"] is not None for row in block):
        out["p"] = lambda row: p_value(row["p"], row["log10_p"])
    if any(row["p_corrected"] is not None for row in block):
        out["p corr."] = lambda row: p_value(row["p_corrected"], None)
    effect = next((row["effect"] for row in block if row["effect"]), None)
    if effect:
        out[effect] = lambda row: (
            "" if row["effect_value"] is None else f"{row['effect_value']:.2f}"
        )
    out["n"] = lambda row: "" if row["n"] is None else str(row["n"])
    if any(row[name] for row in block for name in MISSING):
        out["missing"] = lambda row: ", ".join(
            f"{row[name]} {name}" for name in MISSING if row[name]
        )
    return out


def print_block(console: Any, title: str, by: str, block: list[dict[str, Any]]) -> None:
    """One table: what one statistic says of each group."""
    from rich.table import Table
    from rich.text import Text

    console.print(Text(title, style="bold"))
    table = Table(box=None, pad_edge=False)
    table.add_column(Text(by))
    columns = _columns(block)
    for name in columns:
        table.add_column(Text(name), justify="right", no_wrap=True)
    groups = [", ".join(row["columns"].values()) or "all" for row in block]
    # What a row is about needs saying only where the groups do not tell the rows apart.
    telling = len(set(groups)) == len(groups)
    for group, row in zip(groups, block, strict=True):
        label = group if telling else f"{group}: {row['quantity']}"
        if not row["columns"] and not telling:
            label = str(row["quantity"])
        if row["value"] is None:
            # The reason takes the place of the number, under the table's width.
            table.add_row(Text(label), Text("none"), *[""] * (len(columns) - 1))
        else:
            table.add_row(Text(label), *[Text(cell(row)) for cell in columns.values()])
    console.print(table)
    for sentence in _footnotes(block):
        console.print(Text(f"  {sentence}"), style="dim")


def _footnotes(block: list[dict[str, Any]]) -> list[str]:
    """Methods, notes and the family, each once; the groups a note is for when not for all."""
    out = [row["method"] for row in block if row["value"] is not None and row["method"]][:1]
    notes: dict[str, list[str]] = {}
    for row in block:
        if row["note"]:
            notes.setdefault(row["note"], []).append(", ".join(row["columns"].values()) or "all")
    for note, groups in notes.items():
        everyone = len(groups) == len(block) and row["value"] is not None
        out.append(note if everyone else f"{', '.join(groups)}: {note}")
    family = next((row for row in block if row["family"]), None)
    if family is not None:
        out.append(
            f"p corr.: {family['correction']} over the {family['family_size']} tests of the "
            f"family {family['family']!r}"
        )
    return out
