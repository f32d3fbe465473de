"""One moment of a database: everything read through it belongs together, whatever is written meanwhile.

One invariant: no lock is held against a writer. SQLite keeps the rows of the moment for as long as it is open.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gnomon.errors import StoreError
from gnomon.store.opening import open_reading


@contextmanager
def moment(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that reads one moment of a database which has runs.

    Raises:
        StoreError: It cannot be read, or has no runs.
    """
    connection = open_reading(path.resolve())
    try:
        connection.execute("BEGIN")
        if connection.execute("SELECT 1 FROM run").fetchone() is None:
            raise StoreError(
                f"{path} holds no runs yet, so there is nothing to export; 'gnomon run' makes one"
            )
        yield connection
    except sqlite3.DatabaseError as error:
        raise StoreError(f"the database {path} cannot be read: {error}") from None
    finally:
        connection.close()
