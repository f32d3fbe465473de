"""Reading: rows become records again, in streams that hold a few of them at a time.

One invariant: a record that was stored and read is equal to the one that was given, so a scorer cannot tell
a stored trial from a fresh one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from gnomon.records import (
    Ask,
    Estimate,
    Exchange,
    FieldValue,
    Item,
    ItemRecord,
    Reply,
    Score,
    Trial,
    TrialRecord,
)
from gnomon.store.forms import Form
from gnomon.store.values import (
    changed,
    decompress,
    fields_from_json,
    from_json,
    join_text,
    json_or_none,
    list_from_json,
    object_from_json,
    tokens_from_blob,
    vectors_from_blob,
)

if TYPE_CHECKING:
    from gnomon.store.replies import StoredReply

_CHUNK = 2_000
_CACHED = 5_000

REPLY_COLUMNS = (
    "reply.id, reply.status, reply.text, reply.text_exact, reply.finish, reply.tokens_in, "
    "reply.tokens_out, reply.cost, reply.model_id, reply.error, reply.seconds, "
    "reply.probabilities, reply.is_exact, reply.coverage, reply.tokens, reply.vectors, "
    "reply.vectors_form, reply.missing, reply.raw, reply.raw_base_id"
)

ESTIMATE_FIELDS = tuple(field.name for field in attrs.fields(Estimate))
_ESTIMATE_JSON = {"group", "detail", "counts"}


def trial_fields(
    item: Item,
    levels: Mapping[str, str],
    carried: Mapping[str, FieldValue],
    draws: Mapping[str, FieldValue],
    hidden: Sequence[str] | None,
    joined: Mapping[str, str] | None,
) -> dict[str, FieldValue]:
    """What a template could name in a trial, from what was stored of it."""
    fields: dict[str, FieldValue] = {**item.groups, **item.fields, **levels, **carried, **draws}
    if hidden:
        for name in hidden:
            fields.pop(name, None)
    if joined:
        for name, between in joined.items():
            value = draws.get(name)
            if isinstance(value, tuple):
                fields[name] = between.join(value)
    return fields


def estimate_row(estimate: Estimate) -> tuple[Any, ...]:
    """The columns of an estimate after its id and scoring pass."""
    return tuple(
        json_or_none(value) if name in _ESTIMATE_JSON else _scalar(value)
        for name in ESTIMATE_FIELDS
        for value in (getattr(estimate, name),)
    )


def _scalar(value: Any) -> Any:
    # numpy's numbers are not all Python numbers, and SQLite takes only those.
    return value.item() if hasattr(value, "item") else value


def estimate_from_row(row: Sequence[Any]) -> Estimate:
    """The estimate from those columns."""
    given = dict(zip(ESTIMATE_FIELDS, row, strict=True))
    for name in _ESTIMATE_JSON:
        given[name] = from_json(given[name]) if given[name] else {}
    return Estimate(**given)


ESTIMATE_COLUMNS = ", ".join(f'estimate."{name}"' for name in ESTIMATE_FIELDS)


class Lookup:
    """Small rows by number, read once: texts that many asks share, forms, conditions, items.

    Args:
        connection: A connection that may read.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._texts: dict[int, str] = {}
        self._forms: dict[int, Form] = {}
        self._items: dict[int, Item] = {}
        self._conditions: dict[int, tuple[str, dict[str, str], dict[str, Any], Any, Any]] = {}

    def _row(self, sql: str, number: int) -> Any:
        found = self._connection.execute(sql, (number,)).fetchone()
        if found is None:
            raise changed(number, "the number of a row that is there")
        return found

    def text(self, number: int) -> str:
        """A text."""
        found = self._texts.get(number)
        if found is None:
            if len(self._texts) > _CACHED:
                self._texts.clear()
            body, exact = self._row("SELECT body, exact FROM text WHERE id = ?", number)
            found = self._texts[number] = join_text(body, exact)
        return found

    def form(self, number: int) -> Form:
        """A form of asks."""
        found = self._forms.get(number)
        if found is None:
            if len(self._forms) > _CACHED:
                self._forms.clear()
            found = self._forms[number] = Form(from_json(self.text(number)))
        return found

    def item(self, number: int) -> Item:
        """An item."""
        found = self._items.get(number)
        if found is None:
            if len(self._items) > _CACHED:
                self._items.clear()
            key, fields, groups, gold, exact = self._row(
                "SELECT key, fields, groups, gold, exact FROM item WHERE id = ?", number
            )
            if exact is not None:
                key, gold = from_json(exact)
            found = self._items[number] = Item(
                key, fields_from_json(fields), object_from_json(groups), gold
            )
        return found

    def condition(self, number: int) -> tuple[str, dict[str, str], dict[str, Any], Any, Any]:
        """Format, levels, carried fields, hidden draws, joined draws."""
        found = self._conditions.get(number)
        if found is None:
            if len(self._conditions) > _CACHED:
                self._conditions.clear()
            format_, levels, fields, hidden, joined = self._row(
                "SELECT format, levels, fields, hidden, joined FROM condition WHERE id = ?", number
            )
            found = self._conditions[number] = (
                format_,
                object_from_json(levels),
                fields_from_json(fields),
                from_json(hidden) if hidden else None,
                from_json(joined) if joined else None,
            )
        return found

    def administered(self, item_id: int, condition_id: int) -> tuple[str, dict[str, str]]:
        """Key of the item and levels of a trial."""
        return self.item(item_id).key, self.condition(condition_id)[1]

    def trial(
        self, ordinal: int, item_id: int, condition_id: int, repeat: int, draws: str | None
    ) -> Trial:
        """A trial from its columns."""
        format_, levels, carried, hidden, joined = self.condition(condition_id)
        item = self.item(item_id)
        drawn = fields_from_json(draws)
        fields = trial_fields(item, levels, carried, drawn, hidden, joined)
        return Trial(ordinal, item, levels, repeat, drawn, fields, format_)  # type: ignore[arg-type]  # only the two formats are stored

    def ask(
        self,
        form_id: int,
        sample: int,
        seed: int | None,
        system_id: int | None,
        prompt: str | None,
        messages: str | None,
        trial: Trial | None,
    ) -> Ask:
        """An ask from its columns; ``prompt`` is the text itself."""
        form = self.form(form_id)
        parts: list[tuple[str, str]]
        if messages is not None:
            parts = [(role, self.text(number)) for role, number in list_from_json(messages)]
        elif prompt is None:
            parts = []
        elif system_id is None:
            parts = [("user", prompt)]
        else:
            parts = [("system", self.text(system_id)), ("user", prompt)]
        return form.ask(parts, sample, seed, trial)

    def reply(self, row: Sequence[Any]) -> Reply:
        """A reply from ``REPLY_COLUMNS``."""
        (
            _,
            status,
            text,
            exact_text,
            finish,
            tokens_in,
            tokens_out,
            cost,
            model_id,
            error,
            seconds,
        ) = row[:11]
        if exact_text is not None:
            text = join_text(text, exact_text)
        model = None if model_id is None else self.text(model_id)
        rest = row[11:]
        if not any(value is not None for value in rest):
            return Reply(
                status=status,
                text=text,
                finish=finish,
                tokens_in=tokens_in,
                tokens_out=tokens_out,
                cost=cost,
                model=model,
                error=error,
                seconds=seconds,
            )
        probabilities, is_exact, coverage, tokens, vectors, form, missing, raw, base = rest
        return Reply(
            status=status,
            text=text,
            finish=finish,
            probabilities=None if probabilities is None else object_from_json(probabilities),
            exact=None if is_exact is None else bool(is_exact),
            coverage=coverage,
            tokens=tokens_from_blob(tokens),
            vectors=vectors_from_blob(vectors, form),
            missing=tuple(list_from_json(missing)),
            tokens_in=tokens_in,
            tokens_out=tokens_out,
            cost=cost,
            model=model,
            raw=None if raw is None else decompress(raw, None if base is None else self.text(base)),
            error=error,
            seconds=seconds,
        )


