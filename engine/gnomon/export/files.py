"""Rows into files and out of them, as CSV, JSONL or Parquet, a few at a time.

One invariant: memory does not grow with the number of rows; a reader gives the rows that a writer was given.
"""

from __future__ import annotations

import csv
import io
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import IO, Any

from gnomon.errors import StoreError, UsageError
from gnomon.export.cells import csv_reader, csv_writer, json_line, json_row
from gnomon.store.opening import check_place

FORMS = ("csv", "jsonl", "parquet")
_LONGEST_CELL = 2**31 - 1

Batches = Iterable[Sequence[Sequence[Any]]]
"""Rows, some at a time."""


def write_rows(form: str, out: IO[bytes], columns: Mapping[str, str], batches: Batches) -> int:
    """Write rows; returns how many there were.

    Args:
        form: One of ``FORMS``.
        out: Where to.
        columns: Column → its type in SQLite.
        batches: The rows, some at a time.
    """
    if form == "parquet":
        from gnomon.export.parquet import write_parquet

        return write_parquet(out, columns, batches)
    text = io.TextIOWrapper(out, encoding="utf-8", newline="", write_through=False)
    try:
        return (_write_csv if form == "csv" else _write_jsonl)(text, columns, batches)
    finally:
        # Flushes and leaves the file to whoever opened it.
        text.detach()


def _write_csv(out: IO[str], columns: Mapping[str, str], batches: Batches) -> int:
    # The line ends of RFC 4180: with others Python 3.11 leaves a carriage return in a cell unquoted.
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(columns)
    cells = csv_writer(list(columns.values()))
    count = 0
    for count, row in enumerate(chain.from_iterable(batches), 1):  # noqa: B007 -- the count is what is wanted afterwards
        writer.writerow(cells(row))
    return count


def _write_jsonl(out: IO[str], columns: Mapping[str, str], batches: Batches) -> int:
    names = list(columns)
    count = 0
    for count, row in enumerate(chain.from_iterable(batches), 1):  # noqa: B007 -- as above
        out.write(json_line(names, row) + "\n")
    return count


def read_rows(form: str, path: Path, columns: Mapping[str, str]) -> Iterator[Sequence[Any]]:
    """The rows of a file that ``write_rows`` made.

    Raises:
        StoreError: It is not such a file, with the place where it goes wrong.
    """
    if form == "parquet":
        from gnomon.export.parquet import read_parquet

        yield from read_parquet(path, columns)
    else:
        yield from (_read_csv if form == "csv" else _read_jsonl)(path, columns)


def _read_csv(path: Path, columns: Mapping[str, str]) -> Iterator[Sequence[Any]]:
    values = csv_reader(list(columns.values()))
    number = 0
    with path.open(encoding="utf-8", newline="") as lines, long_cells():
        try:
            for number, row in enumerate(csv.reader(lines, strict=True)):
                if number:
                    yield values(row)
                elif row != list(columns):
                    raise StoreError(f"{path} does not have the columns that its manifest says")
        except (ValueError, csv.Error) as error:
            raise StoreError(f"row {number} of {path} cannot be read: {error}") from None


@contextmanager
def long_cells() -> Iterator[None]:
    """Read cells of any length while it lasts."""
    before = csv.field_size_limit(_LONGEST_CELL)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _read_jsonl(path: Path, columns: Mapping[str, str]) -> Iterator[Sequence[Any]]:
    names = list(columns)
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            try:
                yield json_row(names, line)
            except (ValueError, TypeError, RecursionError) as error:
                raise StoreError(f"line {number} of {path} cannot be read: {error}") from None


def beside(path: Path) -> Path:
    """A name in the same folder that nothing has, for what is renamed when all of it has been written."""
    return path.with_name(f".{secrets.token_hex(8)}.part")


@contextmanager
def new_file(path: Path) -> Iterator[IO[bytes]]:
    """A file that is there when all of it has been written, and not before; a pipe or device is written into.

    Raises:
        UsageError: It cannot be written, or is a database.
    """
    if path.is_dir():
        raise UsageError(f"{path} is a folder; -o takes a file here")
    check_place(path)
    into = path.exists() and not path.is_file()
    place = path if into else path.resolve()
    part = place if into else beside(place)
    try:
        with part.open("wb" if into else "xb") as out:
            yield out
        if not into:
            part.replace(place)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from None
    finally:
        if not into:
            part.unlink(missing_ok=True)
