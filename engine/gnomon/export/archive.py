"""A whole database as a folder of files, made to be imported again.

One invariant: the manifest is written last and holds the SHA-256 of every file, so a folder that was cut short or
changed is not taken for an export. What can be made again is left out: views, indexes and the dictionary.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import IO, Any

import attrs

import gnomon
from gnomon.errors import UsageError
from gnomon.export.files import beside, write_rows
from gnomon.export.moment import moment
from gnomon.store.dictionary import DICTIONARY
from gnomon.store.migrations import applied

MANIFEST = "gnomon-export.json"
VERSION = 1
"""Version of the form of an export; a change that an older gnomon could not read is a new number."""
_MADE_AGAIN = ("dictionary", "_sqlite_migrations")
_MANY = 4_096
_BYTES = 1 << 25


@attrs.frozen
class Exported:
    """What was written.

    Attributes:
        path: The file or folder.
        rows: Table or view → number of its rows.
    """

    path: Path
    rows: dict[str, int]


def tables(connection: sqlite3.Connection) -> dict[str, dict[str, str]]:
    """Table → its columns with their types; a user's own tables are left out."""
    names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY rowid")
    return {
        name: {
            column: declared
            for _, column, declared, *_ in connection.execute(f'PRAGMA table_info("{name}")')
        }
        for (name,) in names.fetchall()
        if name in DICTIONARY and name not in _MADE_AGAIN
    }


def streamed(cursor: sqlite3.Cursor) -> Iterator[list[tuple[Any, ...]]]:
    """The rows of a cursor, some at a time: fewer where they are long."""
    many = _MANY
    while found := cursor.fetchmany(many):
        size = sum(len(value) for value in found[0] if isinstance(value, (str, bytes)))
        many = max(1, min(_MANY, _BYTES // (size + 1)))
        yield found


class _Hashed:
    """A file that is hashed while it is written."""

    def __init__(self, out: IO[bytes]) -> None:
        self._out = out
        self.hash = sha256()
        self.closed = False

    def write(self, data: bytes) -> int:
        self.hash.update(data)
        return self._out.write(data)

    def readable(self) -> bool:
        return False

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def flush(self) -> None:
        self._out.flush()

    def tell(self) -> int:
        return self._out.tell()

    def close(self) -> None:
        self.closed = True


def _empty_folder(folder: Path) -> Path:
    """A new folder beside the one wanted, to be renamed when all is written."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        kind = "folder that is not empty" if folder.is_dir() else "file"
        raise UsageError(f"{folder} is a {kind}; give a new folder with -o")
    part = beside(folder.resolve())
    try:
        part.mkdir()
    except OSError as error:
        raise UsageError(f"the folder {folder} cannot be made: {error.strerror}") from None
    return part


def export_all(database: Path, form: str, folder: Path) -> Exported:
    """Write every table of a database into a new folder.

    Args:
        database: The database; it may be written meanwhile.
        form: ``csv``, ``jsonl`` or ``parquet``.
        folder: The folder, which is new or empty.

    Raises:
        StoreError: The database cannot be read or has no runs.
        UsageError: The folder cannot be written, or what the form needs is not installed.
    """
    if form == "parquet":
        from gnomon.export.parquet import library

        library()
    with moment(database) as connection:
        part = _empty_folder(folder)
        try:
            made = _write(connection, form, part)
            if folder.is_dir():
                # It may be somebody's working folder, so it stays and is filled, the manifest last.
                for path in sorted(part.iterdir(), key=lambda path: path.name == MANIFEST):
                    path.rename(folder / path.name)
            else:
                part.replace(folder)
        except OSError as error:
            raise UsageError(f"the folder {folder} cannot be written: {error.strerror}") from None
        finally:
            shutil.rmtree(part, ignore_errors=True)
    return Exported(folder, made)


def _write(connection: sqlite3.Connection, form: str, folder: Path) -> dict[str, int]:
    entries: list[dict[str, Any]] = []
    for table, columns in tables(connection).items():
        name = f"{table}.{form}"
        wanted = ", ".join(f'"{column}"' for column in columns)
        with (folder / name).open("wb") as out:
            hashed = _Hashed(out)
            batches = streamed(connection.execute(f'SELECT {wanted} FROM "{table}"'))  # noqa: S608 -- names of our own schema
            count = write_rows(form, hashed, columns, batches)  # type: ignore[arg-type]  # has what is used of a file
        entries.append(
            {
                "table": table,
                "file": name,
                "rows": count,
                "sha256": hashed.hash.hexdigest(),
                "columns": columns,
            }
        )
    manifest = {
        "gnomon_export": VERSION,
        "gnomon": gnomon.__version__,
        "form": form,
        "migrations": applied(connection),
        "tables": entries,
    }
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", "utf-8")
    return {entry["table"]: entry["rows"] for entry in entries}
