"""Merging databases: the runs of several in one, as if one machine had made them all.

One invariant: what was merged is not merged again. Texts, items, conditions and replies are the same when their
content is; runs are the same when their ``uid`` is. So merging twice changes nothing, a merge that was cut is
given again, and estimates and views of a run say in the target what they said in the source.

One run in two states, as when a copy of a database went on by itself: the state with more finished trials is
kept whole (then the one with more scoring passes, more estimates, more invocations), with its own scores and
estimates, so that no number rests on a mixture. The replies of both are kept: whoever continues
the run finds them in the store.

A source is copied inside SQLite, in one transaction, and never held in memory: CROSS JOIN keeps SQLite to walking
through each table once, in its own order. The source is read and not changed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import attrs

from gnomon.errors import StoreError
from gnomon.store.opening import open_reading, open_writing, reading_uri

State = Literal["new", "further", "kept"]

UNIFIED = ("text", "measure", "item", "condition", "score_name", "reply")
"""Tables whose rows are one when their content is, parents first."""
OWNED = (
    "binding",
    "served",
    "plugin",
    "session",
    "lock",
    "trial",
    "ask",
    "scoring",
    "score",
    "estimate",
)
"""Tables whose rows belong to one run, parents first."""
LEFT_OUT = ("dictionary", "text_hash", "run")
"""Tables that are the same everywhere, or are copied with another."""

_SAME = {
    "text": "(SELECT held.text_id FROM main.text_hash AS held JOIN source.text_hash AS given "
    "ON given.hash = held.hash WHERE given.text_id = old.id)",
    "measure": "(SELECT held.id FROM main.measure AS held JOIN temp.text_new AS spec "
    "ON spec.old = old.spec_id WHERE held.name = old.name AND held.spec_id = spec.new)",
    "item": "(SELECT held.id FROM main.item AS held WHERE held.hash = old.hash)",
    "condition": "(SELECT held.id FROM main.condition AS held WHERE held.hash = old.hash)",
    "score_name": "(SELECT held.id FROM main.score_name AS held "
    "WHERE held.scorer = old.scorer AND held.name = old.name)",
    "reply": "(SELECT held.id FROM main.reply AS held WHERE held.key = old.key "
    "AND held.received_at = old.received_at AND held.attempt = old.attempt "
    "AND held.status = old.status AND held.text = old.text AND held.text_exact IS old.text_exact "
    "AND held.error IS old.error AND held.seconds IS old.seconds LIMIT 1)",
}
_STATE = (
    "SELECT (SELECT count(*) FROM {db}.trial WHERE run_id = :run AND finished = 1), "
    "(SELECT count(*) FROM {db}.scoring WHERE run_id = :run AND pass > 0), "
    "(SELECT count(*) FROM {db}.estimate WHERE scoring_id IN "
    "(SELECT id FROM {db}.scoring WHERE run_id = :run)), "
    "(SELECT count(*) FROM {db}.session WHERE run_id = :run), "
    "(SELECT count(*) FROM {db}.trial WHERE run_id = :run)"
)


@attrs.frozen(kw_only=True)
class MergedRun:
    """What became of a run of a source.

    Attributes:
        uid: Its name in every database.
        source: Its number in the source.
        run: Its number in the target.
        state: ``new``: it was not there. ``further``: it was there and had come less far, and was
            replaced. ``kept``: it was there and had come as far or further.
        trials: Its finished trials in the target.
    """

    uid: str
    source: int
    run: int
    state: State
    trials: int


@attrs.frozen(kw_only=True)
class Merged:
    """What came of one source.

    Attributes:
        path: The source.
        runs: Its runs.
        replies: Replies that were not in the target before.
        texts: Texts that were not in the target before.
    """

    path: Path
    runs: tuple[MergedRun, ...]
    replies: int
    texts: int


def merge(target: Path, sources: Sequence[Path]) -> Iterator[Merged]:
    """Merge databases into one, source by source; each is committed before the next is begun.

    Args:
        target: The database to merge into; made when absent.
        sources: The databases to be merged; they are not changed.

    Raises:
        StoreError: A file cannot be opened or has another schema, or the target cannot be written.
    """
    target = target.resolve()
    for source in sources:
        if source.resolve() == target:
            raise StoreError(
                f"the database {source} cannot be merged into itself; name another file to merge into"
            )
        # Every file is looked at before the first is merged.
        open_reading(source.resolve()).close()
    connection, lock = open_writing(target)
    try:
        # A row is copied only with what it refers to, so looking it up again for each would tell nothing.
        connection.execute("PRAGMA foreign_keys = OFF")
        for source in sources:
            yield _merge_one(connection, target, source)
    finally:
        connection.close()
        lock.release()


def _merge_one(connection: sqlite3.Connection, target: Path, source: Path) -> Merged:
    try:
        connection.execute("ATTACH ? AS source", (reading_uri(source),))
        try:
            connection.execute("BEGIN IMMEDIATE")
            merged = _Merging(connection, source).merge()
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            connection.execute("DETACH source")
        # Otherwise the log beside the file would stay as large as the largest source.
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    except sqlite3.Error as error:
        raise StoreError(
            f"{source} could not be merged into {target} ({error}): nothing of it was; mend the cause "
            "and give the same command again"
        ) from error
    return merged


class _Merging:
    """One source, attached to the connection as ``source``."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path
        self._offsets = {
            table: self._top(table) for table in (*UNIFIED, *OWNED) if "id" in self._columns(table)
        }

    def _top(self, table: str) -> int:
        sql = f"SELECT coalesce(max(id), 0) FROM main.{table}"  # noqa: S608 - a name of our own
        return int(self._connection.execute(sql).fetchone()[0])

    def merge(self) -> Merged:
        fresh = {table: self._unify(table) for table in UNIFIED}
        runs = list(self._runs())
        for table in OWNED:
            self._copy_owned(table)
        for table in ("run", *UNIFIED):
            self._connection.execute(f"DROP TABLE temp.{table}_new")
        merged = tuple(
            MergedRun(uid=uid, source=source, run=run, state=state, trials=self._trials(run))
            for uid, source, run, state in runs
        )
        return Merged(path=self._path, runs=merged, replies=fresh["reply"], texts=fresh["text"])

    # -- what is the same by content -------------------------------------------------------------

    def _unify(self, table: str) -> int:
        """Number the rows of a table: as the equal row that is there, or anew; copy the new ones."""
        execute = self._connection.execute
        offset = self._offsets[table]
        execute(f"CREATE TEMP TABLE {table}_new (old INTEGER PRIMARY KEY, new INTEGER NOT NULL)")
        # Rows that were there before are below the offset: equal rows of one source stay two rows.
        same = _SAME[table]
        if not offset:
            same = "NULL"
        execute(
            f"INSERT INTO temp.{table}_new "  # noqa: S608 - names of our own
            f"SELECT old.id, coalesce({same}, old.id + :offset) FROM source.{table} AS old",
            {"offset": offset},
        )
        columns, joins = self._moved(table)
        made = execute(
            f"INSERT INTO main.{table} SELECT {columns} FROM source.{table} AS old "  # noqa: S608 - as above
            f"CROSS JOIN temp.{table}_new AS own ON own.old = old.id {joins} WHERE own.new > ?",
            (offset,),
        ).rowcount
        if table == "text":
            execute(
                "INSERT INTO main.text_hash SELECT given.hash, own.new FROM source.text_hash AS given "
                "JOIN temp.text_new AS own ON own.old = given.text_id WHERE own.new > ?",
                (offset,),
            )
        return made

    # -- what belongs to a run -------------------------------------------------------------------

    def _runs(self) -> Iterator[tuple[str, int, int, State]]:
        execute = self._connection.execute
        execute("CREATE TEMP TABLE run_new (old INTEGER PRIMARY KEY, new INTEGER NOT NULL)")
        known = dict(execute("SELECT uid, id FROM main.run").fetchall())
        columns, joins = self._moved("run", own="?2")
        top = self._top("run")
        for uid, source in execute("SELECT uid, id FROM source.run ORDER BY id").fetchall():
            run, state = known.get(uid), "new"
            if run is not None:
                if self._state("source", source) <= self._state("main", run):
                    yield uid, source, run, "kept"
                    continue
                self._remove(run)
                state = "further"
            else:
                top += 1
                run = top
            execute("INSERT INTO temp.run_new VALUES (?, ?)", (source, run))
            execute(
                f"INSERT INTO main.run SELECT {columns} FROM source.run AS old {joins} "  # noqa: S608 - names of our own
                "WHERE old.id = ?1",
                (source, run),
            )
            yield uid, source, run, state  # type: ignore[misc]  # one of the three words

    def _state(self, database: str, run: int) -> tuple[int, ...]:
        """How far a run has come; greater is further."""
        found = self._connection.execute(_STATE.format(db=database), {"run": run})
        return tuple(found.fetchone())

    def _remove(self, run: int) -> None:
        """Take a run away with all that belongs to it; its replies stay."""
        for table in reversed(OWNED):
            owner, through = self._owner(table)
            where = "= ?"
            if through is not None:
                where = f"IN (SELECT id FROM {through} WHERE run_id = ?)"  # noqa: S608 - a name of our own
            self._connection.execute(f"DELETE FROM main.{table} WHERE {owner} {where}", (run,))  # noqa: S608 - names of our own
        self._connection.execute("DELETE FROM main.run WHERE id = ?", (run,))

    def _copy_owned(self, table: str) -> None:
        columns, joins = self._moved(table)
        owner, through = self._owner(table)
        if through is not None:
            owner_join = (
                f"CROSS JOIN source.{through} AS parent ON parent.id = old.{owner} "
                "CROSS JOIN temp.run_new AS chosen ON chosen.old = parent.run_id"
            )
        else:
            owner_join = f"CROSS JOIN temp.run_new AS chosen ON chosen.old = old.{owner}"
        self._connection.execute(
            f"INSERT INTO main.{table} SELECT {columns} FROM source.{table} AS old "  # noqa: S608 - names of our own
            f"{owner_join} {joins}"
        )

    def _trials(self, run: int) -> int:
        (count,) = self._connection.execute(
            "SELECT count(*) FROM main.trial WHERE run_id = ? AND finished", (run,)
        ).fetchone()
        return int(count)

    # -- columns ---------------------------------------------------------------------------------

    def _columns(self, table: str) -> list[str]:
        return [row[1] for row in self._connection.execute(f"PRAGMA main.table_info({table})")]

    def _parents(self, table: str) -> dict[str, str]:
        """Column → the table it refers to, as the schema says."""
        rows = self._connection.execute(f"PRAGMA main.foreign_key_list({table})")
        return {row[3]: row[2] for row in rows}

    def _owner(self, table: str) -> tuple[str, str | None]:
        """The column through which a row belongs to a run, and the table in between, if any."""
        parents = self._parents(table)
        if "run_id" in parents:
            return "run_id", None
        column = next(column for column, parent in parents.items() if parent == "scoring")
        return column, "scoring"

    def _moved(self, table: str, own: str = "own.new") -> tuple[str, str]:
        """The columns of the rows ``old`` as they are in the target, and the joins that this needs."""
        parents = self._parents(table)
        columns: list[str] = []
        joins: list[str] = []
        for name in self._columns(table):
            parent = parents.get(name)
            if name == "id":
                moved = table in UNIFIED or table == "run"
                columns.append(own if moved else f"old.id + {self._offsets[table]}")
            elif parent is None:
                columns.append(
                    _MESSAGES if (table, name) == ("ask", "messages") else f'old."{name}"'
                )
            elif parent in UNIFIED or parent == "run":
                joins.append(
                    f"LEFT JOIN temp.{parent}_new AS of_{name} ON of_{name}.old = old.{name}"
                )
                columns.append(f"of_{name}.new")
            else:
                columns.append(f"old.{name} + {self._offsets[parent]}")
        return ", ".join(columns), " ".join(joins)


_MESSAGES = (
    "CASE WHEN old.messages IS NULL THEN NULL ELSE "
    "(SELECT json_group_array(json_array(part.role, own.new)) FROM "
    "(SELECT value ->> 0 AS role, value ->> 1 AS text FROM json_each(old.messages) ORDER BY key) "
    "AS part CROSS JOIN temp.text_new AS own ON own.old = part.text) END"
)
"""Roles and numbers of texts, the numbers as they are in the target."""
