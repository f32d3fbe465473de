"""Scores as columns, the form in which statistics see them.

One invariant: one row is one unit, a trial or an item and never a mixture; a score that is missing is NaN
with a status, and no row is left out. Texts are held as codes: a column costs four bytes a row.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Literal

import attrs

from gnomon.errors import StoreError, did_you_mean, listing
from gnomon.records import SCORE_STATUSES
from gnomon.store.labels import ROW_ID, Coded, Labels, given, read_rows
from gnomon.table import Texts

if TYPE_CHECKING:
    import numpy as np

ABSENT = "absent"
"""Status of a score that was not made for a unit which has another of the scores asked for."""
_STATUSES = (*SCORE_STATUSES, ABSENT)
_STATUS_CODE = " ".join(f"WHEN '{name}' THEN {code}" for code, name in enumerate(SCORE_STATUSES))


@attrs.frozen(kw_only=True, eq=False)
class ScoreColumns:
    """Scores and labels, one numpy array per column, all of one length, in plan order.

    Attributes:
        scores: Score name → float64, NaN where missing.
        statuses: Score name → status strings.
        labels: Column → strings: ``run``, ``measure``, ``model``, ``item``, ``format``, factors, groups;
            for trials also ``repeat``, ``ordinal`` and draws: those that are single values, and lists
            (an order shown, say) joined by commas where they are asked for by name. Empty where a run
            does not have the column.
        over: ``trial`` or ``item``.
    """

    scores: Mapping[str, np.ndarray]
    statuses: Mapping[str, np.ndarray]
    labels: Mapping[str, np.ndarray]
    over: str


@attrs.frozen
class _Pass:
    """The newest scoring pass of a run."""

    run_id: int
    scoring_id: int


def _newest(connection: sqlite3.Connection, run_id: int) -> _Pass:
    row = connection.execute(
        "SELECT id FROM scoring WHERE run_id = ? ORDER BY pass DESC LIMIT 1", (run_id,)
    ).fetchone()
    if row is None:
        raise StoreError(f"run {run_id} has not been scored; 'gnomon score {run_id}' does it")
    return _Pass(run_id, int(row[0]))


def _unknown_score(
    connection: sqlite3.Connection, passes: Sequence[_Pass], name: str
) -> StoreError:
    known = {
        found
        for each in passes
        for (found,) in connection.execute(
            "SELECT DISTINCT score_name.name FROM score JOIN score_name "
            "ON score_name.id = score.name_id WHERE scoring_id = ?",
            (each.scoring_id,),
        )
    }
    return StoreError(
        f"there is no score {name!r}{did_you_mean(name, known)}; there are: {listing(known)}"
    )


def _name_ids(connection: sqlite3.Connection, name: str) -> list[int]:
    found = connection.execute("SELECT id FROM score_name WHERE name = ?", (name,))
    return [number for (number,) in found]


def _unit_of(
    connection: sqlite3.Connection, passes: Sequence[_Pass], name: str
) -> Literal["trial", "item"]:
    for each in passes:
        for number in _name_ids(connection, name):
            row = connection.execute(
                "SELECT trial_id IS NULL FROM score WHERE scoring_id = ? AND name_id = ? LIMIT 1",
                (each.scoring_id, number),
            ).fetchone()
            if row is not None:
                return "item" if row[0] else "trial"
    raise _unknown_score(connection, passes, name)


def score_columns(
    connection: sqlite3.Connection,
    run_ids: Sequence[int],
    names: Sequence[str],
    labels: Collection[str] | None,
) -> ScoreColumns:
    """Columns of the newest scoring pass of each run; see ``Store.score_columns``."""
    with _one_moment(connection):
        return _columns(connection, run_ids, names, labels)


@contextmanager
def _one_moment(connection: sqlite3.Connection) -> Iterator[None]:
    """Let all columns be of one moment, while a run may be adding rows."""
    if connection.in_transaction:
        yield
        return
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")


def _columns(
    connection: sqlite3.Connection,
    run_ids: Sequence[int],
    names: Sequence[str],
    labels: Collection[str] | None,
) -> ScoreColumns:
    import numpy as np

    passes = [_newest(connection, run_id) for run_id in run_ids]
    units = {name: _unit_of(connection, passes, name) for name in names}
    if len(set(units.values())) > 1:
        of_items = listing(name for name in names if units[name] == "item")
        of_trials = listing(name for name in names if units[name] == "trial")
        raise StoreError(
            f"scores of items ({of_items}) and scores of trials ({of_trials}) cannot stand in one "
            "table; ask for them apart"
        )
    unit = units[names[0]]
    parts = [_of_run(connection, each, names, unit, labels=labels) for each in passes]
    if len(parts) == 1:
        return parts[0]
    lengths = [len(part.scores[names[0]]) for part in parts]

    def joined(kind: str) -> Texts:
        held: list[Texts] = [getattr(part, kind) for part in parts]
        columns = dict.fromkeys(name for texts in held for name in texts)
        return Texts({name: partial(_joined, held, lengths, name) for name in columns})

    return ScoreColumns(
        scores={name: np.concatenate([part.scores[name] for part in parts]) for name in names},
        statuses=joined("statuses"),
        labels=joined("labels"),
        over=unit,
    )


def _joined(parts: Sequence[Texts], lengths: Sequence[int], name: str) -> Coded:
    """One column of several runs; empty where a run does not have it."""
    import numpy as np

    coded = [
        part.coded(name) if name in part else (np.array([""]), np.zeros(length, np.int32))
        for part, length in zip(parts, lengths, strict=True)
    ]
    texts, places = np.unique(np.concatenate([found for found, _ in coded]), return_inverse=True)
    starts = np.cumsum([0, *(len(found) for found, _ in coded)])
    codes = [
        places[start + found.astype(np.int64)]
        for start, (_, found) in zip(starts.tolist(), coded, strict=False)
    ]
    return texts, np.concatenate(codes).astype(np.int32)


def _of_run(
    connection: sqlite3.Connection,
    each: _Pass,
    names: Sequence[str],
    unit: Literal["trial", "item"],
    *,
    labels: Collection[str] | None,
) -> ScoreColumns:
    import numpy as np

    found: dict[str, np.ndarray] = {}
    for name in names:
        numbers = _name_ids(connection, name)
        found[name] = read_rows(
            connection,
            (f"{unit}_id", "ifnull(value, 'nan')", f"CASE status {_STATUS_CODE} END"),
            f"score WHERE scoring_id = ? AND name_id IN ({','.join('?' * len(numbers))})",
            (each.scoring_id, *numbers),
            f"{ROW_ID},f8,i1",
        )
    units = _distinct([read["f0"] for read in found.values()])
    made = Labels(connection, each.run_id, labels, unit)
    order = made.order(units)
    scores: dict[str, np.ndarray] = {}
    states: dict[str, Coded] = {}
    statuses = np.array(_STATUSES)
    for name in names:
        # Let go of one by one, before the labels are made: of a million scores, all at once is much.
        read = found.pop(name)
        column, codes = read["f1"], read["f2"]
        if len(read) != len(units) or not (read["f0"] == units).all():
            at = np.searchsorted(units, read["f0"]).astype(ROW_ID)
            column = np.full(len(units), np.nan)
            codes = np.full(len(units), len(_STATUSES) - 1, dtype=np.int8)
            column[at], codes[at] = read["f1"], read["f2"]
            del at
        scores[name], states[name] = column[order], (statuses, codes[order])
        del read, column, codes
    return ScoreColumns(
        scores=scores,
        statuses=Texts({name: partial(given, coded) for name, coded in states.items()}),
        labels=Texts(made.columns(units)),
        over=unit,
    )


def _distinct(parts: Sequence[np.ndarray]) -> np.ndarray:
    """All numbers of some columns, sorted, each once."""
    import numpy as np

    only = parts[0]
    # Scores are mostly read in the order of their units, and then there is nothing to sort.
    if len(parts) == 1 and bool((only[1:] > only[:-1]).all()):
        return np.ascontiguousarray(only)
    return np.unique(np.concatenate(parts))
