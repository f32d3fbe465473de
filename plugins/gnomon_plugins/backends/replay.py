"""Published replies, given back in place of a model's.

One invariant: a reply is given only for the very item, levels, repeat and ask it stands for in the table;
what is not in the table is a failed call and never another row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import file_digest
from pathlib import Path
from typing import Any, ClassVar, cast

import attrs

from gnomon import (
    Ask,
    CallFailed,
    Capability,
    Chat,
    Choose,
    ModelError,
    Price,
    Reply,
    ReplyIndex,
    ReplyTable,
    Trial,
)

_STATUSES = ("ok", "refused", "filtered", "truncated", "error")


@attrs.define(slots=True)
class _Open:
    """What is opened on first use; left behind when the backend is pickled."""

    table: ReplyTable | None = None
    identity: Mapping[str, str] | None = None
    asked: str | None = None
    columns: Mapping[str, str] | None = None
    indexes: dict[tuple[str, ...], ReplyIndex] = attrs.field(factory=dict)

    def __reduce__(self) -> tuple[Any, ...]:
        return _Open, ()


@attrs.frozen(kw_only=True)
class Replay:
    """Replies from a table with one row per reply: ``replay:published.csv``.

    A row is found by the item key and by every column that bears the name of a factor, whose cells are
    then compared with the trial's levels. Several rows of one key are handed out by repeat number, in
    the order of the table, or by the repeat column where there is one. Replies are as published: a
    constraint is taken as met. For ``choose`` the text must be one of the options.

    Attributes:
        model: Path of a ``.csv``, ``.tsv`` or ``.jsonl`` file in UTF-8, with a header or objects.
        item: Column with the item key.
        reply: Column with the text.
        repeat: Column with the repeat number; ``repeat`` where the table has such a column.
        first_repeat: The number that the table gives to the first repeat.
        sample: Column with the number of the sample, from 0, for turns that draw several.
        turn: Column with the name of the turn, for trials of several asks; ``turn`` where there is one.
        status: Column with the reply's status; ``status`` where there is one.
        served: Column with the model that answered; ``model`` where there is one.
        of: Keep only the rows of this model.
        encoding: Of the file.
    """

    name: ClassVar[str] = "replay"
    model: str
    item: str = "item"
    reply: str = "reply"
    repeat: str | None = None
    first_repeat: int = 0
    sample: str | None = None
    turn: str | None = None
    status: str | None = None
    served: str | None = None
    of: str | None = None
    encoding: str = "utf-8"
    _open: _Open = attrs.field(init=False, factory=_Open, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        try:
            breaks = "\n".encode(self.encoding)
        except LookupError:
            raise ValueError(f"there is no encoding {self.encoding!r}") from None
        if breaks != b"\n":
            raise ValueError(
                f"encoding {self.encoding!r} has line breaks of several bytes; save the table as UTF-8"
            )
        self._columns()

    # -- the backend -------------------------------------------------------------------------------

    @property
    def offers(self) -> Capability:
        """Chat and choose, in any form that the replies were collected in."""
        return Capability(
            kinds=("chat", "choose"),
            constraints=("pattern", "regex", "grammar", "json_schema"),
            sampled_choose=True,
            blocking=False,
        )

    @property
    def identity(self) -> Mapping[str, str]:
        """The SHA-256 of the table."""
        if self._open.identity is None:
            with Path(self.model).open("rb") as stream:
                self._open.identity = {"sha256": file_digest(stream, "sha256").hexdigest()}
        return self._open.identity

    def price(self) -> Price:
        """Nothing."""
        return Price(tokens_in=0.0, tokens_out=0.0)

    def close(self) -> None:
        """Close the table; a later ask opens it again."""
        if self._open.table is not None:
            self._open.table.close()
        self._open.table = None
        self._open.indexes.clear()

    def ask(self, ask: Ask) -> Reply:
        """The published reply.

        Raises:
            CallFailed: The table has none for this trial, or cannot be read.
        """
        if not isinstance(ask, (Chat, Choose)):
            raise CallFailed(f"replay does not answer asks of kind {ask.kind!r}", fatal=True)
        if ask.trial is None:
            raise CallFailed(
                "replay finds replies by trial, and this ask belongs to none", fatal=True
            )
        try:
            row = self._find(ask, ask.trial)
        except ModelError as error:
            raise CallFailed(str(error), fatal=True) from None
        return self._reply(ask, row)

    # -- finding -----------------------------------------------------------------------------------

    def _table(self) -> ReplyTable:
        if self._open.table is None:
            self._open.table = ReplyTable(self.model, self.encoding)
        return self._open.table

    def _columns(self) -> Mapping[str, str]:
        """Part → column, for the parts that the table has.

        Raises:
            ModelError: A column that is needed or was named is not there.
        """
        if self._open.columns:
            return self._open.columns
        has = self._table().columns
        usual = {"repeat": "repeat", "turn": "turn", "status": "status", "served": "model"}
        found: dict[str, str] = {}
        for part in ("item", "reply", "repeat", "sample", "turn", "status", "served"):
            named = getattr(self, part)
            column = named or usual.get(part)
            if column in has:
                found[part] = cast("str", column)
            elif named or (part == "served" and self.of is not None):
                raise ModelError(
                    f"{self.model}: there is no column {column!r}; there are: {', '.join(has)} "
                    f"(name the right one with {part}=COLUMN)"
                )
        self._open.columns = found
        return found

    def _key(self, ask: Ask, trial: Trial) -> tuple[dict[str, str], bool]:
        """Column → the cell looked for, and whether each key is meant to be unique."""
        columns = self._columns()
        parts = {"item": trial.item.key, "turn": ask.name, "sample": str(ask.sample)}
        parts["repeat"] = str(trial.repeat + self.first_repeat)
        cells = {columns[part]: cell for part, cell in parts.items() if part in columns}
        taken = set(columns.values())
        cells |= {
            factor: level
            for factor, level in sorted(trial.levels.items())
            if factor in self._table().columns and factor not in taken
        }
        return cells, "repeat" in columns

    def _index(self, cells: Mapping[str, str], unique: bool) -> ReplyIndex:
        by = tuple(cells)
        if by in self._open.indexes:
            return self._open.indexes[by]
        only = {self._columns()["served"]: self.of} if self.of is not None else {}
        index = self._table().index(by, only)
        if not len(index):
            of = f" of model {self.of!r}" if self.of is not None else ""
            raise ModelError(f"{self.model}: there are no rows{of}")
        doubled = index.doubled() if unique else None
        if doubled is not None:
            raise ModelError(
                f"{self.model}: two rows are for {_show({name: doubled[name] for name in by})}; "
                "keep one of them, or name the columns that tell them apart"
            )
        self._open.indexes[by] = index
        return index

    def _find(self, ask: Ask, trial: Trial) -> Mapping[str, str]:
        columns = self._columns()
        self._one_turn(ask, columns)
        cells, unique = self._key(ask, trial)
        index = self._index(cells, unique)
        place = 0 if unique else self._place(ask, trial, columns)
        offsets = index.find(tuple(cells.values()))
        rows = [index.read(offset) for offset in offsets[place : place + 1]]
        row = next((row for row in rows if all(row[name] == cells[name] for name in cells)), None)
        if row is not None:
            return row
        more = "" if unique else f", repeat {trial.repeat} (it has {_count(len(offsets))})"
        raise CallFailed(f"{self.model} has no reply for {_show(cells)}{more}")

    def _one_turn(self, ask: Ask, columns: Mapping[str, str]) -> None:
        if "turn" in columns:
            return
        first = self._open.asked = self._open.asked or ask.name
        if first != ask.name:
            raise CallFailed(
                f"the trials ask for {first!r} and {ask.name!r}, and {self.model} has no column that "
                "tells them apart; name it with turn=COLUMN",
                fatal=True,
            )

    def _place(self, ask: Ask, trial: Trial, columns: Mapping[str, str]) -> int:
        """Which of the rows of one key, where the table does not number repeats."""
        if "sample" in columns or not ask.sample:
            return trial.repeat
        if trial.repeat:
            raise CallFailed(
                f"{self.model} has no columns for repeat and sample, so its rows cannot be told apart; "
                "name them with repeat=COLUMN and sample=COLUMN",
                fatal=True,
            )
        return ask.sample

    # -- answering ---------------------------------------------------------------------------------

    def _reply(self, ask: Chat | Choose, row: Mapping[str, str]) -> Reply:
        columns = self._columns()
        text = row.get(columns["reply"], "")
        status = row[columns["status"]] if "status" in columns else "ok"
        if status not in _STATUSES:
            raise CallFailed(
                f"{self.model}: the status of a reply must be one of {', '.join(_STATUSES)}, "
                f"found {status!r}"
            )
        if status == "error":
            raise CallFailed(
                f"{self.model}: the call is published as failed: {text or 'no reason'}"
            )
        probabilities = None
        if isinstance(ask, Choose) and status == "ok":
            probabilities = _chosen(self.model, text.strip(), ask.options)
        return Reply(
            status=cast("Any", status),
            text=text,
            probabilities=probabilities,
            exact=False if probabilities else None,
            model=row[columns["served"]] if "served" in columns else Path(self.model).name,
            cost=0.0,
        )


def _chosen(file: str, text: str, options: Sequence[str]) -> Mapping[str, float]:
    if text not in options:
        raise CallFailed(
            f"{file}: the reply {text[:80]!r} is none of the options: {', '.join(options)}"
        )
    return {option: float(option == text) for option in options}


def _show(cells: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {value!r}" for name, value in cells.items())


def _count(rows: int) -> str:
    return {0: "none", 1: "1 row"}.get(rows, f"{rows} rows")
