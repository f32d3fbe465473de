"""Rows of the views as columns, for data frames.

One invariant: a column holds what the view of the same name says, row for row. ``view`` asks the view
itself. ``scores`` is quicker than asking: what a million scores share is read once, as numbers, and put
together here; a test compares it with the view on databases of every shape.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import attrs

from gnomon.records import SCORE_STATUSES

if TYPE_CHECKING:
    import numpy as np

Type = Literal["integer", "real", "text", "any"]

VIEWS = ("runs", "trials", "conversations", "scores", "results", "failures")
"""The views that become frames."""

_COMPUTED: Mapping[str, Type] = {
    **dict.fromkeys(("refused", "filtered", "truncated", "unparsed", "failed"), "integer"),
    **dict.fromkeys(("finished", "planned", "calls"), "integer"),
    "cost": "real",
}
_DECLARED: Mapping[str, Type] = {"INTEGER": "integer", "REAL": "real", "ANY": "any"}
_ORDER = {"runs": "run", "trials": "run, ordinal", "conversations": "ask"}
_MANY = 20_000
_STRETCH = 1 << 22
"""Scores whose numbers are joined into one text; SQLite's texts end at a billion bytes."""
_STATUS = " ".join(f"WHEN '{name}' THEN {code}" for code, name in enumerate(SCORE_STATUSES))


@attrs.frozen(eq=False)
class Column:
    """One column.

    Attributes:
        type: What SQLite holds in it.
        values: The value of each row, None (NaN, masked) where there is none; or, with ``codes``, the
            distinct values.
        codes: For each row the place of its value among ``values``, -1 where there is none.
    """

    type: Type
    values: Sequence[Any] | np.ndarray
    codes: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.values if self.codes is None else self.codes)


def types(connection: sqlite3.Connection, view: str) -> dict[str, Type]:
    """Column → type of a view, in order."""
    return {
        name: _COMPUTED.get(name, _DECLARED.get(declared, "text"))
        for _, name, declared, *_ in connection.execute(f'PRAGMA table_info("{view}")')
    }


def view(
    connection: sqlite3.Connection, name: str, where: Mapping[str, Iterable[Any]]
) -> dict[str, Column]:
    """Every column of a view.

    Args:
        connection: A connection that may read.
        name: The view.
        where: Column → the values that are wanted; all rows where it is empty.
    """
    return columns_of(types(connection, name), rows_of(connection, name, where))


def rows_of(
    connection: sqlite3.Connection, name: str, where: Mapping[str, Iterable[Any]]
) -> sqlite3.Cursor:
    """The rows of a view as a stream; see ``view``."""
    import json

    terms = [f'"{column}" IN (SELECT value FROM json_each(?))' for column in where]  # noqa: S608 -- names of our own
    order = f" ORDER BY {_ORDER[name]}" if name in _ORDER else ""
    return connection.execute(
        f'SELECT * FROM "{name}"{" WHERE " * bool(terms)}{" AND ".join(terms)}{order}',  # noqa: S608 -- names of our own
        [json.dumps(list(values)) for values in where.values()],
    )


def columns_of(wanted: Mapping[str, Type], rows: sqlite3.Cursor) -> dict[str, Column]:
    """The rows of a cursor as columns."""
    held: list[list[Any]] = [[] for _ in wanted]
    while found := rows.fetchmany(_MANY):
        for values, more in zip(held, zip(*found, strict=True), strict=True):
            values.extend(more)
    return {
        name: Column(type_, values)
        for (name, type_), values in zip(wanted.items(), held, strict=True)
    }


def scores(
    connection: sqlite3.Connection,
    run_ids: Sequence[int] | None = None,
    names: Sequence[str] | None = None,
    *,
    draws: bool = False,
    detail: bool = False,
) -> dict[str, Column]:
    """The columns of the view ``scores``, in the order in which they were stored.

    Args:
        connection: A connection that may read.
        run_ids: Only these runs.
        names: Only scores of these names.
        draws: Whether to read the draws of each trial, which the view does not have.
        detail: Whether to read what each number was made of, which takes as long as all the rest.
    """
    parts = list(score_parts(connection, run_ids, names, draws=draws, detail=detail))
    held = types(connection, "scores")
    if not detail:
        del held["detail"]
    if draws:
        held["draws"] = "text"
    return {name: joined(type_, [part[name] for part in parts]) for name, type_ in held.items()}


