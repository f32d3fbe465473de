"""Opening a database file, or a sentence that says why it cannot be opened.

One invariant: a file that is not gnomon's, or is newer than this gnomon, is left as it was; and at most one
process writes. The lock lies beside the file and is the operating system's, so it ends with its holder.
"""

from __future__ import annotations

import os
import sqlite3
import sys
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import gnomon
from gnomon.errors import StoreError, UsageError
from gnomon.store.migrations import APPLICATION_ID, NAMES, applied, migrate

if TYPE_CHECKING:
    from filelock import BaseFileLock

_HEADER = b"SQLite format 3\x00"
_JOURNAL = bytes.fromhex("d9d505f920a163d7")
"""Where a rollback journal ends with these, the name of another journal stands before them."""
_PROCESS = 20
"""Characters that the number of a process may have."""
_DYING = 5.0
"""Seconds in which the lock of a process that has ended is given up: a program that it was just starting may hold it
until it runs, and the system takes its time with what was killed."""
BUSY_MS = 10_000
"""How long a statement waits for another connection, in milliseconds."""


def no_database(path: Path) -> StoreError:
    """What is said where a database has to be there and is not."""
    return StoreError(f"there is no database {path}; 'gnomon run' makes one")


def _check_file(path: Path, *, write: bool) -> None:
    if path.is_dir():
        raise StoreError(f"{path} is a folder, not a database file; give a file in it")
    if not path.exists():
        if not write:
            raise no_database(path)
        folder = path.parent
        if not folder.is_dir():
            raise StoreError(
                f"the folder {folder} of the database {path} does not exist; make it first, or "
                "give another file"
            )
        if not os.access(folder, os.W_OK):
            raise StoreError(
                f"the database {path} cannot be made, because the folder {folder} cannot be "
                "written to; give a file in another folder"
            )
        return
    if not path.is_file():
        # A pipe would be waited for, and a device has no end.
        raise StoreError(f"{path} is a pipe or a device, not a database file; give another file")
    try:
        with path.open("rb") as file:
            header = file.read(len(_HEADER))
    except OSError as error:
        raise StoreError(f"the database {path} cannot be read: {error.strerror}") from None
    if header and header != _HEADER:
        raise StoreError(f"{path} is not an SQLite database; give another file")
    if write and not os.access(path, os.W_OK):
        raise StoreError(
            f"the database {path} is read-only; make it writable, or give another file"
        )
    if write and not os.access(path.parent, os.W_OK):
        raise StoreError(
            f"the database {path} cannot be written, because its folder {path.parent} is "
            "read-only; make the folder writable, or give another file"
        )


def _check_journal(path: Path) -> None:
    """Refuse what would have SQLite delete a file that is not this database's.

    A journal that names another at its end is that of a change of several files; to roll it back, SQLite reads
    the other and deletes it (its file format, 3, "The Rollback Journal"). No gnomon makes such a change.
    """
    journal = path.with_name(f"{path.name}-journal")
    if not journal.is_file():
        return
    with suppress(OSError), journal.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(-min(size, len(_JOURNAL)), os.SEEK_END)
        if file.read() != _JOURNAL:
            return
    raise StoreError(
        f"{journal} is of a change of several files, which gnomon never makes, and undoing it could delete a file "
        "elsewhere; if you do not know where it comes from, remove it"
    )


def check_place(path: Path, database: Path | None = None) -> None:
    """Refuse to write something else over a database.

    Args:
        path: Where something is to be written.
        database: The database that is worked on, which need not be there yet.

    Raises:
        UsageError: It is this database, or any of SQLite's.
    """
    there = database is not None and path.resolve() == database.resolve()
    if path.is_file() and not there:
        with suppress(OSError), path.open("rb") as file:
            there = file.read(len(_HEADER)) == _HEADER
    if there:
        raise UsageError(f"{path} is a database, which would be overwritten; give another file")


def _check_owner(
    connection: sqlite3.Connection, path: Path, *, write: bool, may_be_older: bool = False
) -> None:
    try:
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        names = applied(connection)
        tables = connection.execute(
            "SELECT count(*) FROM sqlite_master WHERE name NOT LIKE '%sqlite_%'"
        ).fetchone()[0]
    except sqlite3.DatabaseError as error:
        if "malformed" in str(error) or "not a database" in str(error):
            raise StoreError(
                f"{path} is damaged and cannot be read as an SQLite database ({error}); restore a copy"
            ) from None
        raise StoreError(f"the database {path} cannot be opened: {error}") from None
    if application != APPLICATION_ID and (application or tables or not write):
        raise StoreError(
            f"{path} is an SQLite database, but not one that gnomon made; give another file"
        )
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        raise StoreError(
            f"the database {path} was made by a newer gnomon: its schema has had the change "
            f"{unknown[0]!r}, which gnomon {gnomon.__version__} does not know; upgrade gnomon to use it"
        )
    if not (write or may_be_older) and names != NAMES:
        raise StoreError(
            f"the database {path} was made by an older gnomon; 'gnomon upgrade --db {path}' brings it up to "
            "date, and changes no number"
        )


