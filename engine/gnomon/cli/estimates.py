"""Estimates as rows for programs and as tables for people.

One invariant: a table says of its p-values over which family they were corrected, or that they were not and
how many they are, and of its scores how many are missing and why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from gnomon.cli.tables import Column, Table
from gnomon.errors import counted
from gnomon.grouping import SHORT, shared
from gnomon.methods import told
from gnomon.telling import number

if TYPE_CHECKING:
    from gnomon.store import EstimateRow, Store

MISSING = {
    "refused": "refused",
    "filtered": "filtered",
    "truncated": "truncated",
    "unparsed": "unparsed",
    "failed": "error",
}
"""What a count is called, as in the view ``results``, and the status that is counted. An estimate's
``error`` is its standard error."""


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


def estimate_heads() -> list[str]:
    """What the rows of ``estimate_rows`` are made of, also where there are none."""
    from gnomon.records import Estimate
    from gnomon.store import EstimateRow

    none = EstimateRow(
        run=0, measure="", model="", format="", estimate=Estimate(quantity="", value=None)
    )
    return [*rows_of([none])[0], "label", "deviations"]


def missing(counts: Mapping[str, int]) -> dict[str, int]:
    """How many scores are missing, by reason."""
    return {name: counts.get(status, 0) for name, status in MISSING.items()}


def p_value(p: float | None, log10_p: float | None) -> str:
    """A p-value: three digits, by its exponent below .001 and where it underflows."""
    if p is None:
        return ""
    if p == 0 and log10_p is not None:
        return f"1e{log10_p:.0f}"
    return f"{p:.3f}" if p >= 0.001 else f"{p:.1e}"


def estimate_tables(
    rows: Sequence[dict[str, Any]],
    *,
    titles: bool = True,
    remarks: Mapping[int, str] | None = None,
) -> list[Table]:
    """One table per run and statistic.

    Args:
        rows: The estimates, those of one run beside each other.
        titles: Whether the first table of a run says which it is.
        remarks: Run → a sentence for below that.
    """
    blocks: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in rows:
        key = tuple(row[name] for name in ("run", "measure", "model", "format", "statistic", "of"))
        blocks.setdefault((*key, tuple(row["columns"])), []).append(row)
    out: list[Table] = []
    last_run = None
    for (run_id, measure, model, format_, statistic, of, by), block in blocks.items():
        above: tuple[str, ...] = ()
        if titles and run_id != last_run:
            title = f"{measure} · {model} · {format_} format · run {run_id}"
            remark = (remarks or {}).get(run_id)
            above = (title, *([remark] if remark else []), *_lock_lines(block[0]))
            last_run = run_id
        made = block_table(f"{statistic}: {of}", ", ".join(by), block)
        out.append(attrs.evolve(made, above=above))
    return out


def _lock_lines(row: Mapping[str, Any]) -> list[str]:
    """What became of the lock that a run was held against."""
    if row.get("label") is None:
        return []
    if not row["deviations"]:
        return ["confirmatory: nothing differs from the lock"]
    return ["exploratory, for the run differs from its lock:"] + [
        f"  {sentence}" for sentence in row["deviations"]
    ]


def _columns(block: Sequence[Mapping[str, Any]]) -> dict[str, Callable[[Any], str]]:
    """The columns this block has something for: heading → cell."""
    out: dict[str, Callable[[Any], str]] = {"estimate": lambda row: number(row["value"])}
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


def block_table(title: str, by: str, block: Sequence[Mapping[str, Any]]) -> Table:
    """What one statistic says of each group."""
    columns = _columns(block)
    labels = _labels(block)
    rows: list[tuple[str, ...]] = []
    for label, row in zip(labels, block, strict=True):
        # The reason takes the place of the number, below the table.
        cells = [
            "none" if row["value"] is None and name == "estimate" else cell(row)
            for name, cell in columns.items()
        ]
        rows.append((label, *cells))
    if len(rows) > FOLDED and all(row["value"] is None for row in block):
        # Sixty rows of nothing hide the table below them; why there is nothing is said in the notes.
        alike = [cells[0] if len(set(cells)) == 1 else "" for cells in zip(*rows, strict=True)]
        rows = [(f"each of {len(rows)} groups", *alike[1:])]
    return Table(
        title=title,
        columns=(
            Column(by, gives="wrap"),
            *(
                Column(name, right=True, gives="wrap" if name == "missing" else "no")
                for name in columns
            ),
        ),
        rows=tuple(rows),
        notes=tuple(_notes(block, labels)),
    )


FOLDED = 4
"""Most rows without any estimate that are shown one by one."""
NAMED = 4
"""Most groups that a note names."""


def _labels(block: Sequence[Mapping[str, Any]]) -> list[str]:
    """What the rows are called: by their groups, and where these do not tell them apart by what they are of."""
    groups = [
        ", ".join(level or "(none)" for level in row["columns"].values()) or "all" for row in block
    ]
    if len(set(groups)) == len(groups):
        return groups
    return [
        f"{group}: {row['quantity']}" if row["columns"] else str(row["quantity"])
        for group, row in zip(groups, block, strict=True)
    ]


def _groups(
    chosen: Sequence[int], block: Sequence[Mapping[str, Any]], labels: Sequence[str]
) -> str:
    """The rows that a note is for: by name, by what they share, or counted where they are many."""
    names = [labels[at] for at in chosen]
    alike = shared(
        names, [block[at]["columns"] for at in chosen], [row["columns"] for row in block]
    )
    if alike is not None:
        return alike
    # A name of several columns has commas of its own.
    between = "; " if any("," in name for name in names) else ", "
    rest = len(names) - NAMED if len(names) > NAMED and len(between.join(names)) > SHORT else 0
    shown = between.join(names[: len(names) - rest])
    return f"{shown} and {rest} more groups" if rest else shown


def _notes(block: Sequence[Mapping[str, Any]], labels: Sequence[str]) -> list[str]:
    """Methods, notes and the family, each once; the groups a note is for when not for all."""
    out = told(row["method"] for row in block if row["value"] is not None and row["method"])
    notes: dict[str, list[int]] = {}
    for at, row in enumerate(block):
        if row["note"]:
            notes.setdefault(row["note"], []).append(at)
    for note, rows in notes.items():
        everyone = len(rows) == len(block) and (block[-1]["value"] is not None or len(rows) == 1)
        out.append(note if everyone else f"{_groups(rows, block, labels)}: {note}")
    family = next((row for row in block if row["family"]), None)
    tests = sum(row["p"] is not None for row in block)
    said = []
    if family is not None:
        said.append(
            f"p corr.: {family['correction']} over the {family['family_size']} "
            f"test{'' if family['family_size'] == 1 else 's'} of the family {family['family']!r}"
        )
    elif tests:
        said.append(f"p is not corrected ({counted(tests, 'test')})")
    if all(row["counts"] for row in block) and not any(
        row[name] for row in block for name in MISSING
    ):
        said.append("no score is missing")
    return [*out, *(["; ".join(said)] if said else [])]


def print_estimates(rows: Sequence[dict[str, Any]], *, titles: bool = True) -> None:
    """Estimates as tables for people."""
    from gnomon.cli.tables import write

    write(None, estimate_tables(rows, titles=titles), list, empty="there are no estimates yet")
