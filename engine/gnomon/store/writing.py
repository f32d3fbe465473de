"""Writing: rows are numbered at once, kept in memory, and committed together.

One invariant: what belongs together is committed together and in the order in which it depends: a score never
without its reply, a finished trial never without its asks. A commit is at most ``ROWS`` replies or
``SECONDS`` seconds away from the one before, and what a commit acknowledged survives the death of
the process.

The one writer numbers rows itself, which it may because it holds the lock.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import attrs

from gnomon.errors import StoreError
from gnomon.records import (
    Ask,
    Chat,
    Choose,
    Embed,
    Estimate,
    Hidden,
    Item,
    Loglik,
    Reply,
    Score,
    Trial,
)
from gnomon.store import reading
from gnomon.store.forms import form_key, form_of
from gnomon.store.values import (
    compress,
    digest,
    json_or_none,
    readable,
    split_text,
    text_bytes,
    to_json,
    tokens_to_blob,
    vectors_to_blob,
)

ROWS = 200
"""Most replies between two commits."""
SECONDS = 1.0
"""Most seconds between two commits while there is something to commit."""
REUSABLE = ("ok", "truncated")
"""Statuses of replies that answer the same ask again; all others are attempts."""

_CACHED_TEXTS = 20_000
_CACHED_ITEMS = 2_000
_CACHED_FORMS = 2_000
_FILTER = (1 << 23) - 1
_BASE_BYTES = 16_384  # zlib looks back 32 KiB; an earlier payload beyond half of it crowds out the present one

_TABLES = {
    "text": 3,
    "text_hash": 2,
    "item": 7,
    "condition": 7,
    "trial": 8,
    "reply": 23,
    "ask": 14,
    "score_name": 3,
    "score": 8,
    "estimate": 30,
}
"""Tables that are written in batches, parents first, with their number of columns."""


@attrs.frozen
class StoredReply:
    """A reply that can be used again.

    Attributes:
        id: Its number.
        reply: The reply.
    """

    id: int
    reply: Reply


def _bounded(cache: dict[Any, Any], most: int) -> None:
    # The oldest half goes at once: first in, first out, at no cost per hit.
    if len(cache) > most:
        for key in list(cache)[: most // 2]:
            del cache[key]


class Writer:
    """The rows on their way into the database.

    Args:
        connection: A connection that writes.
        path: The file, for sentences.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path
        self._inode = path.stat().st_ino
        self._next: dict[str, int] = {}
        self._rows: dict[str, list[Any]] = {}
        self._insert: dict[str, str] = {}
        for table, columns in _TABLES.items():
            self._rows[table] = []
            self._insert[table] = f"INSERT INTO {table} VALUES ({','.join('?' * columns)})"  # noqa: S608 -- names of our own tables
            if table == "text_hash":
                continue
            (top,) = connection.execute(f"SELECT coalesce(max(id), 0) FROM {table}").fetchone()  # noqa: S608 -- names of our own tables
            self._next[table] = top + 1
        # By name: the record says which columns an estimate has, not their order.
        names = ", ".join(f'"{name}"' for name in reading.ESTIMATE_FIELDS)
        self._insert["estimate"] = self._insert["estimate"].replace(
            "estimate", f"estimate (id, scoring_id, {names})"
        )
        self._texts: dict[bytes, int] = {}
        self._items: dict[str, tuple[Item, int]] = {}
        self._item_hashes: dict[bytes, int] = {}
        self._conditions: dict[Any, tuple[int, dict[str, Any], Any, Any]] = {}
        self._forms: dict[Any, int] = {}
        self._raw_bases: dict[str | None, tuple[int, str]] = {}
        self._score_names: dict[tuple[str, str], int] = {}
        self._scorings: dict[tuple[int, int], int] = {}
        self._new_scorings: set[int] = set()
        self._waiting: dict[int, list[Any]] = {}
        self._buffered: dict[int, list[Any]] = {}
        self._ordinals: dict[tuple[int, int], int] = {}
        self._top: dict[int, int] = {}
        self._finished: list[tuple[int]] = []
        self._again: list[tuple[int]] = []
        self._rescored: list[tuple[int, int, int]] = []
        self._reestimated: list[tuple[int]] = []
        self._usable: dict[bytes, StoredReply] = {}
        # Keys met since a beginning without replies, as bits of a filter: most asks of a new run are
        # new, and this spares looking for them on disk. The lock sees to it that nobody else adds any.
        self._met = bytearray(1 << 20) if self._next["reply"] == 1 else None
        self._unacknowledged = 0
        self._committed = time.monotonic()
        self.acknowledged = 0
        self.on_commit: Callable[[int], None] | None = None

    # -- numbering -------------------------------------------------------------------------------

    def _number(self, table: str) -> int:
        number = self._next[table]
        self._next[table] = number + 1
        return number

    def _find(self, sql: str, parameters: tuple[Any, ...]) -> Any:
        row = self._connection.execute(sql, parameters).fetchone()
        return None if row is None else row[0]

    def text_id(self, text: str) -> int:
        """The number of a text; the text is stored when it is new."""
        data, _ = text_bytes(text)
        key = digest(data)
        number = self._texts.get(key)
        if number is None:
            number = self._find("SELECT text_id FROM text_hash WHERE hash = ?", (key,))
            if number is None:
                number = self._number("text")
                self._rows["text"].append((number, *split_text(text)))
                self._rows["text_hash"].append((key, number))
            self._texts[key] = number
        return number

    # -- items and trials ------------------------------------------------------------------------

    def add_item(self, item: Item) -> int:
        """The number of an item; one of the same content is stored once."""
        known = self._items.get(item.key)
        if known is not None and (known[0] is item or known[0] == item):
            return known[1]
        fields, groups = json_or_none(item.fields), json_or_none(item.groups)
        identity = to_json([item.key, item.gold])
        key = digest("\n".join((identity, fields or "", groups or "")).encode())
        number: int | None = self._find("SELECT id FROM item WHERE hash = ?", (key,))
        if number is None:
            number = self._item_hashes.get(key)
        if number is None:
            number = self._item_hashes[key] = self._number("item")
            gold = readable(item.gold) if isinstance(item.gold, str) else item.gold
            shown = readable(item.key)
            exact = None if (shown, gold) == (item.key, item.gold) else identity
            self._rows["item"].append((number, key, shown, fields, groups, gold, exact))
        self._items[item.key] = (item, number)
        _bounded(self._items, _CACHED_ITEMS)
        return number

    def _condition(self, trial: Trial) -> int:
        item = trial.item
        cache = (trial.format, *trial.levels.items())
        known = self._conditions.get(cache)
        if known is not None:
            number, carried, hidden, joined = known
            built = reading.trial_fields(item, trial.levels, carried, trial.draws, hidden, joined)
            if built == trial.fields:
                return number
        carried, hidden, joined = _explain(trial)
        built = reading.trial_fields(item, trial.levels, carried, trial.draws, hidden, joined)
        if built != trial.fields:
            raise StoreError(
                f"trial {trial.ordinal} cannot be stored: its fields are not those of its item, "
                "levels and draws"
            )
        row = (
            trial.format,
            json_or_none(trial.levels),
            json_or_none(carried),
            json_or_none(hidden),
            json_or_none(joined),
        )
        key = digest("\n".join(part or "" for part in row).encode())
        found: int | None = self._find("SELECT id FROM condition WHERE hash = ?", (key,))
        if found is None:
            found = next((held[0] for held in self._rows["condition"] if held[1] == key), None)
        if found is None:
            found = self._number("condition")
            self._rows["condition"].append((found, key, *row))
        self._conditions[cache] = (found, carried, hidden, joined)
        _bounded(self._conditions, _CACHED_FORMS)
        return found

    def begin(self, run_id: int) -> None:
        """Note how far a run had come, so that new trials need not be looked up."""
        top = self._find("SELECT max(ordinal) FROM trial WHERE run_id = ?", (run_id,))
        self._top[run_id] = -1 if top is None else top

    def add_trial(self, run_id: int, item_id: int, trial: Trial) -> int:
        """The number of a trial. One that was begun before is begun anew: its asks and scores go."""
        place = (run_id, trial.ordinal)
        if run_id not in self._top:
            self.begin(run_id)
        if trial.ordinal <= self._top[run_id]:
            known = self._ordinals.get(place)
            if known is not None:
                return known
            row = self._connection.execute(
                "SELECT id, finished, item_id FROM trial WHERE run_id = ? AND ordinal = ?", place
            ).fetchone()
            if row is not None:
                if row[2] != item_id:
                    raise StoreError(
                        f"trial {trial.ordinal} of run {run_id} was begun with another item than "
                        f"{trial.item.key!r}, so the stimuli are not those it was begun with; "
                        "begin a new run with --fresh"
                    )
                if not row[1]:
                    self._again.append((row[0],))
                return int(row[0])
        else:
            self._top[run_id] = trial.ordinal
        number = self._number("trial")
        self._waiting[number] = [
            number,
            run_id,
            trial.ordinal,
            item_id,
            self._condition(trial),
            trial.repeat,
            json_or_none(trial.draws),
            0,
        ]
        self._ordinals[place] = number
        return number

    def _admit(self, trial_id: int) -> None:
        # A trial is written once something is known of it, and so mostly in one piece.
        row = self._waiting.pop(trial_id, None)
        if row is not None:
            self._buffered[trial_id] = row
            self._rows["trial"].append(row)

    def finish_trial(self, trial_id: int) -> None:
        """Note that all asks of a trial were answered."""
        self._admit(trial_id)
        row = self._buffered.get(trial_id)
        if row is not None:
            row[7] = 1
        else:
            self._finished.append((trial_id,))

    # -- replies and asks ------------------------------------------------------------------------

    def find_reply(self, key: bytes) -> StoredReply | None:
        """The newest reply of that key that can be used again."""
        found = self._usable.get(key)
        if found is not None:
            return found
        if self._met is not None:
            at = int.from_bytes(key[:3], "little") & _FILTER
            if not self._met[at >> 3] >> (at & 7) & 1:
                return None
        return reading.find_reply(self._connection, key)

    def add_reply(self, key: bytes, reply: Reply, attempt: int) -> int:
        """Store an attempt, whatever came of it."""
        number = self._number("reply")
        text, text_exact = split_text(reply.text)
        vectors, form = vectors_to_blob(reply.vectors)
        raw, base_id = self._raw(reply)
        self._rows["reply"].append(
            (
                number,
                key,
                attempt,
                reply.status,
                text,
                text_exact,
                None if reply.finish is None else readable(reply.finish),
                None if reply.probabilities is None else to_json(reply.probabilities),
                None if reply.exact is None else int(reply.exact),
                _real(reply.coverage),
                tokens_to_blob(reply.tokens),
                vectors,
                form,
                json_or_none(reply.missing),
                _whole(reply.tokens_in),
                _whole(reply.tokens_out),
                _real(reply.cost),
                None if reply.model is None else self.text_id(reply.model),
                raw,
                base_id,
                None if reply.error is None else readable(reply.error),
                _real(reply.seconds),
                int(time.time()),
            )
        )
        self._unacknowledged += 1
        if self._met is not None:
            at = int.from_bytes(key[:3], "little") & _FILTER
            self._met[at >> 3] |= 1 << (at & 7)
        if reply.status in REUSABLE:
            self._usable[key] = StoredReply(number, reply)
        return number

    def _raw(self, reply: Reply) -> tuple[bytes | None, int | None]:
        if reply.raw is None:
            return None, None
        known = self._raw_bases.get(reply.model)
        if known is not None:
            return compress(reply.raw, known[1]), known[0]
        if len(reply.raw) > _BASE_BYTES:
            return compress(reply.raw, None), None
        number = self.text_id(reply.raw)
        self._raw_bases[reply.model] = (number, reply.raw)
        _bounded(self._raw_bases, 100)
        return compress(reply.raw, reply.raw), number

    def _form(self, ask: Ask) -> int:
        key = form_key(ask)
        number = self._forms.get(key)
        if number is None:
            number = self._forms[key] = self.text_id(to_json(form_of(ask)))
            _bounded(self._forms, _CACHED_FORMS)
        return number

    def _shown(self, ask: Ask) -> tuple[int | None, int | None, str | None]:
        # Columns system_id, prompt_id, messages.
        if isinstance(ask, (Chat, Choose)):
            messages = ask.messages
            roles = [message.role for message in messages]
            numbers = [self.text_id(message.content) for message in messages]
            if roles == ["user"]:
                return None, numbers[0], None
            if roles == ["system", "user"]:
                return numbers[0], numbers[1], None
            system = numbers[0] if roles and roles[0] == "system" else None
            last = max((at for at, role in enumerate(roles) if role == "user"), default=None)
            pairs = [list(pair) for pair in zip(roles, numbers, strict=True)]
            return system, None if last is None else numbers[last], to_json(pairs)
        if isinstance(ask, Loglik):
            prompt = self.text_id(ask.text)
            if not ask.context:
                return None, prompt, None
            return None, prompt, to_json([["context", self.text_id(ask.context)], ["text", prompt]])
        assert isinstance(ask, (Embed, Hidden))
        numbers = [self.text_id(text) for text in ask.texts]
        if len(numbers) == 1:
            return None, numbers[0], None
        first = numbers[0] if numbers else None
        return None, first, to_json([["text", number] for number in numbers])

    def add_ask(
        self,
        run_id: int,
        trial_id: int | None,
        item_id: int | None,
        position: int,
        ask: Ask,
        reply_id: int,
        *,
        cached: bool,
        phase: str,
    ) -> int:
        """Store which reply answered an ask."""
        if trial_id is not None:
            self._admit(trial_id)
        number = self._number("ask")
        seed = ask.decoding.seed if isinstance(ask, (Chat, Choose)) else None
        self._rows["ask"].append(
            (
                number,
                run_id,
                trial_id,
                item_id if trial_id is None else None,
                phase,
                position,
                self._form(ask),
                ask.sample,
                seed,
                *self._shown(ask),
                reply_id,
                int(cached),
            )
        )
        return number

    # -- scores and estimates --------------------------------------------------------------------

    def scoring_id(self, run_id: int, scoring: int) -> int:
        """The number of a scoring pass of a run.

        Raises:
            StoreError: The pass was not begun.
        """
        known = self._scorings.get((run_id, scoring))
        if known is None:
            known = self._find(
                "SELECT id FROM scoring WHERE run_id = ? AND pass = ?", (run_id, scoring)
            )
            if known is None:
                raise StoreError(f"run {run_id} has no scoring pass {scoring}")
            self._scorings[run_id, scoring] = known
        return known

    def begun_scoring(self, run_id: int, scoring: int, number: int) -> None:
        """Note a pass that was made just now: nothing in it can need replacing."""
        self._scorings[run_id, scoring] = number
        self._new_scorings.add(number)

    def _score_name(self, scorer: str, name: str) -> int:
        number = self._score_names.get((scorer, name))
        if number is None:
            number = self._find(
                "SELECT id FROM score_name WHERE scorer = ? AND name = ?", (scorer, name)
            )
            if number is None:
                number = self._number("score_name")
                self._rows["score_name"].append((number, scorer, name))
            self._score_names[scorer, name] = number
        return number

    def add_scores(
        self,
        run_id: int,
        scoring: int,
        scores: Iterable[Score],
        *,
        scorer: str,
        trial_id: int | None,
        item_id: int | None,
    ) -> None:
        """Store the scores that one scorer read off one trial or one item."""
        if (trial_id is None) == (item_id is None):
            raise StoreError("a score belongs either to a trial or to an item")
        scoring_id = self.scoring_id(run_id, scoring)
        if trial_id is not None:
            self._admit(trial_id)
        for score in scores:
            if score.value is not None and score.value != score.value:
                raise StoreError(
                    f"the scorer {scorer!r} gave the score {score.name!r} as not-a-number; a score "
                    "that is missing has no value and a status that says why"
                )
            name_id = self._score_name(scorer, score.name)
            if item_id is not None and scoring_id not in self._new_scorings:
                self._rescored.append((scoring_id, item_id, name_id))
            self._rows["score"].append(
                (
                    self._number("score"),
                    scoring_id,
                    trial_id,
                    item_id,
                    name_id,
                    _real(score.value),
                    score.status,
                    json_or_none(score.detail),
                )
            )

    def replace_estimates(self, run_id: int, scoring: int, estimates: Iterable[Estimate]) -> None:
        """Put what statistics say of a pass in the place of what they said before."""
        scoring_id = self.scoring_id(run_id, scoring)
        rows = self._rows["estimate"]
        rows[:] = [row for row in rows if row[1] != scoring_id]
        self._reestimated.append((scoring_id,))
        for estimate in estimates:
            rows.append((self._number("estimate"), scoring_id, *reading.estimate_row(estimate)))

    # -- committing ------------------------------------------------------------------------------

    def tick(self) -> None:
        """Commit when it is time to."""
        if self._unacknowledged >= ROWS or time.monotonic() - self._committed >= SECONDS:
            self.flush()

    def flush(self) -> None:
        """Commit all that is in memory, in one transaction.

        Raises:
            StoreError: It could not be committed; nothing of it was, and it is kept for another try.
        """
        pending = (
            any(self._rows.values())
            or self._finished
            or self._again
            or self._rescored
            or self._reestimated
        )
        self._committed = time.monotonic()
        if not pending:
            return
        self._check_place()
        connection = self._connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            self._take_back()
            for table, rows in self._rows.items():
                if rows:
                    connection.executemany(self._insert[table], rows)
            if self._finished:
                connection.executemany("UPDATE trial SET finished = 1 WHERE id = ?", self._finished)
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise self.failure(error) from error
        self._clear()

    def _take_back(self) -> None:
        if self._again:
            self._connection.executemany("DELETE FROM ask WHERE trial_id = ?", self._again)
            self._connection.executemany(
                "DELETE FROM score WHERE trial_id = ?1 AND scoring_id IN (SELECT scoring.id "
                "FROM scoring JOIN trial ON trial.run_id = scoring.run_id WHERE trial.id = ?1)",
                self._again,
            )
        if self._rescored:
            self._connection.executemany(
                "DELETE FROM score WHERE scoring_id = ? AND item_id = ? AND name_id = ?",
                self._rescored,
            )
        if self._reestimated:
            self._connection.executemany(
                "DELETE FROM estimate WHERE scoring_id = ?", self._reestimated
            )

    def _clear(self) -> None:
        for row in self._rows["trial"]:
            self._ordinals.pop((row[1], row[2]), None)
        for rows in self._rows.values():
            rows.clear()
        self._finished.clear()
        self._again.clear()
        self._rescored.clear()
        self._reestimated.clear()
        self._buffered.clear()
        self._usable.clear()
        self._item_hashes.clear()
        # Only now: a text that was still in memory would not have been found in the database.
        _bounded(self._texts, _CACHED_TEXTS)
        self.acknowledged += self._unacknowledged
        self._unacknowledged = 0
        if self.on_commit is not None:
            self.on_commit(self.acknowledged)

    def _check_place(self) -> None:
        # A deleted file can be written to for ever; all of it is lost when the process ends.
        try:
            there = self._path.stat().st_ino == self._inode
        except OSError:
            there = False
        if not there:
            raise StoreError(
                f"the database {self._path} was removed or replaced while it was being written; "
                f"{self._rescue()}"
            )

    def _rescue(self) -> str:
        saved = self._path.with_name(f"{self._path.name}.rescued")
        if saved.exists():
            return f"nothing could be rescued, because {saved} is there already"
        try:
            copy = sqlite3.connect(saved)
            try:
                self._connection.backup(copy)
            finally:
                copy.close()
        except sqlite3.Error as error:
            return f"its contents could not be rescued either ({error})"
        return (
            f"what had been committed was saved as {saved}: move it to {self._path} and give the "
            "same command again to go on"
        )

    def failure(self, error: sqlite3.Error) -> StoreError:
        """What to say of an error while writing."""
        kept = (
            f"{self.acknowledged} replies of this session are stored, {self._unacknowledged} that "
            "had just come are not"
        )
        again = "give the same command again to go on where it stopped"
        text = str(error)
        if "full" in text:
            return StoreError(
                f"the disk of the database {self._path} is full: {kept}; free some space and {again}"
            )
        if "locked" in text or "busy" in text:
            return StoreError(
                f"the database {self._path} is locked by another program that writes to it: {kept}; "
                f"end that program and {again}"
            )
        if "readonly" in text:
            return StoreError(
                f"the database {self._path} has become read-only: {kept}; make it writable and {again}"
            )
        return StoreError(
            f"the database {self._path} cannot be written ({text}): {kept}; mend the cause and {again}"
        )