def score_parts(
    connection: sqlite3.Connection,
    run_ids: Sequence[int] | None = None,
    names: Sequence[str] | None = None,
    *,
    draws: bool = False,
    detail: bool = False,
    stretch: int = _STRETCH,
) -> Iterator[dict[str, Column]]:
    """The columns of ``scores`` in parts of at most so many rows, in no order of their own."""
    wanted = [
        number
        for number, name in connection.execute("SELECT id, name FROM score_name")
        if names is None or name in names
    ]
    reader = _Scores(connection, wanted, stretch, draws=draws, detail=detail)
    passes = connection.execute(
        "SELECT id, run_id, pass FROM scoring WHERE NOT EXISTS (SELECT 1 FROM scoring AS later "
        "WHERE later.run_id = scoring.run_id AND later.pass > scoring.pass) ORDER BY run_id"
    ).fetchall()
    for scoring_id, run_id, number in passes:
        if run_ids is None or run_id in run_ids:
            yield from reader.of(scoring_id, run_id, number)


def joined(type_: Type, parts: Sequence[Column]) -> Column:
    """Columns one after the other as one."""
    import numpy as np

    if not parts:
        return Column(type_, np.zeros(0) if type_ == "real" else [])
    if len(parts) == 1:
        return parts[0]
    if parts[0].codes is None:
        if type_ == "real":
            return Column(type_, np.concatenate([part.values for part in parts]))
        if type_ == "integer":
            masked = np.ma.concatenate([part.values for part in parts])  # type: ignore[no-untyped-call]  # numpy gives it no types
            return Column(type_, masked)
        return Column(type_, [value for part in parts for value in part.values])
    places: dict[Any, int] = {}
    codes = []
    for part in parts:
        assert part.codes is not None
        # The last place is that of the code -1.
        numbers = [places.setdefault(value, len(places)) for value in part.values]
        codes.append(np.array([*numbers, -1], np.int32)[part.codes])
    return Column(type_, list(places), np.concatenate(codes))


def numbers(connection: sqlite3.Connection, column: str, rows: str) -> np.ndarray:
    """A column of whole numbers.

    Read as one text: as Python integers a million would cost twice the time and ten times the memory.
    """
    import numpy as np

    (text,) = connection.execute(
        f"SELECT group_concat(number) FROM (SELECT {column} AS number {rows})"  # noqa: S608 -- names of our own
    ).fetchone()
    found: np.ndarray = np.fromstring(text or "", dtype=np.int64, sep=",")
    return found


def _one(type_: Type, value: Any, count: int) -> Column:
    import numpy as np

    if type_ == "integer":
        return Column(type_, np.ma.array(np.full(count, value or 0), mask=value is None))
    code = -1 if value is None else 0
    return Column(type_, [] if value is None else [value], np.full(count, code, np.int32))


def _distinct(type_: Type, values: Sequence[Any], places: np.ndarray) -> Column:
    """The column whose row ``i`` is ``values[places[i]]``, each distinct value once."""
    import numpy as np

    seen: dict[Any, int] = {}
    codes = [-1 if value is None else seen.setdefault(value, len(seen)) for value in values]
    return Column(type_, list(seen), np.array(codes or [-1], np.int32)[places])


