"""Figures of the scores themselves: what became of them, and how they are spread.

One invariant: a missing score is counted beside every picture of the scores that are there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from gnomon.report import charts
from gnomon.report.asking import among, ask, literal
from gnomon.report.palette import STATUSES
from gnomon.report.parts import Answer, Figure, Table
from gnomon.report.wording import anchor, called, number, percent, plural, short, whole
from gnomon.store import Store

BINS = 40
FEW = 6
"""Most different values that each get a bar of their own, unless they are whole numbers."""
MOST_LEVELS = 12
MOST_MODELS = 12

_FINITE = "abs(value) < 9e999"
"""True of numbers that can be drawn; SQLite reads 9e999 as infinity."""

Row = Mapping[str, Any]


def counted(store: Store, runs: Sequence[int]) -> Answer:
    """How many scores there are by run, name and status, with their mean and range."""
    return ask(
        store,
        "SELECT run, score, status, count(*) AS count, count(value) AS values_there,\n"
        f"  sum(NOT {_FINITE}) AS infinite, avg(value) AS mean,\n"
        f"  min(value) FILTER (WHERE {_FINITE}) AS least, max(value) FILTER (WHERE {_FINITE}) AS greatest\n"
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
            "model": called(labels[run], 44),
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
                    called(labels[run], 60),
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
    own = [row for row in found.rows if row["score"] == name and row["least"] is not None]
    if not own:
        return None
    runs = list(dict.fromkeys(row["run"] for row in own))
    where = f"{among('run', runs)} AND score = {literal(name)} AND {_FINITE}"
    values = ask(
        store,
        f"SELECT run, value, count(*) AS count\nFROM scores\nWHERE {where}\n"
        f"GROUP BY run, value\nORDER BY run, value\nLIMIT {MOST_LEVELS * len(runs) + 1}",
    )
    different = {row["value"] for row in values.rows}
    few = MOST_LEVELS if all(value.is_integer() for value in different) else FEW
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
            "model": called(labels[row["run"]], 60),
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
        caption=_spread_caption(found, name, runs, _bars(different, discrete=discrete)),
        alt=f"Histogram of {short(name)} for {plural(len(shown), 'model')}. "
        + _spread(own, labels),
        chart=charts.histogram(marks, score=short(name), discrete=discrete)
        if len(different) > 1
        else None,
        table=Table(
            headings=(
                "model",
                "value" if discrete else "from",
                *(() if discrete else ("to",)),
                "scores",
            ),
            rows=[
                (
                    called(labels[row["run"]], 60),
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


def _bars(values: set[float], *, discrete: bool) -> str:
    """What a bar is; of a single value there is no picture."""
    if len(values) == 1:
        (value,) = values
        return f"Every value is {number(value, 0 if value.is_integer() else 3)}."
    return "Each bar is one value." if discrete else "Each bar counts the values of one bin."


def _spread_caption(found: Answer, name: str, runs: Sequence[int], bars: str) -> str:
    own = [row for row in found.rows if row["score"] == name]
    lost = sum(row["count"] - row["values_there"] for row in own)
    infinite = sum(row["infinite"] or 0 for row in own)
    more = len(runs) - MOST_MODELS
    return " ".join(
        filter(
            None,
            [
                bars,
                f"{plural(lost, 'missing score')} not shown." if lost else "No score is missing.",
                f"{plural(infinite, 'infinite score')} not shown." if infinite else "",
                f"The first {MOST_MODELS} of {len(runs)} models are drawn." if more > 0 else "",
            ],
        )
    )
