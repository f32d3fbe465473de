"""The one class through which everything else uses the database.

One invariant: it decides nothing. It opens, hands rows to the writer, and sees to it that whoever reads
(``reader`` has what can be read) sees everything that was written before.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

from gnomon.errors import StoreError
from gnomon.records import Ask, Estimate, Item, Reply, Score, Trial
from gnomon.store import provenance
from gnomon.store.keys import RunFacts
from gnomon.store.opening import is_locked, open_reading, open_writing
from gnomon.store.reader import Reader
from gnomon.store.replies import StoredReply
from gnomon.store.values import readable
from gnomon.store.writing import Writer

if TYPE_CHECKING:
    from filelock import BaseFileLock

Phase = Literal["trial", "score", "source"]


class Store(Reader):
    """An open database. Use ``Store.open``; it is a context manager and closes itself.

    Attributes:
        path: The file.
    """

    def __init__(
        self, path: Path, connection: sqlite3.Connection, lock: BaseFileLock | None
    ) -> None:
        super().__init__(path, connection)
        self._lock = lock
        self._writer = None if lock is None else Writer(connection, path)
        self._sessions: dict[int, int] = {}

    @classmethod
    def open(cls, path: str | os.PathLike[str], *, write: bool = False) -> Store:
        """Open a database.

        Args:
            path: The file; with ``write`` it is made when there is none.
            write: Take the right to write, which one process has at a time.

        Raises:
            StoreError: It cannot be opened; the sentence says why and what to do.
        """
        place = Path(path).resolve()
        if not write:
            return cls(place, open_reading(place), None)
        connection, lock = open_writing(place)
        try:
            return cls(place, connection, lock)
        except BaseException:
            connection.close()
            lock.release()
            raise

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # A store that cannot be written any more has said so; closing must not hide that.
        self.close(flush=not isinstance(error, StoreError))

    def close(self, *, flush: bool = True) -> None:
        """Commit what is in memory and close the file.

        Raises:
            StoreError: The last rows could not be committed; the file is closed all the same.
        """
        try:
            if flush and self._writer is not None:
                self._writer.flush()
        finally:
            self._writer = None
            self._close_reading()
            if self._lock is not None:
                self._lock.release()

    @property
    def _writing(self) -> Writer:
        if self._writer is None:
            raise StoreError(f"the database {self.path} was opened for reading only")
        return self._writer

    def _settle(self) -> None:
        if self._writer is not None:
            self._writer.flush()

    # -- runs ------------------------------------------------------------------------------------

    def begin_run(self, facts: RunFacts, *, fresh: bool = False) -> int:
        """The number of the run with these facts.

        Args:
            facts: What the run is. Secrets in options and the command line are not stored.
            fresh: Begin another run even when one with the same key is there.

        Returns:
            The newest run of the same key, to be resumed, or a new one.
        """
        writer = self._writing
        spec_id = writer.once.text_id(facts.spec_text)
        writer.flush()
        with self._transaction():
            run_id, session_id = provenance.begin(
                self._connection, facts, spec_id=spec_id, fresh=fresh
            )
        self._sessions[run_id] = session_id
        writer.begin(run_id)
        return run_id

    def _transaction(self) -> provenance.Transaction:
        return provenance.Transaction(self._connection, self._writing.batch.failure)

    def close_session(
        self,
        run_id: int,
        *,
        reason: str,
        calls: int | None = None,
        cached: int | None = None,
        seconds: float | None = None,
        cost: float | None = None,
        **more: Any,
    ) -> None:
        """Note how this invocation on a run ended. It decides nothing: what is left is a query.

        Args:
            run_id: The run.
            reason: Why it ended, such as ``done``, ``interrupted``, ``budget``.
            calls: Calls made.
            cached: Asks answered from the store.
            seconds: How long it took.
            cost: US dollars, None when unknown.
            more: Further counts, plain data.
        """
        self._writing.flush()
        with self._transaction():
            provenance.end_session(
                self._connection,
                self._sessions[run_id],
                reason,
                (calls, cached, seconds, cost),
                more,
            )

    def note_planned(self, run_id: int, planned: int) -> None:
        """Note how many trials the run has, so that whoever looks while it goes on knows."""
        self._writing.flush()
        with self._transaction():
            provenance.note_planned(self._connection, self._sessions[run_id], planned)

    def note_reason(self, run_id: int, reason: str) -> None:
        """Note why this invocation on a run will end, before it does."""
        self._writing.flush()
        with self._transaction():
            self._connection.execute(
                "UPDATE session SET reason = ? WHERE id = ?",
                (readable(reason), self._sessions[run_id]),
            )

    def last_sessions(self) -> dict[int, tuple[str | None, str | None, int | None]]:
        """Run → when its last invocation ended (None when it has not said so), why, and how many
        trials it said were planned.
        """
        self._settle()
        return provenance.last_sessions(self._connection)

    def is_being_written(self) -> bool:
        """Whether some process, this one or another, has the right to write."""
        return self._lock is not None or is_locked(self.path)

    def note_lock(self, run_id: int, text: str, differences: Sequence[str]) -> None:
        """Note that this invocation on a run was held against a lock.

        Args:
            run_id: The run.
            text: The lock file.
            differences: A sentence for each thing that differs; the run is confirmatory without any.
        """
        text_id = self._writing.once.text_id(text)
        self._writing.flush()
        with self._transaction():
            provenance.note_lock(
                self._connection, self._sessions[run_id], run_id, text_id, differences
            )

    def note_model_served(self, run_id: int, role: str, model: str) -> None:
        """Note what the model that answered calls itself."""
        with self._transaction():
            self._connection.execute(
                "INSERT OR IGNORE INTO served VALUES (?, ?, ?)", (run_id, role, readable(model))
            )

    # -- writing ---------------------------------------------------------------------------------

    def find_reply(self, key: bytes) -> StoredReply | None:
        """The newest reply of that key with status ``ok`` or ``truncated``."""
        return super().find_reply(key) if self._writer is None else self._writer.replies.find(key)

    def add_item(self, item: Item) -> int:
        """The number of an item; one of the same content is stored once."""
        return self._writing.once.item_id(item)

    def add_trial(self, run_id: int, item_id: int, trial: Trial) -> int:
        """The number of a trial, the same for the same run and ordinal.

        A trial that was begun earlier and not finished is begun anew: its asks and scores are taken
        away (its replies stay), so call this once for each administration. A trial reaches the disk
        together with its first ask.
        """
        return self._writing.add_trial(run_id, item_id, trial)

    def add_reply(self, key: bytes, ask: Ask, reply: Reply, *, attempt: int) -> int:
        """Store what came back, whatever it is, and return its number.

        Args:
            key: The ask's key.
            ask: What was asked; stored by ``add_ask``.
            reply: What came back; one of status ``ok`` or ``truncated`` answers the same key again.
            attempt: Which attempt it was, from 1.
        """
        del ask  # the interface has it so that a store may file a reply by what was asked
        return self._writing.replies.add(key, reply, attempt)

    def add_ask(
        self,
        run_id: int,
        trial_id: int | None,
        item_id: int | None,
        position: int,
        ask: Ask,
        key: bytes,
        reply_id: int,
        *,
        cached: bool,
        phase: Phase = "trial",
    ) -> None:
        """Store an ask and which reply answered it; its key is that of the reply.

        Args:
            run_id: The run.
            trial_id: The trial it belongs to, None for asks of a source or about an item.
            item_id: The item it is about, where it belongs to no trial.
            position: Its position among the asks of its trial and phase, from 0.
            ask: The ask.
            key: Its key.
            reply_id: The reply that answered it, or the last failed attempt.
            cached: Whether the reply was there already.
            phase: Who asked: the procedure, a scorer, or a source.
        """
        del key  # the reply has it
        self._writing.add_ask(
            run_id, trial_id, item_id, position, ask, reply_id, cached=cached, phase=phase
        )

    def finish_trial(self, trial_id: int) -> None:
        """Note that all asks of a trial were answered."""
        self._writing.finish_trial(trial_id)

    def begin_scoring(
        self, run_id: int, *, provisional: bool = False, spec_text: str | None = None
    ) -> int:
        """Begin a scoring pass. Views and columns show the newest pass; older ones stay.

        Args:
            run_id: The run.
            provisional: Nobody sees the pass until ``complete_scoring``; one that is never completed
                is taken away when the next is begun.
            spec_text: The spec whose scorers and statistics are used, where it is not the run's own.

        Returns:
            Its number within the run, from 1; below 0 for a provisional pass.
        """
        writer = self._writing
        spec_id = None if spec_text is None else writer.once.text_id(spec_text)
        writer.flush()
        with self._transaction():
            number, scoring = provenance.begin_scoring(
                self._connection, run_id, provisional=provisional, spec_id=spec_id
            )
        writer.begun_scoring(run_id, scoring, number)
        return scoring

    def complete_scoring(self, run_id: int, scoring: int) -> int:
        """Make a provisional pass the newest one; returns the number it has from now on."""
        writer = self._writing
        writer.flush()
        number = writer.scoring_id(run_id, scoring)
        with self._transaction():
            self._connection.execute("UPDATE scoring SET pass = -pass WHERE id = ?", (number,))
        writer.completed_scoring(run_id, -scoring, number)
        return -scoring

    def add_scores(
        self,
        run_id: int,
        scoring: int,
        scores: Iterable[Score],
        *,
        scorer: str,
        trial_id: int | None = None,
        item_id: int | None = None,
    ) -> None:
        """Store what one scorer read off one trial, or off all trials of one item.

        Raises:
            StoreError: A score is not-a-number, or belongs to neither or both.
        """
        self._writing.add_scores(
            run_id, scoring, scores, scorer=scorer, trial_id=trial_id, item_id=item_id
        )

    def replace_estimates(self, run_id: int, scoring: int, estimates: Iterable[Estimate]) -> None:
        """Store what statistics said of the scores of a pass, in place of what they said before
        there were all of its scores.
        """
        self._writing.replace_estimates(run_id, scoring, estimates)
        self._writing.flush()

    def flush(self) -> None:
        """Commit everything now."""
        self._writing.flush()

    def trim(self) -> None:
        """Commit everything, and let go of what is kept in memory to write quickly."""
        self._writing.trim()

    def tick(self) -> None:
        """Commit when 200 replies wait, or one second has passed since the last commit."""
        self._writing.tick()

    @property
    def acknowledged(self) -> int:
        """Replies committed since this store was opened."""
        return self._writing.batch.acknowledged

    @property
    def on_commit(self) -> Callable[[int], None] | None:
        """Called after each commit with the number of replies committed since the store was opened."""
        return self._writing.batch.on_commit

    @on_commit.setter
    def on_commit(self, call: Callable[[int], None] | None) -> None:
        self._writing.batch.on_commit = call
