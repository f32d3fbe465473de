"""Scores as columns, the form in which statistics see them.

One invariant: one row is one unit, a trial or an item and never a mixture; a score that is missing is NaN
with a status, and no row is left out. Texts are held as codes: a column costs four bytes a row.
"""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import attrs

from gnomon.errors import StoreError, did_you_mean, listing
from gnomon.records import SCORE_STATUSES
from gnomon.store.reading import Lookup
from gnomon.store.values import from_json
from gnomon.table import Texts, numbered
from gnomon.templates import show

if TYPE_CHECKING:
    import numpy as np

ABSENT = "absent"
"""Status of a score that was not made for a unit which has another of the scores asked for."""
_STATUSES = (*SCORE_STATUSES, ABSENT)
_STATUS_CODE = " ".join(f"WHEN '{name}' THEN {code}" for code, name in enumerate(SCORE_STATUSES))

Coded = tuple["np.ndarray", "np.ndarray"]
"""Distinct texts, and for each row the position of its text among them."""


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
        found[name] = _read(
            connection,
            (f"{unit}_id", "ifnull(value, 'nan')", f"CASE status {_STATUS_CODE} END"),
            f"score WHERE scoring_id = ? AND name_id IN ({','.join('?' * len(numbers))})",
            (each.scoring_id, *numbers),
            f"{_ID},f8,i1",
        )
    units = _distinct([read["f0"] for read in found.values()])
    made = _Labels(connection, each.run_id, labels, unit)
    order = made.order(units)
    scores: dict[str, np.ndarray] = {}
    states: dict[str, Coded] = {}
    statuses = np.array(_STATUSES)
    for name in names:
        # Let go of one by one, before the labels are made: of a million scores, all at once is much.
        read = found.pop(name)
        at = np.searchsorted(units, read["f0"]).astype(_ID)
        column = np.full(len(units), np.nan)
        codes = np.full(len(units), len(_STATUSES) - 1, dtype=np.int8)
        column[at], codes[at] = read["f1"], read["f2"]
        scores[name], states[name] = column[order], (statuses, codes[order])
        del read, at, column, codes
    return ScoreColumns(
        scores=scores,
        statuses=Texts({name: partial(_given, coded) for name, coded in states.items()}),
        labels=Texts(made.columns(units)),
        over=unit,
    )


_ID = "i4"
"""How a row's number is held. A database of two thousand million rows would be a terabyte."""


def _read(
    connection: sqlite3.Connection,
    columns: Sequence[str],
    source: str,
    parameters: Sequence[Any],
    dtype: str,
    order: str = "",
) -> np.ndarray:
    """Rows as one array with the fields f0, f1, …

    Straight into an array of the right length: a million rows as Python objects would be two hundred
    megabytes, and an array that grows is there twice while it does.
    """
    import numpy as np

    (count,) = connection.execute(f"SELECT count(*) FROM {source}", parameters).fetchone()  # noqa: S608 -- names of our own
    rows = connection.execute(
        f"SELECT {', '.join(columns)} FROM {source} {order}",  # noqa: S608 -- names of our own
        parameters,
    )
    fields = [(f"f{at}", kind) for at, kind in enumerate(dtype.split(","))]
    return np.fromiter(rows, dtype=fields, count=count)


def _distinct(parts: Sequence[np.ndarray]) -> np.ndarray:
    """All numbers of some columns, sorted, each once."""
    import numpy as np

    only = parts[0]
    # Scores are mostly read in the order of their units, and then there is nothing to sort.
    if len(parts) == 1 and bool((only[1:] > only[:-1]).all()):
        return np.ascontiguousarray(only)
    return np.unique(np.concatenate(parts))


def _given(coded: Coded) -> Coded:
    return coded


def _spelt(numbers: np.ndarray) -> Coded:
    import numpy as np

    distinct, codes = np.unique(numbers, return_inverse=True)
    return np.array([str(number) for number in distinct.tolist()], np.str_), codes


