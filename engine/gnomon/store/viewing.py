"""Looking at single trials, and at everything that has no number.

One invariant: a trial is shown as it was stored, finished or not, with the scores of the newest pass.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import attrs

from gnomon.records import Exchange, FieldValue, Score, TrialRecord
from gnomon.store.reading import TRIAL_SQL, Lookup, records
from gnomon.store.values import object_from_json

_SCORES = """FROM score
JOIN scoring ON scoring.id = score.scoring_id
JOIN score_name ON score_name.id = score.name_id
WHERE scoring.run_id = ? AND scoring.pass > 0 AND NOT EXISTS (
    SELECT 1 FROM scoring AS later
    WHERE later.run_id = scoring.run_id AND later.pass > scoring.pass)"""
"""The scores of a run's newest pass; more conditions may follow."""


@attrs.frozen(kw_only=True)
class StoredTrial:
    """A trial with all that was said in it, and what was read off it.

    Attributes:
        trial: Its number.
        run: The run's number.
        record: The trial, and what its procedure asked.
        cached: For each of those asks: whether the reply was there already.
        asked_by_scorers: What scorers asked about it, such as of a judge.
        finished: Whether all its asks were answered.
        scores: Its scores, each with its scorer; those of the item are marked by ``of_item``.
        of_item: How many of the last scores are of all the item's trials.
    """

    trial: int
    run: int
    record: TrialRecord
    cached: tuple[bool, ...]
    asked_by_scorers: tuple[Exchange, ...]
    finished: bool
    scores: tuple[Score, ...]
    of_item: int


@attrs.frozen(kw_only=True)
class Missing:
    """A score without a number.

    Attributes:
        run: The run's number.
        trial: The trial's number; None for a score of an item.
        name: The score.
        scorer: The scorer.
        status: Why there is no number.
    """

    run: int
    trial: int | None
    name: str
    scorer: str
    status: str


@attrs.frozen
class Said:
    """One reply of a trial, without what was asked.

    Attributes:
        phase: Who asked: ``trial`` for the procedure, ``score`` for a scorer.
        role: Who answered.
        name: What the reply is called.
        text: The reply; where there is none, the error or why it ended.
    """

    phase: str
    role: str
    name: str
    text: str


