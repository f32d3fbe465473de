"""Asking the database, with the question kept beside the answer.

One invariant: a query that made a figure has no parameters, so that its text is all that is needed to ask it
again with ``gnomon query``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gnomon.report.parts import Answer
from gnomon.store import Store
from gnomon.store.values import object_from_json


def literal(value: str | float) -> str:
    """A value as SQL writes it."""
    if isinstance(value, int | float):
        return repr(value)
    # What SQL cannot hold in a literal is spelled out; nothing that gnomon stores has one.
    return "'" + value.replace("'", "''").replace("\0", "") + "'"


def among(column: str, values: Sequence[str | int]) -> str:
    """A condition that a column has one of some values."""
    if len(values) == 1:
        return f"{column} = {literal(values[0])}"
    return f"{column} IN ({', '.join(map(literal, values))})"


def ask(store: Store, sql: str) -> Answer:
    """Rows by column, with the query.

    Raises:
        StoreError: The query is wrong, which is a bug.
    """
    columns, rows = store.query(sql)
    return Answer(sql=sql, rows=[dict(zip(columns, row, strict=True)) for row in rows])


def columns_of(text: str | None) -> Mapping[str, Any]:
    """A JSON column such as ``group`` or ``levels`` as a mapping; empty for NULL."""
    return object_from_json(text)