class _Scores:
    """Reads scores of one scoring pass after another.

    Args:
        connection: A connection that may read.
        names: Numbers of the score names wanted.
        stretch: How many scores are read at once.
        draws: Whether draws are.
        detail: Whether details are.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        names: Sequence[int],
        stretch: int,
        *,
        draws: bool,
        detail: bool,
    ) -> None:
        self._stretch = stretch
        self._connection = connection
        self._draws = draws
        self._names = ",".join(map(str, names))
        self._detail = detail
        self._spelt = {
            number: (scorer, name)
            for number, scorer, name in connection.execute(
                "SELECT id, scorer, name FROM score_name"
            )
        }

    def of(self, scoring_id: int, run_id: int, number: int) -> Iterator[dict[str, Column]]:
        """The parts of a pass: scores of trials, then of items."""
        facts = self._connection.execute(
            "SELECT run, measure, model, format FROM runs WHERE run = ?", (run_id,)
        ).fetchone()
        same = dict(zip(("run", "measure", "model", "format"), facts, strict=True))
        for low, high in self._stretches(scoring_id):
            for unit in ("trial", "item"):
                read = self._read(scoring_id, unit, low, high)
                count = len(read["value"])
                if not count:
                    continue
                ids = read.pop("unit")
                yield {
                    **{
                        name: _one("integer" if name in ("run", "pass") else "text", value, count)
                        for name, value in {**same, "pass": number}.items()
                    },
                    **(self._of_trials(run_id, ids) if unit == "trial" else self._of_items(ids)),
                    **read,
                }

    def _stretches(self, scoring_id: int) -> Iterator[tuple[int, int]]:
        low, high = self._connection.execute(
            "SELECT min(id), max(id) FROM score WHERE scoring_id = ?", (scoring_id,)
        ).fetchone()
        if low is not None:
            for start in range(low, high + 1, self._stretch):
                yield start, start + self._stretch

    def _read(self, scoring_id: int, unit: str, low: int, high: int) -> dict[str, Any]:
        import numpy as np

        # A scan of the table in its own order, for a pass lies together: the plus keeps SQLite from
        # walking the index, which costs a search for every row.
        rows = (
            f"FROM score WHERE id >= {low} AND id < {high} AND +scoring_id = {scoring_id} "
            f"AND {unit}_id IS NOT NULL AND name_id IN ({self._names}) ORDER BY id"
        )
        names = numbers(self._connection, "name_id", rows)
        statuses = numbers(self._connection, f"CASE status {_STATUS} END", rows)
        values = np.fromiter(
            self._connection.execute(f"SELECT ifnull(value, 'nan') {rows}"), dtype="f8,"
        )["f0"]
        status, which = np.unique(statuses, return_inverse=True)
        distinct, places = np.unique(names, return_inverse=True)
        spelt = [self._spelt[name] for name in distinct.tolist()]
        made: dict[str, Any] = {
            "unit": numbers(self._connection, f"{unit}_id", rows),
            "scorer": _distinct("text", [scorer for scorer, _ in spelt], places),
            "score": _distinct("text", [name for _, name in spelt], places),
            "value": Column("real", values),
            "status": _distinct("text", [SCORE_STATUSES[code] for code in status], which),
        }
        if self._detail:
            found = self._connection.execute(f"SELECT detail {rows}")
            made["detail"] = Column("text", [detail for (detail,) in found])
        return made

    def _of_trials(self, run_id: int, units: np.ndarray) -> dict[str, Column]:
        import numpy as np

        rows = f"FROM trial WHERE id BETWEEN {units.min()} AND {units.max()} AND +run_id = {run_id} ORDER BY id"
        at = np.searchsorted(numbers(self._connection, "id", rows), units)
        items, conditions, repeats = (
            numbers(self._connection, column, rows)[at]
            for column in ("item_id", "condition_id", "repeat")
        )
        distinct, places = np.unique(conditions, return_inverse=True)
        levels = [
            self._connection.execute(
                "SELECT levels FROM condition WHERE id = ?", (number,)
            ).fetchone()[0]
            for number in distinct.tolist()
        ]
        found = self._connection.execute(f"SELECT draws {rows}").fetchall() if self._draws else []
        return {
            **({"draws": Column("text", [found[place][0] for place in at])} if found else {}),
            "trial": Column("integer", np.ma.array(units)),
            "repeat": Column("integer", np.ma.array(repeats)),
            "levels": _distinct("text", levels, places),
            **self._about(items),
        }

    def _of_items(self, units: np.ndarray) -> dict[str, Column]:
        nothing = {name: _one("integer", None, len(units)) for name in ("trial", "repeat")}
        texts = {"levels": _one("text", None, len(units))}
        if self._draws:
            texts["draws"] = Column("text", [None] * len(units))
        return {**nothing, **texts, **self._about(units)}

    def _about(self, item_ids: np.ndarray) -> dict[str, Column]:
        import numpy as np

        distinct, places = np.unique(item_ids, return_inverse=True)
        wanted = set(distinct.tolist())
        found = [
            (key, groups)
            for number, key, groups in self._connection.execute(
                "SELECT id, key, groups FROM item WHERE id BETWEEN ? AND ? ORDER BY id",
                (int(distinct[0]), int(distinct[-1])),
            )
            if number in wanted
        ]
        return {
            "item": _distinct("text", [key for key, _ in found], places),
            "groups": _distinct("text", [groups for _, groups in found], places),
        }