def find_reply(connection: sqlite3.Connection, key: bytes) -> StoredReply | None:
    """The newest stored reply of that key that can be used again."""
    return _one_reply(
        connection, "WHERE key = ? AND status IN ('ok', 'truncated') ORDER BY id DESC LIMIT 1", key
    )


def find_given(connection: sqlite3.Connection, trial_id: int, key: bytes) -> StoredReply | None:
    """The reply of that key that an ask of a trial was given last; failures are none."""
    return _one_reply(
        connection,
        "JOIN ask ON ask.reply_id = reply.id WHERE ask.trial_id = ? AND reply.key = ? "
        "AND reply.status <> 'error' ORDER BY ask.id DESC LIMIT 1",
        trial_id,
        key,
    )


def given_outside_trials(connection: sqlite3.Connection, run_id: int) -> dict[bytes, int]:
    """Key → number of the reply that an ask of a run outside its trials was given last."""
    rows = connection.execute(
        "SELECT reply.key, reply.id FROM ask JOIN reply ON reply.id = ask.reply_id "
        "WHERE ask.run_id = ? AND ask.trial_id IS NULL AND reply.status <> 'error' ORDER BY ask.id",
        (run_id,),
    )
    return dict(rows)


def stored_reply(connection: sqlite3.Connection, number: int) -> StoredReply | None:
    """The reply of that number."""
    return _one_reply(connection, "WHERE reply.id = ?", number)


