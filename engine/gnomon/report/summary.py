"""The summary of a measure: its first numbers, which tests found something, and what to know before.

One invariant: a number never stands without its interval, its n and what is missing.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

from gnomon.report.estimates import Block
from gnomon.report.parts import Finding, RunCard, Table
from gnomon.report.tabled import ALPHA
from gnomon.report.wording import (
    MISSING,
    called,
    group,
    interval,
    listed,
    missing,
    number,
    p_value,
    plural,
    scores_told,
    short,
    whole,
)
from gnomon.store import Store

Row = Mapping[str, Any]
MOST_FINDINGS = 12


def spec_of(text: str) -> Mapping[str, Any]:
    """A spec as plain data; empty when it is no TOML, as an old or foreign one may be."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return {}


def findings(
    found: Sequence[Block],
    labels: Mapping[int, str],
    locks: Mapping[int, str],
    spec: Mapping[str, Any],
) -> list[Finding]:
    """The headline of a measure, for every model.

    It is the first estimate over all rows whose interval counts rows that belong together as such; where there
    is none, the first estimate over all rows; and for a measure that has estimates of groups alone, the range of
    the first of these, of those with intervals where there are such.

    Args:
        found: The estimates.
        labels: Run → what it is called.
        locks: Run → ``confirmatory`` or ``exploratory``.
        spec: The spec as plain data.
    """
    shown = [block for block in found if block.quantities]
    whole_ones = [block for block in shown if not block.by]
    independent = _independent(spec)
    sound = [
        block
        for block in whole_ones
        if block.statistic not in independent and any(row["low"] is not None for row in block.rows)
    ]
    for block in [*sound, *whole_ones][:1]:
        first = block.quantities[0]
        return [
            Finding(
                who=called(labels[row["run"]], 60),
                what=f"{short(row['quantity'], 40)} of {short(scores_told(block.of), 60)}",
                value=number(row["value"]),
                interval=interval(row["low"], row["high"]),
                level="" if row["level"] is None else f"{row['level']:.0%}",
                rest=_rest(row),
                label=locks.get(row["run"], ""),
            )
            for row in block.rows
            if row["quantity"] == first and row["value"] is not None
        ][:MOST_FINDINGS]
    bounded = [block for block in shown if any(row["low"] is not None for row in block.rows)]
    return [
        finding
        for block in [*bounded, *shown][:1]
        for run, label in labels.items()
        for finding in _range(block, run, called(label, 60), locks.get(run, ""))
    ][:MOST_FINDINGS]


def _independent(spec: Mapping[str, Any]) -> set[str]:
    """Labels of the statistics that take all rows for independent, though some belong together."""
    declared = spec.get("statistic", ())
    held = (
        [one for one in declared if isinstance(one, Mapping)] if isinstance(declared, list) else []
    )
    return {str(one.get("as", one.get("use"))) for one in held if one.get("cluster") == "none"}


def _range(block: Block, run: int, who: str, label: str) -> list[Finding]:
    """From the least to the greatest group, for one run; none when it has no estimate."""
    first = block.quantities[0]
    rows = sorted(
        (
            row
            for row in block.rows
            if row["run"] == run and row["quantity"] == first and row["value"] is not None
        ),
        key=lambda row: float(row["value"]),
    )
    if not rows:
        return []
    least, most = rows[0], rows[-1]
    what = f"{short(first, 40)} of {short(scores_told(block.of), 60)} by {', '.join(block.by)}"
    if len(rows) == 1:
        value, rest = number(least["value"]), f"{group(least['columns'])} alone; {_rest(least)}"
    else:
        lost = missing({name: sum(row[name] for row in rows) for name in MISSING})
        ends = number(least["value"]), number(most["value"])
        alike = ends[0] == ends[1]
        value = ends[0] if alike else f"{ends[0]} to {ends[1]}"
        which = f"least: {group(least['columns'])}; greatest: {group(most['columns'])}; "
        rest = f"{'' if alike else which}{len(rows)} groups; "
        rest += f"missing: {lost}" if lost else "none missing"
    return [Finding(who=who, what=what, value=value, interval="", level="", rest=rest, label=label)]


def _rest(row: Row) -> str:
    lost = missing(row)
    p = p_value(row["p"])
    parts = [
        f"n = {whole(row['n'])}" if row["n"] is not None else "",
        f"p = {p}" if p else "",
        f"missing: {lost}" if lost else "none missing",
    ]
    return "; ".join(filter(None, parts))


def tests(found: Sequence[Block], labels: Mapping[int, str]) -> Table | None:
    """How many corrected tests are below .05, by grouping and model; None without corrected tests."""
    several = len(labels) > 1
    rows = []
    for block in found:
        for run, label in labels.items():
            own = [r for r in block.rows if r["run"] == run and r["p_corrected"] is not None]
            clear = [group(r["columns"]) for r in own if r["p_corrected"] < ALPHA]
            if own:
                rows.append(
                    (
                        block.title,
                        *((called(label, 60),) if several else ()),
                        f"{len(clear)} of {len(own)}",
                        "all" if 1 < len(own) == len(clear) else listed(clear, 4),
                    )
                )
    if not rows:
        return None
    return Table(
        headings=("tests", *(("model",) if several else ()), "below .05", "which"),
        words=4,
        rows=rows,
        notes=("Tests whose p, corrected over their family, is below .05, of those made.",),
    )


def notices(
    store: Store,
    runs: Sequence[Row],
    found: Sequence[Block],
    cards: Sequence[RunCard],
    *,
    mixed: bool,
) -> list[str]:
    """What a reader must know before believing a number."""
    out = []
    if mixed:
        out.append(
            f"The database holds several versions of this measure. This part is about version "
            f"{runs[0]['version']} alone; numbers of different versions should not be compared."
        )
    if len({store.facts(int(run["run"])).spec_text for run in runs}) > 1:
        out.append(
            "These runs were made with different texts of the spec under one version number. Compare "
            "them with care."
        )
    estimated = {row["run"] for block in found for row in block.rows}
    for run, card in zip(runs, cards, strict=True):
        if int(run["run"]) not in estimated:
            out.append(
                f"Run {run['run']} ({short(card.label, 60)}) has no estimates yet: "
                f"{plural(run['finished'], 'trial')} finished."
            )
        out += [f"Run {card.run}: {notice}" for notice in card.notices if "imported" not in notice]
    return out
