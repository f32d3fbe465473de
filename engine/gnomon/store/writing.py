"""Writing: records become numbered rows, which wait in a batch and are committed together.

One invariant: a trial that is finished is written with all its asks and scores, in one commit; one that
was begun and not finished is begun anew.

The parts: ``batch`` commits, ``once`` numbers what is stored once, ``replies`` keeps what came back.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Set
from pathlib import Path
from typing import Any

from gnomon.errors import StoreError
from gnomon.records import (
    Ask,
    Chat,
    Choose,
    Embed,
    Estimate,
    Hidden,
    Loglik,
    Score,
    Trial,
)
from gnomon.store import reading
from gnomon.store.batch import Batch
from gnomon.store.once import Once
from gnomon.store.replies import Replies
from gnomon.store.values import json_or_none, real_or_none, to_json


class Writer:
    """The rows on their way into the database.

    Args:
        connection: A connection that writes.
        path: The file, for sentences.

    Attributes:
        batch: Where the rows wait.
        once: Numbers of texts, items and whatever else is stored once.
        replies: What came back.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self.batch = Batch(connection, path)
        self.once = Once(self.batch)
        self.replies = Replies(self.batch, self.once)
        self._scorings: dict[tuple[int, int], int] = {}
        self._new_scorings: set[int] = set()
        self._waiting: dict[int, list[Any]] = {}
        self._buffered: dict[int, list[Any]] = {}
        self._ordinals: dict[tuple[int, int], int] = {}
        self._top: dict[int, int] = {}
        self._filed: dict[int, frozenset[tuple[int | None, str, int, int]]] = {}

    def tick(self) -> None:
        """Commit when it is time to."""
        if self.batch.due():
            self.flush()

    def flush(self) -> None:
        """Commit all that is in memory, in one transaction.

        Raises:
            StoreError: It could not be committed; nothing of it was, and it is kept for another try.
        """
        if not self.batch.commit():
            return
        for row in self.batch.rows["trial"]:
            self._ordinals.pop((row[1], row[2]), None)
        self._buffered.clear()
        self.replies.forget()
        self.once.forget()
        self.batch.clear()

    def trim(self) -> None:
        """Commit, and let go of memory that only further writing would need."""
        self.flush()
        self.once.trim()
        self.batch.connection.execute("PRAGMA shrink_memory")

    # -- trials ----------------------------------------------------------------------------------

    def begin(self, run_id: int) -> None:
        """Note how far a run had come, so that new trials need not be looked up."""
        top = self.batch.find("SELECT max(ordinal) FROM trial WHERE run_id = ?", (run_id,))
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
            row = self.batch.connection.execute(
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
                    self.batch.change("begin trial anew", row[0])
                return int(row[0])
        else:
            self._top[run_id] = trial.ordinal
        number = self.batch.number("trial")
        self._waiting[number] = [
            number,
            run_id,
            trial.ordinal,
            item_id,
            self.once.condition_id(trial),
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
            self.batch.rows["trial"].append(row)

    def finish_trial(self, trial_id: int) -> None:
        """Note that all asks of a trial were answered."""
        self._admit(trial_id)
        row = self._buffered.get(trial_id)
        if row is not None:
            row[7] = 1
        else:
            self.batch.change("finish trial", trial_id)

    # -- asks ------------------------------------------------------------------------------------

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
    ) -> None:
        """Store which reply answered an ask; one outside trials that an earlier invocation stored is there."""
        if trial_id is not None:
            self._admit(trial_id)
        elif (item_id, phase, position, reply_id) in self._filed_before(run_id):
            return
        number = self.batch.number("ask")
        seed = ask.decoding.seed if isinstance(ask, (Chat, Choose)) else None
        self.batch.rows["ask"].append(
            (
                number,
                run_id,
                trial_id,
                item_id if trial_id is None else None,
                phase,
                position,
                self.once.form_id(ask),
                ask.sample,
                seed,
                *self._shown(ask),
                reply_id,
                int(cached),
            )
        )

    def _filed_before(self, run_id: int) -> Set[tuple[int | None, str, int, int]]:
        """Item, phase, position and reply of the asks outside trials that earlier invocations stored."""
        if run_id not in self._filed:
            invocations = "SELECT count(*) FROM session WHERE run_id = ?"
            rows = self.batch.connection.execute(
                "SELECT item_id, phase, position, reply_id FROM ask "
                "WHERE run_id = ? AND trial_id IS NULL",
                (run_id,),
            )
            resumed = self.batch.find(invocations, (run_id,)) > 1
            self._filed[run_id] = frozenset(rows) if resumed else frozenset()
        return self._filed[run_id]

    def _shown(self, ask: Ask) -> tuple[int | None, int | None, str | None]:
        # Columns system_id, prompt_id, messages.
        if isinstance(ask, (Chat, Choose)):
            messages = ask.messages
            roles = [message.role for message in messages]
            numbers = [self.once.text_id(message.content) for message in messages]
            if roles == ["user"]:
                return None, numbers[0], None
            if roles == ["system", "user"]:
                return numbers[0], numbers[1], None
            system = numbers[0] if roles and roles[0] == "system" else None
            last = max((at for at, role in enumerate(roles) if role == "user"), default=None)
            pairs = [list(pair) for pair in zip(roles, numbers, strict=True)]
            return system, None if last is None else numbers[last], to_json(pairs)
        if isinstance(ask, Loglik):
            prompt = self.once.text_id(ask.text)
            if not ask.context:
                return None, prompt, None
            return (
                None,
                prompt,
                to_json([["context", self.once.text_id(ask.context)], ["text", prompt]]),
            )
        assert isinstance(ask, (Embed, Hidden))
        numbers = [self.once.text_id(text) for text in ask.texts]
        if len(numbers) == 1:
            return None, numbers[0], None
        first = numbers[0] if numbers else None
        return None, first, to_json([["text", number] for number in numbers])

    # -- scores and estimates --------------------------------------------------------------------

    def scoring_id(self, run_id: int, scoring: int) -> int:
        """The number of a scoring pass of a run.

        Raises:
            StoreError: The pass was not begun.
        """
        known = self._scorings.get((run_id, scoring))
        if known is None:
            known = self.batch.find(
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

    def completed_scoring(self, run_id: int, scoring: int, number: int) -> None:
        """Note a pass that has all its scores; what is added to it from now on replaces some."""
        self._scorings[run_id, scoring] = number
        self._new_scorings.discard(number)

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
            name_id = self.once.score_name_id(scorer, score.name)
            if item_id is not None and scoring_id not in self._new_scorings:
                self.batch.change("score item anew", scoring_id, item_id, name_id)
            self.batch.rows["score"].append(
                (
                    self.batch.number("score"),
                    scoring_id,
                    trial_id,
                    item_id,
                    name_id,
                    real_or_none(score.value),
                    score.status,
                    json_or_none(score.detail),
                )
            )

    def replace_estimates(self, run_id: int, scoring: int, estimates: Iterable[Estimate]) -> None:
        """Put what statistics say of a pass in the place of what they said before."""
        scoring_id = self.scoring_id(run_id, scoring)
        rows = self.batch.rows["estimate"]
        rows[:] = [row for row in rows if row[1] != scoring_id]
        self.batch.change("estimate anew", scoring_id)
        # All at once: an interrupt must not leave some of them to be taken for all.
        rows.extend(
            [
                (self.batch.number("estimate"), scoring_id, *reading.estimate_row(estimate))
                for estimate in estimates
            ]
        )
