"""The summary of a measure: its first numbers, which tests found something, and what to know before.

One invariant: a number never stands without its interval, its n and what is missing.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

from gnomon.report.estimates import ALPHA, Block
from gnomon.report.parts import Finding, RunCard, Table
from gnomon.report.wording import (
    called,
    group,
    interval,
    listed,
    missing,
    number,
    p_value,
    plural,
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
    found: Sequence[Block], labels: Mapping[int, str], locks: Mapping[int, str]
) -> list[Finding]:
    """The first overall estimate of the measure, for every model."""
    for block in found:
        rows = [row for row in block.rows if row["value"] is not None]
        if block.by or not rows:
            continue
        first = rows[0]["quantity"]
        return [
            Finding(
                who=called(labels[row["run"]], 60),
                what=f"{short(row['quantity'], 40)} of {short(block.of, 60)}",
                value=number(row["value"]),
                interval=interval(row["low"], row["high"]),
                level="" if row["level"] is None else f"{row['level']:.0%}",
                rest=_rest(row),
                label=locks.get(row["run"], ""),
            )
            for row in rows
            if row["quantity"] == first
        ][:MOST_FINDINGS]
    return []


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
    """How many corrected tests are below .05, by model and grouping; None without corrected tests."""
    blocks = [block for block in found if any(row["p_corrected"] is not None for row in block.rows)]
    if not blocks:
        return None

    def cell(block: Block, run: int) -> str:
        own = [r for r in block.rows if r["run"] == run and r["p_corrected"] is not None]
        clear = [r for r in own if r["p_corrected"] < ALPHA]
        if not own:
            return "–"
        names = listed([group(row["columns"]) for row in clear], 4)
        return f"{len(clear)} of {len(own)}{f': {names}' if clear else ''}"

    return Table(
        headings=("model", *(block.title for block in blocks)),
        words=1 + len(blocks),
        rows=[
            (called(label, 60), *(cell(block, run) for block in blocks))
            for run, label in labels.items()
        ],
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