class _Labels:
    """Label columns of one run.

    Args:
        connection: A connection that may read.
        run_id: The run.
        wanted: The columns that are needed, None for all.
        unit: What a row is.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        run_id: int,
        wanted: Collection[str] | None,
        unit: Literal["trial", "item"],
    ) -> None:
        self._connection = connection
        self._run_id = run_id
        self._wanted = wanted
        self._unit = unit
        self._lookup = Lookup(connection)
        self._labels: dict[str, Callable[[], Coded]] = {}
        self._keep: np.ndarray | None = None

    def _wants(self, name: str) -> bool:
        return self._wanted is None or name in self._wanted

    def order(self, units: np.ndarray) -> np.ndarray:
        """The positions that put sorted units into plan order."""
        import numpy as np

        if self._unit == "item":
            return np.arange(len(units), dtype=_ID)
        ids = self._trial_numbers("id")
        at = np.searchsorted(units, ids).astype(_ID)
        at[at == len(units)] = 0
        keep = np.flatnonzero(units[at] == ids) if len(units) else np.zeros(0, dtype=_ID)
        self._keep = keep.astype(_ID)
        order: np.ndarray = at[self._keep]
        return order

    def columns(self, units: np.ndarray) -> dict[str, Callable[[], Coded]]:
        """Columns for units in plan order; ``order`` was called before."""
        import numpy as np

        keep = self._keep
        if keep is not None:
            self._conditions(keep)
            self._drawn(keep)
            for column in ("repeat", "ordinal"):
                if self._wants(column):
                    self._spell(column, keep)
        self._items(units if keep is None else self._trial_numbers("item_id")[keep])
        measure, model, format_ = self._connection.execute(
            "SELECT measure, model, format FROM runs WHERE run = ?", (self._run_id,)
        ).fetchone()
        single = {"run": str(self._run_id), "measure": measure, "model": model or ""}
        if self._unit == "item":
            single["format"] = format_
        for name, value in single.items():
            if name == "run" or self._wants(name):
                self._code(
                    name, [value], np.zeros(len(units) if keep is None else len(keep), np.int8)
                )
        return self._labels

    def _trial_numbers(self, column: str) -> np.ndarray:
        return _read(
            self._connection,
            (column,),
            "trial WHERE run_id = ?",
            (self._run_id,),
            _ID,
            "ORDER BY ordinal",
        )["f0"]

    def _code(self, name: str, values: Sequence[str], codes: np.ndarray) -> None:
        import numpy as np

        small = codes.astype(np.min_scalar_type(len(values)))
        self._labels[name] = partial(_given, (np.array(list(values) or [""], np.str_), small))

    def _spell(self, column: str, keep: np.ndarray) -> None:
        # Spelt when it is asked for, which numbers of trials seldom are.
        import numpy as np

        numbers = self._trial_numbers(column)[keep]
        small = numbers.astype(np.min_scalar_type(int(numbers.max(initial=0))))
        self._labels[column] = partial(_spelt, small)

    def _conditions(self, keep: np.ndarray) -> None:
        ids, codes = numbered(self._trial_numbers("condition_id")[keep])
        conditions = [self._lookup.condition(number) for number in ids.tolist()]
        for factor in dict.fromkeys(name for found in conditions for name in found[1]):
            if self._wants(factor):
                self._code(factor, [found[1].get(factor, "") for found in conditions], codes)
        if self._wants("format"):
            self._code("format", [found[0] for found in conditions], codes)

    def _items(self, item_ids: np.ndarray) -> None:
        import numpy as np

        # Keys and groups only, in one scan: a run may have as many items as trials, and few groups.
        ids, codes = numbered(item_ids)
        wanted = set(ids.tolist())
        keys: list[str] = []
        group_codes: list[int] = []
        seen: dict[str | None, int] = {}
        for number, key, groups, exact in self._connection.execute(
            "SELECT id, key, groups, exact FROM item WHERE id BETWEEN ? AND ? ORDER BY id",
            (int(ids[0]), int(ids[-1])) if len(ids) else (0, -1),
        ):
            if number in wanted:
                keys.append(key if exact is None else from_json(exact)[0])
                group_codes.append(seen.setdefault(groups, len(seen)))
        held = [from_json(text) if text else {} for text in seen]
        places = np.array(group_codes, dtype=np.int32)[codes]
        for group in dict.fromkeys(name for groups in held for name in groups):
            if self._wants(group):
                self._code(group, [str(groups.get(group, "")) for groups in held], places)
        if self._wants("item"):
            self._code("item", keys, codes)

    def _drawn(self, keep: np.ndarray) -> None:
        # Draws that are single values, and lists that were asked for by name. The first trials say which draws there are; when none of them is
        # wanted, a million JSON texts need not be read.
        import numpy as np

        first = self._connection.execute(
            "SELECT draws FROM trial WHERE run_id = ? AND draws IS NOT NULL LIMIT 1000",
            (self._run_id,),
        )
        names = dict.fromkeys(
            name
            for (text,) in first
            for name, value in from_json(text).items()
            if self._wants(name) and (self._wanted is not None or not isinstance(value, list))
        )
        if not names:
            return
        texts = self._connection.execute(
            "SELECT coalesce(draws, '{}') FROM trial WHERE run_id = ? ORDER BY ordinal",
            (self._run_id,),
        )
        seen: dict[str, dict[str, int]] = {name: {} for name in names}
        codes = {name: array("i") for name in names}
        for (text,) in texts:
            values: dict[str, Any] = from_json(text)
            for name, known in seen.items():
                drawn = _single(values.get(name, ""))
                codes[name].append(known.setdefault(drawn, len(known)))
        for name, known in seen.items():
            self._code(name, list(known), np.frombuffer(codes[name], np.int32)[keep])


def _single(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_single(part) for part in value)
    return value if isinstance(value, str) else show(value)
