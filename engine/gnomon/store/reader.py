"""What can be asked of an open database.

One invariant: it only reads; whatever was written before through the same object is seen.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from gnomon.records import Estimate, ItemRecord, Score, TrialRecord
from gnomon.store import provenance, querying, reading, verifying
from gnomon.store.columns import ScoreColumns, score_columns
from gnomon.store.explaining import Explainer
from gnomon.store.keys import RunFacts
from gnomon.store.opening import open_reading
from gnomon.store.reading import Finished
from gnomon.store.replies import StoredReply
from gnomon.store.viewing import Viewer


@attrs.frozen(kw_only=True)
class EstimateRow:
    """An estimate of the newest scoring pass of a run, and where it comes from.

    Attributes:
        run: Number of the run.
        measure: Its measure.
        model: Its subject, as ``BACKEND:MODEL``.
        format: ``free`` or ``constrained``.
        estimate: The estimate.
    """

    run: int
    measure: str
    model: str
    format: str
    estimate: Estimate


class Reader:
    """An open database, to be read.

    Attributes:
        path: The file.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection
        self._queries: sqlite3.Connection | None = None
        self._given: dict[int, dict[bytes, int]] = {}

    def _settle(self) -> None:
        """See that what was written through this object can be read."""

    def _close_reading(self) -> None:
        if self._queries is not None:
            self._queries.close()
        self._connection.close()

    def explainer(self) -> Explainer:
        """Explains why stored asks were, or were not, answered from the store."""
        self._settle()
        return Explainer(self._connection)

    # -- runs ------------------------------------------------------------------------------------

    def runs(self) -> list[dict[str, Any]]:
        """All runs, oldest first: columns of the view ``runs`` without the spec, and ``finished``,
        the number of finished trials.
        """
        self._settle()
        return provenance.runs(self._connection)

    def facts(self, run_id: int) -> RunFacts:
        """The facts a run was begun with.

        Raises:
            StoreError: There is no such run.
        """
        self._settle()
        return provenance.facts(self._connection, run_id)

    def reasons(self, run_id: int) -> list[str]:
        """Why each earlier invocation on a run ended, oldest first."""
        found = self._connection.execute(
            "SELECT reason FROM session WHERE run_id = ? AND reason IS NOT NULL ORDER BY id",
            (run_id,),
        )
        return [reason for (reason,) in found]

    def locks(self) -> dict[int, tuple[str, tuple[str, ...]]]:
        """Run → its label and what differed, for runs that were held against a lock.

        One exploratory invocation makes a run exploratory.
        """
        self._settle()
        return provenance.locks(self._connection)

    def finished(self, run_id: int) -> Finished:
        """Which ordinals of a run are finished; ``ordinal in finished`` is quick."""
        self._settle()
        return reading.finished(self._connection, run_id)

    def begun(self, run_id: int) -> frozenset[int]:
        """Ordinals of the trials of a run that were begun and are not finished."""
        self._settle()
        rows = self._connection.execute(
            "SELECT ordinal FROM trial WHERE run_id = ? AND finished = 0", (run_id,)
        )
        return frozenset(ordinal for (ordinal,) in rows)

    def find_reply(self, key: bytes) -> StoredReply | None:
        """The newest reply of that key with status ``ok`` or ``truncated``."""
        return reading.find_reply(self._connection, key)

    def find_given(self, run_id: int, trial_id: int | None, key: bytes) -> StoredReply | None:
        """The reply of that key that an ask of a run was given, whatever came; failures are none.

        Args:
            run_id: The run.
            trial_id: The trial that the ask belongs to, None for asks about items.
            key: The ask's key.
        """
        if trial_id is not None:
            return reading.find_given(self._connection, trial_id, key)
        if run_id not in self._given:
            self._given[run_id] = reading.given_outside_trials(self._connection, run_id)
        number = self._given[run_id].get(key)
        return None if number is None else reading.stored_reply(self._connection, number)

    # -- records and scores ----------------------------------------------------------------------

    def trial_records(self, run_id: int) -> Iterator[tuple[int, TrialRecord]]:
        """Numbers and records of the finished trials of a run, in plan order, as a stream."""
        self._settle()
        return reading.trial_records(self._connection, run_id)

    def item_records(self, run_id: int) -> Iterator[tuple[int, ItemRecord]]:
        """Numbers and records of the items of a run, each with its finished trials in plan order."""
        self._settle()
        return reading.item_records(self._connection, run_id)

    def newest_scoring(self, run_id: int) -> int | None:
        """The newest scoring pass of a run, for a resumed run to go on with; None before the first."""
        row = self._connection.execute(
            "SELECT max(pass) FROM scoring WHERE run_id = ? AND pass > 0", (run_id,)
        ).fetchone()
        return None if row[0] is None else int(row[0])

    def scored_by_its_own(self, run_id: int, scoring: int) -> bool:
        """Whether a pass uses the spec stored with its run, and no other text of the measure."""
        row = self._connection.execute(
            "SELECT spec_id FROM scoring WHERE run_id = ? AND pass = ?", (run_id, scoring)
        ).fetchone()
        return row is None or row[0] is None

    def scores_by_item(
        self, run_id: int, scoring: int, *, below: int
    ) -> dict[str, dict[str, list[Score]]]:
        """Scores of a pass, by item key and score name, in plan order.

        Args:
            run_id: The run.
            scoring: The pass.
            below: Only trials with a smaller ordinal; item scores are left out.
        """
        self._settle()
        return reading.scores_by_item(self._connection, run_id, scoring, below)

    @property
    def view(self) -> Viewer:
        """For looking at single trials, and at what has no number."""
        self._settle()
        return Viewer(self._connection)

    def score_columns(
        self,
        run_ids: Sequence[int],
        names: Sequence[str],
        labels: Collection[str] | None = None,
    ) -> ScoreColumns:
        """Scores of the newest pass of each run as columns, for ``gnomon.Table``.

        Args:
            run_ids: The runs, in the order wanted.
            names: The scores; all of trials, or all of items.
            labels: The label columns needed; all unless given. Naming them spares work.

        Raises:
            StoreError: A run has no scores, there is no such score, or the names mix trials and items.
        """
        self._settle()
        return score_columns(self._connection, run_ids, names, labels)

    def has_estimates(self, run_id: int, scoring: int) -> bool:
        """Whether anything was estimated from the scores of a pass."""
        self._settle()
        row = self._connection.execute(
            "SELECT 1 FROM estimate JOIN scoring ON scoring.id = estimate.scoring_id "
            "WHERE scoring.run_id = ? AND scoring.pass = ? LIMIT 1",
            (run_id, scoring),
        ).fetchone()
        return row is not None

    def estimates(self, run_ids: Collection[int] | None = None) -> list[EstimateRow]:
        """Estimates of the newest pass of each run; of all runs unless some are named."""
        self._settle()
        return [
            EstimateRow(run=run, measure=measure, model=model, format=format_, estimate=estimate)
            for run, measure, model, format_, estimate in provenance.estimates(
                self._connection, run_ids
            )
        ]

    # -- the whole database ----------------------------------------------------------------------

    def query(
        self, sql: str, params: Sequence[Any] | Mapping[str, Any] = ()
    ) -> tuple[tuple[str, ...], Iterator[tuple[Any, ...]]]:
        """Run a person's SQL, which may read and nothing else. Ctrl-C ends it.

        Returns:
            Column names, and the rows as a stream.

        Raises:
            StoreError: The query is refused or wrong; the sentence says what is.
        """
        self._settle()
        if self._queries is None:
            self._queries = open_reading(self.path)
            querying.protect(self._queries)
        return querying.run_query(self._queries, self.path, sql, params)

    def verify(self) -> list[str]:
        """Derive again what can be derived, and compare.

        Returns:
            One sentence for each thing that is wrong; empty when all is well.
        """
        self._settle()
        return verifying.verify(self._connection)
