"""How a value of the database is written into a file of text, and read again.

One invariant: ``read(write(value))`` is the value, of the same type, for everything that SQLite holds; and no
cell of a CSV that holds text can be taken for a formula.

CSV       NULL is an empty cell. A text is itself, with an apostrophe before it where it is empty, begins with
          what a spreadsheet takes for a formula (``= + - @``, tab, line break, their full-width forms, also
          behind blanks) or with an apostrophe; the one apostrophe is taken away when it is read. In a column
          of any type every text has it, and what has none is a number. Bytes are ``0x`` and hexadecimal
          digits.
JSONL     A line is an object: column → value. Infinite numbers are ``{"$number": "inf"}``, bytes
          ``{"$bytes": BASE64}``.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Sequence
from typing import Any

from gnomon.store.values import to_json

_RISKY = re.compile(r"\s*[=+\-@\t\r\n'＝＋－＠]")
_APOSTROPHE = "'"


def safe_text(text: str) -> str:
    """A text as a CSV cell that no spreadsheet takes for a formula."""
    return f"'{text}" if _RISKY.match(text) else text


def _text(text: str) -> str:
    # An empty cell is NULL.
    return safe_text(text) or _APOSTROPHE


def _number(value: float) -> str:
    return repr(value)


def _any(value: Any) -> str:
    if isinstance(value, str):
        return f"'{value}"
    return f"0x{value.hex()}" if isinstance(value, bytes) else repr(value)


_WRITERS: dict[str, Callable[[Any], str]] = {
    "INTEGER": str,
    "REAL": _number,
    "TEXT": _text,
    "BLOB": _any,
    "ANY": _any,
}


def csv_writer(types: Sequence[str]) -> Callable[[Sequence[Any]], list[str]]:
    """A function that makes the cells of a row."""
    writers = [_WRITERS[type_] for type_ in types]

    def cells(row: Sequence[Any]) -> list[str]:
        return [
            "" if value is None else writer(value)
            for writer, value in zip(writers, row, strict=True)
        ]

    return cells


def _read_text(cell: str) -> str:
    return cell[1:] if cell[0] == _APOSTROPHE else cell


def _read_any(cell: str) -> Any:
    if cell[0] == _APOSTROPHE:
        return cell[1:]
    if cell.startswith("0x"):
        return bytes.fromhex(cell[2:])
    try:
        return int(cell)
    except ValueError:
        return float(cell)


_READERS: dict[str, Callable[[str], Any]] = {
    "INTEGER": int,
    "REAL": float,
    "TEXT": _read_text,
    "BLOB": _read_any,
    "ANY": _read_any,
}


def csv_reader(types: Sequence[str]) -> Callable[[Sequence[str]], list[Any]]:
    """A function that makes the values of a row from its cells; ValueError where it cannot."""
    readers = [_READERS[type_] for type_ in types]

    def values(row: Sequence[str]) -> list[Any]:
        return [reader(cell) if cell else None for reader, cell in zip(readers, row, strict=True)]

    return values


def json_line(columns: Sequence[str], row: Sequence[Any]) -> str:
    """A row as a line of JSON, without the line break."""
    if any(isinstance(value, bytes) for value in row):
        row = [
            {"$bytes": base64.b64encode(value).decode()} if isinstance(value, bytes) else value
            for value in row
        ]
    return to_json(dict(zip(columns, row, strict=True)))


def _special(found: dict[str, Any]) -> Any:
    if found.keys() == {"$bytes"}:
        return base64.b64decode(found["$bytes"], validate=True)
    return float(found["$number"]) if found.keys() == {"$number"} else found


def json_row(columns: Sequence[str], line: bytes) -> list[Any]:
    """The values of such a line; ValueError where it is none."""
    found = json.loads(line, object_hook=_special)
    if not isinstance(found, dict) or list(found) != list(columns):
        raise ValueError("it is not an object with the columns of the table")
    return list(found.values())