def _one_reply(
    connection: sqlite3.Connection, condition: str, *parameters: bytes | int
) -> StoredReply | None:
    row = connection.execute(
        f"SELECT {REPLY_COLUMNS} FROM reply {condition}",  # noqa: S608 -- constants of our own
        parameters,
    ).fetchone()
    if row is None:
        return None
    from gnomon.store.replies import StoredReply

    return StoredReply(row[0], Lookup(connection).reply(row))


TRIAL_SQL = f"""
SELECT trial.id, trial.ordinal, trial.item_id, trial.condition_id, trial.repeat, trial.draws,
    ask.position, ask.form_id, ask.sample, ask.seed, ask.system_id, prompt.body, prompt.exact,
    ask.messages, {REPLY_COLUMNS}
FROM trial
LEFT JOIN ask ON ask.trial_id = trial.id AND ask.phase = 'trial'
LEFT JOIN text AS prompt ON prompt.id = ask.prompt_id
LEFT JOIN reply ON reply.id = ask.reply_id
"""  # noqa: S608 -- constants of our own
"""What a record is made of; a WHERE is to follow."""


def records(rows: Iterator[Any], lookup: Lookup) -> Iterator[tuple[int, TrialRecord]]:
    """Numbers and records from rows of ``TRIAL_SQL``, those of one trial beside each other."""
    # Rows of one trial lie together; their asks are put in order here, which spares a sort per trial.
    current: int | None = None
    trial: Trial | None = None
    exchanges: list[tuple[int, Exchange]] = []
    for row in rows:
        if row[0] != current:
            if trial is not None and current is not None:
                yield current, TrialRecord(trial, _ordered(exchanges))
                exchanges = []
            current = row[0]
            trial = lookup.trial(*row[1:6])
        if row[6] is None:
            continue
        prompt = row[11] if row[12] is None else join_text(row[11], row[12])
        ask = lookup.ask(row[7], row[8], row[9], row[10], prompt, row[13], trial)
        exchanges.append((row[6], Exchange(ask, lookup.reply(row[14:]))))
    if trial is not None and current is not None:
        yield current, TrialRecord(trial, _ordered(exchanges))


def _ordered(exchanges: list[tuple[int, Exchange]]) -> tuple[Exchange, ...]:
    if len(exchanges) > 1:
        exchanges.sort(key=lambda pair: pair[0])
    return tuple([exchange for _, exchange in exchanges])


