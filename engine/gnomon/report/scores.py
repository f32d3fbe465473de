"""Figures of the scores themselves: what became of them, how they are spread, how they depend on the design.

One invariant: a missing score is counted beside every picture of the scores that are there.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gnomon.report import charts
from gnomon.report.asking import among, ask, literal
from gnomon.report.palette import STATUSES
from gnomon.report.parts import Answer, Figure, Table
from gnomon.report.wording import anchor, number, percent, plural, short, whole
from gnomon.store import Store

BINS = 40
FEW = 6
"""Most different values that each get a bar of their own, unless they are whole numbers."""
MOST_LEVELS = 12
MOST_MODELS = 12
MOST_CELLS = 40

Row = Mapping[str, Any]


def counted(store: Store, runs: Sequence[int]) -> Answer:
    """How many scores there are by run, name and status, with their mean and range."""
    return ask(
        store,
        "SELECT run, score, status, count(*) AS count, count(value) AS values_there,\n"
        "  avg(value) AS mean, min(value) AS least, max(value) AS greatest\n"
        f"FROM scores\nWHERE {among('run', list(runs))}\nGROUP BY run, score, status",
    )


def outcome(found: Answer, labels: Mapping[int, str], names: Sequence[str], prefix: str) -> Figure:
    """What became of the scores in every run: share by status of the first, counts of all."""
    counts = {(row["score"], row["run"], row["status"]): row["count"] for row in found.rows}
    present = [status for status in STATUSES if any(row["status"] == status for row in found.rows)]
    lines = [
        (name, run, sum(counts.get((name, run, status), 0) for status in present))
        for name in names
        for run in labels
    ]
    lines = [line for line in lines if line[2]]
    first = [(run, total) for name, run, total in lines if name == names[0]]
    lost = sum(
        counts.get((names[0], run, status), 0)
        for run in labels
        for status in present
        if status not in ("ok", "truncated")
    )
    in_all = sum(total for _, total in first)
    told = f"{whole(lost)} of {plural(in_all, 'score')} ({percent(lost / in_all)}) missing"
    marks = [
        {
            "model": short(labels[run], 44),
            "status": status,
            "count": counts[names[0], run, status],
            "share": counts[names[0], run, status] / total,
        }
        for run, total in first
        for status in present
        if (names[0], run, status) in counts
    ]
    return Figure(
        name=anchor(prefix, "outcome"),
        title="What became of the scores",
        caption=(
            f"{short(names[0], 80)}: {told}. A missing score is left out of every estimate and is never "
            "counted as 0. The table has the other scores."
        ),
        alt=f"Stacked bars of the share of {short(names[0])} by status and model: {told}.",
        chart=charts.statuses(marks) if lost else None,
        table=Table(
            headings=("score", "model", *present, "in all"),
            words=2,
            rows=[
                (
                    short(name, 60),
                    short(labels[run], 60),
                    *(whole(counts.get((name, run, status), 0)) for status in present),
                    whole(total),
                )
                for name, run, total in lines
            ],
        ),
        sql=found.sql,
        rows=len(found.rows),
    )


def distribution(
    store: Store, found: Answer, labels: Mapping[int, str], name: str, prefix: str
) -> Figure | None:
    """How the values of one score are spread; None where there are none."""
    own = [row for row in found.rows if row["score"] == name and row["values_there"]]
    if not own:
        return None
    runs = list(dict.fromkeys(row["run"] for row in own))
    where = f"{among('run', runs)} AND score = {literal(name)} AND value IS NOT NULL"
    values = ask(
        store,
        f"SELECT run, value, count(*) AS count\nFROM scores\nWHERE {where}\n"
        f"GROUP BY run, value\nORDER BY run, value\nLIMIT {MOST_LEVELS * len(runs) + 1}",
    )
    different = {row["value"] for row in values.rows}
    few = MOST_LEVELS if all(value == int(value) for value in different) else FEW
    discrete = len(different) <= few and len(values.rows) <= few * len(runs)
    if discrete:
        answer = values
        bars = [{**row, "start": row["value"], "end": row["value"]} for row in values.rows]
    else:
        width = _width(min(row["least"] for row in own), max(row["greatest"] for row in own))
        answer = ask(
            store,
            f"SELECT run, CAST(floor(value / {width!r} + 1e-9) AS INTEGER) AS bin, count(*) AS count\n"
            f"FROM scores\nWHERE {where}\nGROUP BY run, bin\nORDER BY run, bin",
        )
        bars = [
            {**row, "start": row["bin"] * width, "end": (row["bin"] + 1) * width}
            for row in answer.rows
        ]
    shown = runs[:MOST_MODELS]
    marks = [
        {
            "model": short(labels[row["run"]], 60),
            "start": round(row["start"], 12),
            "end": round(row["end"], 12),
            "count": row["count"],
        }
        for row in bars
        if row["run"] in shown
    ]
    return Figure(
        name=anchor(prefix, "spread", name),
        title=f"Distribution of {short(name, 80)}",
        caption=_spread_caption(found, name, runs, discrete),
        alt=f"Histogram of {short(name)} for {plural(len(shown), 'model')}. "
        + _spread(own, labels),
        chart=charts.histogram(marks, score=short(name), discrete=discrete),
        table=Table(
            headings=(
                "model",
                "value" if discrete else "from",
                *(() if discrete else ("to",)),
                "scores",
            ),
            rows=[
                (
                    short(labels[row["run"]], 60),
                    number(row["start"]),
                    *(() if discrete else (number(row["end"]),)),
                    whole(row["count"]),
                )
                for row in bars
            ],
        ),
        sql=answer.sql,
        rows=len(answer.rows),
    )


def _width(low: float, high: float) -> float:
    """A round width that makes about as many bins as wanted."""
    rough = (high - low) / BINS or 1.0
    power = 10.0 ** math.floor(math.log10(rough))
    return float(next(step * power for step in (1, 2, 2.5, 5, 10) if step * power >= rough * 0.999))


def _spread(rows: Sequence[Row], labels: Mapping[int, str]) -> str:
    return " ".join(
        f"{short(labels[row['run']])}: {whole(row['values_there'])} values from "
        f"{number(row['least'])} to {number(row['greatest'])}, mean {number(row['mean'])}."
        for row in rows[:MOST_MODELS]
    )


def _spread_caption(found: Answer, name: str, runs: Sequence[int], discrete: bool) -> str:
    lost = sum(row["count"] - row["values_there"] for row in found.rows if row["score"] == name)
    more = len(runs) - MOST_MODELS
    return " ".join(
        filter(
            None,
            [
                "Each bar is one value." if discrete else "Each bar counts the values of one bin.",
                f"{plural(lost, 'missing score')} not shown." if lost else "No score is missing.",
                f"The first {MOST_MODELS} of {len(runs)} models are drawn." if more > 0 else "",
            ],
        )
    )


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
    rows = [row for row in answer.rows if row["level"] is not None and row["mean"] is not None]
    levels = list(dict.fromkeys(row["level"] for row in rows))
    if len(levels) < 2:
        return None
    names = list(labels.values())[: charts.MOST_SERIES]
    marks = [
        {
            "group": short(row["level"], 50),
            "model": short(labels[row["run"]], 44),
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
        chart=charts.forest(
            marks,
            quantity=f"mean {short(name)}",
            models=[short(label, 44) for label in list(labels.values())[: charts.MOST_SERIES]],
        ),
        table=Table(
            headings=("model", short(factor, 40), "mean", "n", "missing"),
            words=2,
            rows=[
                (
                    short(labels[row["run"]], 60),
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
    rows = [row for row in answer.rows if row["level"] is not None and row["mean"] is not None]
    items = list(dict.fromkeys(row["item"] for row in rows))
    levels = list(dict.fromkeys(row["level"] for row in rows))
    if not 2 <= len(items) <= MOST_CELLS or not 2 <= len(levels) <= MOST_LEVELS:
        return None
    values = {(row["item"], row["level"]): row["mean"] for row in rows}
    return Figure(
        name=anchor(prefix, "cells", run, name, factor),
        title=f"{short(name, 60)} by item × {short(factor, 40)}: {short(label, 60)}",
        caption="Means of the trials in each cell: blue above 0, orange below it, darker further away.",
        alt=(
            f"Heat map of the mean {short(name)} by item and {short(factor)}, {len(items)} × "
            f"{len(levels)}. The table below has the numbers."
        ),
        chart=charts.heat_map(
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


def halves(store: Store, labels: Mapping[int, str], name: str, prefix: str) -> Iterator[Figure]:
    """Item means over even against odd repeats: how far a run agrees with itself."""
    answer = ask(
        store,
        "SELECT run, item, avg(CASE WHEN repeat % 2 = 0 THEN value END) AS first,\n"
        "  avg(CASE WHEN repeat % 2 = 1 THEN value END) AS second, count(value) AS n\n"
        f"FROM scores\nWHERE {among('run', list(labels))} AND score = {literal(name)} "
        "AND repeat IS NOT NULL\nGROUP BY run, item\nORDER BY run, item",
    )
    rows = [row for row in answer.rows if row["first"] is not None and row["second"] is not None]
    runs = list(dict.fromkeys(row["run"] for row in rows))[: charts.MOST_SERIES]
    rows = [row for row in rows if row["run"] in runs]
    if len({row["item"] for row in rows}) < 4:
        return
    told = [_agreement(labels[run], [row for row in rows if row["run"] == run]) for run in runs]
    yield Figure(
        name=anchor(prefix, "halves", name),
        title=f"{short(name, 80)}: even against odd repeats",
        caption=f"Each mark is an item's mean; on the broken line both halves agree. {' '.join(told)}",
        alt=f"Scatter plot of item means over even and odd repeats. {' '.join(told)}",
        chart=charts.scatter(
            [
                {
                    "item": short(row["item"], 50),
                    "model": short(labels[row["run"]], 44),
                    "first": row["first"],
                    "second": row["second"],
                }
                for row in rows
            ],
            across=f"mean {short(name, 50)}, even repeats",
            up="odd repeats",
        ),
        table=Table(
            headings=("model", "item", "even repeats", "odd repeats", "n"),
            words=2,
            rows=[
                (
                    short(labels[row["run"]], 60),
                    short(row["item"]),
                    number(row["first"]),
                    number(row["second"]),
                    whole(row["n"]),
                )
                for row in rows
            ],
        ),
        sql=answer.sql,
        rows=len(answer.rows),
    )


def _agreement(label: str, rows: Sequence[Row]) -> str:
    """The correlation of the halves with its interval, and stepped up to the whole (Spearman, Brown 1910)."""
    from statistics import StatisticsError, correlation

    who = short(label, 44)
    over = plural(len(rows), "item")
    try:
        r = correlation([row["first"] for row in rows], [row["second"] for row in rows])
    except StatisticsError:
        return f"{who}: no correlation, for a half does not vary."
    if len(rows) < 4 or abs(r) >= 1 - 1e-12:
        return f"{who}: the halves correlate {number(r, 2)} over {over}."
    z, error = math.atanh(r), 1.96 / math.sqrt(len(rows) - 3)
    ends = f"[{number(math.tanh(z - error), 2)}, {number(math.tanh(z + error), 2)}]"
    stepped = f"; {number(2 * r / (1 + r), 2)} for all repeats together" if r > 0 else ""
    return f"{who}: the halves correlate {number(r, 2)} {ends} over {over}{stepped}."
