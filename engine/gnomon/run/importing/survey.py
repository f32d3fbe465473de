"""The first reading of the tables: is there a trial for every row?

One invariant: the second reading, which stores, places the same rows in the same order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from hashlib import file_digest

import attrs

from gnomon.errors import UsageError, counted, did_you_mean
from gnomon.loading import Around
from gnomon.records import Item
from gnomon.replytable import ReplyTable
from gnomon.run.importing.placing import Misplaced, Placed, Placer, Row
from gnomon.run.importing.request import ImportRequest

_REASONS = 10


@attrs.frozen(kw_only=True)
class Survey:
    """What a first reading of the tables found.

    Attributes:
        items: The measure's items, by key.
        hashes: File name → SHA-256.
        repeats: Most repeats of one item under one combination of levels.
        placed: Rows that became trials.
        skipped: Why rows are left out → how many.
    """

    items: Mapping[str, Item]
    hashes: Mapping[str, str]
    repeats: int
    placed: int
    skipped: Mapping[str, int]


def _rows(request: ImportRequest) -> Iterator[tuple[int, str, Row]]:
    """Number over all tables from 1, place as ``FILE row N``, and cells of the rows that are kept."""
    number = 0
    for path in request.tables:
        table = ReplyTable(str(path), request.encoding)
        try:
            _check_columns(request, table)
            for own, (_, row) in enumerate(table.rows(), 1):
                number += 1
                if all(row.get(name) in values for name, values in request.where.items()):
                    yield number, f"{path.name} row {own}", row
        finally:
            table.close()


def _check_columns(request: ImportRequest, table: ReplyTable) -> None:
    named = {
        **{f"--map {field}": column for field, column in request.mapped.columns.items()},
        **{f"--where {column}": column for column in request.where},
        **{f"--score {name}": column for name, column in request.scores.items()},
    }
    for option, column in named.items():
        if column not in table.columns:
            raise UsageError(
                f"{table.file}: {option} names the column {column!r}, which is not there"
                f"{did_you_mean(column, table.columns)}; there are: "
                f"{', '.join(repr(name) for name in table.columns)}"
            )


def placements(request: ImportRequest, placer: Placer) -> Iterator[tuple[str, Placed | Misplaced]]:
    """Every row that is kept with its place, as a trial or as the reason why it is none."""
    for number, place, row in _rows(request):
        try:
            yield place, placer.place(row, number)
        except Misplaced as reason:
            yield place, reason


def survey(request: ImportRequest) -> Survey:
    """Read the tables once and place every row, so that nothing is stored of tables that do not fit.

    Raises:
        UsageError: A column that is not there, rows that cannot be placed, or no rows.
        ModelError: A table that cannot be read.
    """
    items = _items(request)
    placer = Placer(request.spec, items, request.mapped, request.model_name)
    for name in request.scores:
        if request.scores[name] in placer.used:
            raise UsageError(
                f"--score {name}={request.scores[name]}: this column is mapped as a text; "
                "a score is read from a column of numbers"
            )
    reasons: Counter[str] = Counter()
    first: dict[str, str] = {}
    placed = 0
    for place, found in placements(request, placer):
        if isinstance(found, Placed):
            placed += 1
        else:
            reasons[str(found)] += 1
            first.setdefault(str(found), place)
    if reasons and not request.skip_unknown:
        raise UsageError(_misplaced(reasons, first, placed))
    if not placed:
        raise UsageError(_nothing(request, reasons))
    return Survey(
        items=items,
        hashes=_hashes(request),
        repeats=placer.repeats,
        placed=placed,
        skipped=dict(reasons),
    )


def _items(request: ImportRequest) -> dict[str, Item]:
    around = Around.beside(request.spec.path, request.spec.keys.seed, files=request.files)
    found: dict[str, Item] = {}
    for item in request.spec.source.plugin.items(around):
        if not isinstance(item, Item):
            raise UsageError(
                f"the source {request.spec.source.name!r} asks a model for its items, so published "
                "replies cannot be told which item they are for"
            )
        found[item.key] = item
    return found


def _misplaced(reasons: Counter[str], first: Mapping[str, str], placed: int) -> str:
    count = sum(reasons.values())
    lines = [
        f"{count} of {count + placed} rows cannot be placed; rename values with "
        "--rename FIELD:PUBLISHED=OURS, or leave these rows out with --skip-unknown"
    ]
    for reason, number in reasons.most_common(_REASONS):
        rows = counted(number, "row")
        lines.append(f"  {rows}, the first is {first[reason]}: {reason}")
    if len(reasons) > _REASONS:
        lines.append(f"  and {len(reasons) - _REASONS} further reasons")
    return "\n".join(lines)


def _nothing(request: ImportRequest, reasons: Counter[str]) -> str:
    names = ", ".join(str(path) for path in request.tables)
    if reasons:
        return f"{names}: none of the {sum(reasons.values())} rows can be placed"
    if request.where:
        given = ", ".join(f"{name}={'|'.join(cells)}" for name, cells in request.where.items())
        return f"{names}: no row is left by --where {given}"
    return f"{names}: the table has a header and no rows"


def _hashes(request: ImportRequest) -> dict[str, str]:
    out: dict[str, str] = {}
    for path in request.tables:
        if path.name in out:
            raise UsageError(f"two tables are called {path.name!r}; rename one of them")
        with path.open("rb") as stream:
            out[path.name] = file_digest(stream, "sha256").hexdigest()
    return out