def take_lock(path: Path) -> BaseFileLock:
    """The right to write, held until it is released or the process ends.

    Raises:
        StoreError: Another process holds it.
    """
    from filelock import FileLock, Timeout

    beside = path.with_name(f"{path.name}.lock")
    lock = FileLock(beside)
    try:
        try:
            lock.acquire(timeout=0)
        except Timeout:
            if not beside.exists() or _holder_lives(beside):
                raise
            lock.acquire(timeout=_DYING, poll_interval=0.01)
    except Timeout:
        if not beside.exists():
            # Some folders, such as those of a kernel, take no file and say it like a lock that is held.
            raise StoreError(
                f"the database {path} cannot be locked for writing: no file can be made in "
                f"{path.resolve().parent}; give another file"
            ) from None
        with suppress(OSError):
            holder = beside.read_text().strip()
            if holder.isdigit():
                raise StoreError(
                    f"the database {path} is being written by another gnomon (process {holder}); "
                    "wait until it ends, or give another file"
                ) from None
        raise StoreError(
            f"the database {path} is being written by another gnomon; wait until it ends, or give "
            "another file"
        ) from None
    except OSError as error:
        raise StoreError(
            f"the database {path} cannot be locked for writing: {error.strerror}"
        ) from None
    # Only for the sentence that others get; on a full disk there is no room even for that.
    with suppress(OSError):
        beside.write_text(f"{os.getpid()}\n")
    return lock


def is_locked(path: Path) -> bool:
    """Whether a process of this machine has the right to write, told without taking it from anyone.

    The lock is tried only where the process that is noted in it lives, so that a writer that is about to
    begin is not kept from it.
    """
    beside = path.with_name(f"{path.name}.lock")
    if not beside.is_file():
        return False  # nobody's lock is a pipe or a device, which would be read without end
    if not _holder_lives(beside):
        return False
    try:
        import fcntl
    except ImportError:
        return True
    with beside.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
    return False


def _holder_lives(beside: Path) -> bool:
    """Whether the process that is noted in a lock is there, on this machine."""
    if sys.platform == "win32":
        return True  # a signal of 0 is Ctrl-C there
    try:
        with beside.open("rb") as file:
            os.kill(int(file.read(_PROCESS)), 0)
    except PermissionError:
        return True  # it is someone else's
    except (OSError, ValueError, OverflowError):
        return False
    return True


def open_writing(path: Path) -> tuple[sqlite3.Connection, BaseFileLock]:
    """A connection that writes, with the newest schema, and the lock that allows it.

    Raises:
        StoreError: As the sentences above.
    """
    _check_file(path, write=True)
    _check_journal(path)
    lock = take_lock(path)
    try:
        connection = _connect(path, write=True)
        try:
            _check_owner(connection, path, write=True)
            # Measured: large pages waste least on prompts of some hundred bytes (1.48 against 1.52 and
            # 1.61 times their size for pages of 8 and 4 KiB) at a tenth more time.
            connection.execute("PRAGMA page_size = 16384")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA cache_size = -16384")
            migrate(connection)
            # Into the file itself, which is then gnomon's whatever becomes of the log beside it.
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        except BaseException:
            connection.close()
            raise
    except sqlite3.Error as error:
        lock.release()
        if "full" in str(error):
            raise StoreError(
                f"the disk of the database {path} is full, so nothing can be written to it; free "
                "some space and give the same command again"
            ) from None
        raise StoreError(f"the database {path} cannot be opened for writing: {error}") from None
    except BaseException:
        lock.release()
        raise
    return connection, lock


def upgrade(path: Path) -> tuple[str, ...]:
    """Bring a database that is there to the newest schema, and say which changes it has had for that.

    Raises:
        StoreError: There is none, or it cannot be written.
    """
    _check_file(path, write=False)
    with closing(_connect(path, write=False)) as before:
        _check_owner(before, path, write=False, may_be_older=True)
        had = applied(before)
    connection, lock = open_writing(path)
    connection.close()
    lock.release()
    return NAMES[len(had) :]


def open_reading(path: Path) -> sqlite3.Connection:
    """A connection that cannot write.

    Raises:
        StoreError: As the sentences above.
    """
    _check_file(path, write=False)
    connection = _connect(path, write=False)
    try:
        _check_owner(connection, path, write=False)
        connection.execute("PRAGMA query_only = ON")
    except BaseException:
        connection.close()
        raise
    return connection


def only_as_unchanging(path: Path) -> bool:
    """Whether SQLite can read a database only as one that nobody writes, for no file can be made beside it.

    Raises:
        StoreError: Then what is in its log would be passed over.
    """
    real = path.resolve()
    if os.access(real.parent, os.W_OK):
        return False
    with suppress(sqlite3.OperationalError), closing(_configured(f"{real.as_uri()}?mode=ro")) as it:
        it.execute("SELECT 1 FROM sqlite_master").fetchone()
        return False
    log = real.with_name(f"{real.name}-wal")
    if log.exists() and log.stat().st_size:
        raise StoreError(
            f"the database {path} cannot be read where it is: its last changes are still in {log.name}, "
            f"and its folder {real.parent} is read-only; make the folder writable, or copy both files to "
            "one that is"
        )
    return True


def reading_uri(path: Path) -> str:
    """The address by which SQLite reads a database, with all that was committed to it.

    Raises:
        StoreError: There is none.
    """
    unchanging = "&immutable=1" if only_as_unchanging(path) else ""
    return f"{path.resolve().as_uri()}?mode=ro{unchanging}"


def _connect(path: Path, *, write: bool) -> sqlite3.Connection:
    try:
        return _configured(f"{path.absolute().as_uri()}?mode=rwc" if write else reading_uri(path))
    except sqlite3.Error as error:
        raise StoreError(f"the database {path} cannot be opened: {error}") from None


def _configured(uri: str) -> sqlite3.Connection:
    # Transactions are begun and ended by hand; check_same_thread is off because a query may be
    # interrupted from another thread. Only one thread ever writes.
    connection = sqlite3.connect(
        uri, uri=True, isolation_level=None, check_same_thread=False, cached_statements=256
    )
    connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
    return connection
