"""Rows of a table file, read strictly.

One invariant: every row has exactly the columns of the header, so that nothing is shifted or lost in
silence. The line number that comes with a row is the one an editor shows.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from gnomon import Item, SourceError, did_you_mean, listing

Cell = str | int | float | bool | tuple[str, ...]
Row = Mapping[str, Cell]


def rows(text: str, file: str) -> Iterator[tuple[int, Row]]:
    """The rows of a table with the line each begins on.

    Args:
        text: The file's text.
        file: Its name; ``.jsonl`` holds one JSON object a line, ``.tsv`` is separated by tabs, and
            everything else by commas. Empty lines are skipped.

    Raises:
        SourceError: No header, a doubled column, or a row that does not fit it.
    """
    if file.endswith(".jsonl"):
        return _json_rows(text, file)
    return _csv_rows(text, file, "\t" if file.endswith(".tsv") else ",")


def _csv_rows(text: str, file: str, separator: str) -> Iterator[tuple[int, Row]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    header: list[str] | None = None
    line = 1
    try:
        for cells in reader:
            if header is None and cells:
                header = [cell.strip() for cell in cells]
                _no_doubles(header, file)
            elif header is not None and any(cell.strip() for cell in cells):
                if len(cells) != len(header):
                    raise SourceError(
                        f"{file!r} line {line}: {len(cells)} cells, but the header has {len(header)} "
                        "(quote a cell that holds the separator)"
                    )
                yield line, dict(zip(header, cells, strict=True))
            line = reader.line_num + 1
    except csv.Error as error:
        raise SourceError(f"{file!r} line {line}: not a readable table row: {error}") from None
    if header is None:
        raise SourceError(f"{file!r} is empty; its first line must name the columns")


def _no_doubles(header: Sequence[str], file: str) -> None:
    seen: set[str] = set()
    for name in header:
        if name in seen:
            raise SourceError(f"{file!r} has two columns called {name!r}")
        seen.add(name)


def _json_rows(text: str, file: str) -> Iterator[tuple[int, Row]]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        value = parsed(line, file, number)
        if not isinstance(value, dict):
            raise SourceError(f"{file!r} line {number}: a line must hold one JSON object")
        yield number, {name: _plain(cell, name, number, file) for name, cell in value.items()}


def parsed(text: str, file: str, line: int | None = None) -> object:
    """The value that a text of JSON is.

    Args:
        text: The text.
        file: The file it is from.
        line: Its line; that of the mistake unless given.

    Raises:
        SourceError: It is no JSON, or of a size that cannot be read.
    """
    try:
        value: object = json.loads(text)
    except json.JSONDecodeError as error:
        raise SourceError(f"{file!r} line {line or error.lineno}: not JSON: {error.msg}") from None
    except (ValueError, RecursionError):
        raise SourceError(
            f"{file!r} line {line or 1}: a number has too many digits, or lists stand too deep in lists"
        ) from None
    return value


def _plain(cell: object, name: str, line: int, file: str) -> Cell:
    if isinstance(cell, str | int | float | bool):
        return cell
    if isinstance(cell, list) and all(isinstance(one, str) for one in cell):
        return tuple(cell)
    raise SourceError(
        f"{file!r} line {line}: {name!r} holds {json.dumps(cell)[:60]}; a cell is a text, a number, "
        "true, false or a list of texts"
    )


def check_columns(row: Row, wanted: Iterable[str], file: str) -> None:
    """Every wanted column is there.

    Raises:
        SourceError: One is not; the nearest one is named.
    """
    for name in wanted:
        if name not in row:
            raise SourceError(
                f"{file!r} has no column {name!r}{did_you_mean(name, row)}; "
                f"there are: {listing(row)}"
            )


def chosen(
    items: Iterable[Item], keep: Sequence[str], limit: int | None, file: str
) -> Iterator[Item]:
    """The items to keep, in the file's order, no more than ``limit``.

    Raises:
        SourceError: Nothing is left, or ``keep`` names an item that is not there.
    """
    known: set[str] = set()
    given = 0
    empty = True
    for item in items:
        empty = False
        if keep:
            known.add(item.key)
            if item.key not in keep:
                continue
        if limit is not None and given == limit:
            if not keep:
                return
            continue
        given += 1
        yield item
    if empty:
        raise SourceError(f"{file!r} has a header and no rows; there is nothing to administer")
    _all_known(keep, known, file)


def _all_known(keep: Sequence[str], known: Collection[str], file: str) -> None:
    for name in keep:
        if name not in known:
            raise SourceError(
                f"'keep' names {name!r}, which is not in {file!r}{did_you_mean(name, known)}; "
                f"there are: {listing(known)}"
            )