def trial_records(connection: sqlite3.Connection, run_id: int) -> Iterator[tuple[int, TrialRecord]]:
    """Finished trials of a run in the order of the plan, with their numbers."""
    lookup = Lookup(connection)
    (top,) = connection.execute(
        "SELECT coalesce(max(ordinal), -1) FROM trial WHERE run_id = ?", (run_id,)
    ).fetchone()
    # In stretches: a reader that stayed open for the whole run would keep the log from being emptied.
    for start in range(0, top + 1, _CHUNK):
        rows = connection.execute(
            f"{TRIAL_SQL} WHERE trial.run_id = ? AND trial.ordinal >= ? AND trial.ordinal < ? "
            "AND trial.finished = 1 ORDER BY trial.ordinal",
            (run_id, start, start + _CHUNK),
        )
        yield from records(rows, lookup)


def item_records(connection: sqlite3.Connection, run_id: int) -> Iterator[tuple[int, ItemRecord]]:
    """Items of a run with all their finished trials, by number of the item."""
    lookup = Lookup(connection)
    places = connection.execute(
        "SELECT item_id, id FROM trial WHERE run_id = ? AND finished = 1 ORDER BY item_id, ordinal",
        (run_id,),
    )
    current: int | None = None
    numbers: list[int] = []
    for item_id, trial_id in places:
        if item_id != current:
            if current is not None:
                yield current, _item_record(connection, lookup, current, numbers)
            current, numbers = item_id, []
        numbers.append(trial_id)
    if current is not None:
        yield current, _item_record(connection, lookup, current, numbers)


def _item_record(
    connection: sqlite3.Connection, lookup: Lookup, item_id: int, trial_ids: list[int]
) -> ItemRecord:
    rows = connection.execute(
        f"{TRIAL_SQL} WHERE trial.id IN (SELECT value FROM json_each(?)) ORDER BY trial.ordinal",  # noqa: S608 -- constants of our own
        (str(trial_ids),),
    )
    found = tuple(record for _, record in records(rows, lookup))
    return ItemRecord(lookup.item(item_id), found)


def scores_by_item(
    connection: sqlite3.Connection, run_id: int, scoring: int, below: int
) -> dict[str, dict[str, list[Score]]]:
    """Trial scores of a pass; see ``Store.scores_by_item``."""
    out: dict[str, dict[str, list[Score]]] = {}
    rows = connection.execute(
        "SELECT item.key, score_name.name, score.value, score.status, score.detail FROM score "
        "JOIN scoring ON scoring.id = score.scoring_id "
        "JOIN score_name ON score_name.id = score.name_id "
        "JOIN trial ON trial.id = score.trial_id JOIN item ON item.id = trial.item_id "
        "WHERE scoring.run_id = ? AND scoring.pass = ? AND trial.ordinal < ? "
        "ORDER BY trial.ordinal, score.id",
        (run_id, scoring, below),
    )
    for key, name, value, status, detail in rows:
        score = Score(name=name, value=value, status=status, detail=object_from_json(detail))
        out.setdefault(key, {}).setdefault(name, []).append(score)
    return out


@attrs.frozen
class Finished:
    """Which ordinals of a run are finished: one bit each.

    ``ordinal in finished`` says whether a trial of that ordinal need not be administered again;
    ``len(finished)`` how many there are.
    """

    _bits: bytearray
    _count: int

    def __contains__(self, ordinal: int) -> bool:
        at = ordinal >> 3
        return 0 <= at < len(self._bits) and bool(self._bits[at] >> (ordinal & 7) & 1)

    def __len__(self) -> int:
        return self._count


def finished(connection: sqlite3.Connection, run_id: int) -> Finished:
    """What of a run need not be done again, from two scans of indexes."""
    (top,) = connection.execute(
        "SELECT coalesce(max(ordinal), -1) FROM trial WHERE run_id = ?", (run_id,)
    ).fetchone()
    bits = bytearray((top >> 3) + 1)
    count = 0
    for (ordinal,) in connection.execute("SELECT ordinal FROM trial WHERE run_id = ?", (run_id,)):
        bits[ordinal >> 3] |= 1 << (ordinal & 7)
        count += 1
    for (ordinal,) in connection.execute(
        "SELECT ordinal FROM trial WHERE run_id = ? AND finished = 0", (run_id,)
    ):
        bits[ordinal >> 3] &= ~(1 << (ordinal & 7))
        count -= 1
    return Finished(bits, count)