def _explain(
    trial: Trial,
) -> tuple[dict[str, Any], list[str], dict[str, str]]:
    """What a trial's fields hold beyond item, levels and draws.

    Returns:
        Fields carried by the levels; names of draws that are not fields; draw → what joins its values.
    """
    fields = trial.fields
    hidden = [name for name in trial.draws if name not in fields]
    joined: dict[str, str] = {}
    for name, value in trial.draws.items():
        shown = fields.get(name)
        if isinstance(value, tuple) and isinstance(shown, str):
            joined[name] = _joiner(value, shown)
    known: Mapping[str, Any] = {**trial.item.groups, **trial.item.fields, **trial.levels}
    carried = {
        name: value
        for name, value in fields.items()
        if name not in trial.draws and (name not in known or known[name] != value)
    }
    return carried, hidden, joined


def _joiner(values: tuple[str, ...], shown: str) -> str:
    if len(values) < 2:
        return ""
    length = (len(shown) - sum(map(len, values))) // (len(values) - 1)
    return shown[len(values[0]) : len(values[0]) + max(length, 0)]


def _real(value: float | None) -> float | None:
    return None if value is None else float(value)


def _whole(value: int | None) -> int | None:
    return None if value is None else int(value)


__all__ = ["REUSABLE", "ROWS", "SECONDS", "StoredReply", "Writer"]
