"""From rows of someone else's table to trials of a measure.

One invariant: a row becomes a trial only when its item and levels are those of the measure, and what the
table does not say stays unsaid: a draw that is not mapped is absent from the trial, and a prompt that is
not mapped is absent from the ask.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Any, cast

import attrs

from gnomon.design import level_fields, levels_of
from gnomon.errors import UsageError, did_you_mean, listing
from gnomon.records import REPLY_STATUSES, Chat, FieldValue, Item, Message, Reply, Trial
from gnomon.spec import Spec

Row = Mapping[str, str]
_PARTS = ("prompt", "status")
_LONGEST_REPEAT = 9


class Misplaced(Exception):
    """A row that is for no trial of the measure; the message is the reason."""


@attrs.frozen(kw_only=True)
class Mapped:
    """Which column of the table is what.

    Attributes:
        columns: Field → column.
        constants: Field → the value that all rows have.
        renamed: Field → published value → the measure's value.
    """

    columns: Mapping[str, str]
    constants: Mapping[str, str] = attrs.field(factory=dict)
    renamed: Mapping[str, Mapping[str, str]] = attrs.field(factory=dict)

    def __contains__(self, field: str) -> bool:
        return field in self.columns or field in self.constants

    def value(self, field: str, row: Row) -> str:
        """The measure's value of a field in a row.

        Raises:
            Misplaced: The row has no such cell.
        """
        if field in self.constants:
            return self.constants[field]
        column = self.columns[field]
        if column not in row:
            raise Misplaced(f"the row has no {column!r}")
        return self.renamed.get(field, {}).get(row[column], row[column])


@attrs.frozen(kw_only=True)
class Placed:
    """A row as a trial with what was asked and answered.

    Attributes:
        trial: The trial.
        exchanges: Asks, marked as imported, with the published replies, in the order of the turns.
    """

    trial: Trial
    exchanges: tuple[tuple[Chat, Reply], ...]


@attrs.frozen
class _Fields:
    """The fields that may be mapped, by what they are."""

    replies: tuple[str, ...]
    factors: tuple[str, ...]
    draws: tuple[str, ...]

    def known(self) -> tuple[str, ...]:
        return ("item", "repeat", "model", *_PARTS, *self.replies, *self.factors, *self.draws)


def _fields_of(spec: Spec) -> _Fields:
    design = spec.keys.design
    turns = [turn for turn in spec.keys.turn if turn.assistant is None and turn.role == "subject"]
    draws = dict.fromkeys(name for draw in design.draw for name in (draw.name, *draw.into))
    return _Fields(
        replies=tuple(dict.fromkeys(turn.name for turn in turns)) or ("reply",),
        factors=(*design.factors, *design.balanced),
        draws=tuple(draws),
    )


class Placer:
    """Places the rows of one table, or of several read as one, in order.

    Args:
        spec: The measure.
        items: Its items, by key.
        mapped: Which column is what.
        model: Who answered, where no column says so.

    Raises:
        UsageError: A field that the measure does not have, a constant that is no level, or nothing
            that says which item, which level or which reply a row holds.
    """

    def __init__(self, spec: Spec, items: Mapping[str, Item], mapped: Mapped, model: str) -> None:
        self._spec = spec
        self._items = items
        self._mapped = mapped
        self._model = model
        self._fields = _fields_of(spec)
        self._levels = {
            name: levels_of(factor)
            for factors in (spec.keys.design.factors, spec.keys.design.balanced)
            for name, factor in factors.items()
        }
        self._repeats: Counter[tuple[str, ...]] = Counter()
        self._seen: set[tuple[str, ...]] = set()
        self._placed = 0
        self._check()
        self._replies = tuple(name for name in self._fields.replies if name in mapped.columns)

    @property
    def repeats(self) -> int:
        """Most repeats of one item under one combination of levels, of the rows placed so far."""
        return max(self._repeats.values(), default=0)

    @property
    def used(self) -> frozenset[str]:
        """Columns whose text is kept as a reply or a prompt."""
        kept = {
            *self._fields.replies,
            "prompt",
            *(f"{name}.prompt" for name in self._fields.replies),
        }
        return frozenset(column for field, column in self._mapped.columns.items() if field in kept)

    # -- what was said on the command line -------------------------------------------------------

    def _check(self) -> None:
        mapped, fields = self._mapped, self._fields
        known = fields.known()
        for field in (*mapped.columns, *mapped.constants, *mapped.renamed):
            name, _, part = field.rpartition(".")
            if field not in known and not (part in _PARTS and name in fields.replies):
                raise UsageError(
                    f"the measure {self._spec.name!r} has no field {field!r}"
                    f"{did_you_mean(field, known)}; there are: {listing(known, ordered=False)}"
                )
        if "item" not in mapped:
            raise UsageError("no column says which item a row is for; give --map item=COLUMN")
        replies = [name for name in fields.replies if name in mapped.columns]
        if not replies:
            raise UsageError(
                "no column holds the replies; give --map "
                + " --map ".join(f"{name}=COLUMN" for name in fields.replies)
            )
        alone = [part for part in _PARTS if part in mapped and len(replies) > 1]
        if alone:
            raise UsageError(
                f"the field {alone[0]!r} could be that of {listing(replies)}; "
                f"write {replies[0]}.{alone[0]}"
            )
        for name in self._spec.keys.design.factors:
            if name not in mapped:
                raise UsageError(
                    f"nothing says which level of the factor {name!r} a row was answered under; give "
                    f"--map {name}=COLUMN or --constant {name}=LEVEL; its levels are: "
                    f"{listing(self._levels[name], ordered=False)}"
                )
        for name, levels in self._levels.items():
            level = mapped.constants.get(name, levels[0])
            if level not in levels:
                raise UsageError(f"--constant {name}={level}: {self._no_level(name, level)}")

    def _no_level(self, factor: str, level: str) -> str:
        levels = self._levels[factor]
        return (
            f"the factor {factor!r} has no level {level!r}{did_you_mean(level, levels)}; "
            f"its levels are: {listing(levels, ordered=False)}"
        )

    # -- rows ------------------------------------------------------------------------------------

    def place(self, row: Row, number: int) -> Placed:
        """The trial of a row.

        Args:
            row: Its cells.
            number: Its number in the table, from 1.

        Raises:
            Misplaced: It is for no trial of the measure.
        """
        mapped = self._mapped
        item = self._item(mapped.value("item", row))
        levels = {name: self._level(name, row) for name in self._levels if name in mapped}
        draws = {name: _drawn(mapped.value(name, row)) for name in self._drawn_names()}
        replies = [self._exchange(name, row, number) for name in self._replies]
        repeat = self._repeat(row, (item.key, *levels.values()))
        fields: dict[str, FieldValue] = {
            **item.groups,
            **item.fields,
            **levels,
            **level_fields(self._spec.keys.design, levels),
            **draws,
        }
        trial = Trial(
            ordinal=self._placed,
            item=item,
            levels=levels,
            repeat=repeat,
            draws=draws,
            fields=fields,
        )
        self._placed += 1
        ask, reply = replies[0]
        replies[0] = ask, attrs.evolve(reply, raw=self._rest(row))
        return Placed(trial=trial, exchanges=tuple(replies))

    def _drawn_names(self) -> Iterable[str]:
        return (name for name in self._fields.draws if name in self._mapped)

    def _item(self, key: str) -> Item:
        if key not in self._items:
            raise Misplaced(
                f"the measure {self._spec.name!r} has no item {key!r}"
                f"{did_you_mean(key, self._items)}; there are: {_some(self._items)}"
            )
        return self._items[key]

    def _level(self, factor: str, row: Row) -> str:
        level = self._mapped.value(factor, row)
        if level not in self._levels[factor]:
            raise Misplaced(self._no_level(factor, level))
        return level

    def _repeat(self, row: Row, place: tuple[str, ...]) -> int:
        if "repeat" not in self._mapped:
            self._repeats[place] += 1
            return self._repeats[place] - 1
        text = self._mapped.value("repeat", row)
        if not text.strip().isdecimal() or len(text.strip()) > _LONGEST_REPEAT:
            raise Misplaced(f"the repeat {text[:40]!r} is no whole number from 0 to 999999999")
        repeat = int(text)
        key = (*place, str(repeat))
        if key in self._seen:
            raise Misplaced("an earlier row is for the same item, levels and repeat")
        self._seen.add(key)
        self._repeats[place] = max(self._repeats[place], repeat + 1)
        return repeat

    def _exchange(self, name: str, row: Row, number: int) -> tuple[Chat, Reply]:
        prompt, status = self._part(name, "prompt", row), self._part(name, "status", row) or "ok"
        if status not in REPLY_STATUSES:
            raise Misplaced(
                f"the status {status!r} of a reply is none of: {', '.join(REPLY_STATUSES)}"
            )
        text = self._mapped.value(name, row)
        model = self._mapped.value("model", row) if "model" in self._mapped else self._model
        ask = Chat(
            name=name,
            sample=number,
            imported=True,
            messages=() if prompt is None else (Message("user", prompt),),
        )
        error = (text or "published as failed") if status == "error" else None
        return ask, Reply(status=cast("Any", status), text=text, model=model, error=error)

    def _part(self, name: str, part: str, row: Row) -> str | None:
        for field in (f"{name}.{part}", part):
            if field in self._mapped:
                return self._mapped.value(field, row)
        return None

    def _rest(self, row: Row) -> str:
        used = self.used
        rest = {column: cell for column, cell in row.items() if column not in used}
        return json.dumps(rest, ensure_ascii=False)


def _some(names: Collection[str], most: int = 40) -> str:
    shown = ", ".join(list(names)[:most])
    return shown if len(names) <= most else f"{shown}, and {len(names) - most} more"


def _drawn(cell: str) -> FieldValue:
    """A drawn value: a text, or the texts of a JSON list."""
    if cell.startswith("["):
        try:
            value = json.loads(cell)
        except (ValueError, RecursionError):
            return cell
        if isinstance(value, list) and all(isinstance(one, str) for one in value):
            return tuple(value)
    return cell
