"""Columns of JSON become columns of their own: levels, groups and draws by name.

One invariant: the frame's own columns keep their names. A level, group or draw whose name is taken is called
after where it comes from, ``levels.item``; levels are named first, then groups, draws and the rest.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import attrs

from gnomon.store.tidy import Column
from gnomon.store.values import from_json

SPREADABLE = ("levels", "groups", "group", "draws", "fields", "detail")
"""Columns that hold JSON objects, in the order in which names are given away."""


def spread(columns: Mapping[str, Column], wanted: Collection[str]) -> dict[str, Column]:
    """The columns with those that are wanted spread, each in its place."""
    taken = set(columns)
    made: dict[str, dict[str, Column]] = {}
    for source in SPREADABLE:
        if source in wanted and source in columns:
            held = _parts(columns[source])
            made[source] = {_free(source, name, taken): column for name, column in held.items()}
    out: dict[str, Column] = {}
    for name, column in columns.items():
        out.update(made.get(name, {name: column}))
    return out


def _free(source: str, name: str, taken: set[str]) -> str:
    while name in taken:
        name = f"{source}.{name}"
    taken.add(name)
    return name


def coded(column: Column) -> Column:
    """The column with each distinct value once."""
    import numpy as np

    if column.codes is not None:
        return column
    places: dict[Any, int] = {}
    codes = np.fromiter(
        (-1 if value is None else places.setdefault(value, len(places)) for value in column.values),
        dtype=np.int32,
        count=len(column),
    )
    return attrs.evolve(column, values=list(places), codes=codes)


def _shown(value: Any) -> Any:
    """The value with texts for the eye: no frame takes lone surrogates, which only JSON can hold."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    return [_shown(part) for part in value] if isinstance(value, list) else value


def _parts(column: Column) -> dict[str, Column]:
    """Name → the column of what the objects hold under that name."""
    import numpy as np

    distinct = coded(column)
    assert distinct.codes is not None
    objects = [from_json(text) for text in distinct.values]
    out: dict[str, Column] = {}
    for name in dict.fromkeys(name for held in objects for name in held):
        # Types are told apart, for 1, 1.0 and true are equal to Python.
        places: dict[Any, int] = {}
        values: list[Any] = []
        codes = []
        for held in objects:
            value = _shown(held.get(name))
            key = (type(value), value if value.__hash__ else repr(value))
            if value is None:
                codes.append(-1)
                continue
            if key not in places:
                places[key] = len(values)
                values.append(value)
            codes.append(places[key])
        # The last place is that of the code -1.
        out[name] = Column("any", values, np.array([*codes, -1], np.int32)[distinct.codes])
    return out
