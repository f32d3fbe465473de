"""A person's own SQL, which reads and can do nothing else.

One invariant: whatever the text says, the database and the disk are as before. Three walls hold it: the
connection is opened for reading only, ``query_only`` is on, and an authorizer refuses what is not a
read before it runs.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from gnomon.errors import StoreError, counted, did_you_mean, listing

_READS = frozenset(
    {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_RECURSIVE, sqlite3.SQLITE_FUNCTION}
)
_PRAGMAS = frozenset({"table_info", "table_xinfo", "table_list", "index_list", "index_info"})
_FUNCTIONS = ("json_each", "json_tree")
"""Table-valued functions that read JSON, of which the database has much."""
_STEPS = 20_000  # virtual-machine steps between looks at whether the user pressed Ctrl-C
_TABLE = re.compile(r"\b(?:from|join)\s+[\"'`\[]?(\w+)", re.IGNORECASE)
_BINDINGS = re.compile(r"statement uses (\d+), and there are (\d+) supplied")
_MISSING = re.compile(r"no such (table|column): (?:main\.)?(.+)")


def _allow(action: int, first: str | None, second: str | None, *_: str | None) -> int:
    if action == sqlite3.SQLITE_FUNCTION and second == "load_extension":
        return sqlite3.SQLITE_DENY
    if action in _READS:
        return sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_PRAGMA and first in _PRAGMAS:
        return sqlite3.SQLITE_OK
    return sqlite3.SQLITE_DENY


def protect(connection: sqlite3.Connection) -> None:
    """Make a reading connection fit for a stranger's SQL."""
    connection.execute("PRAGMA query_only = ON")
    # To make itself known, a table-valued function declares a table, which the authorizer would refuse.
    for name in _FUNCTIONS:
        connection.execute(f"SELECT 1 FROM {name}('[]')").fetchall()  # noqa: S608 - names of our own
    connection.set_authorizer(_allow)
    # The handler does nothing; being called is what lets Python notice Ctrl-C.
    connection.set_progress_handler(lambda: 0, _STEPS)


def run_query(
    connection: sqlite3.Connection,
    path: Path,
    sql: str,
    parameters: Sequence[Any] | Mapping[str, Any],
) -> tuple[tuple[str, ...], Iterator[tuple[Any, ...]]]:
    """Column names and rows of a query.

    Raises:
        StoreError: The query is refused or wrong.
        KeyboardInterrupt: The user interrupted it.
    """
    try:
        cursor = connection.execute(sql, parameters)
    except UnicodeEncodeError:
        raise StoreError(
            "the query, or one of its parameters, is no text: it holds bytes that are not UTF-8"
        ) from None
    except OverflowError:
        raise StoreError(
            "a parameter is a whole number of more than 64 bits, and the database holds none"
        ) from None
    except (sqlite3.Error, sqlite3.Warning) as error:
        raise _sentence(connection, path, sql, error) from None
    if cursor.description is None:
        raise StoreError("the query is empty; write one SELECT statement")
    columns = tuple(column[0] for column in cursor.description)
    return columns, _rows(connection, path, sql, cursor)


def _rows(
    connection: sqlite3.Connection, path: Path, sql: str, cursor: sqlite3.Cursor
) -> Iterator[tuple[Any, ...]]:
    try:
        yield from cursor
    except sqlite3.Error as error:
        raise _sentence(connection, path, sql, error) from None
    finally:
        cursor.close()


def _schema(connection: sqlite3.Connection) -> dict[str, list[str]]:
    names = [
        name
        for (name,) in connection.execute(
            "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') "
            "AND name NOT LIKE '%sqlite_%'"
        )
    ]
    return {
        name: [row[1] for row in connection.execute(f'PRAGMA table_info("{name}")')]
        for name in names
    }


def _sentence(
    connection: sqlite3.Connection, path: Path, sql: str, error: sqlite3.Error | sqlite3.Warning
) -> BaseException:
    text = str(error)
    if text == "interrupted":
        return KeyboardInterrupt()
    if (
        text.startswith(("not authorized", "authorization denied"))
        or "prohibited" in text
        or "readonly" in text
    ):
        return StoreError(
            "the query was refused: it may only read, so it is one SELECT statement without ATTACH, "
            "PRAGMA settings or extensions"
        )
    if "one statement" in text:
        return StoreError("the query holds several statements; write one SELECT statement")
    bindings = _BINDINGS.search(text)
    if bindings is not None:
        return _parameters(*map(int, bindings.groups()))
    if text.casefold() == 'near "group": syntax error':
        return StoreError(
            f"the query failed: {text}; the column of that name is written [group], for GROUP is a word of SQL"
        )
    missing = _MISSING.match(text)
    if missing is None:
        return StoreError(f"the query failed: {text}")
    kind, name = missing.groups()
    schema = _schema(connection)
    if kind == "table":
        return StoreError(
            f"there is no table or view {name!r} in {path}{did_you_mean(name, schema)}; "
            f"there are: {listing(schema)}"
        )
    return _no_column(name, schema, sql, connection)


def _parameters(wanted: int, given: int) -> StoreError:
    """What is said where there are more or fewer parameters than places for them."""
    places = f"{counted(wanted, 'place')} for a parameter (?)"
    were = "1 was" if given == 1 else f"{given or 'none'} were"
    return StoreError(
        f"the query has {places if wanted else 'no place for a parameter (?)'}, and {were} given; give "
        "each behind the query, in order"
    )


_HOLDS = {
    "groups": "SELECT 1 FROM item, json_each(item.groups) AS held WHERE held.key = ? LIMIT 1",
    "levels": "SELECT 1 FROM condition, json_each(condition.levels) AS held WHERE held.key = ? LIMIT 1",
}
"""Column of JSON → whether it holds what a person may take for a column of its own."""


def _within(name: str, columns: Collection[str], connection: sqlite3.Connection) -> str | None:
    """How to write what is no column but stands in one of JSON."""
    for column, sql in _HOLDS.items():
        there = column if column in columns else "[group]" if "group" in columns else None
        if there is not None and connection.execute(sql, (name,)).fetchone() is not None:
            return f"{there} ->> '{name}'"
    return None


def _no_column(
    name: str, schema: Mapping[str, Sequence[str]], sql: str, connection: sqlite3.Connection
) -> StoreError:
    """The nearest column of the tables that the query names, and what those have."""
    words = {word.casefold() for word in _TABLE.findall(sql)}
    named = {table: held for table, held in schema.items() if table.casefold() in words}
    columns = {column for held in (named or schema).values() for column in held}
    bare = name.rpartition(".")[2].strip("\"'`[]")
    # Only a plain name can be written in quotes as it is.
    inside = _within(bare, columns, connection) if re.fullmatch(r"\w[\w-]*", bare) else None
    hint = f" (write {inside})" if inside else did_you_mean(bare, columns)
    if not named or len(named) > 3:
        has = "the table 'dictionary' says what each table and view has"
    else:
        has = "; ".join(f"{table!r} has: {', '.join(held)}" for table, held in named.items())
    return StoreError(f"there is no column {name!r}{hint}; {has}")
