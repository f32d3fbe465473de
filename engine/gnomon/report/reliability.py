"""Reliability: the coefficients that a measure declares, and how far a run agrees with itself.

One invariant: which statistics are about reliability is up to the plugins (class attribute ``reliability``).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gnomon.catalogue import Catalogue
from gnomon.errors import GnomonError
from gnomon.report import charts, tabled
from gnomon.report.asking import among, ask, literal
from gnomon.report.estimates import Block
from gnomon.report.parts import Chapter, Figure, Table
from gnomon.report.summary import spec_of
from gnomon.report.wording import anchor, called, finite, number, plural, short, whole
from gnomon.run.analysis import statistics_that
from gnomon.store import Store

Row = Mapping[str, Any]


def chapter(
    store: Store,
    catalogue: Catalogue,
    runs: Sequence[Row],
    labels: Mapping[int, str],
    found: Sequence[Block],
    score: str,
    prefix: str,
) -> Chapter:
    """Coefficients that the measure declares, and how far item means agree over repeats."""
    declared = _reliability_blocks(store, catalogue, runs)
    tables = [
        (
            block.title,
            tabled.table(
                block.rows, block.by, several=len({row["label"] for row in block.rows}) > 1
            ),
        )
        for block in found
        if block.statistic in declared
    ]
    figures = list(halves(store, labels, score, prefix))
    return Chapter(
        name=f"{prefix}-reliability",
        title="Reliability",
        text=() if tables else ("The measure declares no coefficient of reliability.",),
        figures=figures,
        tables=tables,
    )


def _reliability_blocks(store: Store, catalogue: Catalogue, runs: Sequence[Row]) -> set[str]:
    """Labels of the statistics whose plugin says that it is about reliability."""
    try:
        classes = statistics_that(catalogue, "reliability")
    except GnomonError:
        return set()
    names = {getattr(cls, "name", "") for cls in classes}
    out = set()
    for run in runs:
        for block in spec_of(store.facts(int(run["run"])).spec_text).get("statistic", ()):
            if block.get("use") in names:
                out.add(str(block.get("as", block["use"])))
    return out


def halves(store: Store, labels: Mapping[int, str], name: str, prefix: str) -> Iterator[Figure]:
    """Item means over even against odd repeats: how far a run agrees with itself."""
    answer = ask(
        store,
        "SELECT run, item, avg(CASE WHEN repeat % 2 = 0 THEN value END) AS first,\n"
        "  avg(CASE WHEN repeat % 2 = 1 THEN value END) AS second, count(value) AS n\n"
        f"FROM scores\nWHERE {among('run', list(labels))} AND score = {literal(name)} "
        "AND repeat IS NOT NULL\nGROUP BY run, item\nORDER BY run, item",
    )
    rows = [row for row in answer.rows if finite(row["first"]) and finite(row["second"])]
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
                    "model": called(labels[row["run"]], 44),
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
                    called(labels[row["run"]], 60),
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
    """The correlation of the halves with its interval, and stepped up to the whole: 2r/(1 + r) (Brown 1910)."""
    from statistics import StatisticsError, correlation

    who = called(label, 44)
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
