"""Why a stored ask was, or was not, answered from the store.

One invariant: an explanation rests on what is stored alone. The key of an ask is made again from its parts, and what
keeps two asks apart is exactly the parts of their keys that differ.

The nearest ask is looked for where it lies by the design: the same item and condition in another repeat or in
another run, which indexes find, whatever the size of the database.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, Literal

import attrs

from gnomon.errors import StoreError
from gnomon.store.keys import Administered, RoleFacts, key_parts, reply_key
from gnomon.store.provenance import facts
from gnomon.store.reading import Lookup
from gnomon.store.values import join_text

Why = Literal["used", "not-used", "failed-before", "new"]
MOST_RUNS = 20
"""Other runs that are looked at for the nearest ask, the newest of the same measure first."""
SAMPLE = 100
"""Asks of a run whose nearest asks are looked for."""

_MISSING = "(nothing)"


@attrs.frozen(kw_only=True)
class Difference:
    """A part of the key in which two asks differ.

    Attributes:
        part: Its name, such as ``decoding.temperature``.
        here: What it is in the ask explained.
        there: What it is in the nearest ask.
    """

    part: str
    here: str
    there: str


@attrs.frozen(kw_only=True)
class Explained:
    """Why one ask was, or was not, answered from the store.

    Attributes:
        ask: Number of the ask.
        run: Its run.
        trial: Its trial, None for asks of a source or an item scorer.
        item: The item's key, None for asks of a source.
        role: Who was asked.
        name: What the reply is called.
        status: Status of the reply.
        why: ``used``: a stored reply answered it. ``not-used``: one was there and was not to be used
            (``--no-cache``). ``failed-before``: only attempts of its key were there, and an attempt is
            never an answer. ``new``: nothing of its key was there.
        attempts: Statuses of the attempts of its key that were there.
        near: The ask that made the reply, when it was used; otherwise the nearest ask, None
            when there is none like it.
        near_run: The run of that ask.
        near_trial: Its trial.
        differs: What differs from the nearest ask, all of it.
        note: What else a reader should know; empty when nothing.
    """

    ask: int
    run: int
    trial: int | None
    item: str | None
    role: str
    name: str
    status: str
    why: Why
    attempts: tuple[str, ...] = ()
    near: int | None = None
    near_run: int | None = None
    near_trial: int | None = None
    differs: tuple[Difference, ...] = ()
    note: str = ""


@attrs.frozen(slots=False)
class _Row:
    id: int
    run: int
    trial: int | None
    phase: str
    position: int
    cached: int
    reply: int
    key: bytes
    status: str
    attempt: int
    repeat: int
    ordinal: int | None
    item: int | None
    condition: int | None
    item_key: str | None
    ask: Any


_SQL = """
SELECT ask.id, ask.run_id, ask.trial_id, ask.phase, ask.position, ask.cached, reply.id, reply.key,
    reply.status, reply.attempt, coalesce(trial.repeat, 0), trial.ordinal,
    coalesce(trial.item_id, ask.item_id), trial.condition_id, item.key,
    ask.form_id, ask.sample, ask.seed, ask.system_id, prompt.body, prompt.exact, ask.messages
