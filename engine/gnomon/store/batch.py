"""The batch: rows that wait in memory and are committed together.

One invariant: what belongs together is committed together and in the order in which it depends: a score never
without its reply, a finished trial never without its asks. A commit is at most ``ROWS`` replies or
``SECONDS`` seconds away from the one before, and what a commit acknowledged survives the death of
the process.

The one writer numbers rows itself, which it may because it holds the lock.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from gnomon.errors import StoreError
from gnomon.store import reading
from gnomon.store.failing import check_place, write_failure

ROWS = 200
"""Most replies between two commits."""
SECONDS = 1.0
"""Most seconds between two commits while there is something to commit."""

_TABLES = {
    "text": 3,
    "text_hash": 2,
    "item": 7,
    "condition": 7,
    "trial": 8,
    "reply": 23,
    "ask": 14,
    "score_name": 3,
    "score": 8,
    "estimate": 30,
}
"""Tables that are written in batches, parents first, with their number of columns."""

_BEFORE = {
    "begin trial anew": (
        "DELETE FROM ask WHERE trial_id = ?",
        "DELETE FROM score WHERE trial_id = ?1 AND scoring_id IN (SELECT scoring.id "
        "FROM scoring JOIN trial ON trial.run_id = scoring.run_id WHERE trial.id = ?1)",
    ),
    "score item anew": ("DELETE FROM score WHERE scoring_id = ? AND item_id = ? AND name_id = ?",),
    "estimate anew": ("DELETE FROM estimate WHERE scoring_id = ?",),
}
"""What earlier commits hold and this one replaces: taken away before its rows are added."""
_AFTER = {"finish trial": ("UPDATE trial SET finished = 1 WHERE id = ?",)}
"""What this commit changes in rows of earlier ones: done when its rows are there."""


class Batch:
    """Rows on their way into the database.

    Args:
        connection: A connection that writes.
        path: The file, for sentences.

    Attributes:
        connection: As given.
        rows: Table → its waiting rows.
        acknowledged: Replies committed since the database was opened.
        unacknowledged: Replies that wait.
        on_commit: Called after each commit with the number of replies committed.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self.connection = connection
        self._path = path
        self._inode = path.stat().st_ino
        self._next: dict[str, int] = {}
        self.rows: dict[str, list[Any]] = {}
        self._insert: dict[str, str] = {}
        for table, columns in _TABLES.items():
            self.rows[table] = []
            self._insert[table] = f"INSERT INTO {table} VALUES ({','.join('?' * columns)})"  # noqa: S608 -- names of our own tables
            if table == "text_hash":
                continue
            (top,) = connection.execute(f"SELECT coalesce(max(id), 0) FROM {table}").fetchone()  # noqa: S608 -- names of our own tables
            self._next[table] = top + 1
        # By name: the record says which columns an estimate has, not their order.
        names = ", ".join(f'"{name}"' for name in reading.ESTIMATE_FIELDS)
        self._insert["estimate"] = self._insert["estimate"].replace(
            "estimate", f"estimate (id, scoring_id, {names})"
        )
        self._changes: dict[str, list[tuple[Any, ...]]] = {what: [] for what in (*_BEFORE, *_AFTER)}
        self._committed = time.monotonic()
        self.acknowledged = 0
        self.unacknowledged = 0
        self.on_commit: Callable[[int], None] | None = None

    def number(self, table: str) -> int:
        """The number of a table's next row."""
        number = self._next[table]
        self._next[table] = number + 1
        return number

    def is_new(self, table: str) -> bool:
        """Whether a table has had no row yet, neither committed nor waiting."""
        return self._next[table] == 1

    def find(self, sql: str, parameters: tuple[Any, ...]) -> Any:
        """The first column of the first committed row, None when there is none."""
        row = self.connection.execute(sql, parameters).fetchone()
        return None if row is None else row[0]

    def change(self, what: str, *parameters: Any) -> None:
        """Have a change of committed rows made with the next commit: a key of the tables above."""
        self._changes[what].append(parameters)

    def due(self) -> bool:
        """Whether it is time to commit."""
        return self.unacknowledged >= ROWS or time.monotonic() - self._committed >= SECONDS

    def commit(self) -> bool:
        """Commit all that waits, in one transaction. Returns whether anything did.

        Raises:
            StoreError: It could not be committed; nothing of it was, and it is kept for another try.
        """
        self._committed = time.monotonic()
        if not any(self.rows.values()) and not any(self._changes.values()):
            return False
        check_place(self.connection, self._path, self._inode)
        connection = self.connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            self._apply(_BEFORE)
            for table, rows in self.rows.items():
                if rows:
                    connection.executemany(self._insert[table], rows)
            self._apply(_AFTER)
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise self.failure(error) from error
        except BaseException:
            # Interrupted: what was to be committed is kept, and another commit begins anew.
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        return True

    def _apply(self, statements: Mapping[str, tuple[str, ...]]) -> None:
        for what, texts in statements.items():
            if parameters := self._changes[what]:
                for text in texts:
                    self.connection.executemany(text, parameters)

    def clear(self) -> None:
        """Forget what was committed, and say how much that was."""
        for rows in self.rows.values():
            rows.clear()
        for changes in self._changes.values():
            changes.clear()
        self.acknowledged += self.unacknowledged
        self.unacknowledged = 0
        if self.on_commit is not None:
            self.on_commit(self.acknowledged)

    def failure(self, error: sqlite3.Error) -> StoreError:
        """What to say of an error while writing."""
        return write_failure(error, self._path, self.acknowledged, self.unacknowledged)
