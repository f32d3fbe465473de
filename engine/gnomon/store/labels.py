"""Label columns of a run: what the rows of its scores can be told apart and grouped by.

One invariant: a column is codes and the few texts that they stand for, in the order of the plan.
"""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from gnomon.store.reading import Lookup
from gnomon.store.values import from_json, object_from_json
from gnomon.table import numbered
from gnomon.templates import show

if TYPE_CHECKING:
    import numpy as np

ROW_ID = "i4"
"""How a row's number is held. A database of two thousand million rows would be a terabyte."""

Coded = tuple["np.ndarray", "np.ndarray"]
"""Distinct texts, and for each row the position of its text among them."""


def read_rows(
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


def given(coded: Coded) -> Coded:
    """A column that is known already, for those who call for it later."""
    return coded


def _spelt(numbers: np.ndarray) -> Coded:
    import numpy as np

    distinct, codes = np.unique(numbers, return_inverse=True)
    return np.array([str(number) for number in distinct.tolist()], np.str_), codes


class Labels:
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
            return np.arange(len(units), dtype=ROW_ID)
        ids = self._trial_numbers("id")
        if np.array_equal(ids, units):
            self._keep = np.arange(len(units), dtype=ROW_ID)
            return self._keep
        at = np.searchsorted(units, ids).astype(ROW_ID)
        at[at == len(units)] = 0
        keep = np.flatnonzero(units[at] == ids) if len(units) else np.zeros(0, dtype=ROW_ID)
        self._keep = keep.astype(ROW_ID)
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
        return read_rows(
            self._connection,
            (column,),
            "trial WHERE run_id = ?",
            (self._run_id,),
            ROW_ID,
            "ORDER BY ordinal",
        )["f0"]

    def _code(self, name: str, values: Sequence[str], codes: np.ndarray) -> None:
        import numpy as np

        small = codes.astype(np.min_scalar_type(len(values)))
        self._labels[name] = partial(given, (np.array(list(values) or [""], np.str_), small))

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
        held = [object_from_json(text) for text in seen]
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
            for name, value in object_from_json(text).items()
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
            values = object_from_json(text)
            for name, known in seen.items():
                drawn = _single(values.get(name, ""))
                codes[name].append(known.setdefault(drawn, len(known)))
        for name, known in seen.items():
            self._code(name, list(known), np.frombuffer(codes[name], np.int32)[keep])


def _single(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_single(part) for part in value)
    return value if isinstance(value, str) else show(value)
