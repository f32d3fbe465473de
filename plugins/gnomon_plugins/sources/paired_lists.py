"""``paired-lists``: items made of opposed word lists, such as two groups and two kinds of attributes.

One invariant: lists that are opposed to each other share no value, so that a word never speaks for
both sides.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

import attrs

from gnomon import Item, SourceError, Surroundings, did_you_mean, listing
from gnomon_plugins.sources._rows import check_columns, chosen, rows


@attrs.define
class _Gathered:
    """One item while its rows are read."""

    groups: dict[str, str]
    line: int
    lists: dict[str, list[str]] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class PairedLists:
    """Reads a table with one row per value: an item, a list of that item, a value.

    Each item gets one list field per list, in the file's order, and its groups. Values are compared
    without regard to case and outer blanks.

    Example::

        [stimuli]
        use = "paired-lists"
        file = "data/lists.csv"
        groups = ["category"]
        opposed = { positive = "negative" }

    Attributes:
        file: The table, beside the spec: ``.csv``, ``.tsv`` or ``.jsonl``.
        item: The column that names the item.
        list: The column that names the list.
        value: The column with the value.
        groups: Columns that become groups of the item; the same in all its rows.
        lists: Lists that every item must have; all that occur in the file unless given.
        opposed: Lists that may not share a value: name → name.
        equal: Lists that must be of one length: name → name.
        keep: Only these items.
        limit: No more than this many items.
    """

    name: ClassVar[str] = "paired-lists"

    file: str
    item: str = "item"
    list: str = "list"
    value: str = "value"
    groups: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()
    opposed: Mapping[str, str] = attrs.field(factory=dict)
    equal: Mapping[str, str] = attrs.field(factory=dict)
    keep: tuple[str, ...] = ()
    limit: int | None = None

    def __attrs_post_init__(self) -> None:
        if self.limit is not None and self.limit < 1:
            raise ValueError(f"'limit' must be at least 1, not {self.limit}")

    def items(self, around: Surroundings) -> Iterator[Item]:
        """The items in the order in which the file first names them.

        Raises:
            SourceError: A column or list is missing, a list is empty, doubled values, opposed lists
                that share a value, lists that should be of one length and are not.
        """
        gathered = self._gather(around.folder.text(self.file))
        names = self.lists or tuple(
            dict.fromkeys(name for one in gathered.values() for name in one.lists)
        )
        return chosen(
            (self._item(key, one, names) for key, one in gathered.items()),
            self.keep,
            self.limit,
            self.file,
        )

    def _gather(self, text: str) -> dict[str, _Gathered]:
        out: dict[str, _Gathered] = {}
        wanted = (self.item, self.list, self.value, *self.groups)
        for line, row in rows(text, self.file):
            check_columns(row, wanted, self.file)
            key, name, value = (str(row[column]).strip() for column in wanted[:3])
            if not key or not name or not value:
                empty = next(column for column in wanted[:3] if not str(row[column]).strip())
                raise SourceError(f"{self.file!r} line {line}: {empty!r} is empty")
            groups = {column: str(row[column]).strip() for column in self.groups}
            one = out.setdefault(key, _Gathered(groups, line))
            for column, group in groups.items():
                if one.groups[column] != group:
                    raise SourceError(
                        f"{self.file!r} line {line}: {key!r} has {column} {group!r} here and "
                        f"{one.groups[column]!r} in line {one.line}; an item has one of each"
                    )
            values = one.lists.setdefault(name, [])
            if value.casefold() in (other.casefold() for other in values):
                raise SourceError(
                    f"{self.file!r} line {line}: {value!r} is in the list {name!r} of {key!r} twice"
                )
            values.append(value)
        return out

    def _item(self, key: str, one: _Gathered, names: tuple[str, ...]) -> Item:
        for name in names:
            if name not in one.lists:
                raise SourceError(
                    f"{self.file!r}: the list {name!r} of {key!r} is empty; every item needs a row "
                    f"for each of: {', '.join(names)}"
                )
        for left, right in self.opposed.items():
            shared = _same(self._list(one, key, left), self._list(one, key, right))
            if shared is not None:
                raise SourceError(
                    f"{self.file!r}: {shared!r} is in both {left!r} and {right!r} of {key!r}, "
                    "which are opposed; a word cannot speak for both"
                )
        for left, right in self.equal.items():
            lengths = len(self._list(one, key, left)), len(self._list(one, key, right))
            if lengths[0] != lengths[1]:
                raise SourceError(
                    f"{self.file!r}: {left!r} of {key!r} has {lengths[0]} values and {right!r} "
                    f"{lengths[1]}; they must be equally many"
                )
        fields = {name: tuple(values) for name, values in one.lists.items()}
        return Item(key, fields=fields, groups=one.groups)

    def _list(self, one: _Gathered, key: str, name: str) -> Sequence[str]:
        if name not in one.lists:
            raise SourceError(
                f"{self.file!r}: {key!r} has no list {name!r}{did_you_mean(name, one.lists)}; "
                f"there are: {listing(one.lists)}"
            )
        return one.lists[name]


def _same(left: Sequence[str], right: Sequence[str]) -> str | None:
    known = {value.casefold() for value in right}
    return next((value for value in left if value.casefold() in known), None)
