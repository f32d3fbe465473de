"""``table``: each row of a file is one item.

One invariant: a row's key is its own, so that conditions and runs can be paired by it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

import attrs

from gnomon import Item, SourceError, Surroundings
from gnomon_plugins.sources._rows import Cell, Row, check_columns, chosen, rows


@attrs.frozen(kw_only=True)
class TableRows:
    """Reads a table with one row per item.

    Cells of a CSV or TSV file are texts; a JSONL file may hold numbers and lists of texts too.

    Example::

        [stimuli]
        use = "table"
        file = "data/sums.csv"
        key = "item"
        groups = ["size"]
        gold = "answer"

    Attributes:
        file: The table, beside the spec: ``.csv``, ``.tsv`` or ``.jsonl``.
        key: The column that names the item; the row's number, from 1, unless given.
        fields: Columns that templates can name; all but ``gold`` and ``groups`` unless given.
        groups: Columns for ``by``.
        gold: The column with the right answer.
        where: Rows to use: column → the value, or values, its cell has; all unless given.
        others: Name → column: a list field with that column's cells of all other rows, to draw examples
            from.
        keep: Only the items with these keys.
        limit: No more than this many items.
    """

    name: ClassVar[str] = "table"

    file: str
    key: str | None = None
    fields: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    gold: str | None = None
    where: Mapping[str, str | tuple[str, ...]] = attrs.field(factory=dict)
    others: Mapping[str, str] = attrs.field(factory=dict)
    keep: tuple[str, ...] = ()
    limit: int | None = None

    def __attrs_post_init__(self) -> None:
        if self.limit is not None and self.limit < 1:
            raise ValueError(f"'limit' must be at least 1, not {self.limit}")

    def items(self, around: Surroundings) -> Iterator[Item]:
        """The rows in the file's order.

        Raises:
            SourceError: A column is missing, a key is empty or doubled, or there are no rows.
        """
        return chosen(self._all(around.folder.text(self.file)), self.keep, self.limit, self.file)

    def _all(self, text: str) -> Iterator[Item]:
        seen: dict[str, int] = {}
        cells = self._cells(text)
        kept = 0
        for number, (line, row) in enumerate(rows(text, self.file), start=1):
            self._check(row)
            if not self._wants(row):
                continue
            key = str(number) if self.key is None else str(row[self.key]).strip()
            if not key:
                raise SourceError(f"{self.file!r} line {line}: {self.key!r} is empty")
            if key in seen:
                raise SourceError(
                    f"{self.file!r} line {line}: {self.key!r} is {key!r}, as in line {seen[key]}; "
                    "every item needs a key of its own"
                )
            seen[key] = line
            item = self._item(key, row)
            if cells:
                # Of the other rows, whatever their text: this row is left out by its place.
                drawn = {name: (*all_[:kept], *all_[kept + 1 :]) for name, all_ in cells.items()}
                item = attrs.evolve(item, fields={**item.fields, **drawn})
            yield item
            kept += 1
        if seen or not self.where:
            return
        listed = ", ".join(f"{name} = {value!r}" for name, value in self.where.items())
        raise SourceError(f"no row of {self.file!r} has {listed}")

    def _check(self, row: Row) -> None:
        named = tuple(name for name in (self.key, self.gold) if name is not None)
        columns = (*named, *self.fields, *self.groups, *self.where, *self.others.values())
        check_columns(row, columns, self.file)

    def _wants(self, row: Row) -> bool:
        return all(
            str(row[name]) in ((value,) if isinstance(value, str) else value)
            for name, value in self.where.items()
        )

    def _cells(self, text: str) -> dict[str, tuple[str, ...]]:
        """Name → the cells of all rows that are used."""
        if not self.others:
            return {}
        out: dict[str, list[str]] = {name: [] for name in self.others}
        for _, row in rows(text, self.file):
            self._check(row)
            if self._wants(row):
                for name, column in self.others.items():
                    out[name].append(str(row[column]))
        return {name: tuple(cells) for name, cells in out.items()}

    def _item(self, key: str, row: Row) -> Item:
        used = {self.gold, *self.groups}
        names = self.fields or tuple(name for name in row if name not in used)
        return Item(
            key,
            fields={name: row[name] for name in names},
            groups={name: str(row[name]) for name in self.groups},
            gold=None if self.gold is None else self._answer(row[self.gold], key),
        )

    def _answer(self, gold: Cell, key: str) -> str | float:
        if isinstance(gold, tuple):
            raise SourceError(
                f"{self.file!r}: the right answer of {key!r} is a list; it must be a text or a number"
            )
        return gold if isinstance(gold, str) else float(gold)
