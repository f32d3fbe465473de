"""A database from the folder that ``archive`` wrote.

One invariant: the database is there when all of it has been read and checked, and not before. It is built with the
schema that the export had, filled, and only then brought to the newest schema, as the old database would be.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

import attrs

from gnomon.errors import StoreError, UsageError
from gnomon.export.archive import MANIFEST, VERSION, Exported, tables
from gnomon.export.files import FORMS, beside, read_rows
from gnomon.store.dictionary import DICTIONARY
from gnomon.store.migrations import NAMES, create, migrate
from gnomon.store.opening import take_lock


def is_export(path: Path) -> bool:
    """Whether a path is a folder, which only an export is among what can be imported."""
    return path.is_dir()


def restore(folder: Path, database: Path) -> Exported:
    """Make a database from an export.

    Args:
        folder: The folder that was exported.
        database: The file to make; it must not exist.

    Raises:
        StoreError: The folder is no export, or was changed or cut short; or the file is being written.
        UsageError: The file exists, or its log does, or it cannot be made.
    """
    manifest = _read_manifest(folder)
    _check_absent(database)
    for entry in manifest.tables:
        _check(folder, entry)
    part = beside(database)
    try:
        with closing(sqlite3.connect(part, isolation_level=None)) as connection:
            rows = _fill(connection, folder, manifest)
        lock = take_lock(database)
        try:
            _check_absent(database)
            for left in _beside(database):
                left.unlink(missing_ok=True)
            os.replace(part, database)  # noqa: PTH105 -- as in the rest of the project, explicit about what is replaced
        finally:
            lock.release()
    except (OSError, sqlite3.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UsageError(f"the database {database} cannot be made: {reason}") from None
    finally:
        part.unlink(missing_ok=True)
    return Exported(database, rows)


def _check_absent(database: Path) -> None:
    if database.exists():
        raise UsageError(
            f"{database} exists already; an export is imported into a new database, so give another "
            "file with --db ('gnomon merge' joins databases)"
        )
    for left in _beside(database):
        # SQLite would play it into the new database.
        if not left.name.endswith("-shm") and left.exists() and left.stat().st_size:
            raise UsageError(
                f"{left} is left of a database that is no longer there; remove it, or give another file "
                "with --db"
            )


def _beside(database: Path) -> list[Path]:
    """The files that SQLite keeps beside a database."""
    return [database.with_name(database.name + end) for end in ("-wal", "-shm", "-journal")]


@attrs.frozen
class _Table:
    """The file of a table."""

    table: str
    file: str
    sha256: str
    columns: dict[str, str]


@attrs.frozen
class _Manifest:
    """What an export holds."""

    form: str
    migrations: tuple[str, ...]
    tables: tuple[_Table, ...]


def _read_manifest(folder: Path) -> _Manifest:
    path = folder / MANIFEST
    if path.exists() and not path.is_file():
        raise StoreError(f"{path} is not the manifest of an export of gnomon")
    try:
        found = json.loads(path.read_text("utf-8"))
        version = found["gnomon_export"]
    except FileNotFoundError:
        raise StoreError(
            f"the folder {folder} is not an export of gnomon, for it has no {MANIFEST}; "
            "'gnomon export --to jsonl' makes one that can be imported"
        ) from None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise StoreError(f"{path} is not the manifest of an export of gnomon") from None
    made = _structured(found)
    if version != VERSION or (made is not None and set(made.migrations) - set(NAMES)):
        raise StoreError(
            f"{folder} was exported by gnomon {found.get('gnomon')}, which is newer than this one; "
            "upgrade gnomon to import it"
        )
    if (
        made is None
        or made.migrations != NAMES[: len(made.migrations)]
        or any(entry.table not in DICTIONARY for entry in made.tables)
    ):
        raise StoreError(f"{path} is not the manifest of an export of gnomon")
    return made


def _structured(found: Mapping[str, Any]) -> _Manifest | None:
    """The manifest, or None where a part of it is missing or is something else."""
    try:
        form, migrations, entries = found["form"], found["migrations"], found["tables"]
        if not (isinstance(migrations, list) and isinstance(entries, list)):
            return None
        tables = tuple(
            _Table(entry["table"], entry["file"], entry["sha256"], dict(entry["columns"]))
            for entry in entries
        )
        texts = [form, *migrations]
        for table in tables:
            texts += [table.table, table.file, table.sha256, *table.columns.values()]
        named = all(table.file == f"{table.table}.{form}" for table in tables)
    except (KeyError, TypeError, ValueError):
        return None
    if not all(isinstance(text, str) for text in texts) or not named or form not in FORMS:
        return None
    return _Manifest(form, tuple(migrations), tables) if migrations else None


def _check(folder: Path, entry: _Table) -> None:
    path = folder / entry.file
    hashed = sha256()
    lost = StoreError(f"{path} is missing or cannot be read; export the database again")
    if not path.is_file():
        raise lost  # a pipe or a device would be read without end
    try:
        with path.open("rb") as data:
            while block := data.read(1 << 20):
                hashed.update(block)
    except OSError:
        raise lost from None
    if hashed.hexdigest() != entry.sha256:
        raise StoreError(
            f"{path} was changed or cut short after it was exported: its SHA-256 is not the one in "
            f"{MANIFEST}; export the database again"
        )


def _fill(connection: sqlite3.Connection, folder: Path, manifest: _Manifest) -> dict[str, int]:
    connection.execute("PRAGMA page_size = 16384")
    connection.execute("PRAGMA synchronous = OFF")
    create(connection, manifest.migrations)
    there = tables(connection)
    named = [entry.table for entry in manifest.tables]
    for table in there:
        if named.count(table) != 1:
            raise StoreError(
                f"the manifest of {folder} names the table {table!r} {named.count(table)} times, and it "
                "has to be there once; export the database again"
            )
    rows: dict[str, int] = {}
    connection.execute("BEGIN")
    for entry in manifest.tables:
        table, columns = entry.table, entry.columns
        if there.get(table) != columns:
            raise StoreError(
                f"the table {table!r} of {folder} does not have the columns of a gnomon database"
            )
        names = ", ".join(f'"{column}"' for column in columns)
        places = ", ".join("?" * len(columns))
        path = folder / entry.file
        insert = f'INSERT INTO "{table}" ({names}) VALUES ({places})'  # noqa: S608 -- names that were found in our schema
        try:
            connection.executemany(insert, read_rows(manifest.form, path, columns))
        except (sqlite3.Error, OverflowError, UnicodeEncodeError) as error:
            raise StoreError(f"{path} does not fit into a gnomon database: {error}") from None
        (rows[table],) = connection.execute(f'SELECT count(*) FROM "{table}"').fetchone()  # noqa: S608 -- as above
    connection.execute("COMMIT")
    migrate(connection)
    connection.execute("PRAGMA journal_mode = WAL")
    return rows