class Viewer:
    """Looks, and writes nothing.

    Args:
        connection: A connection that may read.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._lookup = Lookup(connection)

    def trial(self, trial_id: int) -> StoredTrial | None:
        """A trial by its number; None when there is none."""
        row = self._connection.execute(
            "SELECT run_id, item_id, finished FROM trial WHERE id = ?", (trial_id,)
        ).fetchone()
        if row is None:
            return None
        run_id, item_id, finished = row
        record = self._record(trial_id, "trial")
        assert record is not None
        asked = self._record(trial_id, "score")
        cached = self._connection.execute(
            "SELECT cached FROM ask WHERE trial_id = ? AND phase = 'trial' ORDER BY position",
            (trial_id,),
        )
        own = self._scores(run_id, "score.trial_id = ?", trial_id)
        of_item = self._scores(run_id, "score.item_id = ?", item_id)
        return StoredTrial(
            trial=trial_id,
            run=run_id,
            record=record,
            cached=tuple(bool(one) for (one,) in cached),
            asked_by_scorers=asked.exchanges if asked else (),
            finished=bool(finished),
            scores=(*own, *of_item),
            of_item=len(of_item),
        )

    def said(self, trial_id: int) -> tuple[list[Said], dict[str, FieldValue]]:
        """The replies of a trial in order, and the trial's fields: less than ``trial``, and quicker."""
        rows = self._connection.execute(
            "SELECT ask.phase, json_extract(form.body, '$.role'), json_extract(form.body, '$.name'), "
            "coalesce(nullif(reply.text, ''), reply.error, reply.finish, '') FROM ask "
            "JOIN text AS form ON form.id = ask.form_id JOIN reply ON reply.id = ask.reply_id "
            "WHERE ask.trial_id = ? ORDER BY ask.id",
            (trial_id,),
        )
        replies = [Said(*row) for row in rows]
        of_trial = self._connection.execute(
            "SELECT ordinal, item_id, condition_id, repeat, draws FROM trial WHERE id = ?",
            (trial_id,),
        ).fetchone()
        return replies, dict(self._lookup.trial(*of_trial).fields)

    def _record(self, trial_id: int, phase: str) -> TrialRecord | None:
        sql = TRIAL_SQL.replace("ask.phase = 'trial'", "ask.phase = ?")
        rows = self._connection.execute(f"{sql} WHERE trial.id = ?", (phase, trial_id))
        return next((record for _, record in records(rows, self._lookup)), None)

    def _scores(self, run_id: int, where: str, number: int) -> tuple[Score, ...]:
        columns = "score_name.name, score.value, score.status, score.detail"
        rows = self._connection.execute(
            f"SELECT {columns} {_SCORES} AND {where} ORDER BY score.id",
            (run_id, number),
        )
        return tuple(
            Score(name=name, value=value, status=status, detail=object_from_json(detail))
            for name, value, status, detail in rows
        )

    def trial_at(self, run_id: int, ordinal: int) -> int | None:
        """The number of the trial at a place of a run's plan."""
        row = self._connection.execute(
            "SELECT id FROM trial WHERE run_id = ? AND ordinal = ?", (run_id, ordinal)
        ).fetchone()
        return None if row is None else int(row[0])

    def trials_of_item(self, run_id: int, key: str) -> list[int]:
        """The trials of an item in a run, in the order of the plan."""
        rows = self._connection.execute(
            "SELECT trial.id FROM trial JOIN item ON item.id = trial.item_id "
            "WHERE trial.run_id = ? AND item.key = ? ORDER BY trial.ordinal",
            (run_id, key),
        )
        return [int(number) for (number,) in rows]

    def item_keys(self, run_id: int) -> list[str]:
        """The keys of a run's items, in order of arrival."""
        rows = self._connection.execute(
            "SELECT key FROM item WHERE id IN (SELECT item_id FROM trial WHERE run_id = ?) "
            "ORDER BY id",
            (run_id,),
        )
        return [key for (key,) in rows]

    def missing(self, run_id: int) -> Iterator[Missing]:
        """The scores of a run's newest pass that have no number, in order of arrival."""
        columns = "score.trial_id, score_name.name, score_name.scorer, score.status"
        rows = self._connection.execute(
            f"SELECT {columns} {_SCORES} AND score.value IS NULL ORDER BY score.id",
            (run_id,),
        )
        for trial, name, scorer, status in rows:
            yield Missing(run=run_id, trial=trial, name=name, scorer=scorer, status=status)

    def counts(self, run_id: int) -> dict[str, int]:
        """Score → how many there are of it in a run's newest pass, with a number or without."""
        rows = self._connection.execute(
            f"SELECT score_name.name, count(*) {_SCORES} GROUP BY score.name_id",
            (run_id,),
        )
        return dict(rows.fetchall())

    def read(self, run_id: int, name: str, most: int) -> list[int]:
        """The first so many trials of which a score has a number."""
        where = "score_name.name = ? AND score.value IS NOT NULL AND score.trial_id IS NOT NULL"
        rows = self._connection.execute(
            f"SELECT score.trial_id {_SCORES} AND {where} LIMIT ?",
            (run_id, name, most),
        )
        return [int(number) for (number,) in rows]

    def failed_replies(self) -> Iterator[tuple[int | None, int | None, str | None, str, str]]:
        """Run, trial, role, status and reason of every attempt that brought no answer."""
        yield from self._connection.execute(
            "SELECT run, trial, role, status, coalesce(nullif(reason, ''), reply, '') FROM failures "
            "WHERE what = 'reply'"
        )
