"""What the design did: means by level and cell, and the effects that ``gnomon results --effects`` computes.

One invariant: the effects are those of that command, computed anew from the stored scores by the same
statistics; the pictures beside them are plain means and say so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gnomon.catalogue import Catalogue
from gnomon.errors import GnomonError
from gnomon.report import charts, forest, heat
from gnomon.report.asking import among, ask, literal
from gnomon.report.parts import Answer, Figure, Table
from gnomon.report.scores import MOST_LEVELS
from gnomon.report.wording import (
    anchor,
    called,
    finite,
    group,
    interval,
    number,
    p_value,
    plural,
    short,
    whole,
)
from gnomon.run.effects import effects_of
from gnomon.store import EstimateRow, Store

MOST_RUNS = 12
MOST_CELLS = 40


def by_level(
    store: Store, labels: Mapping[int, str], name: str, factor: str, prefix: str
) -> Figure | None:
    """Mean score under each level of a factor; None where the score is not one of trials."""
    answer = ask(
        store,
        f"SELECT run, levels ->> {literal(factor)} AS level, avg(value) AS mean,\n"
        "  count(value) AS n, count(*) - count(value) AS missing\n"
        f"FROM scores\nWHERE {among('run', list(labels))} AND score = {literal(name)} "
        "AND levels IS NOT NULL\nGROUP BY run, level\nORDER BY run, level",
    )
    rows = [row for row in answer.rows if row["level"] is not None and finite(row["mean"])]
    levels = list(dict.fromkeys(row["level"] for row in rows))
    if len(levels) < 2:
        return None
    names = list(labels.values())[: charts.MOST_SERIES]
    marks = [
        {
            "group": short(row["level"], 50),
            "model": called(labels[row["run"]], 44),
            "value": row["mean"],
            "low": None,
            "high": None,
        }
        for row in rows
        if labels[row["run"]] in names
    ]
    return Figure(
        name=anchor(prefix, "level", name, factor),
        title=f"Mean {short(name, 60)} by {short(factor, 40)}",
        caption=(
            "Means as they are. Whether a difference is more than chance is said by the effects below, "
            "which are clustered by item."
        ),
        alt=f"Dot plot of the mean {short(name)} under {plural(len(levels), 'level')} of {short(factor)}.",
        chart=forest.forest(
            marks,
            quantity=f"mean {short(name)}",
            from_zero=True,
            models=[called(label, 44) for label in list(labels.values())[: charts.MOST_SERIES]],
        ),
        table=Table(
            headings=("model", short(factor, 40), "mean", "n", "missing"),
            words=2,
            rows=[
                (
                    called(labels[row["run"]], 60),
                    short(row["level"]),
                    number(row["mean"]),
                    whole(row["n"]),
                    whole(row["missing"]),
                )
                for row in rows
            ],
        ),
        sql=answer.sql,
        rows=len(answer.rows),
    )


def by_item(
    store: Store, run: int, label: str, name: str, factor: str, prefix: str
) -> Figure | None:
    """Mean score of each item under each level: where in the design the score comes from."""
    answer = ask(
        store,
        f"SELECT item, levels ->> {literal(factor)} AS level, avg(value) AS mean, count(value) AS n\n"
        f"FROM scores\nWHERE run = {run} AND score = {literal(name)} AND levels IS NOT NULL\n"
        "GROUP BY item, level\nORDER BY item, level",
    )
    rows = [row for row in answer.rows if row["level"] is not None and finite(row["mean"])]
    items = list(dict.fromkeys(row["item"] for row in rows))
    levels = list(dict.fromkeys(row["level"] for row in rows))
    if not 2 <= len(items) <= MOST_CELLS or not 2 <= len(levels) <= MOST_LEVELS:
        return None
    values = {(row["item"], row["level"]): row["mean"] for row in rows}
    return Figure(
        name=anchor(prefix, "cells", run, name, factor),
        title=f"{short(name, 60)} by item × {short(factor, 40)}: {called(label, 60)}",
        caption=f"Means of the trials in each cell: {heat.Cells.of(list(values.values())).told}.",
        alt=(
            f"Heat map of the mean {short(name)} by item and {short(factor)}, {len(items)} × "
            f"{len(levels)}. The table below has the numbers."
        ),
        chart=heat.heat_map(
            [
                {"group": short(item, 50), "column": short(level, 30), "value": values[item, level]}
                for item in items
                for level in levels
                if (item, level) in values
            ],
            across="",
        ),
        table=Table(
            headings=("item", *(short(level, 30) for level in levels)),
            rows=[
                (short(item), *(number(values.get((item, level))) for level in levels))
                for item in items
            ],
        ),
        sql=answer.sql,
        rows=len(answer.rows),
    )


def effects(
    store: Store,
    catalogue: Catalogue,
    labels: Mapping[int, str],
    score: str,
    counts: Answer,
    prefix: str,
) -> tuple[list[Figure], list[tuple[str, Table]], list[str]]:
    """Figures of the effects that have intervals, tables of the others, and what was refused.

    A statistic names its rows ``kind[what]``; rows of one kind belong together.

    Args:
        store: The store.
        catalogue: Where the statistics are found.
        labels: Run → what it is called.
        score: The score.
        counts: How many scores there are, which the effects are computed from.
        prefix: Begins the names of the figures.
    """
    shown = list(labels)[:MOST_RUNS]
    try:
        found = effects_of(store, shown, catalogue, (score,))
    except GnomonError as error:
        return [], [], [f"The effects of the design were not computed: {error}."]
    kinds: dict[str, list[EstimateRow]] = {}
    refused = []
    for row in found:
        if row.estimate.value is None and not row.estimate.group:
            refused.append(f"{called(labels[row.run], 60)}: {row.estimate.note}.")
        else:
            kinds.setdefault(row.estimate.quantity.partition("[")[0], []).append(row)
    figures = []
    tables = []
    command = f"gnomon results {' '.join(map(str, shown))} --effects --score {short(score)}"
    for kind, rows in kinds.items():
        title = f"Effects on {short(score, 60)}: {short(kind, 40)}"
        if any(row.estimate.low is not None for row in rows):
            figures.append(
                Figure(
                    name=anchor(prefix, "effect", score, kind),
                    title=title,
                    caption=" ".join(_methods(rows)),
                    alt=f"Forest plot of {plural(len(rows), 'effect')} on {short(score)}: {short(kind)}.",
                    chart=_drawn(rows, labels, kind),
                    table=_table(rows, labels),
                    sql=counts.sql,
                    rows=len(counts.rows),
                    command=command,
                )
            )
        else:
            tables.append((title, _table(rows, labels)))
    return figures, tables, refused


def _drawn(
    rows: Sequence[EstimateRow], labels: Mapping[int, str], kind: str
) -> Mapping[str, Any] | None:
    runs = list(dict.fromkeys(row.run for row in rows))[: charts.MOST_SERIES]
    marks = [
        {
            "group": group(row.estimate.group),
            "model": called(labels[row.run], 44),
            "value": row.estimate.value,
            "low": row.estimate.low,
            "high": row.estimate.high,
        }
        for row in rows
        if row.run in runs and finite(row.estimate.value)
    ]
    if not marks:
        return None
    models = [called(label, 44) for label in list(labels.values())[: charts.MOST_SERIES]]
    told = {mark["model"] for mark in marks}
    return forest.forest(
        marks,
        quantity=short(kind),
        models=[m for m in models if m in told] if len(told) > 1 else (),
    )


def _methods(rows: Sequence[EstimateRow]) -> list[str]:
    """How the rows were made, and what is to be said of some of them, each once."""
    said = list(dict.fromkeys(row.estimate.method for row in rows if row.estimate.method))
    said += list(dict.fromkeys(row.estimate.note for row in rows if row.estimate.note))
    return [f"{text[:1].upper()}{short(text[1:], 300)}." for text in said[:8]]


def _table(rows: Sequence[EstimateRow], labels: Mapping[int, str]) -> Table:
    several = len({row.run for row in rows}) > 1
    columns = list(dict.fromkeys(name for row in rows for name in row.estimate.group))
    level = next((row.estimate.level for row in rows if row.estimate.level is not None), None)
    tested = any(row.estimate.p is not None for row in rows)
    headings = [
        *(("model",) if several else ()),
        ", ".join(columns),
        "value",
        *((f"{level:.0%} interval",) if level is not None else ()),
        *(("p",) if tested else ()),
        "n",
    ]
    cells = []
    for row in rows:
        made = row.estimate
        cells.append(
            (
                *((called(labels[row.run], 60),) if several else ()),
                group(made.group),
                "none" if made.value is None else number(made.value),
                *((interval(made.low, made.high),) if level is not None else ()),
                *((p_value(made.p, made.log10_p),) if tested else ()),
                whole(made.n),
            )
        )
    return Table(headings=headings, rows=cells, words=2 if several else 1, notes=_methods(rows))