FROM ask
JOIN reply ON reply.id = ask.reply_id
LEFT JOIN trial ON trial.id = ask.trial_id
LEFT JOIN item ON item.id = coalesce(trial.item_id, ask.item_id)
LEFT JOIN text AS prompt ON prompt.id = ask.prompt_id
"""


class Explainer:
    """Explains the asks of an open database.

    Args:
        connection: A connection that may read.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._lookup = Lookup(connection)
        self._roles: dict[int, Mapping[str, RoleFacts]] = {}
        self._strides: dict[int, int] = {}

    # -- what is explained -----------------------------------------------------------------------

    def trial(self, number: int) -> list[Explained]:
        """Every ask of a trial, in order.

        Raises:
            StoreError: There is no such trial.
        """
        # SQLite has no number of more than 64 bits, so no trial has one either.
        known = self._connection.execute(
            "SELECT 1 FROM trial WHERE id = ?", (min(number, 2**63 - 1),)
        ).fetchone()
        if known is None:
            raise StoreError(f"there is no trial {number}; the view 'trials' lists them")
        rows = self._rows("WHERE ask.trial_id = ? ORDER BY ask.id", number)
        return [self._explained(row) for row in rows]

    def counts(self, run_id: int) -> tuple[int, dict[int, int]]:
        """Asks of a run that were called, and run → how many it got from the calls of that run."""
        facts(self._connection, run_id)
        (called,) = self._connection.execute(
            "SELECT count(*) FROM ask WHERE run_id = ? AND cached = 0", (run_id,)
        ).fetchone()
        found = self._connection.execute(
            "WITH used AS MATERIALIZED (SELECT reply_id FROM ask WHERE run_id = ? AND cached = 1), "
            "made AS MATERIALIZED (SELECT reply_id, min(run_id) AS run_id FROM ask "
            "WHERE cached = 0 AND reply_id IN (SELECT reply_id FROM used) GROUP BY reply_id) "
            "SELECT coalesce(made.run_id, 0), count(*) FROM used "
            "LEFT JOIN made ON made.reply_id = used.reply_id GROUP BY 1 ORDER BY 1",
            (run_id,),
        )
        return called, dict(found)

    def called(self, run_id: int, most: int = SAMPLE) -> Iterator[Explained]:
        """Some of the asks of a run that were called, evenly spread over it."""
        numbers = [
            number
            for (number,) in self._connection.execute(
                "SELECT id FROM ask WHERE run_id = ? AND cached = 0 ORDER BY id", (run_id,)
            )
        ]
        step = max(1, len(numbers) // most)
        for number in numbers[::step][:most]:
            for row in self._rows("WHERE ask.id = ?", number):
                yield self._explained(row)

    # -- one ask ---------------------------------------------------------------------------------

    def _rows(self, where: str, *parameters: Any) -> Iterator[_Row]:
        for row in self._connection.execute(f"{_SQL} {where}", parameters).fetchall():
            form, sample, seed, system, body, exact, messages = row[15:]
            prompt = None if body is None else join_text(body, exact)
            ask = self._lookup.ask(form, sample, seed, system, prompt, messages, None)
            yield _Row(*[*row[:15], ask])

    def _parts(self, row: _Row) -> dict[str, Any]:
        return key_parts(row.ask, self._role(row), row.repeat, self._administered(row))

    def _administered(self, row: _Row) -> Administered | None:
        if row.item is None or row.condition is None:
            return None
        return self._lookup.administered(row.item, row.condition)

    def _role(self, row: _Row) -> RoleFacts:
        if row.run not in self._roles:
            self._roles[row.run] = facts(self._connection, row.run).roles
        known = self._roles[row.run].get(row.ask.role)
        return known or RoleFacts(role=row.ask.role, backend="", model="")

    def _explained(self, row: _Row) -> Explained:
        common: dict[str, Any] = {
            "ask": row.id,
            "run": row.run,
            "trial": row.trial,
            "item": row.item_key,
            "role": row.ask.role,
            "name": row.ask.name,
            "status": row.status,
        }
        if row.cached:
            made = self._connection.execute(
                "SELECT id, run_id, trial_id FROM ask WHERE reply_id = ? AND cached = 0 LIMIT 1",
                (row.reply,),
            ).fetchone()
            near, run, trial = made or (None, None, None)
            return Explained(why="used", near=near, near_run=run, near_trial=trial, **common)
        attempts = self._before(row)
        if any(status in ("ok", "truncated") for status in attempts):
            return Explained(why="not-used", attempts=attempts, **common)
        if attempts:
            return Explained(why="failed-before", attempts=attempts, **common)
        near, differs = self._nearest(row)
        if near is not None:
            common |= {"near": near.id, "near_run": near.run, "near_trial": near.trial}
        return Explained(why="new", differs=differs, note=self._note(row), **common)

    def _before(self, row: _Row) -> tuple[str, ...]:
        """Statuses of what was stored under the key before the call was made."""
        found = self._connection.execute(
            "SELECT status FROM reply WHERE key = ? AND id < ? ORDER BY id", (row.key, row.reply)
        ).fetchall()
        # The last ones are earlier tries of the same call.
        return tuple(status for (status,) in found[: max(0, len(found) - (row.attempt - 1))])

    def _note(self, row: _Row) -> str:
        role = self._role(row)
        if row.phase == "source":
            return ""
        again = reply_key(
            row.ask,
            backend=role.backend,
            model=role.model,
            options=role.options,
            identity=role.identity,
            repeat=row.repeat,
            trial=self._administered(row),
        )
        if again == row.key:
            return ""
        return (
            "its key is not the one that this gnomon makes of it: it was stored by another version of "
            "the key, or with an option that is not stored"
        )

    # -- the nearest -----------------------------------------------------------------------------

    def _nearest(self, row: _Row) -> tuple[_Row | None, tuple[Difference, ...]]:
        parts = self._parts(row)
        best: tuple[int, int, _Row, tuple[Difference, ...]] | None = None
        for other in self._candidates(row):
            differs = differences(parts, self._parts(other))
            # Of equally near ones, the newest.
            rank = (len(differs), -other.id)
            if best is None or rank < best[:2]:
                best = (*rank, other, differs)
        return (None, ()) if best is None else best[2:]

    def _candidates(self, row: _Row) -> Iterator[_Row]:
        if row.ordinal is None:
            yield from self._rows(
                "WHERE ask.trial_id IS NULL AND ask.phase = ? AND ask.id < ? "
                "ORDER BY ask.id DESC LIMIT 50",
                row.phase,
                row.id,
            )
            return
        for trial in self._trials(row):
            yield from (
                other
                for other in self._rows(
                    "WHERE ask.trial_id = ? AND ask.phase = ? AND ask.id < ?",
                    trial,
                    row.phase,
                    row.id,
                )
                if other.key != row.key
            )

    def _trials(self, row: _Row) -> Iterator[int]:
        """Trials that may hold an ask like this one: the same one in other runs, and other repeats."""
        assert row.ordinal is not None
        stride = self._stride(row.run)
        if row.trial is not None:
            yield row.trial
        for repeat in {0, row.repeat - 1} - {-1, row.repeat}:
            yield from self._at(row.run, row.ordinal - (row.repeat - repeat) * stride)
        for run in self._other_runs(row.run):
            found = list(self._at(run, row.ordinal, row.item))
            if not found:
                place = row.ordinal % max(1, stride)
                found = list(self._at(run, place + row.repeat * self._stride(run), row.item))
            if not found:
                found = [
                    trial
                    for (trial,) in self._connection.execute(
                        "SELECT id FROM trial WHERE run_id = ? AND item_id = ? "
                        "ORDER BY condition_id <> ?, repeat <> ?, ordinal LIMIT 4",
                        (run, row.item, row.condition, row.repeat),
                    )
                ]
            # The stimuli may have changed, so that the item itself is another.
            yield from found or self._at(run, row.ordinal)

    def _at(self, run: int, ordinal: int, item: int | None = None) -> Iterator[int]:
        found = self._connection.execute(
            "SELECT id, item_id FROM trial WHERE run_id = ? AND ordinal = ?", (run, ordinal)
        ).fetchall()
        return (trial for trial, held in found if item is None or held == item)

    def _stride(self, run: int) -> int:
        """Trials of one repeat of a run."""
        if run not in self._strides:
            (top,) = self._connection.execute(
                "SELECT coalesce(max(ordinal), 0) + 1 FROM trial WHERE run_id = ? AND repeat = 0",
                (run,),
            ).fetchone()
            self._strides[run] = top
        return self._strides[run]

    @cached_property
    def _measures(self) -> dict[int, str]:
        return dict(
            self._connection.execute(
                "SELECT run.id, measure.name FROM run JOIN measure ON measure.id = run.measure_id"
            )
        )

    def _other_runs(self, run: int) -> list[int]:
        same = self._measures[run]
        others = sorted(
            (other for other in self._measures if other != run),
            key=lambda other: (self._measures[other] != same, -other),
        )
        return others[:MOST_RUNS]


def differences(here: Mapping[str, Any], there: Mapping[str, Any]) -> tuple[Difference, ...]:
    """The parts of two keys that differ, in the order of the key."""
    return tuple(
        Difference(part=part, here=one, there=other)
        for part in dict.fromkeys((*here, *there))
        if (pair := _apart(here.get(part, _MISSING), there.get(part, _MISSING))) is not None
        for one, other in [pair]
    )


def _apart(here: Any, there: Any) -> tuple[str, str] | None:
    if type(here) is type(there) and here == there:
        return None
    one, other = str(here), str(there)
    if one == other:
        # 1 and 1.0, or a number and its text, are two things to a key.
        return f"{one} ({type(here).__name__})", f"{other} ({type(there).__name__})"
    return _around(one, other), _around(other, one)


def _around(text: str, other: str, shown: int = 60) -> str:
    """The text from a little before the first letter that differs."""
    if len(text) <= shown:
        return text
    same = next((at for at, (a, b) in enumerate(zip(text, other, strict=False)) if a != b), None)
    start = max(0, (min(len(text), len(other)) if same is None else same) - 15)
    end = start + shown
    return f"{'…' if start else ''}{text[start:end]}{'…' if end < len(text) else ''}"
