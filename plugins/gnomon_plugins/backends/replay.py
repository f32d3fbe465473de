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

    tables: tuple[ReplyTable, ...] = ()
    identity: Mapping[str, str] | None = None
    asked: str | None = None
    columns: Mapping[str, str] | None = None
    indexes: dict[tuple[str, ...], tuple[ReplyIndex, ...]] = attrs.field(factory=dict)

    def __reduce__(self) -> tuple[Any, ...]:
        return _Open, ()


@attrs.frozen(kw_only=True)
class Replay:
    """Replies from a table with one row per reply: ``replay:published.csv``.

    A row is found by the item key and by the columns that bear the names of the factors, whose cells
    are compared with the trial's levels. A factor that the table does not have must be named in
    ``ignore``, since the same rows then answer for all of its levels. Several rows of one key are handed
    out by repeat number, in the order of the table, or by the repeat column where there is one. Replies
    are as published: a constraint is taken as met. For ``choose`` the text must be one of the options.

    Example::

        gnomon run my-measure.toml --model "replay:published.csv?item=word&ignore=wording"

    Attributes:
        model: Path of a ``.csv``, ``.tsv`` or ``.jsonl`` file with a header or objects; with ``*``, of
            several files with the same columns, taken in the order of their names.
        item: Column with the item key.
        reply: Column with the text.
        repeat: Column with the repeat number; ``repeat`` where the table has such a column.
        first_repeat: The number that the table gives to the first repeat.
        sample: Column with the number of the sample, from 0, for turns that draw several.
        turn: Column with the name of the turn, for trials of several asks; ``turn`` where there is one.
        status: Column with the reply's status; ``status`` where there is one.
        served: Column with the model that answered; ``model`` where there is one.
        of: Keep only the rows of this model.
        ignore: Factors that the table does not tell apart.
        rename: Pairs ``LEVEL:CELL`` where the table calls a level or an item otherwise.
        encoding: Of the file.
    """

    name: ClassVar[str] = "replay"
    by_trial: ClassVar[bool] = True
    may: ClassVar[Capability] = Capability(
        kinds={"chat", "choose"},
        constraints={"pattern", "regex", "grammar", "json_schema"},
        sampled_choose=True,
        blocking=False,
    )
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
    ignore: tuple[str, ...] = ()
    rename: tuple[str, ...] = ()
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
        lone = [pair for pair in self.rename if ":" not in pair]
        if lone:
            raise ValueError(f"rename takes pairs LEVEL:CELL, found {lone[0]!r}")
        self._columns()

    # -- the backend -------------------------------------------------------------------------------

    @property
    def offers(self) -> Capability:
        """Chat and choose, in any form that the replies were collected in."""
        return self.may

    @property
    def identity(self) -> Mapping[str, str]:
        """The SHA-256 of the table, or of the tables' one after the other."""
        if self._open.identity is None:
            digests = []
            for file in self._files():
                with Path(file).open("rb") as stream:
                    digests.append(file_digest(stream, "sha256").hexdigest())
            self._open.identity = {"sha256": " ".join(digests)}
        return self._open.identity

    def price(self) -> Price:
        """Nothing."""
        return Price(tokens_in=0.0, tokens_out=0.0)

    def close(self) -> None:
        """Close the table; a later ask opens it again."""
        for table in self._open.tables:
            table.close()
        self._open.tables = ()
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

    def _files(self) -> list[str]:
        if "*" not in self.model:
            return [self.model]
        from glob import glob

        found = sorted(glob(self.model))  # noqa: PTH207 - a pattern may be absolute
        if not found:
            raise ModelError(f"there is no file {self.model!r}")
        return found

    def _tables(self) -> tuple[ReplyTable, ...]:
        if not self._open.tables:
            tables = tuple(ReplyTable(file, self.encoding) for file in self._files())
            first = tables[0]
            for table in tables:
                if set(table.columns) != set(first.columns):
                    raise ModelError(
                        f"{table.file} has the columns {', '.join(table.columns)}, and "
                        f"{first.file} has {', '.join(first.columns)}; all tables need the same"
                    )
            self._open.tables = tables
        return self._open.tables

    def _columns(self) -> Mapping[str, str]:
        """Part → column, for the parts that the table has.

        Raises:
            ModelError: A column that is needed or was named is not there.
        """
        if self._open.columns:
            return self._open.columns
        has = self._tables()[0].columns
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
        names = dict(pair.split(":", 1) for pair in self.rename)
        item = trial.item.key
        parts = {"item": names.get(item, item), "turn": ask.name, "sample": str(ask.sample)}
        parts["repeat"] = str(trial.repeat + self.first_repeat)
        cells = {columns[part]: cell for part, cell in parts.items() if part in columns}
        has, taken = self._tables()[0].columns, set(columns.values())
        for factor, level in sorted(trial.levels.items()):
            if factor in self.ignore:
                continue
            if factor not in has or factor in taken:
                raise ModelError(
                    f"{self.model} has no column for the factor {factor!r}; if its rows stand for "
                    f"every level of it, give ignore={factor}"
                )
            cells[factor] = names.get(level, level)
        return cells, "repeat" in columns

    def _indexes(self, cells: Mapping[str, str], unique: bool) -> tuple[ReplyIndex, ...]:
        by = tuple(cells)
        if by not in self._open.indexes:
            only = {self._columns()["served"]: self.of} if self.of is not None else {}
            indexes = tuple(table.index(by, only) for table in self._tables())
            if not any(len(index) for index in indexes):
                of = f" of model {self.of!r}" if self.of is not None else ""
                raise ModelError(f"{self.model}: there are no rows{of}")
            doubled = next((row for index in indexes if (row := index.doubled())), None)
            if unique and doubled is not None:
                raise self._twice({name: doubled[name] for name in by})
            self._open.indexes[by] = indexes
        return self._open.indexes[by]

    def _twice(self, cells: Mapping[str, str]) -> ModelError:
        return ModelError(
            f"{self.model}: two rows are for {_show(cells)}; "
            "keep one of them, or name the columns that tell them apart"
        )

    def _find(self, ask: Ask, trial: Trial) -> Mapping[str, str]:
        columns = self._columns()
        self._one_turn(ask, columns)
        cells, unique = self._key(ask, trial)
        place = 0 if unique else self._place(ask, trial, columns)
        values = tuple(cells.values())
        found = [(i, at) for i in self._indexes(cells, unique) for at in i.find(values)]
        if unique and len(found) > 1:
            raise self._twice(cells)
        rows = [index.read(offset) for index, offset in found[place : place + 1]]
        row = next((row for row in rows if all(row[name] == cells[name] for name in cells)), None)
        if row is not None:
            return row
        more = "" if unique else f", repeat {trial.repeat} (it has {_count(len(found))})"
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
