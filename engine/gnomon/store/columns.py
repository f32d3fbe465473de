"""Scores as columns, the form in which statistics see them.

One invariant: one row is one unit, a trial or an item and never a mixture; a score that is missing is NaN
with a status, and no row is left out.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from gnomon.errors import StoreError, did_you_mean, listing
from gnomon.store.reading import Lookup
from gnomon.store.values import from_json
from gnomon.templates import show

if TYPE_CHECKING:
    import numpy as np

ABSENT = "absent"
"""Status of a score that was not made for a unit which has another of the scores asked for."""


@attrs.frozen(kw_only=True, eq=False)
class ScoreColumns:
    """Scores and labels, one numpy array per column, all of one length, in plan order.

    Attributes:
        scores: Score name → float64, NaN where missing.
        statuses: Score name → status strings.
        labels: Column → strings: ``run``, ``measure``, ``model``, ``item``, ``format``, factors, groups;
            for trials also ``repeat``, ``ordinal`` and draws that are single values. Empty where a run
            does not have the column.
        over: ``trial`` or ``item``.
    """

    scores: Mapping[str, np.ndarray]
    statuses: Mapping[str, np.ndarray]
    labels: Mapping[str, np.ndarray]
    over: str


def _newest(connection: sqlite3.Connection, run_id: int) -> int | None:
    row = connection.execute(
        "SELECT id FROM scoring WHERE run_id = ? ORDER BY pass DESC LIMIT 1", (run_id,)
    ).fetchone()
    return None if row is None else int(row[0])


def _name_ids(
    connection: sqlite3.Connection, scoring_ids: Sequence[int], names: Sequence[str]
) -> dict[str, list[int]]:
    # A loose index scan: a few probes instead of a walk over every score.
    known: dict[str, list[int]] = {}
    for number, name in connection.execute("SELECT id, name FROM score_name"):
        for scoring_id in scoring_ids:
            if connection.execute(
                "SELECT 1 FROM score WHERE scoring_id = ? AND name_id = ? LIMIT 1",
                (scoring_id, number),
            ).fetchone():
                known.setdefault(name, []).append(number)
                break
    for name in names:
        if name not in known:
            raise StoreError(
                f"there is no score {name!r}{did_you_mean(name, known)}; "
                f"there are: {listing(known)}"
            )
    return {name: known[name] for name in names}


def _is_item_score(
    connection: sqlite3.Connection, scoring_ids: Sequence[int], name_ids: Sequence[int]
) -> bool:
    for scoring_id in scoring_ids:
        for name_id in name_ids:
            row = connection.execute(
                "SELECT item_id IS NOT NULL FROM score WHERE scoring_id = ? AND name_id = ? LIMIT 1",
                (scoring_id, name_id),
            ).fetchone()
            if row is not None:
                return bool(row[0])
    return False


def score_columns(
    connection: sqlite3.Connection,
    run_ids: Sequence[int],
    names: Sequence[str],
    labels: Collection[str] | None,
) -> ScoreColumns:
    """Columns of the newest scoring pass of each run; see ``Store.score_columns``."""
    import numpy as np

    passes = {run: _newest(connection, run) for run in run_ids}
    for run, scoring_id in passes.items():
        if scoring_id is None:
            raise StoreError(f"run {run} has not been scored; 'gnomon score {run}' does it")
    scoring_ids = [number for number in passes.values() if number is not None]
    name_ids = _name_ids(connection, scoring_ids, names)
    over = {
        name: "item" if _is_item_score(connection, scoring_ids, numbers) else "trial"
        for name, numbers in name_ids.items()
    }
    if len(set(over.values())) > 1:
        of_items = listing(name for name in names if over[name] == "item")
        of_trials = listing(name for name in names if over[name] == "trial")
        raise StoreError(
            f"scores of items ({of_items}) and scores of trials ({of_trials}) cannot stand in one "
            "table; ask for them apart"
        )
    unit = over[names[0]]
    parts = [
        _of_run(connection, run, number, name_ids, unit, labels)
        for run, number in passes.items()
        if number is not None
    ]
    columns = dict.fromkeys(name for part in parts for name in part.labels)
    return ScoreColumns(
        scores={name: np.concatenate([part.scores[name] for part in parts]) for name in names},
        statuses={name: np.concatenate([part.statuses[name] for part in parts]) for name in names},
        labels={
            column: np.concatenate(
                [
                    part.labels[column]
                    if column in part.labels
                    else np.full(len(part.labels["run"]), "")
                    for part in parts
                ]
            )
            for column in columns
        },
        over=unit,
    )


def _of_run(
    connection: sqlite3.Connection,
    run_id: int,
    scoring_id: int,
    name_ids: Mapping[str, Sequence[int]],
    unit: str,
    wanted: Collection[str] | None,
) -> ScoreColumns:
    import numpy as np

    unit_column = f"{unit}_id"
    found: dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]] = {}
    for name, numbers in name_ids.items():
        rows = connection.execute(
            f"SELECT {unit_column}, value, status FROM score WHERE scoring_id = ? "  # noqa: S608 -- one of two names of our own
            f"AND name_id IN ({','.join('?' * len(numbers))})",
            (scoring_id, *numbers),
        ).fetchall()
        ids, values, statuses = zip(*rows, strict=True) if rows else ((), (), ())
        found[name] = (
            np.array(ids, dtype=np.int64),
            np.array(values, dtype=np.float64),
            np.array(statuses, dtype="U9"),
        )
    units = np.unique(np.concatenate([ids for ids, _, _ in found.values()]))
    labels, order = _labels(connection, run_id, unit, units, wanted)
    scores: dict[str, np.ndarray] = {}
    states: dict[str, np.ndarray] = {}
    for name, (ids, values, statuses) in found.items():
        at = np.searchsorted(units, ids)
        score = np.full(len(units), np.nan)
        state = np.full(len(units), ABSENT, dtype="U9")
        score[at], state[at] = values, statuses
        scores[name], states[name] = score[order], state[order]
    return ScoreColumns(scores=scores, statuses=states, labels=labels, over=unit)


def _coded(values: Sequence[str], codes: np.ndarray) -> np.ndarray:
    import numpy as np

    return np.array(values if len(values) else [""], dtype=np.str_)[codes]


def _labels(
    connection: sqlite3.Connection,
    run_id: int,
    unit: str,
    units: np.ndarray,
    wanted: Collection[str] | None,
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    # Columns for the units in plan order, and the positions that put units into that order.
    import numpy as np

    lookup = Lookup(connection)
    labels: dict[str, np.ndarray] = {}
    if unit == "trial":
        table, order = _trials(connection, run_id, units)
        item_ids, item_codes = np.unique(table["item_id"], return_inverse=True)
        condition_ids, condition_codes = np.unique(table["condition_id"], return_inverse=True)
        conditions = [lookup.condition(int(number)) for number in condition_ids]
        for factor in dict.fromkeys(name for found in conditions for name in found[1]):
            values = [found[1].get(factor, "") for found in conditions]
            labels[factor] = _coded(values, condition_codes)
        labels.update(_drawn(connection, run_id, table, wanted))
        labels["repeat"] = table["repeat"].astype(np.str_)
        labels["ordinal"] = table["ordinal"].astype(np.str_)
        labels["format"] = _coded([found[0] for found in conditions], condition_codes)
    else:
        item_ids, item_codes = np.unique(units, return_inverse=True)
        order = np.arange(len(units))
    items = [lookup.item(int(number)) for number in item_ids]
    for group in dict.fromkeys(name for item in items for name in item.groups):
        labels[group] = _coded([str(item.groups.get(group, "")) for item in items], item_codes)
    labels["item"] = _coded([item.key for item in items], item_codes)
    measure, model, format_ = connection.execute(
        "SELECT measure, model, format FROM runs WHERE run = ?", (run_id,)
    ).fetchone()
    for name, value in (
        ("run", str(run_id)),
        ("measure", measure),
        ("model", model or ""),
        ("format", format_),
    ):
        if name not in labels:
            labels[name] = np.full(len(order), value)
    if wanted is not None:
        labels = {
            name: column for name, column in labels.items() if name in wanted or name == "run"
        }
    return labels, order


def _trials(
    connection: sqlite3.Connection, run_id: int, units: np.ndarray
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    import numpy as np

    names = ("id", "ordinal", "item_id", "condition_id", "repeat")
    rows = connection.execute(
        f"SELECT {', '.join(names)} FROM trial WHERE run_id = ? ORDER BY ordinal",  # noqa: S608 -- names of our own
        (run_id,),
    ).fetchall()
    table = np.array(rows, dtype=np.int64).reshape(len(rows), len(names))
    at = np.searchsorted(units, table[:, 0])
    at[at == len(units)] = 0
    here = units[at] == table[:, 0]
    return {name: table[here, column] for column, name in enumerate(names)}, at[here]


def _drawn(
    connection: sqlite3.Connection,
    run_id: int,
    table: Mapping[str, np.ndarray],
    wanted: Collection[str] | None,
) -> dict[str, np.ndarray]:
    # Draws that are single values. The first trials say which draws there are; when none of them is wanted,
    # a million JSON texts need not be read.
    import numpy as np

    sample = connection.execute(
        "SELECT draws FROM trial WHERE run_id = ? AND draws IS NOT NULL LIMIT 1000", (run_id,)
    )
    names = dict.fromkeys(
        name
        for (text,) in sample
        for name, value in from_json(text).items()
        if not isinstance(value, list) and (wanted is None or name in wanted)
    )
    if not names:
        return {}
    texts = [
        text or "{}"
        for (text,) in connection.execute(
            "SELECT draws FROM trial WHERE run_id = ? ORDER BY ordinal", (run_id,)
        )
    ]
    everything: list[dict[str, Any]] = from_json("[" + ",".join(texts) + "]")
    keep = np.flatnonzero(
        np.isin(
            np.array(
                connection.execute(
                    "SELECT ordinal FROM trial WHERE run_id = ? ORDER BY ordinal", (run_id,)
                ).fetchall(),
                dtype=np.int64,
            ).ravel(),
            table["ordinal"],
        )
    )
    return {
        name: np.array([_single(everything[at].get(name, "")) for at in keep], dtype=np.str_)
        for name in names
    }


def _single(value: Any) -> str:
    return value if isinstance(value, str) else "" if isinstance(value, list) else show(value)
