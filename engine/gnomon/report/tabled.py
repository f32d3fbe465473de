"""Stored estimates as tables: those of a figure, those there are none of, and the families of tests.

One invariant: an estimate stands with its interval, its n and what is missing, or with the reason why there is none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gnomon.grouping import shared
from gnomon.methods import told
from gnomon.report.parts import Table
from gnomon.report.wording import (
    called,
    group,
    interval,
    listed,
    missing,
    number,
    p_value,
    scores_told,
    short,
    whole,
)

if TYPE_CHECKING:
    from gnomon.report.estimates import Block

ALPHA = 0.05

Row = Mapping[str, Any]


def table(rows: Sequence[Row], by: Sequence[str], *, several: bool, named: bool = False) -> Table:
    """Estimates as a table with the columns that hold something.

    Args:
        rows: The estimates.
        by: The columns of their groups.
        several: They are of several models.
        named: They are of several statistics, which are named.
    """
    several_kinds = named or len({row["quantity"] for row in rows}) > 1
    level = next((row["level"] for row in rows if row["level"] is not None), None)
    effect = next((row["effect"] for row in rows if row["effect"]), None)
    cells: dict[str, Any] = {}
    if named:
        cells["statistic"] = lambda row: short(row["statistic"], 40)
        cells["of"] = lambda row: short(scores_told(row["of"]), 60)
    if several:
        cells["model"] = lambda row: called(row["label"], 60)
    if by:
        cells[", ".join(by)] = lambda row: group(row["columns"])
    if several_kinds or not cells:
        cells["what"] = lambda row: short(row["quantity"])
    words = len(cells)
    cells["estimate"] = lambda row: "none" if row["value"] is None else number(row["value"])
    if level is not None:
        cells[f"{level:.0%} interval"] = lambda row: interval(row["low"], row["high"])
    if any(row["p"] is not None for row in rows):
        cells["p"] = lambda row: p_value(row["p"])
    if any(row["p_corrected"] is not None for row in rows):
        cells["p corrected"] = lambda row: p_value(row["p_corrected"])
    if effect:
        heading = "effect" if named else short(effect, 30)
        cells[heading] = lambda row: _effect(row, named=named)
    cells["n"] = lambda row: whole(row["n"])
    if any(missing(row) for row in rows):
        cells["missing"] = missing
    return Table(
        headings=tuple(cells),
        rows=[tuple(cell(row) for cell in cells.values()) for row in rows],
        words=words,
        notes=_notes(rows, named=named),
    )


def _effect(row: Row, *, named: bool) -> str:
    name = f"{short(row['effect'], 30)} " if named and row["effect"] else ""
    return f"{name}{number(row['effect_value'], 2)}"


def _notes(rows: Sequence[Row], *, named: bool) -> list[str]:
    """Methods, and what is to be said of single rows, each once."""
    held: dict[str, list[str]] = {}
    for row in rows:
        if row["value"] is not None and row["method"]:
            heading = short(row["statistic"], 40) if named else "Method"
            held.setdefault(heading, []).append(row["method"])
    out = [
        f"{heading}: {short(method, 300)}."
        for heading, own in held.items()
        for method in told(own)[:4]
    ]
    said: dict[str, dict[str, None]] = {}
    for row in rows:
        if row["note"]:
            who = short(" · ".join([row["label"], *map(str, row["columns"].values())]), 80)
            said.setdefault(row["note"], {})[who] = None
    for note, names in list(said.items())[:20]:
        out.append(f"{listed(list(names), 4)}: {short(note, 400)}.".replace("..", "."))
    return out


def refused(found: Sequence[Block]) -> Table | None:
    """What statistics gave no estimate at all, and why, each reason once; None when there is no such."""
    said: dict[tuple[str, str, str], tuple[dict[str, Any], set[str]]] = {}
    among: dict[tuple[str, str], dict[str, Any]] = {}
    for block in found:
        for row in block.rows:
            key = block.statistic, scores_told(block.of), row["note"] or "not said"
            groups, labels = said.setdefault(key, ({}, set()))
            labels.add(row["label"])
            groups[group(row["columns"])] = row["columns"]
            among.setdefault(key[:2], {})[group(row["columns"])] = row["columns"]
    if not said:
        return None
    several = len({row["label"] for block in found for row in block.rows}) > 1
    return Table(
        headings=("statistic", "of", *(("model",) if several else ()), "of which", "why"),
        words=5,
        rows=[
            (
                short(statistic, 40),
                short(of, 60),
                *((listed([called(label, 44) for label in sorted(labels)], 4),) if several else ()),
                shared([*groups], [*groups.values()], [*among[statistic, of].values()])
                or listed([*groups], 4),
                short(note.removeprefix("no estimate: "), 400),
            )
            for (statistic, of, note), (groups, labels) in said.items()
        ],
    )


def families(found: Sequence[Block]) -> Table | None:
    """Which tests were corrected together, and how many stand before and after."""
    held: dict[tuple[str, str, str], list[Row]] = {}
    for block in found:
        for row in block.rows:
            if row["family"] is not None:
                held.setdefault((row["label"], row["family"], row["correction"]), []).append(row)
    if not held:
        return None
    return Table(
        headings=("model", "family", "correction", "tests", "p < .05", "p corrected < .05"),
        words=3,
        rows=[
            (
                called(label, 60),
                short(family, 80),
                short(correction, 40),
                whole(rows[0]["family_size"]),
                whole(sum(row["p"] is not None and row["p"] < ALPHA for row in rows)),
                whole(
                    sum(
                        row["p_corrected"] is not None and row["p_corrected"] < ALPHA
                        for row in rows
                    )
                ),
            )
            for (label, family, correction), rows in held.items()
        ],
        notes=("Tests outside these families are not corrected; each is a test by itself.",),
    )
